"""Raw answers of machines and the simulated site give the same picture, through the product's own parser.

The answers here are written by hand in the form of observe.sh; those of machines are asked by
tests/site/test_growth.py. Recordings of them below tests/fakes/recordings are replayed, too.
"""

from pathlib import Path

import pytest

from bundler.installer.facts.gather import gathered, parse
from bundler.installer.facts.observed import Observed
from bundler.installer.plan.aim import observed_of
from bundler.installer.plan.cluster.operation import Consents, Kind, Operation
from bundler.installer.site.model import Role
from bundler.installer.site.record import HostState, Record, RecordedHost
from bundler.installer.site.record_json import to_json
from tests.fakes.site.picture import life, picture

CONTROL, WORKER = "10.0.0.11", "10.0.0.21"
RECORDINGS = Path(__file__).parents[3] / "fakes" / "recordings"
RECORD = Record(
    "s",
    "berlin",
    hosts=(
        RecordedHost(CONTROL, "m1", "n1", Role.CONTROL_PLANE, HostState.MEMBER),
        RecordedHost(WORKER, "m2", "n2", Role.WORKER, HostState.MEMBER),
    ),
)
_PARTS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "etcd")


def node(name: str, address: str, labels: str, ready: str = "True") -> str:
    return "\t".join(["node", name, f"{address} ", labels, "", ready, "v1.36.3", "m", "", "<no value>"])


def unit(name: str, active: str = "active") -> str:
    return f"Id={name}\nLoadState=loaded\nActiveState={active}\nUnitFileState=enabled"


def answer(hostname: str, more: str) -> str:
    """What every machine says, and more."""
    return f"""@@clock
1000.0
@@release
ID=debian
@@machine
x86_64
6.1
{hostname}
4
@@memory
MemTotal: 8000000 kB
@@swap
@@cgroup
cgroup2fs
@@virtualisation
@@user
0
@@disk
@@addresses
@@ports
@@commands
@@packages
@@journal
@@apparmor
@@oom
@@conntrack
@@kubernetes
@@identity
{hostname}-id
boot
{more}
@@end
"""


def control_plane(*, ready: str = "True", worker_learner: str = "") -> str:
    nodes = "\n".join(
        [
            node("n1", CONTROL, "node-role.kubernetes.io/control-plane= "),
            node("n2", WORKER, "", ready),
            "answered",
        ]
    )
    record = to_json(RECORD)
    quoted = '"' + record.replace("\\", "\\\\").replace('"', '\\"') + '"'
    images = "\n".join(f"registry.k8s.io/{part}:v1.36.3" for part in _PARTS)
    units = "\n".join(map(unit, ("containerd.service", "kubelet.service", "bundler-registry.service")))
    member = f'{{"ID": 1, "name": "n1", "peerURLs": ["https://{CONTROL}:2380"]}}'
    status = '[{"Status": {"header": {"member_id": 1}, "leader": 1, "raftIndex": 5, "dbSize": 9}}]'
    return answer(
        "n1",
        f"""@@record
{record}
@@marks
ledger
@@traces
pki
kubelet_conf
etcd_data
static_pods
@@components
{images}
Kubernetes v1.36.3
@@units
{units}
@@nodes
{nodes}
@@stored
bundler-record\trecord\t{quoted}
@@uid
u
@@members
{{"header": {{"cluster_id": 7}}, "members": [{member}{worker_learner}]}}
@@status
{status}""",
    )


def worker() -> str:
    units = "\n".join(map(unit, ("containerd.service", "kubelet.service")))
    return answer(
        "n2",
        f"@@marks\nledger\n@@traces\nkubelet_conf\n@@components\nKubernetes v1.36.3\n@@units\n{units}",
    )


def observed(answers: dict[str, str]) -> Observed:
    facts = {address: parse(address, text, asked_at=1000.0) for address, text in answers.items()}
    return observed_of(gathered(facts, 1000.0))


NAMES = {CONTROL: CONTROL, WORKER: WORKER}


def test_machines_of_one_and_one_show_what_simulated_ones_do() -> None:
    (simulated,) = life([CONTROL, WORKER], [([CONTROL], [WORKER], Operation())])
    found = observed({CONTROL: control_plane(), WORKER: worker()})
    assert picture(found, NAMES) == simulated


@pytest.mark.parametrize(
    "other",
    [
        {CONTROL: control_plane(ready="False"), WORKER: worker()},
        {CONTROL: control_plane(), WORKER: answer("n2", "")},
        {
            CONTROL: control_plane(worker_learner=', {"ID": 2, "name": "", "peerURLs": ["https://x:2380"]}'),
            WORKER: worker(),
        },
    ],
)
def test_what_differs_is_seen(other: dict[str, str]) -> None:
    (simulated,) = life([CONTROL, WORKER], [([CONTROL], [WORKER], Operation())])
    assert picture(observed(other), NAMES) != simulated


PRUNE = Operation(Kind.APPLY, Consents(prune=True))
# The chapters of tests/site/test_growth.py, by the last number of the machines' addresses.
CHAPTERS = (
    ((12,), (13,), Operation()),
    ((12, 14, 15), (13, 16), Operation()),
    ((14, 15, 17), (13, 16), PRUNE),
    ((14,), (13,), PRUNE),
)


def test_recordings_are_what_the_simulated_site_shows() -> None:
    """One folder a chapter, as BUNDLER_RECORDINGS=tests/fakes/recordings leaves them; none need be kept."""
    for folder in sorted(RECORDINGS.glob("growth/*")):
        answers = {path.stem: path.read_text(encoding="utf-8") for path in folder.iterdir()}
        net = next(iter(answers)).rpartition(".")[0]
        chapters = [
            ([f"{net}.{n}" for n in controls], [f"{net}.{n}" for n in workers], operation)
            for controls, workers, operation in CHAPTERS[: int(folder.name)]
        ]
        simulated = life(sorted(answers), chapters)[-1]
        found = picture(observed(answers), {address: address for address in answers})
        assert found == simulated, folder.name

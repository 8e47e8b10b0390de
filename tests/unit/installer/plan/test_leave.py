"""Leaving: which steps, in which order; the scripts in a real shell, with stand-ins for the programs."""

import os
import subprocess
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from bundler.installer.facts.model import Facts
from bundler.installer.plan.contents import Contents
from bundler.installer.plan.context import Context
from bundler.installer.plan.decide import context_of
from bundler.installer.plan.ids import Ids
from bundler.installer.plan.leave import leave, told
from bundler.installer.plan.order import closed
from bundler.installer.plan.steps import Exec, Step
from bundler.installer.scripts import render as templates
from bundler.installer.site.model import Host
from tests.unit.installer.plan import kit
from tests.unit.installer.test_quorum import LEAVING

OF = kit.site(1, control_planes=3)
FIRST, SECOND, THIRD, WORKER = OF.hosts
BUNDLE = kit.index(packages=kit.BALANCED)


def context(without: Host) -> Context:
    rest = replace(OF, hosts=tuple(host for host in OF.hosts if host != without))
    found = Facts(kit.facts(OF).hosts, 0.0)
    contents = Contents(BUNDLE, kit.files_of(BUNDLE))
    return replace(context_of(rest, found, contents, kit.SECRETS), running=True)


def words(steps: tuple[Step, ...]) -> list[str]:
    return [f"{step.id.split('/')[2].removesuffix(f'-{FIRST.address}')}@{step.host}" for step in steps]


def test_a_control_plane_leaves_and_the_machine_is_as_found() -> None:
    steps = leave(context(FIRST), FIRST, after=("x",))
    first, second = FIRST.address, SECOND.address
    assert words(steps) == [
        *(f"snapshot@{second}", f"drain@{second}", f"empty@{second}", f"kubelet-stop@{first}"),
        *(
            f"member@{second}",
            f"node@{second}",
            f"stop@{first}",
            f"network@{first}",
            f"restore@{first}",
            f"forget@{first}",
        ),
    ]
    assert steps[0].after == ("x",)
    assert all(later.after == (earlier.id,) for earlier, later in pairwise(steps))


def test_a_lost_host_is_asked_nothing() -> None:
    steps = leave(context(FIRST), FIRST, node="box-1", gone=True)
    assert {step.host for step in steps} == {SECOND.address}
    assert words(steps) == [f"{what}@{SECOND.address}" for what in ("snapshot", "member", "node")]
    assert all("box-1" in step.script for step in steps[1:] if isinstance(step, Exec))


def test_a_worker_leaves_without_a_question_to_etcd() -> None:
    steps = leave(context(WORKER), WORKER)
    done = [step.id.split("/")[2].split("-10")[0] for step in steps[:4]]
    assert done == ["drain", "empty", "kubelet-stop", "node"]


def test_balancers_are_told_before_a_control_plane_goes() -> None:
    assert told(context(FIRST)) == (Ids(WORKER.address).balancer,)
    assert told(replace(context(FIRST), contents=Contents(kit.index(), {}))) == ()


def test_what_is_no_step_of_a_plan_is_not_waited_for() -> None:
    steps = closed(leave(context(FIRST), FIRST, after=("done/before",)))
    assert steps[0].after == ()
    assert steps[1].after == (steps[0].id,)


SYSTEMCTL = r"""#!/bin/sh
case $* in
show*) echo "$STATE" ;;
*) [ "$STATE" = loaded ] || exit 5
    echo "$1" >>"$0.calls" ;;
esac
"""


@pytest.mark.parametrize(
    ("name", "calls"), [("kubelet-stop.sh", ["stop"]), ("distribution-stop.sh", ["disable", "stop"])]
)
@pytest.mark.parametrize("state", ["loaded", "not-found"])
def test_a_unit_that_a_removal_took_away_before_it_was_cut_is_stopped_already(
    tmp_path: Path, name: str, calls: list[str], state: str
) -> None:
    program, noted = tmp_path / "systemctl", tmp_path / "systemctl.calls"
    program.write_text(SYSTEMCTL)
    program.chmod(0o755)
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "STATE": state}
    script = templates.script(name, **({} if name == "kubelet-stop.sh" else {"unit": "k3s.service"}))
    subprocess.run(["sh", "-c", script], env=environment, check=True, timeout=60)
    assert (noted.read_text().split() if noted.exists() else []) == (calls if state == "loaded" else [])


ETCDCTL = r"""#!/bin/sh
# Members are the lines of $ETCD/members: ID,URL,healthy or not,leader or not,learner or not,NAME.
while [ $# -gt 0 ]; do
    case $1 in
    --endpoints) url=$2; shift ;;
    --*) shift ;;
    *) words="$words $1" ;;
    esac
    shift
done
of() { grep ",$url," "$ETCD/members"; }
case $words in
" member list")
    while IFS=, read -r id at _ _ learner name; do
        echo "$id, started, $name, $at, $at, $learner"
    done <"$ETCD/members"
    ;;
" endpoint health") of | grep -q '^[^,]*,[^,]*,healthy,' ;;
" endpoint status")
    of | grep -q '^[^,]*,[^,]*,[^,]*,leads,' && leads=true || leads=false
    echo "$url, 8e9e, 3.7.3, 3.7.0, 2.1 MB, 2.1 MB, 0%, 2.1 GB, $leads, false, 2, 12, 12, , , false"
    ;;
" move-leader "* | " member remove "*)
    echo "$url$words" >>"$ETCD/calls"
    case $words in " member remove "*) sed -i "/^${words##* },/d" "$ETCD/members" ;; esac
    ;;
esac
"""


class Etcd:
    """A folder with an etcdctl that obeys its list of members."""

    def __init__(self, folder: Path, members: list[str]) -> None:
        self.folder = folder
        (folder / "etcdctl").write_text(ETCDCTL)
        (folder / "etcdctl").chmod(0o755)
        (folder / "members").write_text("".join(f"{line}\n" for line in members))

    def run(self, script: str) -> subprocess.CompletedProcess[str]:
        text = script.replace("/usr/local/bin/etcdctl", str(self.folder / "etcdctl"))
        environment = {**os.environ, "ETCD": str(self.folder)}
        return subprocess.run(
            ["sh", "-c", text], env=environment, capture_output=True, text=True, check=False, timeout=60
        )

    def calls(self) -> list[str]:
        calls = self.folder / "calls"
        return calls.read_text().splitlines() if calls.exists() else []


def members(voters: int, healthy: int, learners: int, *, leaver: bool, leads: bool = False) -> list[str]:
    """The one that leaves is member a, of node n0."""
    well = [leaver] + [True] * (healthy - leaver) + [False] * (voters - 1 - healthy + leaver)
    lines = [
        f"{'abcdefgh'[n]},https://10.0.0.{n + 2}:2379,{'healthy' if ok else 'ill'},"
        f"{'leads' if leads and not n else 'follows'},false,n{n}"
        for n, ok in enumerate(well)
    ]
    return lines + [f"x{n},https://10.0.1.{n}:2379,ill,follows,true,l{n}" for n in range(learners)]


def leaving(etcd: Etcd) -> subprocess.CompletedProcess[str]:
    return etcd.run(templates.script("etcd.sh", "etcd-leave.sh", member="n0", address="10.0.0.2"))


@pytest.mark.parametrize(("voters", "healthy", "learners", "leaver", "may"), LEAVING)
def test_the_shell_has_the_same_rule(
    tmp_path: Path, voters: int, healthy: int, learners: int, *, leaver: bool, may: bool
) -> None:
    etcd = Etcd(tmp_path, members(voters, healthy, learners, leaver=leaver))
    done = leaving(etcd)
    assert (done.returncode == 0) is may, done.stderr
    assert etcd.calls() == (["https://127.0.0.1:2379 member remove a"] if may else [])
    assert may or "n0 can't leave etcd: " in done.stderr


def test_the_leader_hands_over_first(tmp_path: Path) -> None:
    etcd = Etcd(tmp_path, members(3, 3, 0, leaver=True, leads=True))
    assert leaving(etcd).returncode == 0
    assert etcd.calls() == [
        "https://10.0.0.2:2379 move-leader b",
        "https://127.0.0.1:2379 member remove a",
    ]


def test_a_member_that_is_gone_already_is_no_error(tmp_path: Path) -> None:
    etcd = Etcd(tmp_path, members(3, 3, 0, leaver=True)[1:])
    assert leaving(etcd).returncode == 0
    assert etcd.calls() == []


@pytest.mark.parametrize(
    ("lines", "settled", "said"),
    [
        (members(3, 3, 0, leaver=True), True, ""),
        (members(3, 2, 0, leaver=True), False, "member n2 does not answer"),
        (members(3, 3, 1, leaver=True), False, "member l0 is started, learner: true"),
        (members(3, 3, 0, leaver=True)[1:], False, "etcd has no member n0 yet"),
    ],
)
def test_settled(tmp_path: Path, lines: list[str], *, settled: bool, said: str) -> None:
    script = templates.script("etcd.sh", "etcd-settled.sh", member="n0", besides="")
    done = Etcd(tmp_path, lines).run(script)
    assert (done.returncode == 0) is settled
    assert said in done.stderr


def test_what_a_hosts_own_cut_join_has_left_is_no_bar_to_its_join(tmp_path: Path) -> None:
    etcd = Etcd(tmp_path, members(3, 3, 1, leaver=True))
    for besides, settled in (("10.0.1.0", True), ("10.0.1.9", False)):
        script = templates.script("etcd.sh", "etcd-settled.sh", member="n0", besides=besides)
        assert (etcd.run(script).returncode == 0) is settled


KUBECTL = r"""#!/bin/sh
echo "$*" >>"$CALLS"
case "$*" in
*"get nodes -o name"*) echo node/n1 ;;
*"get node n1"*) echo "$CORDONED" ;;
*drain*)
    echo "error when evicting pods/web-1: Cannot evict pod as it would violate the pod's disruption budget."
    exit 1
    ;;
*poddisruptionbudgets*) echo "shop web app=web,tier=front," ;;
*"-n shop get pods -l app=web,tier=front"*) echo pod/web-1 ;;
esac
"""


def drained(tmp_path: Path, node: str, cordoned: str = "") -> tuple[subprocess.CompletedProcess[str], str]:
    (tmp_path / "kubectl").write_text(KUBECTL)
    (tmp_path / "kubectl").chmod(0o755)
    text: str = templates.script("kubectl.sh", "drain.sh", node=node, limit="5", delete="")
    text = text.replace("/usr/local/bin/kubectl", str(tmp_path / "kubectl"))
    calls = tmp_path / "calls"
    calls.touch()
    environment = {**os.environ, "CALLS": str(calls), "CORDONED": cordoned}
    done = subprocess.run(["sh", "-c", text], env=environment, capture_output=True, text=True, check=False)
    return done, calls.read_text()


def test_a_drain_names_the_pod_and_the_budget_that_hold_it_up(tmp_path: Path) -> None:
    done, calls = drained(tmp_path, "n1")
    assert done.returncode == 1
    assert "pod/web-1 in namespace shop is held by the disruption budget web" in done.stderr
    assert "annotate --overwrite node n1 bundler/cordoned=leave" in calls
    assert "cordon n1" in calls


def test_a_persons_cordon_stays_theirs(tmp_path: Path) -> None:
    _, calls = drained(tmp_path, "n1", cordoned="true")
    assert "annotate" not in calls


def test_a_node_that_the_cluster_does_not_know_needs_no_drain(tmp_path: Path) -> None:
    done, calls = drained(tmp_path, "other")
    assert done.returncode == 0
    assert "drain" not in calls


EMPTYING = r"""#!/bin/sh
echo "$*" >>"$CALLS"
case "$*" in
*"get nodes -o name"*) echo node/n1 ;;
*"get pods -A"*) if [ "$(grep -c 'get pods' "$CALLS")" -lt 3 ]; then echo "web-1 "; fi ;;
esac
"""


def test_a_node_that_leaves_serves_nothing_before_its_kubelet_stops(tmp_path: Path) -> None:
    """On machines the pages of a node that had left failed until the cluster collected its pods."""
    for name, text in (("kubectl", EMPTYING), ("sleep", "#!/bin/sh\n")):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    text = templates.script("kubectl.sh", "node-empty.sh", node="n1")
    text = text.replace("/usr/local/bin/kubectl", str(tmp_path / "kubectl"))
    calls = tmp_path / "calls"
    path = f"{tmp_path}:{os.environ['PATH']}"
    done = subprocess.run(
        ["sh", "-c", text],
        env={**os.environ, "CALLS": str(calls), "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    asked = [line for line in calls.read_text().splitlines() if "get pods" in line]
    assert "taint --overwrite node n1 bundler/leaving=:NoExecute" in calls.read_text()
    assert len(asked) == 4  # two with a pod that ends, two without one

"""A life of a site: 1+1, 3+2, the first control plane replaced, 1+1 again, each by one command.

The first machine is the engineer's and no host of the site, since any host may leave. The demo's page is
asked ten times a second at a worker that stays. After each chapter the machines' raw answers are held against
the simulated site after the same chapters, so that it does not merely agree with the planner.
The tests run in the order in which they stand.
"""

from collections.abc import Iterator, Sequence
from ipaddress import IPv4Network
from pathlib import Path

import pytest

from bundler.installer.plan.cluster.operation import Consents, Kind, Operation
from tests.fakes.site.picture import life, picture
from tests.site import lifecycle, product, replay, ssh
from tests.site.asking import asking
from tests.site.probe import Record
from tests.site.spec import Machine, SiteSpec

pytestmark = [pytest.mark.site, pytest.mark.rotating("growth", kind="cluster")]

SPEC = SiteSpec("growth", IPv4Network("10.79.218.0/24"), 7)
_ENGINEER, FIRST, STAYS, SECOND, THIRD, WORKER, SUCCESSOR = SPEC.machines


_HOSTS = SPEC.machines[1:]
_PRUNE = Operation(Kind.APPLY, Consents(prune=True))
_CHAPTERS = (
    ((FIRST,), (STAYS,), Operation()),
    ((FIRST, SECOND, THIRD), (STAYS, WORKER), Operation()),
    ((SECOND, THIRD, SUCCESSOR), (STAYS, WORKER), _PRUNE),
    ((SECOND,), (STAYS,), _PRUNE),
)


def quiet(_text: str) -> None:
    """Progress that nobody reads."""


@pytest.fixture(scope="module")
def site(run_file: Path) -> Iterator[SiteSpec]:
    lifecycle.up(SPEC, quiet)
    try:
        product.carry(SPEC, run_file)
        yield SPEC
    finally:
        lifecycle.down(SPEC.name, quiet)


def applied(control_planes: Sequence[Machine], workers: Sequence[Machine], *flags: str) -> tuple[str, Record]:
    """What the one command says after site.yaml has been edited, and what became of the page meanwhile."""
    file = SPEC.run_dir / "site.yaml"
    file.write_text(product.described(SPEC.name, control_planes, workers))
    ssh.put(SPEC, SPEC.machines[0], [file], "/root/")
    with asking(STAYS.address) as record:
        done = product.run(SPEC, "--clusterfile site.yaml", *flags, timeout=1800)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    speaker = control_planes[-1]
    nodes = ssh.on(SPEC, speaker, "kubectl get nodes --no-headers -o custom-columns=N:.metadata.name").split()
    assert sorted(nodes) == sorted(machine.name for machine in (*control_planes, *workers))
    return done.stdout + done.stderr, record


def as_simulated(number: int) -> None:
    """The machines after so many chapters show what simulated ones do."""
    chapters = [
        ([str(each.address) for each in controls], [str(each.address) for each in workers], operation)
        for controls, workers, operation in _CHAPTERS[:number]
    ]
    addresses = [str(machine.address) for machine in _HOSTS]
    found = replay.observed(SPEC, _HOSTS, f"{number}")
    assert picture(found, {address: address for address in addresses}) == life(addresses, chapters)[-1]


def test_one_control_plane_and_a_worker_come_up(site: SiteSpec) -> None:  # noqa: ARG001  (it makes the site)
    applied([FIRST], [STAYS])


def test_the_simulated_site_shows_the_same_as_one_and_one() -> None:
    as_simulated(1)


def test_they_grow_to_three_and_two_without_a_failed_page(site: SiteSpec) -> None:  # noqa: ARG001  (as above)
    _, record = applied([FIRST, SECOND, THIRD], [STAYS, WORKER])
    assert record.answers
    assert record.failed() == []


def test_the_simulated_site_shows_the_same_as_three_and_two() -> None:
    as_simulated(2)


def test_the_first_control_plane_is_replaced_without_a_failed_page(site: SiteSpec) -> None:
    _, record = applied([SECOND, THIRD, SUCCESSOR], [STAYS, WORKER], "--prune")
    assert record.failed() == []
    left = "ls -d /etc/kubernetes /var/lib/etcd /var/lib/kubelet /var/lib/bundler 2>/dev/null"
    assert ssh.try_on(site, FIRST, left).stdout == ""


def test_the_simulated_site_shows_the_same_when_the_first_was_replaced() -> None:
    as_simulated(3)


def test_they_shrink_to_one_and_one(site: SiteSpec) -> None:  # noqa: ARG001  (as above)
    _, record = applied([SECOND], [STAYS], "--prune")
    # A connection may be under way to a pod of a host that leaves; as a rule none is.
    assert len(record.failed()) <= 1


def test_the_simulated_site_shows_the_same_when_it_has_shrunk() -> None:
    as_simulated(4)


def test_a_second_run_has_nothing_to_do(site: SiteSpec) -> None:  # noqa: ARG001  (as above)
    said, _ = applied([SECOND], [STAYS], "--prune")
    assert "nothing to do" in said

"""Three control planes and two workers: a minor up with kills, back, and the whole site at other addresses.

The installer is killed once amid the upgrade and once amid the rollback, at steps that take turns with the
commit; the same command goes on each time. The tests run in the order in which they stand, on one site.
"""

import subprocess
import time
from collections.abc import Iterator
from ipaddress import IPv4Network
from pathlib import Path

import pytest

from tests.site import product, ssh
from tests.site.asking import asking
from tests.site.probe import Record, probing
from tests.site.product import NEW, OLD
from tests.site.spec import SiteSpec
from tests.site.test_certificates import shipped
from tests.site.test_upgrade import Upgraded, brought_up

pytestmark = [pytest.mark.site, pytest.mark.rotating("upgrade-cluster", kind="cluster")]

_SPEC = SiteSpec("upcluster", IPv4Network("10.79.219.0/24"), 5)
_CUSTOMER = IPv4Network("10.79.220.0/24")
_BACK = 1.0  # seconds within which a request to the API that failed succeeds when it is repeated
_UPGRADING = ("upgrade-snapshot", "/upgrade ", "upgrade-node-drain", "upgrade-node-kubelet")
_GOING_BACK = ("rollback-stop", "rollback-files", "rollback-restore", "rollback-start")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Upgraded]:
    yield from brought_up(_SPEC, tmp_path_factory.mktemp("upgrade"), control_planes=3)


def turn(steps: tuple[str, ...]) -> str:
    """Whose turn it is: the commit's number, so that a run can be repeated."""
    argv = ["git", "-C", str(product.REPOSITORY), "rev-list", "--count", "HEAD"]
    counted = subprocess.run(argv, capture_output=True, text=True, check=True)
    return steps[int(counted.stdout) % len(steps)]


def killed_at(site: Upgraded, name: str, words: str, step: str, log: str) -> None:
    """Start a command on the first machine and kill -9 it as soon as its log says that a step has begun."""
    first = site.spec.machines[0]
    ssh.on(site.spec, first, f"rm -f /root/{log}")
    start = f"cd /root && (setsid ./{name} {words} </dev/null >/root/said 2>&1 & echo $! >/root/pid)"
    ssh.on(site.spec, first, start)
    begun = f"grep '\"event\": \"start\"' /root/{log} 2>/dev/null | tr '\"' ' ' | grep -q -e '{step}'"
    deadline = time.monotonic() + 1200
    while ssh.try_on(site.spec, first, begun).returncode:
        running = ssh.try_on(site.spec, first, "kill -0 $(cat /root/pid)").returncode == 0
        assert running, ssh.on(site.spec, first, "tail -n 40 /root/said")
        assert time.monotonic() < deadline, f"{step} never began"
        time.sleep(0.3)
    ssh.on(site.spec, first, "kill -9 -$(cat /root/pid)")


def longest_repeat(record: Record) -> float:
    """The longest time from a request that failed to the next one that went well."""
    good = [each.began for each in record.answers if each.good]
    return max((min(g for g in good if g > each.began) - each.began for each in record.failed()), default=0.0)


def test_the_old_version_runs_with_a_thousand_objects(site: Upgraded) -> None:
    site.run("old.run", "--clusterfile site.yaml")
    site.write(1000)
    assert site.versions() == {OLD}
    assert len(site.objects()) == 1000


def test_an_upgrade_that_was_killed_goes_on_and_loses_neither_page_nor_object(
    site: Upgraded, tmp_path: Path
) -> None:
    before, worker = site.objects(), site.spec.machines[3]
    with (
        asking(worker.address, site.spec.machines[4].address) as pages,
        probing(site.spec, worker, site.spec.machines[0], tmp_path) as api,
    ):
        killed_at(site, "new.run", "--clusterfile site.yaml", turn(_UPGRADING), "demo-apply.log")
        site.run("new.run", "--clusterfile site.yaml", timeout=3600)
    assert site.versions() == {NEW}
    assert site.objects() == before
    assert pages.failed() == []
    assert longest_repeat(api) <= _BACK
    assert "nothing to do" in site.run("new.run", "--clusterfile site.yaml")


def test_a_rollback_that_was_killed_goes_on_to_every_object_of_before(site: Upgraded) -> None:
    site.kubectl("create configmap later-1 --from-literal=a=b")
    site.kubectl("delete configmap kept-0")
    killed_at(
        site, "new.run", "rollback --clusterfile site.yaml --yes", turn(_GOING_BACK), "demo-rollback.log"
    )
    site.run("new.run", "rollback --clusterfile site.yaml --yes")
    assert site.versions() == {OLD}
    assert len(site.objects()) == 1000
    assert "nothing to do" in site.run("old.run", "--clusterfile site.yaml")


def test_the_whole_site_is_given_other_addresses(site: Upgraded) -> None:
    before = site.objects()
    ssh.on(site.spec, site.spec.machines[0], "cp /root/site.yaml /root/old.yaml")
    there = Upgraded(shipped(site.spec, _CUSTOMER), control_planes=3)
    there.describe()
    there.run("old.run", "readdress --from old.yaml --to site.yaml")
    assert product.ready_nodes(there.spec) == {machine.name: True for machine in there.spec.machines}
    assert there.objects() == before
    product.wait_for_pages(there.spec)
    assert "nothing to do" in there.run("old.run", "--clusterfile site.yaml")

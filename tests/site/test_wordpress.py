"""WordPress on three machines: installed by one command, and any one of the machines may lose power."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.site import lifecycle, watch
from tests.site.wordpress import TITLE, Blog, made, made_newer, spec_of

pytestmark = [pytest.mark.site, pytest.mark.rotating("wordpress", kind="cluster")]
# Of pods and Services: a machine that starts sends to them before kube-proxy has its rules.
_LIMIT = 30.0  # seconds for the page to be back at each machine that is left
_PATIENCE = 1.0  # seconds of the slowest request during an upgrade


@pytest.fixture(scope="module")
def blog(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Blog]:
    run_file = made(tmp_path_factory.mktemp("wordpress") / "wordpress-ha.run")
    spec = spec_of("wordpress", "10.79.27.0/24")
    lifecycle.up(spec, lambda _: None)
    try:
        blog = Blog(spec)
        blog.install(run_file)
        yield blog
    finally:
        lifecycle.down(spec.name, lambda _: None)


def test_the_page_outlives_the_machine_whose_database_takes_the_writes(blog: Blog) -> None:
    blog.wait_for_pages()
    blog.post(blog.spec.machines[0], TITLE)
    blog.wait("post", lambda: all(blog.shows(each, TITLE) for each in blog.spec.machines), 30)
    primary = blog.primary()
    outages = blog.lose_power(primary)
    assert all(met.requests > met.failed for met in outages)
    assert max(met.well_after for met in outages) < _LIMIT
    left = next(machine for machine in blog.spec.machines if machine != primary)
    assert blog.members(left) == 2  # the one that is off is not counted
    blog.come_back(primary)
    assert blog.shows(primary, TITLE)
    assert not watch.seen(blog.spec, watch.CLUSTER_NETWORKS)


def test_a_database_whose_volumes_were_wiped_is_restored_from_its_backup(blog: Blog) -> None:
    blog.lose_and_restore()
    assert all(blog.shows(machine, TITLE) for machine in blog.spec.machines)


def test_no_reader_notices_a_newer_wordpress(blog: Blog, tmp_path: Path) -> None:
    assert blog.version().startswith("6.1")
    newer = made_newer(tmp_path)
    readers = blog.upgrade(newer)
    assert blog.version().startswith("6.8")
    assert all(blog.shows(machine, TITLE) for machine in blog.spec.machines)
    assert [met.failed for met in readers] == [0, 0, 0], readers
    assert max(met.slowest for met in readers) < _PATIENCE, readers

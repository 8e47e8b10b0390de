"""Three control planes and two workers: content of the past goes, then fresh machines rise from one file.

The tests run in the order in which they stand, on one site; the last one burns it down and boots another.
"""

import json
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path

import pytest

from tests.site import lifecycle, product, ssh
from tests.site.spec import Machine, SiteSpec
from tests.site.test_upgrade import Upgraded

pytestmark = [pytest.mark.site, pytest.mark.rotating("restore-cluster", kind="cluster")]

_OLD = SiteSpec("restored", IPv4Network("10.79.221.0/24"), 5)
_FRESH = SiteSpec("restored", IPv4Network("10.79.222.0/24"), 5)
_FILE = "--clusterfile site.yaml"
_OBJECTS = 200
_STORE = "/var/lib/bundler/registry/docker/registry/v2/blobs/sha256"
_PATIENCE = 90.0  # seconds within which containerd collects what nothing leads to any more


@dataclass(frozen=True, slots=True)
class Brought:
    """What the site's list says that a bundle brought."""

    images: frozenset[str]
    blobs: frozenset[str]


def _quiet(_text: str) -> None:
    """Progress that nobody reads."""


def _newer(folder: Path, minor: int) -> Path:
    """The demo's next versions: pages of their own under tags of their own."""
    context = folder / f"demo-1.{minor}"
    shutil.copytree(product.DEMO, context)
    for name in ("Kubefile", "web/values.yaml", "status/status.yaml"):
        path = context / name
        text = path.read_text().replace("web:1.0", f"web:1.{minor}")
        path.write_text(text.replace("version=1.0.0", f"version=1.{minor}.0"))
    output = folder / f"demo-1.{minor}.run"
    product.make(output, context=context, quiet=True)
    return output


@pytest.fixture(scope="module")
def runs(run_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    """Three versions by the names that they have on the first machine."""
    folder = tmp_path_factory.mktemp("restore")
    return {"1.0.run": run_file, "1.1.run": _newer(folder, 1), "1.2.run": _newer(folder, 2)}


@pytest.fixture(scope="module")
def site(runs: Mapping[str, Path]) -> Iterator[Upgraded]:
    lifecycle.up(_OLD, _quiet)
    try:
        _carry(_OLD, runs)
        yield Upgraded(_OLD, control_planes=3)
    finally:
        lifecycle.down(_OLD.name, _quiet)


def _carry(spec: SiteSpec, runs: Mapping[str, Path]) -> None:
    product.carry(spec, next(iter(runs.values())), control_planes=3)
    for name, path in runs.items():
        ssh.put(spec, spec.machines[0], [path], "/root/")
        ssh.on(spec, spec.machines[0], f"mv /root/{path.name} /root/{name}")


def _brought(site: Upgraded, version: str) -> Brought:
    listed = ssh.on(site.spec, site.spec.machines[0], f"cat '/var/lib/bundler/bundles/demo {version}'")
    lines = [line.split() for line in listed.splitlines()]
    images, blobs = (
        frozenset(word for kind, word in lines if kind == wanted) for wanted in ("image", "blob")
    )
    return Brought(images, blobs)


def _registry(site: Upgraded, machine: Machine) -> set[str]:
    """Digests of what a control plane's registry holds."""
    return set(ssh.on(site.spec, machine, f"ls {_STORE}/*/ | grep -E '^[0-9a-f]{{64}}$'").split())


def _images(site: Upgraded, machine: Machine) -> set[str]:
    return set(ssh.on(site.spec, machine, "ctr -n k8s.io images ls -q").split())


def _content(site: Upgraded, machine: Machine) -> set[str]:
    """Digests of what a node's containerd holds."""
    held = ssh.on(site.spec, machine, "ctr -n k8s.io content ls -q").split()
    return {digest.removeprefix("sha256:") for digest in held}


def _pages(site: Upgraded, version: str) -> bool:
    """Whether every node answers with the page of a version."""
    try:
        return all(f"demo/web:{version}" in product.page(each, 30080).text for each in site.spec.machines)
    except OSError:
        return False


def _wait_for_pages(site: Upgraded, version: str) -> None:
    end = time.monotonic() + _PATIENCE
    while not _pages(site, version):
        assert time.monotonic() < end, f"not every node answers with the page of {version}"
        time.sleep(0.5)


def _secret(site: Upgraded) -> str:
    return site.kubectl("get secret ours -o 'jsonpath={.data.word}'")


def test_three_versions_are_brought_one_after_the_other(site: Upgraded) -> None:
    site.run("1.0.run", _FILE)
    site.write(_OBJECTS)
    site.kubectl("create secret generic ours --from-literal=word=hidden")
    assert "nothing to do" in site.run("1.0.run", f"prune {_FILE}")
    for name in ("1.1.run", "1.2.run"):
        site.run(name, _FILE)
    _wait_for_pages(site, "1.2")


def test_prune_takes_what_only_the_oldest_version_had(site: Upgraded) -> None:
    oldest, middle, newest = (_brought(site, version) for version in ("1.0.0", "1.1.0", "1.2.0"))
    doomed = oldest.blobs - middle.blobs - newest.blobs
    names = oldest.images - middle.images - newest.images
    assert names == {"docker.io/demo/web:1.0", "quay.io/demo/web:1.0"}
    planes, held = site.spec.machines[:3], {}
    for machine in planes:
        held[machine.name] = _registry(site, machine)
        assert doomed <= held[machine.name]
    assert any(doomed & _content(site, machine) for machine in site.spec.machines)

    shown = site.run("1.2.run", f"prune --plan {_FILE}")
    assert "demo 1.0.0: 2 images" in shown
    assert _registry(site, planes[0]) == held[planes[0].name]
    site.run("1.2.run", f"prune {_FILE}")
    for machine in planes:
        assert _registry(site, machine) == held[machine.name] - doomed
    end = time.monotonic() + _PATIENCE
    for machine in site.spec.machines:
        assert not names & _images(site, machine)
        while left := doomed & _content(site, machine):
            assert time.monotonic() < end, f"{machine.name} still holds {sorted(left)}"
            time.sleep(2)
    assert "nothing to do" in site.run("1.2.run", f"prune {_FILE}")
    assert "nothing to do" in site.run("1.2.run", _FILE)
    assert _pages(site, "1.2")


def test_fresh_machines_take_the_site_over_from_one_file(
    site: Upgraded, runs: Mapping[str, Path], tmp_path: Path
) -> None:
    before, first = site.objects(), site.spec.machines[0]
    ssh.on(site.spec, first, "umask 077 && echo 'correct horse' >/root/phrase && mkdir -p /root/backup")
    said = site.run("1.2.run", f"snapshot --to /root/backup --passphrase-file /root/phrase {_FILE}")
    assert "the trial restore passed" in said
    name = ssh.on(site.spec, first, "ls /root/backup").strip()
    archive = tmp_path / name
    with archive.open("wb") as kept:
        read = [*ssh.command(site.spec, first), f"cat /root/backup/{name}"]
        subprocess.run(read, check=True, stdout=kept)

    lifecycle.down(_OLD.name, _quiet)
    lifecycle.up(_FRESH, _quiet)
    there = Upgraded(_FRESH, control_planes=3)
    _carry(_FRESH, {"1.2.run": runs["1.2.run"]})
    first = _FRESH.machines[0]
    ssh.put(_FRESH, first, [archive], "/root/")
    ssh.on(_FRESH, first, "umask 077 && echo 'correct horse' >/root/phrase")
    there.run("1.2.run", f"restore --from /root/{name} --passphrase-file /root/phrase --yes {_FILE}")
    assert there.objects() == before
    assert len(before) == _OBJECTS
    assert _secret(there) == "aGlkZGVu"
    assert product.ready_nodes(_FRESH) == {machine.name: True for machine in _FRESH.machines}
    members = json.loads(there.kubectl("get pods -n kube-system -l component=etcd -o json"))["items"]
    assert len(members) == 3
    _wait_for_pages(there, "1.2")
    assert "nothing to do" in there.run("1.2.run", _FILE)

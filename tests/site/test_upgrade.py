"""From Kubernetes 1.36.3 to 1.37.2 by one command, back by another, and up again, on two machines.

The tests run in the order in which they stand, on one site. Both files compile Kubernetes where the cache has
not, which takes half an hour; BUNDLER_UPGRADE_OLD and BUNDLER_UPGRADE_NEW name files that were made already.
"""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path

import pytest

from tests.site import lifecycle, product, ssh
from tests.site.identity import Identity
from tests.site.product import NEW, OLD
from tests.site.spec import SiteSpec

pytestmark = [pytest.mark.site, pytest.mark.rotating("upgrade", kind="cluster")]

_OBJECTS = 200
_CONFIG_MAP = 'apiVersion: v1\\nkind: ConfigMap\\nmetadata: {name: kept-%s}\\ndata: {number: "%s"}\\n---\\n'
_WRITE = """
i=0
while [ "$i" -lt %s ]; do
    printf '%s' "$i" "$i"
    i=$((i + 1))
done | kubectl apply -f - >/dev/null
"""


@dataclass(frozen=True, slots=True)
class Upgraded:
    """A site, and the two files by name on its first machine."""

    spec: SiteSpec
    control_planes: int = 1

    def describe(self) -> None:
        """Put a site.yaml with the machines' addresses of now, and their keys, onto the first machine."""
        file = self.spec.run_dir / "site.yaml"
        file.write_text(product.clusterfile(self.spec, control_planes=self.control_planes))
        ssh.put(self.spec, self.spec.machines[0], [file], "/root/")
        ssh.put(self.spec, self.spec.machines[0], [Identity(self.spec.run_dir).known_hosts], "/root/.ssh/")

    def write(self, number: int) -> None:
        """So many ConfigMaps."""
        ssh.on(self.spec, self.spec.machines[0], _WRITE % (number, _CONFIG_MAP), timeout=600)

    def run(self, name: str, words: str, timeout: float = 1800) -> str:
        """What it says; it has to end with 0."""
        done = product.run(self.spec, words, name=name, timeout=timeout)
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
        return f"{done.stdout}\n{done.stderr}"

    def kubectl(self, arguments: str) -> str:
        return product.kubectl(self.spec, arguments)

    def versions(self) -> set[str]:
        nodes = json.loads(self.kubectl("get nodes -o json"))["items"]
        return {node["status"]["nodeInfo"]["kubeletVersion"] for node in nodes}

    def objects(self) -> dict[str, str]:
        """The ConfigMaps that were written before the upgrade, and what is in them."""
        items = json.loads(self.kubectl("get configmaps -o json"))["items"]
        names = ((item["metadata"]["name"], item.get("data", {})) for item in items)
        return {name: json.dumps(data) for name, data in names if name.startswith(("kept-", "later-"))}

    def works(self) -> None:
        assert all(product.ready_nodes(self.spec).values())
        ssh.on(self.spec, self.spec.machines[0], "! ls /var/lib/etcd/bundler-old 2>/dev/null")


def _made(name: str, folder: Path, version: str, context: Path) -> Path:
    if made := os.environ.get(name):
        return Path(made)
    output = folder / f"{version}.run"
    product.make_minor(output, version, context)
    return output


def brought_up(spec: SiteSpec, folder: Path, *, control_planes: int = 1) -> Iterator[Upgraded]:
    """Machines with both files on the first of them, for a fixture."""
    old = _made("BUNDLER_UPGRADE_OLD", folder, OLD, product.DEMO)
    new = _made("BUNDLER_UPGRADE_NEW", folder, NEW, product.upgraded(folder))
    lifecycle.up(spec, lambda _: None)
    try:
        product.carry(spec, old, control_planes=control_planes)
        ssh.put(spec, spec.machines[0], [new], "/root/")
        for path, name in ((old, "old.run"), (new, "new.run")):
            ssh.on(spec, spec.machines[0], f"ln -f /root/{path.name} /root/{name}")
        yield Upgraded(spec, control_planes)
    finally:
        lifecycle.down(spec.name, lambda _: None)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Upgraded]:
    spec = SiteSpec("upgrade", IPv4Network("10.79.207.0/24"), 2)
    yield from brought_up(spec, tmp_path_factory.mktemp("upgrade"))


def test_the_old_version_runs_with_objects(site: Upgraded) -> None:
    site.run("old.run", "--clusterfile site.yaml")
    site.write(_OBJECTS)
    assert site.versions() == {OLD}
    assert len(site.objects()) == _OBJECTS


def test_one_command_upgrades_and_keeps_every_object(site: Upgraded) -> None:
    before = site.objects()
    site.run("new.run", "--clusterfile site.yaml")
    assert site.versions() == {NEW}
    assert site.objects() == before
    assert product.page(site.spec.machines[1], 30080).text.count("web:1.1")
    site.works()
    assert "nothing to do" in site.run("new.run", "--clusterfile site.yaml")


def test_a_rollback_says_what_is_lost_and_changes_nothing_before_it_is_agreed_to(site: Upgraded) -> None:
    for n in range(7):
        site.kubectl(f"create configmap later-{n} --from-literal=a=b")
    site.kubectl("delete configmap kept-0 kept-1")
    said = site.run("new.run", "rollback --clusterfile site.yaml --plan")
    assert f"Kubernetes {NEW} → {OLD}" in said
    assert "7 configmaps" in said
    assert "2 configmaps" in said
    refused = product.run(site.spec, "rollback --clusterfile site.yaml </dev/null", name="new.run")
    assert refused.returncode == 2
    assert site.versions() == {NEW}


def test_one_command_goes_back_to_every_object_of_before(site: Upgraded) -> None:
    site.run("new.run", "rollback --clusterfile site.yaml --yes")
    assert site.versions() == {OLD}
    assert site.objects() == {f"kept-{n}": json.dumps({"number": str(n)}) for n in range(_OBJECTS)}
    site.works()
    assert "nothing to do" in site.run("old.run", "--clusterfile site.yaml")
    again = product.run(site.spec, "rollback --clusterfile site.yaml --yes", name="new.run")
    assert again.returncode == 16
    assert "BND-NO-WAY-BACK" in again.stderr


def test_it_can_be_upgraded_again(site: Upgraded) -> None:
    site.run("new.run", "--clusterfile site.yaml")
    assert site.versions() == {NEW}
    assert len(site.objects()) == _OBJECTS
    site.works()

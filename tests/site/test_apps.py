"""Apps of a real site: what people break comes back, what left the bundle goes with --prune, volumes stay."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path

import pytest

from tests.site import lifecycle, product, ssh
from tests.site.spec import SiteSpec

pytestmark = [pytest.mark.site, pytest.mark.rotating("apps", kind="cluster")]
_CLAIM = """---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: kept}
spec: {accessModes: [ReadWriteOnce], storageClassName: none, resources: {requests: {storage: 1Mi}}}
"""


def _context(folder: Path, *, second: bool) -> Path:
    """The demo with a claim in its chart; the second version has no longer the app that is manifests."""
    context = folder / ("second" if second else "first")
    shutil.copytree(product.DEMO, context)
    kubefile = context / "Kubefile"
    text = kubefile.read_text()
    if second:
        text = text.replace("version=1.0.0", "version=1.1.0").replace("APP status local://status\n", "")
        text = text.replace('LAUNCH ["web", "status"]', 'LAUNCH ["web"]')
        shutil.rmtree(context / "status")
    kubefile.write_text(text)
    if not second:
        status = context / "status/status.yaml"
        status.write_text(f"{status.read_text().rstrip()}\n{_CLAIM}")
    return context


@dataclass(frozen=True, slots=True)
class Apps:
    """A site with the first version on it, and the second beside."""

    spec: SiteSpec

    def call(self, name: str, *words: str) -> str:
        done = product.run(self.spec, *words, "--clusterfile", "site.yaml", name=name)
        assert done.returncode == 0, (done.stdout[-2000:], done.stderr[-3000:])
        return done.stdout + done.stderr

    def there(self, what: str) -> str:
        return product.kubectl(self.spec, f"get {what} --ignore-not-found -o name").strip()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Apps]:
    runs = [
        Path(os.environ.get(f"BUNDLER_APPS_{name.upper()}", tmp_path / f"{name}.run"))
        for name in ("first", "second")
    ]
    for run in runs:
        if not run.exists():
            product.make(run, context=_context(tmp_path, second=run.stem == "second"), quiet=True)
    spec = SiteSpec(os.environ.get("BUNDLER_APPS_NAME", "apps"), _network(), 2)
    lifecycle.up(spec, lambda _: None)
    try:
        product.carry(spec, runs[0])
        ssh.put(spec, spec.machines[0], [runs[1]], "/root/")
        yield Apps(spec)
    finally:
        lifecycle.down(spec.name, lambda _: None)


def _network() -> IPv4Network:
    return IPv4Network(os.environ.get("BUNDLER_APPS_NETWORK", "10.79.217.0/24"))


def test_apps_are_seen_in_the_cluster(site: Apps) -> None:
    site.call("first.run", "apply")
    noted = product.kubectl(site.spec, "-n kube-system get configmaps -l bundler/app -o name").split()
    assert {"configmap/bundler-app-web", "configmap/bundler-app-status"} <= set(noted)
    assert "nothing to do" in site.call("first.run", "apply")

    product.kubectl(site.spec, "delete daemonset/web")  # of the chart
    product.kubectl(site.spec, "delete service/status")  # of the manifests
    shown = site.call("first.run", "plan")
    assert "DaemonSet default/web is missing" in shown
    assert "Service default/status is missing" in shown
    site.call("first.run", "apply")
    assert (site.there("daemonset/web"), site.there("service/status")) == (
        "daemonset.apps/web",
        "service/status",
    )

    product.kubectl(site.spec, "delete secrets -l owner=helm,name=web")  # as `helm uninstall` leaves it
    assert "release web is missing" in site.call("first.run", "plan")
    site.call("first.run", "apply")
    assert "nothing to do" in site.call("first.run", "apply")

    site.call("second.run", "apply")
    assert "nothing launches it any more" in site.call("second.run", "plan")
    assert site.there("service/status") == "service/status"
    assert "- uninstall status" in site.call("second.run", "plan", "--prune")
    site.call("second.run", "apply", "--prune")
    assert site.there("service/status") == ""
    assert site.there("persistentvolumeclaim/kept") == "persistentvolumeclaim/kept"
    assert site.there("configmap/bundler-app-status -n kube-system") == ""
    assert "nothing to do" in site.call("second.run", "apply", "--prune")

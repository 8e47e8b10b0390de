"""Charts that real Helm pushed into a real docker-registry with TLS and password: fetched, and resolved."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bundler.builder.cache.store import Store
from bundler.builder.charts.helm import RenderRequest, SdkHelm
from bundler.builder.charts.supply import ChartSupply
from bundler.builder.net.fetch import Fetcher
from bundler.builder.net.registry_logins import Keychain
from bundler.builder.oci.client import RegistryOptions
from bundler.builder.tree.checkout import check_out
from bundler.core.digest import Digest
from tests.kits.charts import tree_of
from tests.real import registry_kit
from tests.real.registry_kit import login, running

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(bool(registry_kit.missing()), reason=registry_kit.missing() or "all there"),
]
# In a process of its own: Go reads SSL_CERT_FILE once, and the library is large.
PUSH = """
import sys, helm_python
chart, into, remote, user, password = sys.argv[1:]
helm_python.package(chart, destination=into)
archive = next(__import__("pathlib").Path(into).glob("*.tgz"))
with helm_python.RegistryClient(credentials_file=into + "/login.json") as client:
    client.login(remote.split("/")[0], user, password)
    client.push(archive, "oci://" + remote)
print(archive)
"""


def pushed(folder: Path, registry: registry_kit.Registry, name: str, version: str) -> bytes:
    """A chart made and pushed by Helm; the archive's bytes."""
    chart = folder / f"{name}-{version}" / name
    (chart / "templates").mkdir(parents=True)
    (chart / "Chart.yaml").write_text(f"{{apiVersion: v2, name: {name}, version: {version}}}")
    (chart / "templates/x.yaml").write_text(f"from: {name}-{version}")
    into = folder / f"{name}-{version}" / "packed"
    into.mkdir()
    user, password = registry_kit.USER, registry_kit.PASSWORD
    done = subprocess.run(
        [sys.executable, "-c", PUSH, str(chart), str(into), f"{registry.host}/charts", user, password],
        env={**os.environ, "SSL_CERT_FILE": str(registry.certificate), "HOME": str(folder)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return Path(done.stdout.strip()).read_bytes()


def test_what_helm_pushed_is_what_we_fetch_and_what_helm_resolves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        running(tmp_path / "registry", tls=True, password=True) as registry,
        Store(tmp_path / "cache") as store,
    ):
        old, new = (pushed(tmp_path, registry, "cache", version) for version in ("1.0.0", "1.1.0+b2"))
        (tmp_path / "docker").mkdir()
        authfile = login(tmp_path / "docker" / "config.json", registry.host)
        monkeypatch.setenv("SSL_CERT_FILE", str(registry.certificate))
        monkeypatch.setenv("DOCKER_CONFIG", str(authfile.parent))  # where Helm looks for logins, too
        options = RegistryOptions(keychain=Keychain((authfile,)))
        with Fetcher(store) as fetcher:
            supply = ChartSupply(store, fetcher, options, SdkHelm(timeout=60))
            for version, data in (("1.0.0", old), ("1.1.0+b2", new)):
                name, blob = supply.fetch(f"oci://{registry.host}/charts/cache:{version}")
                assert (name, blob.digest) == (f"cache-{version}.tgz", Digest.of(data))
            name, blob = supply.fetch(f"oci://{registry.host}/charts/cache:^1.0")
            assert (name, blob.digest) == ("cache-1.1.0+b2.tgz", Digest.of(new))
            assert supply.settled == {f"oci://{registry.host}/charts/cache:^1.0": "1.1.0+b2"}
            chart = json.dumps(
                {
                    "apiVersion": "v2",
                    "name": "shop",
                    "version": "1.0.0",
                    "dependencies": [
                        {"name": "cache", "version": "^1.0.0", "repository": f"oci://{registry.host}/charts"}
                    ],
                }
            )
            whole = supply.complete(tree_of(store, {"Chart.yaml": chart}), "shop", pytest.fail)
        checkout = check_out(whole, store, tmp_path / "shop")
        rendered = SdkHelm(timeout=60).render(RenderRequest(checkout.root, "r"), "shop")
    assert rendered == {"shop/charts/cache/templates/x.yaml": "from: cache-1.1.0+b2"}

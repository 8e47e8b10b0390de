"""Parts of the site's scripts against what they act on: a kernel's network, a real docker-registry."""

import hashlib
import json
import os
import shutil
import socket
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bundler.core.digest import Digest
from bundler.core.index import Image
from bundler.installer.plan import paths
from bundler.installer.plan import site_pki as secrets
from bundler.installer.plan.contents import blob_path
from bundler.installer.plan.registry import links
from bundler.installer.scripts import render as templates
from bundler.installer.site.model import Host, Role, Secret, Site, SiteRegistry

pytestmark = pytest.mark.real

needs_network = pytest.mark.skipif(
    os.geteuid() != 0 or not all(shutil.which(name) for name in ("unshare", "ip", "iptables-save")),
    reason="needs root, unshare, iproute2 and iptables to make a network of its own",
)
needs_registry = pytest.mark.skipif(
    shutil.which("docker-registry") is None, reason="the Debian package docker-registry is not installed"
)

SITE_ADDRESSES = "10.9.0.2\n10.9.0.3\n"

NETWORK = """
set -e
mount -t sysfs sysfs /sys
ip link add host0 type bridge
ip addr add 10.9.0.2/24 dev host0
ip link set host0 up
ip link set lo up
ip route add 10.60.0.0/16 via 10.9.0.3
{found}
ip link add cni0 type bridge
ip link add veth-a type veth peer name veth-b
ip link add vpn0 type bridge
ip route add 10.244.1.0/24 via 10.9.0.3 metric 7710 proto 77
ip route add 10.70.0.0/16 via 10.9.0.77
iptables -N KUBE-SERVICES
iptables -A INPUT -j KUBE-SERVICES
iptables -A FORWARD -s 10.244.0.0/16 -m comment --comment bundler-cni -j ACCEPT
iptables -A INPUT -p tcp --dport 2222 -j DROP
( set +e
{network}
) <<'SITE'
{addresses}SITE
echo LINKS; ls /sys/class/net
echo ROUTES; ip route show
echo RULES; iptables-save | grep -e ^-A -e KUBE || true
"""


@needs_network
def test_what_the_cluster_put_into_the_network_goes_and_all_else_stays(tmp_path: Path) -> None:
    script = NETWORK.format(
        found=templates.load("found.sh"), network=templates.load("network.sh"), addresses=SITE_ADDRESSES
    ).replace("/var/lib/bundler", str(tmp_path))
    done = subprocess.run(
        ["unshare", "--net", "--mount", "sh", "-s"],
        input=script,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    found, _, rules = done.stdout.partition("RULES\n")
    found, _, routes = found.partition("ROUTES\n")
    assert {"lo", "host0", "vpn0"} == set(found.split()[1:]) - {"sit0", "tunl0", "ip6tnl0", "gre0"}
    assert "10.60.0.0/16 via 10.9.0.3" in routes
    assert "10.70.0.0/16 via 10.9.0.77" in routes
    assert "10.244.1.0/24" not in routes
    assert rules.splitlines() == ["-A INPUT -p tcp -m tcp --dport 2222 -j DROP"]


@dataclass(frozen=True)
class Served:
    """A registry that runs: where, what it should hold, and how its certificate is trusted."""

    url: str
    image: Image
    manifest: bytes
    trust: ssl.SSLContext

    def ask(self, path: str, *, method: str = "GET", password: str = "") -> tuple[int, bytes]:
        request = urllib.request.Request(f"{self.url}{path}", method=method)  # noqa: S310  (https to loopback)
        request.add_header("Accept", "application/vnd.oci.image.manifest.v1+json, */*")
        if password:
            request.add_header("Authorization", f"Basic {password}")
        try:
            with urllib.request.urlopen(request, context=self.trust, timeout=10) as answer:  # noqa: S310
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()


def stored_image(store: Path) -> tuple[Image, bytes]:
    """An image of one layer, its blobs laid where a delivery lays them."""
    layer, config = b"layer" * 100, b'{"architecture":"amd64","os":"linux"}'
    oci = "application/vnd.oci.image"
    document = {
        "schemaVersion": 2,
        "mediaType": f"{oci}.manifest.v1+json",
        "config": {
            "mediaType": f"{oci}.config.v1+json",
            "size": len(config),
            "digest": str(Digest.of(config)),
        },
        "layers": [{"mediaType": f"{oci}.layer.v1.tar", "size": len(layer), "digest": str(Digest.of(layer))}],
    }
    manifest = json.dumps(document).encode()
    for blob in (layer, config, manifest):
        path = store / blob_path(hashlib.sha256(blob).hexdigest()).removeprefix(f"{paths.REGISTRY_STORE}/")
        path.parent.mkdir(parents=True)
        path.write_bytes(blob)
    digests = (Digest.of(config), Digest.of(layer))
    top = Digest.of(manifest)
    image = Image(
        "localhost:5000/team/app:2", top, str(document["mediaType"]), len(manifest), (top,), digests
    )
    return image, manifest


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """The registry as the plan sets it up on a control plane, with TLS and a password."""
    port = free_port()
    site = Site(
        "trial",
        (Host("127.0.0.1", frozenset({Role.CONTROL_PLANE})),),
        registry=SiteRegistry("registry.internal", port, "ops", Secret("geheim")),
    )
    made = secrets.renew(found="", site=site, now=datetime.now(UTC))
    store = tmp_path / "store"
    image, manifest = stored_image(store)
    root = store / paths.REGISTRY_REPOSITORIES.removeprefix(f"{paths.REGISTRY_STORE}/")
    lines = "".join(f"{line}\n" for line in links(image))
    unit = f"bundler-trial-{port}.service"  # which nobody runs
    script = templates.script("links.sh", root=str(root), unit=unit).replace(
        "/var/lib/bundler", str(tmp_path)
    )
    subprocess.run(["sh", "-c", script], input=lines, text=True, check=True, timeout=30)
    for name, text in (
        ("crt", made.registries["127.0.0.1"].certificate),
        ("key", made.registries["127.0.0.1"].key),
        ("pw", made.htpasswd),
    ):
        (tmp_path / name).write_text(text)
    config = templates.render(
        "registry.yml.j2",
        root=str(store),
        address="127.0.0.1",
        port=str(port),
        certificate=str(tmp_path / "crt"),
        key=str(tmp_path / "key"),
        htpasswd=str(tmp_path / "pw"),
    )
    (tmp_path / "registry.yml").write_text(config)
    log = (tmp_path / "log").open("wb")
    process = subprocess.Popen(
        ["docker-registry", "serve", tmp_path / "registry.yml"], stdout=log, stderr=log
    )
    try:
        wait_for(port, process)
        trust = ssl.create_default_context(cadata=made.ca_certificate)
        yield Served(f"https://127.0.0.1:{port}", image, manifest, trust)
    finally:
        process.terminate()
        process.wait(10)
        log.close()


def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(200):
        assert process.poll() is None, "the registry ended"
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    pytest.fail("the registry did not listen in time")


PASSWORD = "b3BzOmdlaGVpbQ=="  # ops:geheim


@needs_registry
def test_the_registry_serves_what_was_laid_into_its_store(served: Served) -> None:
    base = "/v2/localhost__5000/team/app"
    assert served.ask(f"{base}/manifests/2", password=PASSWORD) == (200, served.manifest)
    assert served.ask(f"{base}/manifests/{served.image.digest}", password=PASSWORD) == (200, served.manifest)
    for blob in served.image.blobs:
        status, content = served.ask(f"{base}/blobs/{blob}", password=PASSWORD)
        assert (status, Digest.of(content)) == (200, blob)
    tags = json.loads(served.ask(f"{base}/tags/list", password=PASSWORD)[1])
    assert tags == {"name": "localhost__5000/team/app", "tags": ["2"]}


@needs_registry
def test_nobody_gets_in_without_the_password_and_nobody_can_push(served: Served) -> None:
    assert served.ask("/v2/")[0] == 401
    assert served.ask("/v2/", password="b3BzOndyb25n")[0] == 401
    assert served.ask("/v2/a/blobs/uploads/", method="POST", password=PASSWORD)[0] == 405


@needs_registry
def test_the_certificate_is_not_taken_without_the_sites_ca(served: Served) -> None:
    stranger = replace(served, trust=ssl.create_default_context())
    with pytest.raises(urllib.error.URLError, match="CERTIFICATE_VERIFY_FAILED"):
        stranger.ask("/v2/")

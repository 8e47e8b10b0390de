"""Other certificate authorities on machines: broken off, gone on with, the old ones dead."""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from ipaddress import IPv4Network
from pathlib import Path

import pytest

from bundler.core.errors import BundlerError
from tests.site import lifecycle, product, ssh
from tests.site.spec import SiteSpec

pytestmark = [pytest.mark.site, pytest.mark.rotating("rotate-ca", kind="cluster")]

SPEC = SiteSpec("dayca", IPv4Network("10.77.6.0/24"), 2)
_GAP = 90.0  # seconds: one control plane starts its API server anew; other work is on these cores, too
_OLD = "--kubeconfig /root/old.conf --cache-dir /tmp/kubectl --request-timeout 5s get --raw /readyz"


@dataclass
class Watch:
    """Asks pages and the API all the time; gaps: the longest time without an answer, by what was asked."""

    gaps: dict[str, float] = field(default_factory=dict)
    over: threading.Event = field(default_factory=threading.Event)

    def asks(self, what: str) -> None:
        last = time.monotonic()
        while not self.over.is_set():
            with suppress(OSError, BundlerError):
                if what == "API":
                    product.kubectl(SPEC, "--request-timeout 5s get nodes")
                else:
                    product.page(SPEC.machines[int(what[-1]) - 1], 30080)
                self.gaps[what] = max(self.gaps.get(what, 0.0), time.monotonic() - last)
                last = time.monotonic()
            time.sleep(0.2)


@pytest.fixture
def watch() -> Iterator[Watch]:
    made = Watch()
    threads = [threading.Thread(target=made.asks, args=(what,)) for what in ("API", "node-1", "node-2")]
    for thread in threads:
        thread.start()
    yield made
    made.over.set()
    for thread in threads:
        thread.join(60)


@pytest.fixture(scope="module", autouse=True)
def _site(run_file: Path) -> Iterator[None]:
    lifecycle.up(SPEC, lambda _: None)
    try:
        product.carry(SPEC, run_file)
        ran("", timeout=1500)
        yield
    finally:
        lifecycle.down(SPEC.name, lambda _: None)


def ran(words: str, *, code: int = 0, timeout: float = 1500) -> str:
    done = product.run(SPEC, words, "-f site.yaml", timeout=timeout)
    assert done.returncode == code, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout + done.stderr


def on_first(script: str) -> str:
    return ssh.on(SPEC, SPEC.machines[0], script)


def test_the_cluster_serves_on_while_its_authorities_are_replaced(watch: Watch) -> None:
    product.wait_for_pages(SPEC)
    on_first("cp /etc/kubernetes/admin.conf /root/old.conf && cp /etc/kubernetes/pki/ca.crt /root/old-ca.crt")
    on_first("cp -r /etc/kubernetes/pki/etcd /root/old-etcd")
    assert on_first(f"kubectl {_OLD}") == "ok"
    said = ran("certs rotate-ca --plan")
    assert "34 steps to do" in said
    assert "nothing to do" in ran("apply")  # the plan has changed nothing
    cut = "cd /root && timeout -s KILL 30 ./demo.run certs rotate-ca -f site.yaml"
    assert ssh.try_on(SPEC, SPEC.machines[0], cut).returncode != 0
    assert "certs rotate-ca" in ran("apply", code=16)
    ran("certs rotate-ca")
    sys.stdout.write(f"longest without an answer: {watch.gaps}\n")
    assert watch.gaps["API"] < _GAP
    assert max(watch.gaps["node-1"], watch.gaps["node-2"]) < 10.0
    assert product.ready_nodes(SPEC) == {machine.name: True for machine in SPEC.machines}
    assert "nothing to do" in ran("apply")


def test_the_old_authorities_open_nothing_any_more() -> None:
    stranger = ssh.try_on(SPEC, SPEC.machines[0], f"kubectl {_OLD}")
    assert "x509" in stranger.stderr
    believing = _OLD.replace("get", "--insecure-skip-tls-verify get")
    cut = "sed -i '/certificate-authority-data/d' /root/old.conf"
    known = ssh.try_on(
        SPEC, SPEC.machines[0], f"{cut}; kubectl {believing.replace('/readyz', '/api/v1/nodes')}"
    )
    assert known.returncode != 0
    assert "Unauthorized" in known.stderr or "must be logged in" in known.stderr
    crictl = "crictl -r unix:///run/containerd/containerd.sock"
    etcd = (
        "cp -r /root/old-etcd /etc/kubernetes/pki/etcd/old;"
        f" c=$({crictl} ps -q --name '^etcd$');"
        f" {crictl} exec $c etcdctl --insecure-skip-tls-verify --cert /etc/kubernetes/pki/etcd/old/peer.crt"
        " --key /etc/kubernetes/pki/etcd/old/peer.key --command-timeout 5s get x; code=$?;"
        " rm -rf /etc/kubernetes/pki/etcd/old; exit $code"
    )
    assert ssh.try_on(SPEC, SPEC.machines[0], etcd).returncode != 0


def test_pods_are_told_the_new_one_alone_and_the_site_goes_on() -> None:
    old = on_first("sed -n '/^-----END/!{h;d};x;p;q' /root/old-ca.crt").strip()
    for name in ("kube-root-ca.crt", "extension-apiserver-authentication", "cluster-info"):
        found = product.kubectl(SPEC, f"get configmaps -A --field-selector metadata.name={name} -o yaml")
        assert "CERTIFICATE" in found or "certificate-authority-data" in found
        assert old not in found
    folder = ssh.try_on(SPEC, SPEC.machines[0], "ls /var/lib/bundler/rotate-ca")
    assert folder.returncode != 0
    ran("certs renew")
    assert "nothing to do" in ran("apply")

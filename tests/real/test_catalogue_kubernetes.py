"""The catalogue's `kubernetes` resolved against servers on loopback that stand in for the internet's."""

import hashlib
import http.server
import io
import re
import tarfile
import threading

import pytest

from bundler.builder.cache.store import Blob, Store
from bundler.builder.images.resolve import resolve_images
from bundler.builder.kubefile.catalogue import Catalogue, default_catalogue
from bundler.builder.net.fetch import Fetcher
from bundler.builder.net.mirrors import Mirrors
from bundler.builder.oci.client import RegistryOptions
from bundler.builder.oci.model import ImageRequest, Silent, parse_source
from bundler.builder.stage.build_context import Workshop
from bundler.core.errors import BundlerError, ExitCode
from bundler.core.oci import Platform
from tests.build_kit import evaluate
from tests.real import registry_kit
from tests.real.registry_kit import running, write_layout
from tests.unit.builder.images.parts import MadeImage, layout_files

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(bool(registry_kit.missing()), reason=registry_kit.missing() or "all there"),
]

KUBEFILE = default_catalogue() / "kubernetes/Kubefile"
IMAGES = {
    "registry.k8s.io/kube-apiserver:v1.34.4",
    "registry.k8s.io/kube-controller-manager:v1.34.4",
    "registry.k8s.io/kube-scheduler:v1.34.4",
    "registry.k8s.io/kube-proxy:v1.34.4",
    "registry.k8s.io/etcd:3.6.5-0",
    "registry.k8s.io/coredns/coredns:v1.12.1",
    "registry.k8s.io/pause:3.10.1",
}


def archive(*names):
    """A .tar.gz with a small program of each name."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name in names:
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(name), 0o755
            tar.addfile(member, io.BytesIO(name.encode()))
    return buffer.getvalue()


# what the internet has, by the ARG that holds its sum
FILES = {
    "KUBEADM": ("dl.k8s.io/v1.34.4/bin/linux/amd64/kubeadm", b"kubeadm"),
    "KUBELET": ("dl.k8s.io/v1.34.4/bin/linux/amd64/kubelet", b"kubelet"),
    "KUBECTL": ("dl.k8s.io/v1.34.4/bin/linux/amd64/kubectl", b"kubectl"),
    "CONTAINERD": (
        "github.com/containerd/containerd/releases/download/v1.7.30/containerd-static-1.7.30-linux-amd64.tar.gz",
        archive("bin/containerd", "bin/ctr"),
    ),
    "RUNC": ("github.com/opencontainers/runc/releases/download/v1.3.4/runc.amd64", b"runc"),
    "CNI_PLUGINS": (
        "github.com/containernetworking/plugins/releases/download/v1.8.0/cni-plugins-linux-amd64-v1.8.0.tgz",
        archive("./bridge", "./host-local"),
    ),
    "CRICTL": (
        "github.com/kubernetes-sigs/cri-tools/releases/download/v1.34.0/crictl-v1.34.0-linux-amd64.tar.gz",
        archive("crictl"),
    ),
    "REGISTRY": (
        "github.com/distribution/distribution/releases/download/v3.0.0/registry_3.0.0_linux_amd64.tar.gz",
        archive("LICENSE", "registry"),
    ),
}
SUMS = {f"{name}_SHA256": hashlib.sha256(data).hexdigest() for name, (_, data) in FILES.items()}


class Internet(http.server.ThreadingHTTPServer):
    """Serves FILES below the names of their hosts; `asked` are the paths that were asked for."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[str] = []
        self.content = {f"/{path}": data for path, data in FILES.values()}
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def rules(self):
        return [
            f"https://{host}/ http://127.0.0.1:{self.server_port}/{host}/"
            for host in ("dl.k8s.io", "github.com")
        ]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Internet

    def do_GET(self):
        self.server.asked.append(self.path)
        data = self.server.content.get(self.path)
        self.send_response(200 if data is not None else 404)
        self.send_header("Content-Length", str(len(data or b"")))
        self.end_headers()
        self.wfile.write(data or b"")

    def log_message(self, *_):
        """Quiet."""


@pytest.fixture
def internet():
    with Internet() as server:
        yield server
        server.shutdown()


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    folder = tmp_path_factory.mktemp("registry")
    with running(folder / "it") as registry:
        for name in IMAGES:
            layout = write_layout(
                folder / re.sub(r"\W", "-", name), layout_files({"x:1": MadeImage(name.encode())})
            )
            registry.push(layout, "x:1", name.removeprefix("registry.k8s.io/"))
        yield registry


@pytest.fixture
def store(tmp_path):
    with Store(tmp_path / "cache") as store:
        yield store


def stage(store, rules, sums):
    with Fetcher(store, mirrors=Mirrors.parse("\n".join(rules), "mirrors")) as fetcher:
        shop = Workshop(store, fetcher, Catalogue(default_catalogue()), "linux/amd64", build_args=sums)
        return evaluate(KUBEFILE, KUBEFILE.parent, shop)


def content(store, staged, path):
    entry = staged.tree.entries[path]
    return b"".join(store.chunks(Blob(entry.digest, entry.size), name=path))


def members(store, staged, path):
    with tarfile.open(fileobj=io.BytesIO(content(store, staged, path))) as tar:
        return [(one.name, one.mode) for one in tar]


def test_programs_come_verified_to_their_places(internet, store):
    staged = stage(store, internet.rules(), SUMS)
    assert {path: entry.mode for path, entry in staged.tree.files()} == {
        "bin/kubeadm": 0o755,
        "bin/kubectl": 0o755,
        "bin/kubelet": 0o755,
        "bin/registry": 0o755,
        "cri/cni-plugins.tgz": 0o644,
        "cri/containerd.tar.gz": 0o644,
        "cri/crictl.tar.gz": 0o644,
        "cri/runc.tar.gz": 0o644,
    }
    assert content(store, staged, "bin/kubeadm") == b"kubeadm"
    assert content(store, staged, "bin/registry") == b"registry"
    assert members(store, staged, "cri/runc.tar.gz") == [("runc", 0o755)]
    assert sorted(internet.asked) == sorted(internet.content)
    assert staged.labels["io.kubernetes.version"] == "v1.34.4"


def test_a_second_build_asks_nobody(internet, store):
    first = stage(store, internet.rules(), SUMS)
    internet.asked.clear()
    assert stage(store, internet.rules(), SUMS).tree.digest == first.tree.digest
    assert internet.asked == []


def test_a_program_that_was_tampered_with_ends_the_build(internet, store):
    path, _ = FILES["KUBELET"]
    internet.content[f"/{path}"] = b"another kubelet"
    with pytest.raises(BundlerError) as caught:
        stage(store, internet.rules(), SUMS)
    assert caught.value.code is ExitCode.INTEGRITY
    assert "kubelet" in str(caught.value)


def test_the_sums_in_the_file_are_in_force(internet, store):
    with pytest.raises(BundlerError) as caught:
        stage(store, internet.rules(), {})
    assert caught.value.code is ExitCode.INTEGRITY
    assert re.search(r"ARG KUBEADM_SHA256=([0-9a-f]{64})\n", KUBEFILE.read_text())[1] in str(caught.value)


def test_all_images_are_pulled_under_their_own_names(internet, registry, store):
    staged = stage(store, internet.rules(), SUMS)
    rules = Mirrors.parse(f"registry.k8s.io {registry.host}", "mirrors")
    images = resolve_images(
        [ImageRequest(parse_source(wish.reference, wish.context), ("test",)) for wish in staged.images],
        store=store,
        platform=Platform.parse("linux/amd64"),
        registries=RegistryOptions(frozenset({registry.host}), mirrors=rules),
        progress=Silent(),
    )
    assert {image.name for image in images} == IMAGES

"""The catalogue's `kubernetes` resolved against servers on loopback that stand in for the internet's."""

import hashlib
import http.server
import io
import re
import tarfile
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from bundler.builder.cache.store import Blob, Store
from bundler.builder.images.resolve import resolve_images
from bundler.builder.kubefile.catalogue import Catalogue, default_catalogue
from bundler.builder.net.fetch import Fetcher
from bundler.builder.net.mirrors import Mirrors
from bundler.builder.oci.client import RegistryOptions
from bundler.builder.oci.model import ImageRequest, Silent, parse_source
from bundler.builder.stage.build_context import BuildContext
from bundler.builder.stage.state import Staged
from bundler.builder.tree.tree import File
from bundler.core.errors import BundlerError, ExitCode
from bundler.core.oci import AMD64, Platform
from tests.build_kit import evaluate
from tests.kits.images import MadeImage, layout_files
from tests.real import registry_kit
from tests.real.registry_kit import Registry, running, write_layout

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(bool(registry_kit.missing()), reason=registry_kit.missing() or "all there"),
]

KUBEFILE = default_catalogue() / "kubernetes/Kubefile"
IMAGES = {
    "registry.k8s.io/kube-apiserver:v1.37.2",
    "registry.k8s.io/kube-controller-manager:v1.37.2",
    "registry.k8s.io/kube-scheduler:v1.37.2",
    "registry.k8s.io/kube-proxy:v1.37.2",
    "registry.k8s.io/etcd:3.7.0-0",
    "registry.k8s.io/coredns/coredns:v1.14.6",
    "registry.k8s.io/pause:3.10.2",
}
# The Kubefile names 1.36's in its head.
OLDER = {
    name.replace("v1.37.2", "v1.36.3").replace("etcd:3.7.0", "etcd:3.6.8").replace("v1.14.6", "v1.14.2")
    for name in IMAGES
}
FOR_1_36 = {"KUBERNETES_VERSION": "1.36.3", "ETCD_VERSION": "3.6.8-0", "COREDNS_VERSION": "1.14.2"}


def archive(*names: str) -> bytes:
    """A .tar.gz with a small program of each name."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name in names:
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(name), 0o755
            tar.addfile(member, io.BytesIO(name.encode()))
    return buffer.getvalue()


# what the internet has, and beside each file its checksum in the form of its makers
GITHUB = "github.com/{}/releases/download/v{}/{}"
KUBELET = "dl.k8s.io/v1.37.2/bin/linux/amd64/kubelet"
PROGRAMS = {
    f"dl.k8s.io/v1.37.2/bin/linux/amd64/{name}": name.encode() for name in ("kubeadm", "kubelet", "kubectl")
}
RUNC = GITHUB.format("opencontainers/runc", "1.5.2", "runc.amd64")
ARCHIVES = {
    GITHUB.format("containerd/containerd", "2.4.2", "containerd-static-2.4.2-linux-amd64.tar.gz"): archive(
        "bin/containerd", "bin/ctr"
    ),
    GITHUB.format("containernetworking/plugins", "1.10.0", "cni-plugins-linux-amd64-v1.10.0.tgz"): archive(
        "./bridge", "./host-local"
    ),
    GITHUB.format("kubernetes-sigs/cri-tools", "1.37.0", "crictl-v1.37.0-linux-amd64.tar.gz"): archive(
        "crictl"
    ),
    GITHUB.format("distribution/distribution", "3.1.2", "registry_3.1.2_linux_amd64.tar.gz"): archive(
        "LICENSE", "registry"
    ),
}


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def published() -> dict[str, bytes]:
    """Every file by its path, with the files of checksums."""
    files = {**PROGRAMS, **ARCHIVES, RUNC: b"runc"}
    sums = {f"{path}.sha256": sha256(data).encode() for path, data in PROGRAMS.items()}
    for path, data in ARCHIVES.items():
        ending = "sha256sum" if "containerd-static" in path else "sha256"
        sums[f"{path}.{ending}"] = f"{sha256(data)}  {path.rpartition('/')[2]}\n".encode()
    # signed in the clear, of all platforms together
    head, tail = (
        "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n",
        "-----BEGIN PGP SIGNATURE-----\n\nabc\n",
    )
    listed = f"{'0' * 64} *runc.arm64\n{sha256(b'runc')} *runc.amd64\n"
    sums[RUNC.replace("runc.amd64", "runc.sha256sum")] = f"{head}\n{listed}{tail}".encode()
    return {**files, **sums}


class Internet(http.server.ThreadingHTTPServer):
    """Serves what is published below the names of its hosts; `asked` are the paths that were asked for."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[str] = []
        self.content = {f"/{path}": data for path, data in published().items()}
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def rules(self) -> list[str]:
        return [
            f"https://{host}/ http://127.0.0.1:{self.server_port}/{host}/"
            for host in ("dl.k8s.io", "github.com")
        ]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Internet

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        data = self.server.content.get(self.path)
        self.send_response(200 if data is not None else 404)
        self.send_header("Content-Length", str(len(data or b"")))
        self.end_headers()
        self.wfile.write(data or b"")

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def internet() -> Iterator[Internet]:
    with Internet() as server:
        yield server
        server.shutdown()


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    folder = tmp_path_factory.mktemp("registry")
    with running(folder / "it") as registry:
        for name in IMAGES | OLDER:
            layout = write_layout(
                folder / re.sub(r"\W", "-", name), layout_files({"x:1": MadeImage(name.encode())})
            )
            registry.push(layout, "x:1", name.removeprefix("registry.k8s.io/"))
        yield registry


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "cache") as store:
        yield store


def stage(store: Store, rules: Sequence[str], **build_args: str) -> Staged:
    with Fetcher(store, mirrors=Mirrors.parse("\n".join(rules), "mirrors")) as fetcher:
        arguments = {"NETWORK": "none", **build_args}
        shop = BuildContext(store, fetcher, Catalogue(default_catalogue()), AMD64, build_args=arguments)
        return evaluate(KUBEFILE, KUBEFILE.parent, shop)


def content(store: Store, staged: Staged, path: str) -> bytes:
    entry = staged.tree.entries[path]
    assert isinstance(entry, File)
    return b"".join(store.chunks(Blob(entry.digest, entry.size), name=path))


def members(store: Store, staged: Staged, path: str) -> list[tuple[str, int]]:
    with tarfile.open(fileobj=io.BytesIO(content(store, staged, path))) as tar:
        return [(one.name, one.mode) for one in tar]


def test_programs_come_verified_to_their_places(internet: Internet, store: Store) -> None:
    staged = stage(store, internet.rules())
    shipped = {path: entry.mode for path, entry in staged.tree.files() if not path.startswith(".build/")}
    assert shipped == {
        "bin/crictl": 0o755,
        "bin/kubeadm": 0o755,
        "bin/kubectl": 0o755,
        "bin/kubelet": 0o755,
        "bin/registry": 0o755,
        "cri/cni-plugins.tgz": 0o644,
        "cri/containerd.tar.gz": 0o644,
        "cri/runc.tar.gz": 0o644,
    }
    assert content(store, staged, "bin/kubeadm") == b"kubeadm"
    assert content(store, staged, "bin/registry") == b"registry"
    assert members(store, staged, "cri/runc.tar.gz") == [("runc", 0o755)]
    assert sorted(internet.asked) == sorted(internet.content)
    assert staged.labels["io.kubernetes.version"] == "v1.37.2"


def test_a_second_build_asks_for_nothing_but_the_sums(internet: Internet, store: Store) -> None:
    first = stage(store, internet.rules())
    internet.asked.clear()
    assert stage(store, internet.rules()).tree.digest == first.tree.digest
    assert all(re.search(r"\.sha256(sum)?$", path) for path in internet.asked)


@pytest.mark.parametrize("path", [KUBELET, RUNC], ids=["a digest alone", "a signed list"])
def test_a_program_that_was_tampered_with_ends_the_build(internet: Internet, store: Store, path: str) -> None:
    internet.content[f"/{path}"] = b"another one"
    with pytest.raises(BundlerError) as caught:
        stage(store, internet.rules())
    assert caught.value.code is ExitCode.INTEGRITY
    assert path.rpartition("/")[2] in str(caught.value)


@pytest.mark.parametrize("build_args", [{}, FOR_1_36], ids=["newest", "one before"])
def test_all_images_are_pulled_under_their_own_names(
    internet: Internet, registry: Registry, store: Store, build_args: dict[str, str]
) -> None:
    version = build_args.get("KUBERNETES_VERSION", "1.37.2")
    internet.content |= {
        path.replace("v1.37.2", f"v{version}"): data for path, data in internet.content.items()
    }
    staged = stage(store, internet.rules(), **build_args)
    rules = Mirrors.parse(f"registry.k8s.io {registry.host}", "mirrors")
    images = resolve_images(
        [ImageRequest(parse_source(wish.reference, wish.context), ("test",)) for wish in staged.images],
        store=store,
        platform=Platform.parse("linux/amd64"),
        registries=RegistryOptions(frozenset({registry.host}), mirrors=rules),
        progress=Silent(),
    )
    assert {image.name for image in images} == (IMAGES if not build_args else OLDER)


def test_the_head_of_the_kubefile_says_how_to_get_the_other_version() -> None:
    words = " ".join(f"--build-arg {name}={value}" for name, value in FOR_1_36.items())
    assert words in KUBEFILE.read_text()

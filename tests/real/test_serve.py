"""serve: skopeo, Helm, apt and dnf take from it what they take from their servers; ranges, TLS, bounds."""

import contextlib
import hashlib
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from bundler.builder.bundles.split import split
from bundler.core.archive.seal import ALIGN
from bundler.core.digest import Digest
from bundler.core.errors import ExitCode
from bundler.installer.cli.main import main
from tests.kits.servers import certify
from tests.real import registry_kit, rpm_kit
from tests.real.image_run_kit import CHART_FILES, Images, usual, write_run
from tests.real.registry_kit import skopeo

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(bool(registry_kit.missing()), reason=registry_kit.missing() or "all there"),
]

ROOT = Path(__file__).parents[2]
PACKED = b"\x1f\x8b" + os.urandom(700_001)
PLAIN = b"".join(b"%07d\n" % n for n in range(300_000))


# In a process of its own: Helm's library keeps threads.
HELM = (
    "import helm_python, json, sys; helm_python.pull(sys.argv[1], version='1.2.3', **json.loads(sys.argv[2]))"
)


def apt_repository(scratch: Path) -> dict[str, bytes]:
    """A flat repository with one small package, made by dpkg."""
    control = scratch / "tiny/DEBIAN/control"
    control.parent.mkdir(parents=True)
    about = "Package: tiny\nVersion: 1\nArchitecture: all\nMaintainer: A <a@b.example>\nDescription: tiny\n"
    control.write_text(about)
    deb = scratch / "tiny_1_all.deb"
    subprocess.run(
        ["dpkg-deb", "--build", control.parents[1], deb], check=True, capture_output=True, timeout=60
    )
    data = deb.read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    packages = f"{about}Filename: ./{deb.name}\nSize: {len(data)}\nSHA256: {digest}\n".encode()
    listed = f"{hashlib.sha256(packages).hexdigest()} {len(packages)} Packages"
    release = f"Date: Thu, 01 Jan 1970 00:00:00 UTC\nArchitectures: all\nSHA256:\n {listed}\n".encode()
    files = {deb.name: data, "Packages": packages, "Release": release}
    return {f"packages/debian-test/{name}": content for name, content in files.items()}


def dnf_repository(scratch: Path) -> dict[str, bytes]:
    """A repository with one package, made by rpmbuild and createrepo_c; none where they are missing."""
    if rpm_kit.missing("dnf"):
        return {}
    folder = scratch / "rpms"
    rpm_kit.make_repository(folder, (rpm_kit.Rpm("small"),), scratch / "build")
    rpm_kit.index(folder, None)
    files = (path for path in folder.rglob("*") if path.is_file())
    return {f"packages/rhel-test/{path.relative_to(folder)}": path.read_bytes() for path in files}


@dataclass(frozen=True, slots=True)
class Served:
    """A .run that is served."""

    host: str
    images: Images
    path: Path

    def get(self, target: str, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection(self.host, timeout=20)
        try:
            connection.request(method, target, headers={k.replace("_", "-"): v for k, v in headers.items()})
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            connection.close()


@contextlib.contextmanager
def serving(path: Path, *options: str) -> Iterator[str]:
    """`serve` in a process of its own, ended by Ctrl-C, on which it must end well."""
    process = subprocess.Popen(
        [sys.executable, "-m", "bundler.installer.cli.main", "serve",
         "--allow-unsigned", "--listen", "127.0.0.1:0", *options],
        stdout=subprocess.PIPE, text=True, cwd=ROOT, env=dict(os.environ) | {"BUNDLER_RUN_FILE": str(path)},
    )  # fmt: skip
    assert process.stdout is not None
    try:
        told = re.fullmatch(r"serving at https?://(.*)\n", process.stdout.readline())
        assert told
        yield told[1]
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == ExitCode.OK
        process.stdout.close()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("serve")
    path, images = folder / "demo.run", usual()
    images.sign(images.images[0], b"signed")
    files = {"files/packed.gz": PACKED, "files/plain": PLAIN, "files/none": b""}
    write_run(path, images, CHART_FILES | files | apt_repository(folder) | dnf_repository(folder))
    with serving(path) as host:
        yield Served(host, images, path)


@pytest.mark.parametrize("path", ["files/packed.gz", "files/plain"])
def test_it_serves_out_of_parts(served: Served, tmp_path: Path, path: str) -> None:
    first = tmp_path / "demo.run"
    assert len(split(served.path, 3 * ALIGN + 1, first)) > 5
    with serving(first) as host:
        parted = Served(host, served.images, first)
        for range_ in ("bytes=0-", "bytes=190000-400000"):
            one, other = served.get(f"/{path}", Range=range_), parted.get(f"/{path}", Range=range_)
            assert (other[0], other[2]) == (one[0], one[2])
            assert len(other[2]) > 200_000


@pytest.mark.parametrize(
    "name",
    [
        *("docker.io/library/web:1", "library/web:1", "quay.io/acme/db:2.0", "registry.k8s.io/many:4"),
        "localhost__5000/old:3",  # of localhost:5000: a path can't hold the colon
    ],
)
def test_skopeo_pulls_images(served: Served, tmp_path: Path, name: str) -> None:
    skopeo(
        "copy", "--quiet", "--src-tls-verify=false", "--override-os=linux", "--override-arch=amd64",
        f"docker://{served.host}/{name}", f"dir:{tmp_path}/out",
    )  # fmt: skip
    for path in (tmp_path / "out").iterdir():
        if re.fullmatch("[0-9a-f]{64}", path.name):
            assert hashlib.sha256(path.read_bytes()).hexdigest() == path.name


def test_skopeo_reads_tags_and_dockers_own_kind(served: Served) -> None:
    tags = skopeo("list-tags", "--tls-verify=false", f"docker://{served.host}/quay.io/acme/db")
    assert json.loads(tags)["Tags"] == ["2.0"]
    status, headers, body = served.get("/v2/localhost:5000/old/manifests/3")
    old = served.images.images[2]
    assert (status, headers["Content-Type"]) == (200, old.media_type)
    assert headers["Docker-Content-Digest"] == str(old.digest) == str(Digest.of(body))


def test_a_mirror_is_asked_with_the_registrys_name(served: Served) -> None:
    """containerd's way: /v2/acme/db/…?ns=quay.io."""
    status, headers, _ = served.get("/v2/acme/db/manifests/2.0?ns=quay.io", "HEAD")
    assert (status, headers["Docker-Content-Digest"]) == (200, str(served.images.images[1].digest))
    assert served.get("/v2/acme/db/manifests/2.0?ns=docker.io")[0] == 404


def test_helm_pulls_the_chart(served: Served, tmp_path: Path) -> None:
    """From the chart repository, and as an artifact."""
    entries = json.loads(served.get("/charts/index.yaml")[2])["entries"]
    packed = served.get("/charts/" + entries["web"][0]["urls"][0])[2]
    assert hashlib.sha256(packed).hexdigest() == entries["web"][0]["digest"]
    for name, where in (
        (f"oci://{served.host}/charts/web", {"plain_http": True}),
        ("web", {"repo_url": f"http://{served.host}/charts"}),
    ):
        folder = tmp_path / name[:3]
        folder.mkdir()
        ended = subprocess.run(
            [sys.executable, "-c", HELM, name, json.dumps({"destination": str(folder), **where})],
            capture_output=True, text=True, timeout=60, check=False,
            env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
        )  # fmt: skip
        assert ended.returncode == 0, ended.stderr
        assert (folder / "web-1.2.3.tgz").read_bytes() == packed


def test_apt_installs_from_it(served: Served, tmp_path: Path) -> None:
    """apt reads the lists and fetches the package, and checks both digests."""
    for folder in ("lists/partial", "cache/archives/partial", "etc"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "status").touch()
    (tmp_path / "sources.list").write_text(
        f"deb [trusted=yes] http://{served.host}/packages/debian-test ./\n"
    )
    options = [
        f"Dir::State::Lists={tmp_path}/lists", f"Dir::Cache={tmp_path}/cache",
        f"Dir::State::status={tmp_path}/status",
        f"Dir::Etc::sourcelist={tmp_path}/sources.list", f"Dir::Etc::Parts={tmp_path}/etc",
        f"Dir::Etc::main={tmp_path}/none",
        f"Dir::Etc::sourceparts={tmp_path}/etc", "APT::Sandbox::User=root", "Acquire::http::Proxy=false",
    ]  # fmt: skip
    words = [word for option in options for word in ("-o", option)]
    for command in (["update"], ["download", "tiny"]):
        ended = subprocess.run(
            ["apt-get", *words, *command],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr
    assert (tmp_path / "tiny_1_all.deb").is_file()


@pytest.mark.skipif(bool(rpm_kit.missing("dnf")), reason=rpm_kit.missing("dnf") or "all there")
def test_dnf_installs_from_it(served: Served, tmp_path: Path) -> None:
    """dnf reads the metadata and fetches the package, and checks both digests."""
    ended = subprocess.run(
        [
            *("dnf", "-y", "--noplugins", f"--installroot={tmp_path}/root", "--releasever=9"),
            *(f"--setopt=cachedir={tmp_path}/cache", "--setopt=reposdir=/dev/null", "--nogpgcheck"),
            *("--repofrompath", f"bundle,http://{served.host}/packages/rhel-test"),
            *("install", "--downloadonly", f"--downloaddir={tmp_path}/got", "small"),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert (tmp_path / "got/small-1.0-1.el9.noarch.rpm").is_file()


@pytest.mark.parametrize(
    ("path", "data"), [("files/packed.gz", PACKED), ("files/plain", PLAIN), ("files/none", b"")]
)
def test_files_come_whole_or_in_ranges(served: Served, path: str, data: bytes) -> None:
    status, headers, body = served.get(f"/{path}")
    assert (status, body) == (200, data)
    assert served.get(f"/{path}", "HEAD")[1]["Content-Length"] == str(len(data))
    assert served.get(f"/{path}", If_None_Match=headers["ETag"])[0] == 304
    size = len(data)
    for asked, start, stop in (
        ("0-0", 0, 1), ("131071-131072", 131071, 131073), ("131072-400000", 131072, 400001),
        ("5-", 5, size), ("-7", size - 7, size), (f"9-{10**17}", 9, size),
    ):  # fmt: skip
        status, headers, body = served.get(f"/{path}", Range=f"bytes={asked}")
        if start >= size or size == 0:
            assert status == 416
            continue
        assert (status, body) == (206, data[start : min(stop, size)]), asked
        assert headers["Content-Range"] == f"bytes {start}-{min(stop, size) - 1}/{size}"
    assert served.get(f"/{path}", Range=f"bytes={size}-")[0] == 416
    for passed_over in ("bytes=0-1,3-4", "lines=1-2", "bytes=-", "bytes=x-"):
        assert served.get(f"/{path}", Range=passed_over)[0] == 200


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/v2/", 200), ("/", 200), ("/files/", 200), ("/v2/_catalog", 200), ("/v2/_catalog?n=1", 200),
        ("/v2/quay.io/acme/db/tags/list?n=x&last=2", 200), ("/files", 200),
        ("/v2/quay.io/acme/db/tags/other", 404), ("/v2/none/manifests/1", 404),
        ("/v2/quay.io/acme/db/manifests/9", 404),
        ("/v2/quay.io/acme/db/blobs/sha256:00", 404), ("/v2/quay.io/acme/db/blobs/uploads/", 404),
        ("/../../etc/passwd", 404), ("/files/../../etc/passwd", 404), ("/%2e%2e/%2e%2e/etc/passwd", 404),
        ("/nothing", 404),
        ("/v2/" + "a/" * 500, 404), ("/files/none/", 404),
    ],
)  # fmt: skip
def test_addresses(served: Served, target: str, status: int) -> None:
    assert served.get(target)[0] == status


def test_a_long_catalogue_comes_in_pages(served: Served) -> None:
    target, names = "/v2/_catalog?n=2", []
    for _ in range(9):
        _, headers, body = served.get(target)
        names += json.loads(body)["repositories"]
        if "Link" not in headers:
            break
        target = headers["Link"].removeprefix("<").partition(">")[0]
    images = {image.name.rpartition(":")[0].replace(":", "__") for image in served.images.images}
    assert names == sorted({*images, "charts/web"})


def test_what_refers_to_an_image_is_listed(served: Served) -> None:
    signed, other = (image.digest for image in served.images.images[:2])
    place = "/v2/docker.io/library/web/referrers"
    (one,) = json.loads(served.get(f"{place}/{signed}")[2])["manifests"]
    assert (one["artifactType"], one["annotations"]) == ("application/x-attestation", {"made": "here"})
    _, headers, body = served.get(f"{place}/{signed}?artifactType=application/x-other")
    assert (json.loads(body)["manifests"], headers["OCI-Filters-Applied"]) == ([], "artifactType")
    empty = json.loads(served.get(f"{place}/{other}")[2])
    assert (empty["manifests"], empty["mediaType"]) == ([], "application/vnd.oci.image.index.v1+json")


def test_signatures_are_served_to_skopeo(served: Served, tmp_path: Path) -> None:
    tag = f"sha256-{served.images.images[0].digest.hex}"
    name = f"{served.host}/docker.io/library/web"
    for ending in (".sig", ""):
        told = skopeo("inspect", "--raw", "--tls-verify=false", f"docker://{name}:{tag}{ending}").encode()
        assert Digest.of(told) in served.images.blobs
    (one,) = json.loads(told)["manifests"]
    skopeo(
        "copy", "--quiet", "--src-tls-verify=false", f"docker://{name}@{one['digest']}", f"dir:{tmp_path}/att"
    )  # fmt: skip
    assert Digest.of((tmp_path / "att/manifest.json").read_bytes()) == Digest.parse(one["digest"])


@pytest.mark.parametrize("method", ["PUT", "POST", "DELETE", "PATCH", "X"])
def test_nothing_can_be_written(served: Served, method: str) -> None:
    assert served.get("/v2/docker.io/library/web/manifests/1", method)[0] == 501


def test_the_images_of_another_repository_stay_there(served: Served) -> None:
    config = served.images.images[0].blobs[0]
    assert served.get(f"/v2/docker.io/library/web/blobs/{config}")[0] == 200
    assert served.get(f"/v2/quay.io/acme/db/blobs/{config}")[0] == 404


def test_clients_that_say_nothing_keep_nobody_waiting(served: Served) -> None:
    host, _, port = served.host.partition(":")
    with contextlib.ExitStack() as silent:
        for _ in range(60):
            silent.enter_context(socket.create_connection((host, int(port)), 5))
        began = time.monotonic()
        assert served.get("/v2/")[0] == 200
        assert time.monotonic() - began < 5


def test_many_pull_at_once(served: Served) -> None:
    largest = max(served.images.blobs.values(), key=len)
    target = f"/v2/docker.io/library/web/blobs/{Digest.of(largest)}"
    code = (
        f"import http.client as h, hashlib; c = h.HTTPConnection('{served.host}'); "
        f"c.request('GET', '{target}'); "
        "print(hashlib.sha256(c.getresponse().read()).hexdigest())"
    )
    clients = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(8)
    ]
    assert {client.communicate(timeout=60)[0].strip() for client in clients} == {Digest.of(largest).hex}


def test_tls(tmp_path: Path) -> None:
    images = usual()
    write_run(tmp_path / "demo.run", images, {})
    certify(tmp_path / "crt", tmp_path / "key")
    options = ("--tls-cert", str(tmp_path / "crt"), "--tls-key", str(tmp_path / "key"))
    with serving(tmp_path / "demo.run", *options) as host:
        skopeo(
            "copy", "--quiet", f"docker://{host}/docker.io/library/web:1", f"dir:{tmp_path}/out",
            certificate=tmp_path / "crt",
        )  # fmt: skip
        with pytest.raises((OSError, http.client.HTTPException)):
            Served(host, images, tmp_path).get("/v2/")


def test_a_damaged_file_is_cut_off_before_its_end(tmp_path: Path) -> None:
    path = tmp_path / "demo.run"
    write_run(path, usual(), {"files/plain": PLAIN})
    from bundler.core.archive.reader import Bundle  # noqa: PLC0415

    with Bundle.open(path) as bundle:
        member = bundle.member("files/plain")
        place = bundle.seal.section("archive").offset + member.offset + member.length - 30
    with path.open("r+b") as file:
        file.seek(place)
        file.write(bytes(8))
    with serving(path) as host, pytest.raises(http.client.IncompleteRead):
        Served(host, usual(), path).get("/files/plain")


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (["--listen", "5000"], ExitCode.USAGE), (["--listen", "127.0.0.1:99999"], ExitCode.USAGE),
        (["--listen", "192.0.2.1:5000"], ExitCode.USAGE), (["--tls-cert", "x"], ExitCode.USAGE),
        (["--tls-cert", "/nonexistent", "--tls-key", "/nonexistent"], ExitCode.INPUT),
    ],
)  # fmt: skip
def test_wrong_use(
    served: Served, monkeypatch: pytest.MonkeyPatch, options: list[str], code: ExitCode
) -> None:
    monkeypatch.setenv("BUNDLER_RUN_FILE", str(served.path))
    assert main(["serve", "--allow-unsigned", *options]) == code

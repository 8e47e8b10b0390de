"""A small Debian of our own on loopback: packages by dpkg-deb, indexes signed by gpg, served over HTTP."""

import contextlib
import functools
import gzip
import hashlib
import http.server
import shutil
import subprocess
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

_TOOLS = ("apt-get", "apt-cache", "dpkg-deb", "gpg", "gpgv")


def missing() -> str:
    """What this machine lacks for these tests, "" when it has all."""
    lacks = [tool for tool in _TOOLS if shutil.which(tool) is None]
    return f"not installed: {', '.join(lacks)}" if lacks else ""


@dataclass(frozen=True)
class Package:
    name: str
    version: str = "1.0"
    depends: str = ""
    provides: str = ""
    recommends: str = ""
    architecture: str = "amd64"
    essential: bool = False
    required: bool = False

    def control(self) -> str:
        fields = {
            "Package": self.name,
            "Version": self.version,
            "Architecture": self.architecture,
            "Maintainer": "Test <test@example.org>",
            "Priority": "required" if self.required else "optional",
            "Essential": "yes" if self.essential else "",
            "Depends": self.depends,
            "Provides": self.provides,
            "Recommends": self.recommends,
            "Description": f"{self.name} of a test",
        }
        return "".join(f"{key}: {value}\n" for key, value in fields.items() if value)


# What every machine has; enough of it for a solver.
MINIMAL = (
    Package("libc6", "2.36-9+deb12u4"),
    Package("base-files", "12", essential=True, required=True),
    Package("dpkg", "1.21", "libc6", essential=True, required=True),
    Package("apt", "2.6", "libc6"),
    Package("libtinfo6", "6.4-4", "libc6"),
    Package("bash", "5.2", "libc6, libtinfo6", essential=True, required=True),
)


@dataclass
class Mirror:
    """A running mirror: `uri` is what sources.list would say; `requests` are the paths asked for."""

    uri: str
    keyring: Path
    root: Path
    requests: list[str] = field(default_factory=list)


@contextlib.contextmanager
def mirror(folder: Path, suites: dict[str, Sequence[Package]]) -> Iterator[Mirror]:
    """Make and serve a mirror; a suite is a codename with its packages."""
    root, home = folder / "www" / "debian", folder / "gnupg"
    home.mkdir(parents=True, mode=0o700)
    keyring = _key(home, folder / "keyring.gpg")
    for codename, packages in suites.items():
        _suite(root, codename, packages, home, folder / "build" / codename)
    subprocess.run(["gpgconf", "--homedir", home, "--kill", "gpg-agent"], check=False, timeout=60)
    with _serving(root.parent) as (port, requests):
        yield Mirror(f"http://127.0.0.1:{port}/debian", keyring, root, requests)


def _gpg(home: Path, *words: str | Path) -> None:
    subprocess.run(["gpg", "--homedir", home, "--batch", "--yes", "--quiet", *words], check=True, timeout=60)


def _key(home: Path, keyring: Path) -> Path:
    _gpg(home, "--passphrase", "", "--quick-gen-key", "test <test@example.org>", "ed25519", "sign", "never")
    _gpg(home, "--output", keyring, "--export")
    return keyring


def _suite(root: Path, codename: str, packages: Sequence[Package], home: Path, build: Path) -> None:
    stanzas = [(package.architecture, _deb(root, package, build)) for package in packages]
    architectures = sorted({each for each, _ in stanzas} - {"all"})
    dists = root / "dists" / codename
    files = {}
    for own in architectures:
        index = "\n".join(text for of, text in stanzas if of in {own, "all"}).encode()
        files[f"main/binary-{own}/Packages"] = index
        files[f"main/binary-{own}/Packages.gz"] = gzip.compress(index, mtime=0)
    for name, data in files.items():
        (dists / name).parent.mkdir(parents=True, exist_ok=True)
        (dists / name).write_bytes(data)
    sums = "".join(
        f" {hashlib.sha256(data).hexdigest()} {len(data)} {name}\n" for name, data in files.items()
    )
    (dists / "Release").write_text(
        f"Origin: Test\nLabel: Test\nSuite: stable\nCodename: {codename}\n"
        f"Date: Thu, 01 Jan 2026 00:00:00 UTC\n"
        f"Architectures: {' '.join(architectures)}\nComponents: main\nSHA256:\n{sums}"
    )
    _gpg(home, "--clearsign", "-o", dists / "InRelease", dists / "Release")


def _deb(root: Path, package: Package, build: Path) -> str:
    """Build one package into the pool; gives its stanza of the index."""
    tree = build / f"{package.name}_{package.architecture}"
    (tree / "DEBIAN").mkdir(parents=True)
    (tree / "DEBIAN" / "control").write_text(package.control())
    share = tree / "usr" / "share" / package.name
    share.mkdir(parents=True)
    (share / "content").write_text(package.name * 100)
    version = package.version.rpartition(":")[2]
    path = root / "pool" / f"{package.name}_{version}_{package.architecture}.deb"
    path.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(
        ["dpkg-deb", "--root-owner-group", "-b", tree, path], check=True, capture_output=True, timeout=60
    )
    data = path.read_bytes()
    place = (
        f"Filename: {path.relative_to(root)}\nSize: {len(data)}\nSHA256: {hashlib.sha256(data).hexdigest()}\n"
    )
    return package.control() + place


@contextlib.contextmanager
def _serving(root: Path) -> Iterator[tuple[int, list[str]]]:
    requests: list[str] = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def do_GET(self) -> None:
            requests.append(self.path)
            super().do_GET()

        def log_message(self, *_: object) -> None:
            pass

    httpd = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(root)))
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield httpd.server_address[1], requests
    finally:
        httpd.shutdown()
        httpd.server_close()
        thread.join(10)

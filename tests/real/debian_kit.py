"""A small Debian of our own on loopback: packages by dpkg-deb, indexes signed by gpg, served over HTTP."""

import contextlib
import gzip
import hashlib
import itertools
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.real.mirror_kit import Key, serving, signing_key

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
    component: str = "main"

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
def mirror(folder: Path, suites: Mapping[str, Sequence[Package]], name: str = "debian") -> Iterator[Mirror]:
    """Make and serve a mirror; a suite is a codename with its packages. name: the folder it has."""
    folder.mkdir(parents=True, exist_ok=True)
    root = folder / "www" / name
    with signing_key(folder) as key:
        for codename, packages in suites.items():
            _suite(root, codename, packages, key, folder / "build" / codename)
    with serving(root.parent) as (port, requests):
        yield Mirror(f"http://127.0.0.1:{port}/{name}", folder / "keyring.gpg", root, requests)


def _suite(root: Path, codename: str, packages: Sequence[Package], key: Key, build: Path) -> None:
    """One index for every component and architecture that there are packages of; `all` is in each."""
    dists = root / "dists" / codename
    components = sorted({"main", *(package.component for package in packages)})
    architectures = sorted({package.architecture for package in packages} - {"all"}) or ["amd64"]
    stanzas = [(package, _deb(root, package, build)) for package in packages]
    files: dict[str, bytes] = {}
    for component, architecture in itertools.product(components, architectures):
        index = "\n".join(
            stanza
            for package, stanza in stanzas
            if package.component == component and package.architecture in {architecture, "all"}
        ).encode()
        name = f"{component}/binary-{architecture}/Packages"
        files |= {name: index, f"{name}.gz": gzip.compress(index, mtime=0)}
    for name, data in files.items():
        (dists / name).parent.mkdir(parents=True, exist_ok=True)
        (dists / name).write_bytes(data)
    sums = "".join(
        f" {hashlib.sha256(data).hexdigest()} {len(data)} {name}\n" for name, data in files.items()
    )
    (dists / "Release").write_text(
        f"Origin: Test\nLabel: Test\nSuite: stable\nCodename: {codename}\n"
        f"Date: Thu, 01 Jan 2026 00:00:00 UTC\n"
        f"Architectures: {' '.join(architectures)}\nComponents: {' '.join(components)}\nSHA256:\n{sums}"
    )
    key.gpg("--clearsign", "-o", dists / "InRelease", dists / "Release")


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

"""rpm repositories of our own on loopback: packages by rpmbuild, metadata by createrepo_c, signed by gpg."""

import contextlib
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.real.mirror_kit import Key, serving, signing_key

_TOOLS = ("rpmbuild", "rpm", "rpmkeys", "rpmsign", "createrepo_c", "gpg", "gpgv")


def missing(*also: str) -> str:
    """What this machine lacks for these tests, "" when it has all."""
    lacks = [tool for tool in (*_TOOLS, *also) if shutil.which(tool) is None]
    return f"not installed: {', '.join(lacks)}" if lacks else ""


@dataclass(frozen=True)
class Rpm:
    """A package; `files` are made with its name in them. Texts are as a spec file has them."""

    name: str
    version: str = "1.0"
    release: str = "1.el9"
    epoch: int = 0
    requires: str = ""
    provides: str = ""
    conflicts: str = ""
    recommends: str = ""
    architecture: str = "noarch"
    files: tuple[str, ...] = ()
    modular: str = ""

    @property
    def file(self) -> str:
        return f"{self.name}-{self.version}-{self.release}.{self.architecture}.rpm"

    def spec(self) -> str:
        head = {
            "Name": self.name,
            "Version": self.version,
            "Release": self.release,
            "Epoch": str(self.epoch) if self.epoch else "",
            "Summary": f"{self.name} of a test",
            "License": "MIT and GPLv2+",
            "BuildArch": "noarch" if self.architecture == "noarch" else "",
            "ModularityLabel": self.modular,
            "Requires": self.requires,
            "Provides": self.provides,
            "Conflicts": self.conflicts,
            "Recommends": self.recommends,
        }
        lines = [f"{key}: {value}" for key, value in head.items() if value]
        lines += ["%description", f"{self.name} of a test", "%install"]
        for each in self.files:
            lines.append(f"mkdir -p %{{buildroot}}$(dirname {each}); echo {self.name} > %{{buildroot}}{each}")
        return "\n".join([*lines, "%files", *self.files, ""])


# What every machine has; enough of it for a solver, and for a root that a test installs.
MINIMAL = (
    Rpm("filesystem", "3.16", "5.el9"),
    Rpm("glibc", "2.34", "100.el9", requires="filesystem", provides="libc.so.6(GLIBC_2.34)(64bit)"),
    Rpm(
        "openssl-libs",
        "3.2.2",
        "6.el9",
        epoch=1,
        requires="glibc",
        provides="libcrypto.so.3(OPENSSL_3.2.0)(64bit)",
    ),
    Rpm("bash", "5.1.8", "9.el9", requires="glibc", files=("/usr/share/bash/bash",)),
    Rpm("systemd", "252", "51.el9", requires="bash, openssl-libs"),
    Rpm("rpm", "4.16.1.3", "37.el9", requires="bash"),
    Rpm("dnf", "4.14.0", "25.el9", requires="rpm, bash"),
    Rpm("redhat-release", "9.6", "0.1.el9", provides="system-release = 9.6-0.1.el9"),
)


@dataclass
class Repositories:
    """Running repositories by name; `file`: a .repo of them; `requests`: the paths that were asked for."""

    root: Path
    uri: str
    key: Key
    armoured: Path
    requests: list[str] = field(default_factory=list)

    def repo_file(self, path: Path, *names: str, more: str = "", gpgkey: Path | None = None) -> Path:
        """Write a .repo of these repositories; `more`: lines for each section."""
        key = gpgkey or self.armoured
        sections = [
            f"[{name}]\nbaseurl={self.uri}/{name}/$basearch\ngpgkey={key}\n{more}\n" for name in names
        ]
        path.write_text("\n".join(sections))
        return path


@contextlib.contextmanager
def repositories(
    folder: Path,
    content: Mapping[str, Sequence[Rpm]],
    *,
    signed: bool = True,
    signed_packages: bool = False,
    modules: str = "",
) -> Iterator[Repositories]:
    """Make and serve repositories, each `NAME/x86_64`. signed: repomd.xml; modules: a modules.yaml."""
    folder.mkdir(parents=True, exist_ok=True)
    armoured, root = folder / "RPM-GPG-KEY-test", folder / "www"
    with signing_key(folder) as key:
        armoured.write_bytes(key.gpg("--armor", "--export"))
        for name, packages in content.items():
            make_repository(root / name / "x86_64", packages, folder / "build")
            if signed_packages:
                sign_packages(root / name / "x86_64", key)
            index(root / name / "x86_64", key if signed else None, modules)
        with serving(root) as (port, requests):
            yield Repositories(root, f"http://127.0.0.1:{port}", key, armoured, requests)


def make_repository(folder: Path, packages: Sequence[Rpm], build: Path) -> None:
    """Build packages into `Packages/` below the folder."""
    target = folder / "Packages"
    target.mkdir(parents=True)
    for package in packages:
        spec = build / "specs" / f"{package.file}.spec"
        spec.parent.mkdir(parents=True, exist_ok=True)
        spec.write_text(package.spec())
        arch = [] if package.architecture == "noarch" else ["--target", package.architecture]
        _run("rpmbuild", "-bb", "--quiet", *arch, "--define", f"_topdir {build}", spec)
        shutil.copy(build / "RPMS" / package.architecture / package.file, target)


def sign_packages(folder: Path, key: Key) -> None:
    defines = {"_gpg_name": "test@example.org", "_gpg_path": key.home, "__gpg": shutil.which("gpg")}
    words = [word for name, value in defines.items() for word in ("--define", f"{name} {value}")]
    _run("rpmsign", *words, "--addsign", *sorted(folder.glob("Packages/*.rpm")))


def index(folder: Path, key: Key | None, modules: str = "") -> None:
    """Make the metadata anew, and sign it."""
    shutil.rmtree(folder / "repodata", ignore_errors=True)
    _run("createrepo_c", "--quiet", "--no-database", folder)
    if modules:
        (folder.parent / "modules.yaml").write_text(modules)
        _run("modifyrepo_c", "--mdtype=modules", folder.parent / "modules.yaml", folder / "repodata")
    if key is not None:
        key.gpg(
            *("--armor", "--detach-sign", "-o"),
            *(folder / "repodata/repomd.xml.asc", folder / "repodata/repomd.xml"),
        )


def _run(*argv: str | Path) -> None:
    done = subprocess.run([*map(str, argv)], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr

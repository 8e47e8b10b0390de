"""What is frozen into the installer, and its licences: put into the frozen folder, as its makers wrote them.

`_internal/notices/deb/NAME/` has the entry of a Debian package in dpkg's database (`status`) and its
`copyright`, `_internal/notices/pypi/NAME/` the METADATA of a wheel and its licence texts,
`_internal/notices/linked.json` the libraries that are linked into wheels, `crates.json` the Rust crates. The
bill of materials is read from there, and `--licences` prints it.
"""

import importlib.metadata
import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from bundler.builder.runtime.crates import crates_json

FOLDER: Final = "notices"

_DOC: Final = Path("/usr/share/doc")
_TEXT: Final = re.compile(r"(licen[cs]e|copying|notice|authors)[^/]*", re.IGNORECASE)
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9+._-]*", re.IGNORECASE)
_TIMEOUT: Final = 60  # seconds; dpkg-query takes one


def write_notices(inputs: Iterable[Path], internal: Path) -> None:
    """Write `internal/notices` for the files of this machine that were frozen."""
    folder = internal / FOLDER
    paths = tuple(inputs)
    for name in _debian_packages(paths):
        _add_debian(name, folder / "deb" / name)
    wheels = _distributions(paths)
    for distribution in wheels:
        _add_distribution(distribution, folder / "pypi" / distribution.name.lower())
    (folder / "crates.json").write_text(crates_json(wheels), encoding="utf-8")
    with suppress(OSError):  # names the distribution in package URLs
        shutil.copyfile("/etc/os-release", folder / "os-release")
    (folder / "linked.json").write_text(json.dumps(dict(_linked()), sort_keys=True), encoding="utf-8")


def _debian_packages(paths: Iterable[Path]) -> list[str]:
    """The packages that own the files; nothing where there is no dpkg."""
    names = {form for path in paths for each in (path, Path(os.path.realpath(path))) for form in _forms(each)}
    found: set[str] = set()
    for line in _dpkg("--search", *sorted(names)).splitlines():
        packages, colon, _ = line.partition(": ")
        if colon and not line.startswith("diversion "):
            found |= {package.partition(":")[0] for package in packages.split(", ")}
    return sorted(name for name in found if _NAME.fullmatch(name))


def _forms(path: Path) -> Iterator[str]:
    """A path as dpkg may know it: /lib and /usr/lib are one folder, and packages name either."""
    text = str(path)
    if text.startswith(("/usr/", "/lib", "/bin/", "/sbin/")):
        yield text
        yield text.removeprefix("/usr") if text.startswith("/usr/") else f"/usr{text}"


def _dpkg(*words: str) -> str:
    """What dpkg-query says. It fails where a file belongs to no package, but still names the others."""
    try:
        done = subprocess.run(
            ["dpkg-query", *words], capture_output=True, text=True, timeout=_TIMEOUT, check=False,
            env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8"},
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout


def _add_debian(name: str, folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "status").write_text(_dpkg("--status", name), encoding="utf-8")
    with suppress(OSError):  # a package may have none; the bill then states no licence
        shutil.copyfile(_DOC / name / "copyright", folder / "copyright")


def _distributions(paths: Iterable[Path]) -> list[importlib.metadata.Distribution]:
    """The Python packages that own the files, and PyInstaller, whose loader starts the program."""
    frozen = set(paths)
    found = {
        each.name: each
        for each in importlib.metadata.distributions()
        if each.name.lower() == "pyinstaller" or _owns(each, frozen)
    }
    found.pop("bundler", None)
    return [found[name] for name in sorted(found)]


def _owns(distribution: importlib.metadata.Distribution, frozen: set[Path]) -> bool:
    return any(Path(str(file.locate())) in frozen for file in distribution.files or ())


def _add_distribution(distribution: importlib.metadata.Distribution, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "METADATA").write_text(distribution.read_text("METADATA") or "", encoding="utf-8")
    texts = (
        file for file in distribution.files or () if ".dist-info" in str(file) and _TEXT.fullmatch(file.name)
    )
    for number, file in enumerate(sorted(texts, key=str)):
        shutil.copyfile(Path(str(file.locate())), folder / f"{number:02}-{file.name}")


def _linked() -> Iterator[tuple[str, dict[str, str]]]:
    """Libraries inside of wheels: no package manager knows them, they tell their versions themselves."""
    for name, (within, licence, version) in _LIBRARIES.items():
        with suppress(ImportError, AttributeError, IndexError):
            yield name, {"version": version(), "within": within, "licence": licence}


def _openssl() -> str:
    from cryptography.hazmat.backends.openssl import backend  # noqa: PLC0415  (asked once a freeze)

    return backend.openssl_version_text().split()[1]


def _zstd() -> str:
    import zstandard  # noqa: PLC0415  (as above)

    return ".".join(map(str, zstandard.ZSTD_VERSION))


def _libyaml() -> str:
    from yaml import _yaml  # noqa: PLC0415  (as above)

    return str(_yaml.get_version_string())


_LIBRARIES: Final[dict[str, tuple[str, str, Callable[[], str]]]] = {
    "openssl": ("cryptography", "Apache-2.0", _openssl),
    "zstd": ("zstandard", "BSD-3-Clause", _zstd),
    "libyaml": ("pyyaml", "MIT", _libyaml),
}

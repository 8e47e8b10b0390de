"""Freezing the installer: a .tar.gz that starts on any glibc, or none (docs/adr/0007-own-loader-and-libc.md).

PyInstaller makes a folder; the build machine's loader and C library are put beside it, and all is packed so
that the same sources and versions give the same bytes, wherever they lie. It is kept under a key of these.
"""

import gzip
import hashlib
import importlib.metadata
import os
import platform as machine
import shutil
import ssl
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from bundler.builder.cache.disk import need
from bundler.builder.runtime.elf import interpreter
from bundler.builder.runtime.resources import code_root, resource
from bundler.core.digest import read_chunks
from bundler.core.errors import BundlerError, ExitCode

__all__ = ["freeze", "helm_library", "stub_template"]

LAYOUT = 2  # part of the key: raised when what is done here to the folder changes

_TIMEOUT = 900  # seconds; it takes about 20
_ROOM = 160 << 20  # bytes on the cache's disk; it takes about 112 MiB
_EPOCH = "315532800"  # 1980-01-01, the first moment that a zip file can name

# The C library is several files; newer versions of glibc have fewer.
_LIBC = (
    "libc.so.6",
    "libm.so.6",
    "libdl.so.2",
    "libpthread.so.0",
    "librt.so.1",
    "libutil.so.1",
    "libresolv.so.2",
    "libnss_files.so.2",
    "libnss_dns.so.2",
)

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def freeze(
    platform: str,
    cache_dir: Path,
    *,
    entry: Path | None = None,
    log: Callable[[str], None] = lambda _line: None,
) -> Path:
    """The runtime for `linux/ARCH`: a .tar.gz whose `start` starts it; made now or found in `cache_dir`.

    entry: the script that the program starts with, stubs/entry.py unless named. log: PyInstaller's lines.
    Raises BundlerError: UNSUPPORTED when this machine can't freeze for `platform` or lacks what PyInstaller
    needs, SPACE when the cache's disk is too full, BUG when PyInstaller fails.
    """
    _check_platform(platform)
    _check_python()
    script = entry or resource("stubs") / "entry.py"
    folder = cache_dir.absolute() / "runtime"
    target = folder / f"{_key(platform, script)}.tar.gz"
    if target.is_file():
        return target
    folder.mkdir(parents=True, exist_ok=True)
    _sweep(folder)
    need(folder, "freezing the installer", _ROOM)
    with tempfile.TemporaryDirectory(prefix=".work.", dir=folder) as work:
        app = _build(script, Path(work), log)
        _add_libc(app / "_internal")
        shutil.copy(resource("stubs") / "start.sh", app / "start")
        (app / "start").chmod(0o755)
        _sort_zip(app / "_internal" / "base_library.zip")
        packed = Path(work) / "runtime.tar.gz"
        pack(app, packed)
        packed.replace(target)
    return target


def stub_template() -> str:
    """The text of the shell head, for BundleWriter."""
    return (resource("stubs") / "head.sh").read_text(encoding="utf-8")


def helm_library() -> Path:
    """The shared library of the installed helm-python-sdk.

    It travels as the member `runtime/helm/libhelm_c.so` of a bundle with charts; on site the environment
    variable HELM_C_LIB names it to `helm_python`.
    Raises BundlerError (UNSUPPORTED) when the SDK isn't installed.
    """
    try:
        files = importlib.metadata.files("helm-python-sdk") or []
    except importlib.metadata.PackageNotFoundError:
        files = []
    found = sorted(file for file in files if file.name == "libhelm_c.so")
    if not found:
        raise BundlerError(
            "Helm's library is not installed",
            code=ExitCode.UNSUPPORTED,
            fix="install the Python package helm-python-sdk beside bundler",
        )
    return Path(str(found[0].locate()))


def pack(app: Path, target: Path) -> None:
    """Pack a folder as .tar.gz that depends on names, contents and executable bits only."""
    with (
        target.open("wb") as raw,
        gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w|", format=tarfile.GNU_FORMAT) as tar,
    ):
        for path in sorted(app.rglob("*"), key=lambda path: path.relative_to(app).parts):
            _add(tar, path, str(path.relative_to(app)))


def _add(tar: tarfile.TarFile, path: Path, name: str) -> None:
    info = tar.gettarinfo(path, name)
    info.uid = info.gid = 0
    info.uname = info.gname = "root"
    info.mtime = 0
    info.mode = 0o755 if info.isdir() or info.mode & 0o100 else 0o644
    if info.islnk():  # two names of one file: tar says so only from the second on, and order decides
        info.type, info.linkname, info.size = tarfile.REGTYPE, "", path.stat().st_size
    if not info.isreg():
        tar.addfile(info)
        return
    with path.open("rb") as content:
        tar.addfile(info, content)


def _sweep(folder: Path) -> None:
    """Remove what freezes that were killed have left; none that is under way is as old."""
    for path in folder.glob(".work.*"):
        if time.time() - path.stat().st_mtime > 4 * _TIMEOUT:
            shutil.rmtree(path, ignore_errors=True)


def this_platform() -> str:
    """What installers frozen on this machine are for: `linux/amd64`."""
    return f"linux/{_ARCHITECTURES.get(machine.machine(), machine.machine())}"


def _check_platform(platform: str) -> None:
    here = this_platform()
    if platform != here:
        raise BundlerError(
            f"the installer for {platform} can't be made on this machine, which is {here}",
            code=ExitCode.UNSUPPORTED,
            fix=f"build on a machine that is {platform}, or bring a runtime made there with --runtime FILE",
        )


def _check_python() -> None:
    """PyInstaller needs Python as a shared library, and strip."""
    library = f"libpython{sys.version_info.major}.{sys.version_info.minor}"
    folder = Path(sysconfig.get_config_var("LIBDIR") or "/usr/lib")
    multiarch = folder / (sysconfig.get_config_var("MULTIARCH") or "")
    if not any((place / f"{library}.so.1.0").exists() for place in (folder, multiarch)):
        _lacking(library)
    if shutil.which("strip") is None:
        _lacking("binutils")


def _lacking(package: str) -> None:
    raise BundlerError(
        f"this machine lacks what freezing the installer needs: {package}",
        code=ExitCode.UNSUPPORTED,
        fix=f"apt-get install {package}",
    )


def _build(script: Path, work: Path, log: Callable[[str], None]) -> Path:
    """Run PyInstaller below `work`; the folder it made."""
    command = [sys.executable, "-m", "PyInstaller", "--noconfirm", "--log-level", "WARN"]
    command += ["--distpath", str(work / "dist"), "--workpath", str(work / "build")]
    command.append(str(resource("stubs") / "installer.spec"))
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(work),
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
        "PYTHONPATH": str(code_root()),
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
        "SOURCE_DATE_EPOCH": _EPOCH,
        "PYINSTALLER_CONFIG_DIR": str(work / "config"),
        "BUNDLER_FREEZE_ROOT": str(code_root()),
        "BUNDLER_FREEZE_SITE": str(resource("templates") / "site"),
        "BUNDLER_FREEZE_ENTRY": str(script),
    }
    ended = subprocess.run(
        command, env=environment, cwd=work, capture_output=True, text=True, timeout=_TIMEOUT, check=False
    )
    for line in ended.stderr.splitlines():
        log(line)
    if ended.returncode != 0:
        raise BundlerError(
            "freezing the installer failed",
            why="\n".join(ended.stderr.splitlines()[-20:]),
            code=ExitCode.BUG,
            fix="run it again with -v; if it stays so, report it with this text",
        )
    return work / "dist" / "app"


def _add_libc(internal: Path) -> None:
    """Put this machine's loader and C library beside the program's own libraries."""
    loader = interpreter(Path(sys.executable).resolve())
    shutil.copy(loader.resolve(), internal / loader.name)
    home = _libc_folder()
    for name in _LIBC:
        if (home / name).exists():
            shutil.copy((home / name).resolve(), internal / name)
    for path in (internal / loader.name, *(internal / name for name in _LIBC)):
        if path.exists():
            path.chmod(0o755)


def _sort_zip(path: Path) -> None:
    """Write the zip again in the order of its names; PyInstaller's depends on where the modules lie.

    Not compressed: it starts quicker so, and the whole is packed anyway.
    """
    with zipfile.ZipFile(path) as archive:
        contents = {name: archive.read(name) for name in sorted(archive.namelist())}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, data in contents.items():
            archive.writestr(zipfile.ZipInfo(name), data)


def _libc_folder() -> Path:
    """Where the C library that this very process uses lies."""
    for line in Path("/proc/self/maps").read_text(encoding="utf-8").splitlines():
        path = Path(line.split(maxsplit=5)[-1])
        if path.name == "libc.so.6":
            return path.parent
    raise BundlerError(
        "this Python doesn't use glibc, so it can't be frozen",
        code=ExitCode.UNSUPPORTED,
        fix="build on Debian, with its own /usr/bin/python3",
    )


def _key(platform: str, script: Path) -> str:
    """Everything that the frozen installer's bytes depend on, as one digest."""
    hasher = hashlib.sha256()
    facts = (f"layout {LAYOUT}", platform, sys.version, ssl.OPENSSL_VERSION)
    libc = os.confstr("CS_GNU_LIBC_VERSION")
    for fact in (*facts, str(libc), *_versions()):
        hasher.update(f"{fact}\n".encode())
    for name, path in _sources(script):
        hasher.update(f"{name}\n".encode())
        with path.open("rb") as content:
            for chunk in read_chunks(content):
                hasher.update(chunk)
    return hasher.hexdigest()


def _versions() -> Iterable[str]:
    """Every installed distribution: more than what is frozen, and never less.

    Told by the names of their folders, `NAME-VERSION.dist-info`; reading what is in them takes 20 ms.
    """
    return sorted({path.name for folder in sys.path for path in Path(folder).glob("*-*.*-info")})


def _sources(script: Path) -> Iterator[tuple[str, Path]]:
    """Name and place of each file of ours that goes in or steers what goes in."""
    root = code_root()
    for folder in ("bundler/core", "bundler/installer"):
        for path in sorted((root / folder).rglob("*.py")):
            yield str(path.relative_to(root)), path
    for path in sorted((resource("templates") / "site").rglob("*")):
        if path.is_file():
            yield f"site/{path.name}", path
    yield "spec", resource("stubs") / "installer.spec"
    yield "start", resource("stubs") / "start.sh"
    yield "early", resource("stubs") / "early.py"
    yield "entry", script

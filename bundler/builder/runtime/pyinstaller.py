"""Running PyInstaller: a folder with the frozen program, completed with loader and C library, then packed.

PyInstaller makes a folder; the build machine's loader and C library are put beside it, and all is packed so
that the same sources and versions give the same bytes, wherever they lie.
"""

import gzip
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

from bundler.builder.lib.resources import code_root, resource
from bundler.builder.runtime.elf import interpreter
from bundler.builder.runtime.notices import write_notices
from bundler.core.errors import BundlerError, ExitCode

TIMEOUT = 900  # seconds; it takes about 20
_EPOCH = "315532800"  # 1980-01-01, the first moment that a zip file can name
_INPUTS = "inputs"  # the spec file writes the list of what it froze there

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


def frozen_folder(script: Path, work: Path, log: Callable[[str], None]) -> tuple[Path, tuple[Path, ...]]:
    """Freeze below `work`: the folder to pack, and the files of this machine that went into it.

    script: what the program starts with. log: PyInstaller's lines. Raises BundlerError (BUG, UNSUPPORTED).
    """
    app = _build(script, work, log)
    inputs = (work / _INPUTS).read_text(encoding="utf-8").splitlines()
    added = _add_libc(app / "_internal")
    shutil.copy(resource("stubs") / "start.sh", app / "start")
    (app / "start").chmod(0o755)
    _sort_zip(app / "_internal" / "base_library.zip")
    ours = (str(work), str(code_root() / "bundler"), str(resource("templates")), str(resource("stubs")))
    foreign = {Path(each) for each in inputs if not each.startswith(ours)} | {Path(sys.executable).resolve()}
    taken = tuple(sorted(foreign | set(added)))
    write_notices(taken, app / "_internal")
    return app, taken


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
        "BUNDLER_FREEZE_INPUTS": str(work / _INPUTS),
    }
    ended = subprocess.run(
        command, env=environment, cwd=work, capture_output=True, text=True, timeout=TIMEOUT, check=False
    )
    for line in ended.stderr.splitlines():
        log(line)
    if ended.returncode != 0:
        raise BundlerError(
            "freezing the installer failed",
            why="\n".join(ended.stderr.splitlines()[-20:]),
            code=ExitCode.BUG,
            fix="run it again with -v; if it persists, report it with this text",
        )
    return work / "dist" / "app"


def _add_libc(internal: Path) -> tuple[Path, ...]:
    """Put this machine's loader and C library beside the program's own; the files that were copied."""
    loader = interpreter(Path(sys.executable).resolve())
    home = _libc_folder()
    taken = {loader.name: loader.resolve()}
    taken |= {name: (home / name).resolve() for name in _LIBC if (home / name).exists()}
    for name, path in taken.items():
        shutil.copy(path, internal / name)
        (internal / name).chmod(0o755)
    return tuple(taken.values())


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

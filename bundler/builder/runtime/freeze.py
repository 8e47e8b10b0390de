"""The frozen installer, a .tar.gz that runs on any glibc or none (docs/adr/0007-own-loader-and-libc.md)."""

import contextlib
import importlib.metadata
import os
import platform as machine
import shutil
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path

from bundler.builder.cache.disk import need
from bundler.builder.cache.store import Blob, Store
from bundler.builder.lib.resources import resource
from bundler.builder.runtime.freeze_record import FreezeRecord, FreezeRecords
from bundler.builder.runtime.inputs import build_key, files_digest
from bundler.builder.runtime.pyinstaller import frozen_folder, pack
from bundler.core.errors import BundlerError, ExitCode
from bundler.core.oci import Platform

__all__ = ["freeze", "helm_library", "stub_template"]

_KIND = "installer"  # of the lock that lets one build freeze at a time
_ROOM = 160 << 20  # bytes on the cache's disk; it takes about 112 MiB

# The parts of the shell head, each of which may use those before it; all but the last define names only.
_HEAD = (
    "values",
    "messages",
    "parts",
    "sha256",
    "seal",
    "platforms",
    "folders",
    "lenders",
    "unpack",
    "help",
    "main",
)

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def freeze(
    platform: Platform,
    cache_dir: Path,
    *,
    entry: Path | None = None,
    log: Callable[[str], None] = lambda _line: None,
) -> Path:
    """The runtime for `linux/ARCH`: a .tar.gz whose `start` starts it; made now or found in the cache.

    It lies in the cache as a blob, which is used again only when this machine's own record (freeze_record.py)
    names its digest, its bytes have that digest, and every file that went into it is unchanged.

    cache_dir: the root of the store. entry: the script that the program starts with, stubs/entry.py unless
    named. log: PyInstaller's lines.
    Raises BundlerError: UNSUPPORTED when this machine can't freeze for `platform` or lacks what PyInstaller
    needs, SPACE when the cache's disk is too full, BUG when PyInstaller fails.
    """
    _check_platform(platform)
    _check_python()
    script = entry or resource("stubs") / "entry.py"
    key = build_key(platform, script)
    records = FreezeRecords.of(os.environ)
    with Store(cache_dir) as store, store.alone(_KIND, key):
        found = _found(store, records.recall(key), log)
        blob = found or _made(store, script, key, records, log)
        return _named(store, blob, platform)


def _found(store: Store, record: FreezeRecord | None, log: Callable[[str], None]) -> Blob | None:
    """The installer of an earlier build, verified to the last byte."""
    if record is None or files_digest(record.inputs) != record.inputs_digest:
        return None
    blob = Blob(record.digest, record.size)
    if store.find(blob.digest, blob.size) is None:
        return None
    try:
        for _chunk in store.chunks(blob, name="the frozen installer"):
            pass
    except BundlerError as error:
        log(f"{error.where}: {error.what}; it is made again")
        return None
    return blob


def _made(store: Store, script: Path, key: str, records: FreezeRecords, log: Callable[[str], None]) -> Blob:
    need(store.root, "freezing the installer", _ROOM)
    with store.scratch() as work:
        app, inputs = frozen_folder(script, work, log)
        inputs_digest = files_digest(inputs)
        packed = work / "runtime.tar.gz"
        pack(app, packed)
        blob = store.add_file(packed, name="the frozen installer", synced=True)
    if inputs_digest is not None:  # else a library was replaced meanwhile, and the next build freezes again
        why = records.remember(key, FreezeRecord(blob.digest, blob.size, inputs, inputs_digest))
        if why:
            log(f"the next build freezes the installer again, as this one can't be recorded: {why}")
    return blob


def _named(store: Store, blob: Blob, platform: Platform) -> Path:
    """Where it lies; `runtime/linux-amd64.tar.gz` leads there, for people who carry it to another machine."""
    path = store.path(blob.digest)
    link = store.root / "runtime" / f"{str(platform).replace('/', '-')}.tar.gz"
    new = link.with_name(f".{link.name}.{os.getpid()}")
    with contextlib.suppress(OSError):  # nothing reads it
        link.parent.mkdir(exist_ok=True)
        new.unlink(missing_ok=True)
        new.symlink_to(path)
        new.replace(link)
    return path


def stub_template() -> str:
    """The text of the shell head, for BundleWriter: its parts of one job each, joined."""
    folder = resource("stubs") / "head"
    return "\n".join((folder / f"{name}.sh").read_text(encoding="utf-8") for name in _HEAD)


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


def this_platform() -> Platform:
    """What installers frozen on this machine are for: `linux/amd64`."""
    return Platform("linux", _ARCHITECTURES.get(machine.machine(), machine.machine()))


def _check_platform(platform: Platform) -> None:
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

"""Kustomize folders, built as `kubectl apply -k` would build them on site: by kubectl, without a network.

The bundle's own kubectl does it where it runs on this machine, else this machine's kubectl or kustomize.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from bundler.builder.cache.store import Store
from bundler.builder.tree.tree import File, Tree
from bundler.core.errors import BundlerError, ExitCode

MARKS = ("kustomization.yaml", "kustomization.yml", "Kustomization")
_BUNDLED = "bin/kubectl"
_SOURCES = Path(__file__).resolve().parents[3]  # where `bundler` is imported from
_TIMEOUT = 120.0  # seconds
_CANNOT_RUN = 126  # as a shell says it
_MAX_BUILT = 64 << 20  # bytes
_MAX_TOLD = 1500  # characters


def is_kustomization(files: Tree, folder: str = "") -> bool:
    """Whether a folder of a tree is one that Kustomize builds."""
    return any(f"{folder}/{mark}".lstrip("/") in files.entries for mark in MARKS)


def built(folder: Path, readable: Path, tree: Tree, store: Store, where: object) -> bytes:
    """The manifests of a folder. readable: all that it may refer to lies there. tree: may hold a kubectl.

    Raises BundlerError (INPUT) with Kustomize's own words, (UNSUPPORTED) where nothing here can build it.
    """
    with store.scratch() as scratch:
        for program, words in _tools(tree, store, scratch):
            done = _run([str(program), *words, str(folder)], (readable, program), scratch, where)
            if done.returncode == _CANNOT_RUN:
                continue  # for another kind of machine
            if done.returncode != 0 or len(done.stdout) > _MAX_BUILT:
                why = done.stderr.decode(errors="replace").strip()[-_MAX_TOLD:] or "it writes too much"
                fix = "try it with `kubectl kustomize`; what lies on the network must be in the build context"
                raise BundlerError(
                    "Kustomize can't build it", where=where, why=why, fix=fix, code=ExitCode.INPUT
                )
            return done.stdout
    raise BundlerError(
        "this is a Kustomize folder, and nothing here can build it",
        where=where,
        why="neither the bundle nor this machine has a kubectl that runs here",
        fix="install kubectl, or write the result out: kubectl kustomize FOLDER > app.yaml, and APP that",
        code=ExitCode.UNSUPPORTED,
    )


def _tools(tree: Tree, store: Store, scratch: Path) -> Iterator[tuple[Path, tuple[str, ...]]]:
    entry = tree.entries.get(_BUNDLED)
    if isinstance(entry, File):
        own = scratch / "kubectl"
        shutil.copyfile(store.path(entry.digest), own)
        own.chmod(0o755)
        yield own, ("kustomize",)
    for name, words in (("kubectl", ("kustomize",)), ("kustomize", ("build",))):
        if found := shutil.which(name):
            yield Path(found).resolve(), words


def _run(
    argv: list[str], readable: tuple[Path, ...], scratch: Path, where: object
) -> subprocess.CompletedProcess[bytes]:
    paths = os.pathsep.join(str(path) for path in (*readable, readable[1].parent))
    home = scratch / "home"
    home.mkdir(exist_ok=True)
    try:
        return subprocess.run(
            [sys.executable, "-P", "-m", "bundler.builder.charts.confined", paths, *argv],
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=_TIMEOUT,
            env={"PATH": os.environ.get("PATH", ""), "HOME": str(home), "PYTHONPATH": str(_SOURCES)},
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise BundlerError(
            "Kustomize doesn't come to an end",
            where=where,
            why=f"it took more than {_TIMEOUT:.0f} seconds",
            code=ExitCode.INPUT,
        ) from None

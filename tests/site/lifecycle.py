"""Bring a site up, take it down, tell how it is. The pages of a site's life, in order."""

import json
import shutil
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from bundler.core.errors import BundlerError, ExitCode
from tests.site import machine as machines
from tests.site import settings, watch
from tests.site.groups import Groups, host_groups
from tests.site.identity import make_identity
from tests.site.network import make_network
from tests.site.root import base_root, is_made
from tests.site.spec import RUN_ROOT, SiteSpec, cache_root, from_json
from tests.site.support import require_support
from tests.site.tree import make_tree
from tests.site.undo import Journal, Kind, lock, undo

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Status:
    """How a site is: which of its machines have a running process 1."""

    spec: SiteSpec
    running: tuple[str, ...]


def up(spec: SiteSpec, say: Say) -> None:
    """Boot a site; what an unfinished one of the same name left is removed first.

    Raises BundlerError: UNSUPPORTED (not on this host), STEP, NOT_READY, USAGE (up with other parameters).
    """
    require_support()
    groups = host_groups()
    with lock(spec.run_dir):
        if _is_up(spec, groups, say):
            return
        _remove(spec.name, groups)
        try:
            _build(spec, groups, say)
        except BaseException:
            _remove(spec.name, groups)
            raise


def down(name: str, say: Say) -> None:
    """Take a site down; nothing of it is left. Nothing happens when there is none."""
    if not (RUN_ROOT / name).is_dir():
        say(f"Site {name} is not up.")
        return
    require_support()
    with lock(RUN_ROOT / name):
        _remove(name, host_groups())
    settings.put_back()
    say(f"Site {name} is gone: no process, mount, bridge, cgroup or file of it is left.")


def load(name: str) -> SiteSpec:
    """The spec of a site that is up.

    Raises BundlerError (NOT_FOUND).
    """
    file = RUN_ROOT / name / "site.json"
    if not file.exists():
        raise BundlerError(
            f"site {name} is not up", code=ExitCode.NOT_FOUND, fix=f"python -m tests.site up --name {name}"
        )
    return from_json(json.loads(file.read_text()))


def names() -> tuple[str, ...]:
    """The names of all sites of this host, half-made ones too."""
    return tuple(sorted(path.name for path in RUN_ROOT.glob("*") if path.is_dir()))


def status() -> tuple[Status, ...]:
    """All sites of this host."""
    groups = host_groups()
    found = [load(file.parent.name) for file in sorted(RUN_ROOT.glob("*/site.json"))]
    return tuple(Status(spec, _running(spec, groups)) for spec in found)


def _is_up(spec: SiteSpec, groups: Groups, say: Say) -> bool:
    file = spec.run_dir / "site.json"  # written last: a site that has it was finished
    if not file.exists():
        return False
    there = from_json(json.loads(file.read_text()))
    if len(_running(there, groups)) < there.count:
        return False
    if there != spec:
        raise BundlerError(
            f"site {spec.name} is up with other parameters: {there}",
            code=ExitCode.USAGE,
            fix=f"python -m tests.site down --name {spec.name}",
        )
    say(f"Site {spec.name} is up already.")
    return True


def _build(spec: SiteSpec, groups: Groups, say: Say) -> None:
    spec.run_dir.mkdir(parents=True, exist_ok=True)
    spec.run_dir.chmod(0o700)
    journal = Journal(spec.run_dir / "undo.jsonl")
    settings.keep()
    cache = cache_root()
    if not is_made(cache, spec.suite):
        say(f"Making a minimal Debian ({spec.suite}) with debootstrap; about 90 s, once …")
    base = base_root(cache, spec.suite, spec.run_dir / "debootstrap.log")
    say(f"Booting {spec.count} machine{'s' if spec.count > 1 else ''} of site {spec.name} …")
    began = time.monotonic()
    journal.note(Kind.FOLDER, spec.disk_dir)
    identity = make_identity(spec.run_dir, spec.machines)
    make_network(spec, journal)
    watch.start(spec, groups, journal)
    trees = [make_tree(spec, each, base, identity, journal) for each in spec.machines]
    started = [
        machines.start(spec, each, tree, groups, journal)
        for each, tree in zip(spec.machines, trees, strict=True)
    ]
    with ThreadPoolExecutor(max_workers=16) as pool:
        list(pool.map(lambda each: machines.settle(each, groups), started))
    (spec.run_dir / "site.json").write_text(json.dumps(spec.to_json()))
    say(
        f"Up after {time.monotonic() - began:.1f} s: "
        + ", ".join(f"{m.name} {m.address}" for m in spec.machines)
    )


def _remove(name: str, groups: Groups) -> None:
    """Undo everything in the journal, newest first, then the folder that holds the journal.

    Raises the first error after everything else was tried; the journal stays for the next try.
    """
    folder = RUN_ROOT / name
    failed: list[BundlerError] = []
    for made in reversed(Journal(folder / "undo.jsonl").entries()):
        try:
            undo(made, groups)
        except BundlerError as error:
            failed.append(error)
        except OSError as error:  # the kernel's own refusal stops nothing else from being undone
            what = f"{made.kind} {made.name} could not be removed"
            failed.append(BundlerError(what, code=ExitCode.STEP, why=str(error)))
    if failed:
        raise failed[0]
    _empty(folder)
    folder.rmdir()


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def _running(spec: SiteSpec, groups: Groups) -> tuple[str, ...]:
    return tuple(each.name for each in spec.machines if groups.pids(machines.group_name(spec, each)))

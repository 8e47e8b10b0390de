"""Bring a site up, take it down, tell how it is. The pages of a site's life, in order."""

import json
import shutil
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from bundler.core.errors import BundlerError, ExitCode
from tests.site import disk, link, power, settings, watch
from tests.site import machine as machines
from tests.site.groups import Groups, host_groups
from tests.site.identity import make_identity
from tests.site.network import make_network
from tests.site.root import Base, base_root, is_made
from tests.site.spec import DISK_ROOT, RUN_ROOT, Machine, SiteSpec, cache_root, from_json
from tests.site.support import require_support
from tests.site.tree import make_tree, tree_of
from tests.site.undo import Journal, Kind, lock, remove_folder, undo

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Status:
    """How a site is: each machine's state in words, as in "on, cut"."""

    spec: SiteSpec
    machines: Mapping[str, str]


def up(spec: SiteSpec, say: Say) -> None:
    """Boot a site; what an unfinished one of the same name left is removed first.

    Raises BundlerError: UNSUPPORTED (not on this host), STEP, NOT_READY, USAGE (up with other parameters).
    """
    _allow_watches()
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
    """Take a site down; nothing of it is left. Nothing happens when there is none.

    After a restart of the host only disks are left, without a journal; they go, too.
    Raises BundlerError: USAGE (no site has such a name), UNSUPPORTED, STEP.
    """
    if SiteSpec(name).name not in names():
        say(f"Site {name} is not up.")
        return
    require_support()
    with lock(RUN_ROOT / name):
        _remove(name, host_groups())
    settings.put_back()
    say(f"Site {name} is gone: no process, mount, bridge, cgroup or file of it is left.")
    if busy := disk.held(DISK_ROOT / name):
        say(f"A process has opened files on {len(busy)} of its disks; they go when it ends.")


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
    return tuple(
        sorted({path.name for root in (RUN_ROOT, DISK_ROOT) for path in root.glob("*") if path.is_dir()})
    )


def status() -> tuple[Status, ...]:
    """All sites of this host."""
    groups = host_groups()
    found = [load(file.parent.name) for file in sorted(RUN_ROOT.glob("*/site.json"))]
    return tuple(
        Status(spec, {each.name: _state(spec, each, groups) for each in spec.machines}) for spec in found
    )


def _is_up(spec: SiteSpec, groups: Groups, say: Say) -> bool:
    file = spec.run_dir / "site.json"  # written last: a site that has it was finished
    if not file.exists():
        return False
    there = from_json(json.loads(file.read_text()))
    if not watch.is_running(there, groups):  # it runs as long as the site is up: the host was restarted
        return False
    if there != spec:
        raise BundlerError(
            f"site {spec.name} is up with other parameters: {there}",
            code=ExitCode.USAGE,
            fix=f"python -m tests.site down --name {spec.name}",
        )
    say(f"Site {spec.name} is up already.")
    for machine in there.machines:
        if not power.is_on(there, machine, groups):
            say(f"{machine.name} is off: python -m tests.site power on --name {there.name} {machine.name}")
    return True


def _build(spec: SiteSpec, groups: Groups, say: Say) -> None:
    spec.run_dir.mkdir(parents=True, exist_ok=True)
    spec.run_dir.chmod(0o700)
    journal = Journal(spec.run_dir / "undo.jsonl")
    settings.keep()
    bases = _bases(spec, say)
    say(f"Booting {spec.count} machine{'s' if spec.count > 1 else ''} of site {spec.name} …")
    began = time.monotonic()
    journal.note(Kind.FOLDER, spec.disk_dir)
    identity = make_identity(spec.run_dir, spec.machines)
    make_network(spec, journal)
    watch.start(spec, groups, journal)
    trees = [make_tree(spec, each, bases[each.suite], identity, journal) for each in spec.machines]
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


def _bases(spec: SiteSpec, say: Say) -> dict[str, Base]:
    """A base root for each suite that a machine has, made where the cache has none."""
    cache, bases = cache_root(), {}
    for suite in sorted({machine.suite for machine in spec.machines}):
        if not is_made(cache, suite):
            say(f"Making a minimal Debian ({suite}) with debootstrap; about 90 s, once …")
        bases[suite] = base_root(cache, suite, spec.run_dir / f"debootstrap-{suite}.log")
    return bases


def _remove(name: str, groups: Groups) -> None:
    """Undo everything in the journal, newest first, then the disks and the folder that holds the journal.

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
    remove_folder(DISK_ROOT / name)
    _empty(folder)
    folder.rmdir()


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def _state(spec: SiteSpec, machine: Machine, groups: Groups) -> str:
    if not power.is_on(spec, machine, groups):
        return "off"
    port = link.port(spec, machine)
    words = {
        "on": True,
        "cut": port is None or not port.up,
        "slow": port is not None and port.limited,
        "lossy": link.loses(spec, machine),
        "disk filled": disk.is_filled(tree_of(spec, machine).disk),
    }
    return ", ".join(word for word, true in words.items() if true)


def _allow_watches(wanted: int = 8192) -> None:
    """All machines share this host's kernel, whose usual 128 inotify instances are too few for them.

    Only raised, never lowered, and left so: other sites of this host may count on it.
    """
    setting = Path("/proc/sys/fs/inotify/max_user_instances")
    if int(setting.read_text()) < wanted:
        setting.write_text(str(wanted))

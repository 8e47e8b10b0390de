"""Copying a step's files to a host: what is there already is left, the rest goes in one stream.

Two commands. The first tells which files are in place, which were staged whole by a run that was cut, and
how much room there is. The second reads the missing ones, one behind the other, from standard input into a
staging folder, checks their SHA-256 in the background while the next ones come in, and renames them into
place when all are right. When one isn't, none is renamed, and nothing of the step counts as done.
"""

import hashlib
import shlex
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from bundler.core.archive.reader import Bundle
from bundler.core.archive.recipes import MemberContent
from bundler.core.digest import Digest
from bundler.core.errors import BundlerError, ExitCode
from bundler.installer.facts import journal
from bundler.installer.facts.numbers import whole
from bundler.installer.plan.steps import RUNTIME_MEMBER, Deliver, Delivery
from bundler.installer.run.journal import record
from bundler.installer.run.site_base import SiteBase
from bundler.installer.scripts.render import function, script
from bundler.installer.transport.protocol import Outcome, Transport

_BATCH: Final = 64 << 20  # bytes after which the checking of what has arrived starts
_LARGE: Final = 1 << 20  # bytes from which on it is worth to start another program
_SLACK: Final = 64 << 20  # bytes that a disk must have left in the end
_PROBE_TIMEOUT = 600.0
_SLOWEST: Final = 1 << 20  # bytes a second: a slower line counts as stuck
_MOST_KIB: Final = 1 << 50  # an exbibyte
_WRONG: Final = 65  # exit status for a digest that is not right (EX_DATAERR)


class MemberSource(Protocol):
    """Where the content of deliveries comes from: the bundle, or a test's own."""

    def describe(self, delivery: Delivery) -> tuple[Digest, int]:
        """Digest and size in bytes of the content."""

    def chunks(self, delivery: Delivery) -> Iterator[bytes]:
        """The content, verified while it is read. Raises BundlerError (INTEGRITY)."""


@dataclass(frozen=True, slots=True)
class Item:
    """One file to deliver, its digest and size known; `number` is its place in the step."""

    number: int
    delivery: Delivery
    digest: Digest
    size: int


@dataclass(frozen=True, slots=True)
class Probe:
    """What a host said: numbers of the items that are in place, and of those staged whole by an earlier run.

    mounts: the file system that each item goes to, by number; free: its free bytes, by file system.
    """

    placed: frozenset[int]
    staged: frozenset[int]
    mounts: Mapping[int, str]
    free: Mapping[str, int]


class BundleSource:
    """Deliveries out of an open .run; implements `Source`.

    site: where the .run has only what changed and rests on the site: what is there already comes from there.
    """

    def __init__(self, bundle: Bundle, site: SiteBase | None = None) -> None:
        self._bundle = bundle
        self._site = site
        self._of_platform: dict[str, Bundle] = {"": bundle}

    def describe(self, delivery: Delivery) -> tuple[Digest, int]:
        """Digest and size in bytes. Raises BundlerError (NOT_FOUND) for a member that the bundle lacks."""
        bundle = self._of(delivery)
        if delivery.member == RUNTIME_MEMBER:
            return bundle.runtime.digest, bundle.runtime.size
        member = bundle.member(delivery.member)
        return member.digest, member.size

    def chunks(self, delivery: Delivery) -> Iterator[bytes]:
        """The content, verified while it is read. Raises BundlerError (INTEGRITY)."""
        bundle = self._of(delivery)
        if delivery.member == RUNTIME_MEMBER:
            return bundle.installer()
        member = bundle.member(delivery.member)
        if self._site is not None and member.length == 0:
            content = MemberContent(member.digest, member.size)
            if self._site.has(content.digest):  # made before, for this host or another one
                return self._site.chunks(content)
        return bundle.chunks(member)

    def _of(self, delivery: Delivery) -> Bundle:
        """With the index of the delivery's platform."""
        if delivery.platform not in self._of_platform:
            self._of_platform[delivery.platform] = self._bundle.of(delivery.platform)
        return self._of_platform[delivery.platform]


def items(step: Deliver, source: MemberSource) -> tuple[Item, ...]:
    """The step's files with what the source knows of them."""
    return tuple(
        Item(number, delivery, *source.describe(delivery)) for number, delivery in enumerate(step.files)
    )


def deliver(
    step: Deliver, transport: Transport, source: MemberSource, prelude: str, progress: Callable[[int], None]
) -> Outcome:
    """Bring the step's files to the host and note its success there.

    prelude: shell functions, the ledger's and `guard`. progress: gets the bytes of each chunk that is sent,
    and of each file that needs no sending.
    Raises BundlerError: SPACE before anything is sent, INTEGRITY, STEP, HOST.
    """
    wanted = items(step, source)
    asked = transport.run(probe_script(step, wanted), timeout=_PROBE_TIMEOUT)
    if asked.status:
        return asked
    found = parse_probe(asked.stdout, transport.address, len(wanted))
    there = found.placed | found.staged
    missing = [item for item in wanted if item.number not in there]
    check_space(transport.address, missing, found)
    progress(sum(item.size for item in wanted if item.number in there))
    script = receive_script(step, wanted, found, prelude)
    timeout = _PROBE_TIMEOUT + sum(item.size for item in wanted) / _SLOWEST
    outcome = transport.run(script, stdin=_stream(missing, source, progress), timeout=timeout)
    if outcome.status == _WRONG:
        raise BundlerError(
            "files arrived damaged",
            where=transport.address,
            why=outcome.stderr.strip(),
            code=ExitCode.INTEGRITY,
            id="BND-COPY-DAMAGED",
            fix="none of them was put in place; run the same command again, and check the host's disk",
        )
    return outcome


def probe_script(step: Deliver, wanted: Sequence[Item]) -> str:
    """Asks what is there. Output: `mount N FREE-KIBIBYTES FILE-SYSTEM`, and `placed N` or `staged N`."""
    return script("step/deliver.sh", "step/deliver-probe.sh", items=_lines(wanted), **_names(step))


def receive_script(step: Deliver, wanted: Sequence[Item], found: Probe, prelude: str) -> str:
    """Receives the missing files, checks them, and puts all into place; then notes the step."""
    body = script(
        "step/deliver.sh",
        "step/deliver-receive.sh",
        missing=_lines(item for item in wanted if item.number not in found.placed | found.staged),
        unplaced=_lines(item for item in wanted if item.number not in found.placed),
        placed=_lines(item for item in wanted if item.number in found.placed),
        contents=journal.CONTENTS,
        batch_size=str(_BATCH),
        wrong=str(_WRONG),
        **_names(step),
    )
    return f"{prelude}\nguard {shlex.quote(step.id)} 0\n{function('noted', record(step))}{body}"


def parse_probe(text: str, address: str, count: int) -> Probe:
    """Read what `probe_script` wrote of `count` items. Raises BundlerError (HOST) where it makes no sense."""
    numbers: dict[str, set[int]] = {"placed": set(), "staged": set()}
    mounts: dict[int, str] = {}
    free: dict[str, int] = {}
    try:
        for line in text.splitlines():
            word, number, *rest = line.split(" ", 3)
            if word == "mount":
                mounts[whole(number, most=count - 1)] = rest[1]
                free[rest[1]] = whole(rest[0], most=_MOST_KIB) << 10
            else:
                numbers[word].add(whole(number, most=count - 1))
    except (ValueError, KeyError, IndexError):
        mounts.clear()
    if len(mounts) != count:
        raise BundlerError(
            "the host's answer can't be read",
            where=address,
            why=f"asked for the room on its disks, it said: {text[-300:]!r}",
            code=ExitCode.HOST,
            id="BND-HOST-ANSWER",
            fix="is it Linux with a POSIX shell and GNU coreutils? look at its disks: df -Pk",
        )
    return Probe(frozenset(numbers["placed"]), frozenset(numbers["staged"]), mounts, free)


def check_space(address: str, missing: Sequence[Item], found: Probe) -> None:
    """Raises BundlerError (SPACE) when what is missing doesn't fit."""
    needed: Counter[str] = Counter()
    for item in missing:
        needed[found.mounts[item.number]] += item.size
    short = [
        f"{mount} has {found.free[mount] >> 20} MiB free, {(size + _SLACK) >> 20} MiB are needed"
        for mount, size in needed.items()
        if size + _SLACK > found.free[mount]
    ]
    if short:
        raise BundlerError(
            "not enough room for the files",
            where=address,
            why="; ".join(short),
            code=ExitCode.SPACE,
            id="BND-HOST-SPACE",
            fix="free space there, then run the same command again",
        )


def _stream(
    missing: Sequence[Item], source: MemberSource, progress: Callable[[int], None]
) -> Iterator[bytes]:
    for item in missing:
        for chunk in source.chunks(item.delivery):
            yield chunk
            progress(len(chunk))


def _names(step: Deliver) -> Mapping[str, str]:
    """The variables that both scripts need."""
    key = hashlib.sha256(step.id.encode()).hexdigest()[:16]
    return {"key": key, "state": journal.STATE, "large": str(_LARGE)}


def _lines(listed: Iterable[Item]) -> str:
    """An item a line: NUMBER SIZE SHA256 MODE PATH."""
    return "\n".join(
        f"{item.number} {item.size} {item.digest.hex} {item.delivery.mode:04o} {item.delivery.path}"
        for item in listed
    )

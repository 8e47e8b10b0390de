"""What a step's failure means: the disk first, then time, then the command's own words."""

import re
from typing import Final

from bundler.core.errors import BundlerError, ExitCode
from bundler.installer.plan.steps import Await, Exec, Step, Write
from bundler.installer.run.hostlock import TAKEN_OVER, taken_over
from bundler.installer.scripts.render import load
from bundler.installer.transport.protocol import Outcome, Transport

_TAIL: Final = 20  # lines of output in an error
NOT_READY: Final = 75  # exit status when a deadline has passed (EX_TEMPFAIL)
FULL: Final = 74  # exit status when a step failed on a host whose disk is full (EX_IOERR)
_FULL_LINE: Final = "no space left on "  # as full-disk.sh says it
# In the words of programs, Go's begin small; when we ask, there may be room again.
_NO_ROOM: Final = re.compile(r"[Nn]o space left on device|[Dd]isk quota exceeded")
_READ_ONLY: Final = re.compile(r"[Rr]ead-only file system")
KNOWN: Final = frozenset({0, TAKEN_OVER, NOT_READY, FULL})  # exit statuses that say all there is to say
_TIMEOUT: Final = 120.0


def failure(step: Step, outcome: Outcome) -> BundlerError:
    """The error for a step whose command ended with a status other than 0."""
    if outcome.status == TAKEN_OVER:
        return taken_over(step.host)
    late = outcome.status == NOT_READY  # then the words may be a pod's, of a disk of its own
    if outcome.status == FULL or (not late and _NO_ROOM.search(outcome.stderr)):
        return _no_space(step, outcome)
    if not late and _READ_ONLY.search(outcome.stderr):
        return _read_only(step, outcome)
    output = "" if is_secret(step) else _last_lines(outcome)
    if isinstance(step, Exec) and outcome.status == NOT_READY:
        return BundlerError(
            f"it did not become ready in time ({step.reason})",
            where=f"{step.host}, step {step.id}",
            why=output,
            code=ExitCode.NOT_READY,
        )
    if isinstance(step, Await) and outcome.status == NOT_READY:
        return BundlerError(
            f"gave up waiting for {step.subject} (limit {step.deadline:g} s, times --timeout-factor)",
            where=f"{step.host}, step {step.id}",
            why=output,
            code=ExitCode.NOT_READY,
        )
    return BundlerError(
        f"a command failed with status {outcome.status} ({step.reason})",
        where=f"{step.host}, step {step.id}",
        why=output or _silence(step),
        code=ExitCode.STEP,
    )


def _silence(step: Step) -> str:
    """Why there is no output: withheld, or none, as of a script that the kernel's OOM killer ended."""
    if is_secret(step):
        return "its output is withheld because it may hold secrets"
    return "it said nothing; if something killed it, the host's log tells: journalctl -k"


def full_disk(step: Step, transport: Transport, error: BundlerError) -> BundlerError | None:
    """What to say in place of `error` where a disk is full: a shell whose write fails may say "I/O error".

    The host is asked anew: a script that was ended said nothing, and not every script looks by itself.
    """
    if error.code is not ExitCode.STEP:
        return None
    try:
        asked = transport.run(f"{load('full-disk.sh')}\nfull_disk", timeout=_TIMEOUT)
    except BundlerError:  # the host went away meanwhile; the first failure is the one to tell
        return None
    found = any(line.startswith(_FULL_LINE) for line in asked.stderr.splitlines())
    return _no_space(step, asked, error.why) if found and not asked.status else None


def _no_space(step: Step, outcome: Outcome, said: str = "") -> BundlerError:
    """The disk first, whatever the command complained of. said: what it did, if another one was asked."""
    lines = [line for line in outcome.stderr.splitlines() if line.startswith(_FULL_LINE)]
    found = _NO_ROOM.search(outcome.stderr)
    words = found[0] if found else "no space left on device"
    rest = "" if is_secret(step) else said or _last_lines(outcome)
    return BundlerError(
        f"a step failed, and the disk is full: {'; '.join(dict.fromkeys(lines)) or words}",
        where=f"{step.host}, step {step.id}",
        why=rest,
        code=ExitCode.SPACE,
        id="BND-STEP-SPACE",
        fix="free space there, then run the same command again: finished steps are skipped",
    )


def _read_only(step: Step, outcome: Outcome) -> BundlerError:
    """A file system that takes no writes: mounted so, or by the kernel after errors of the disk."""
    return BundlerError(
        "a step failed, because a file system is mounted read-only",
        where=f"{step.host}, step {step.id}",
        why="" if is_secret(step) else _last_lines(outcome),
        code=ExitCode.STEP,
        id="BND-STEP-READ-ONLY",
        fix="look at `journalctl -k` there: after disk errors the kernel does this; "
        "repair the disk or mount it writable, then run the same command again",
    )


def _last_lines(outcome: Outcome) -> str:
    """The end of what was said; standard error last of all, since that is where commands complain."""
    lines = [*outcome.stdout.splitlines(), *outcome.stderr.splitlines()]
    return "\n    ".join([line for line in lines if line.strip()][-_TAIL:])[-8000:]


def is_secret(step: Step) -> bool:
    """Whether what a step says may hold secrets."""
    match step:
        case Exec():
            return step.secret or bool(step.capture)
        case Write():
            return step.secret or bool(step.slots)
        case _:
            return False

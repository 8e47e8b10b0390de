"""Doing one step on one host: how each of the five kinds becomes a command, and what its failure means.

A step's script runs in a subshell behind the ledger's functions; its success is noted in the host's journal
by the same command, so that doing and noting take one round trip.
"""

import re
import shlex
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from bundler.core.errors import BundlerError, ExitCode
from bundler.installer.facts import journal
from bundler.installer.plan.steps import Await, Deliver, Exec, Relay, Step, Write
from bundler.installer.run.deliver import MemberSource, deliver
from bundler.installer.run.failures import FULL, KNOWN, NOT_READY, failure, full_disk, is_secret
from bundler.installer.run.journal import record
from bundler.installer.run.relay import relay
from bundler.installer.run.timeouts import Timeouts
from bundler.installer.scripts.render import function, load, script
from bundler.installer.transport.protocol import Outcome, Transport

_WRITE_TIMEOUT: Final = 120.0
_ATTEMPT: Final = 60.0  # seconds beyond an Await's deadline for its last attempt and its diagnosis
_TELL_EVERY: Final = 14  # seconds between two words on what is awaited; the view tells them every 15
_CAPTURED: Final = re.compile(
    r"[A-Za-z0-9+/=._-]{1,200000}"
    r"|-----BEGIN CERTIFICATE-----\n(?:[A-Za-z0-9+/=]{1,76}\n){1,500}-----END CERTIFICATE-----"  # RFC 7468
)
_SLOT: Final = re.compile(r"@@([A-Za-z0-9_.-]+)@@")


class Captures:
    """What steps' output was captured as; thread-safe. Values are secret."""

    def __init__(self) -> None:
        self._values: dict[str, str] = {}
        self._lock = threading.Lock()

    def keep(self, name: str, value: str) -> None:
        """Remember a value."""
        with self._lock:
            self._values[name] = value

    def fill(self, step: Write) -> str:
        """The step's content with its slots filled. Raises BundlerError (BUG) for a slot without a value."""
        if not step.slots:
            return step.content
        with self._lock:
            values = {name: self._values[name] for name in step.slots if name in self._values}
        missing = sorted(set(step.slots) - set(values))
        if missing:
            raise BundlerError(f"{step.id} needs {missing}, which no step gave", code=ExitCode.BUG)
        return _SLOT.sub(lambda match: values.get(match[1], match[0]), step.content)

    def values(self) -> frozenset[str]:
        """Every value, to be kept out of logs."""
        with self._lock:
            return frozenset(self._values.values())


@dataclass(frozen=True, slots=True)
class StepContext:
    """What doing a step needs beside the step.

    prelude: shell functions, the ledger's and `guard`. peers: every host, for what goes from one to another.
    """

    source: MemberSource
    prelude: str
    captures: Captures
    timeouts: Timeouts = field(default_factory=Timeouts)
    peers: Mapping[str, Transport] = field(default_factory=dict)


def perform(
    step: Step,
    transport: Transport,
    context: StepContext,
    *,
    on_bytes: Callable[[int], None],
    on_line: Callable[[str], None],
) -> None:
    """Do a step and note it in the host's journal.

    Raises BundlerError: STEP with the last output, NOT_READY, and what the transport and `deliver` raise.
    """
    say = None if is_secret(step) else on_line
    match step:
        case Deliver():
            outcome = deliver(step, transport, context.source, context.prelude, on_bytes)
        case Write():
            content = context.captures.fill(step).encode()
            outcome = transport.run(
                write_script(step, context.prelude), stdin=[content], timeout=_WRITE_TIMEOUT
            )
        case Relay():
            script = relay_script(step, context.prelude)
            outcome = relay(step, context.peers[step.source], transport, script, on_bytes)
        case Exec():
            stdin = [step.stdin.encode()] if step.stdin else []
            timeout = context.timeouts.of(step, step.timeout)
            text = exec_script(step, context.prelude, timeout)
            try:
                outcome = transport.run(text, stdin=stdin, timeout=timeout, on_output=say)
            except BundlerError as error:
                raise full_disk(step, transport, error) or error from None
        case Await():
            outcome = _wait(step, transport, context, say)
    if outcome.status:
        failed = failure(step, outcome)
        raise (None if outcome.status in KNOWN else full_disk(step, transport, failed)) or failed
    if isinstance(step, Exec) and step.capture:
        context.captures.keep(step.capture, _captured(step, outcome.stdout.strip()))


def _captured(step: Exec, value: str) -> str:
    """What goes into files of other hosts: a word, as keys in base64 and tokens are, or one certificate."""
    if not _CAPTURED.fullmatch(value):
        raise BundlerError(
            "the answer is invalid",
            where=f"{step.host}, step {step.id}",
            why=f"{len(value)} characters that are neither a word nor a certificate",
            code=ExitCode.STEP,
        )
    return value


def _wait(
    step: Await, transport: Transport, context: StepContext, on_output: Callable[[str], None] | None
) -> Outcome:
    deadline = context.timeouts.of(step, step.deadline)
    text = await_script(step, context.prelude, deadline)
    try:
        return transport.run(text, timeout=deadline + _ATTEMPT, on_output=on_output)
    except BundlerError as error:
        if error.code is not ExitCode.STEP:
            raise
        return Outcome(NOT_READY, "", error.why)  # an attempt hung until the command was ended


def guard(step: Step, patience: float = 0.0) -> str:
    """The line with which a step's script enters itself under the run's lock.

    patience: seconds for which a later run shall let it run on when the connection is lost. Only a script
    that changes the host in a way of its own needs any; others are begun anew at no cost.
    """
    return f"guard {shlex.quote(step.id)} {int(patience)}"


def exec_script(step: Exec, prelude: str, timeout: float) -> str:
    """The step's script in a subshell, then its note in the journal."""
    opening = _opening(step, prelude, timeout)
    return f"{opening}{function('step', step.script)}{script('step/exec.sh', bundler_full=str(FULL))}"


def write_script(step: Write, prelude: str) -> str:
    """Writes standard input to a file beside its place, then renames it; one that is right is left alone.

    What somebody may have made of a file of ours is kept; secrets are not copied.
    """
    body = script(
        "step/write.sh",
        path=step.path,
        mode=f"{step.mode:04o}",
        mask="077" if step.secret else "022",
        keep="" if step.secret else "yes",
        state=journal.STATE,
        bundler_full=str(FULL),
    )
    return f"{_opening(step, prelude)}{body}"


def relay_script(step: Relay, prelude: str) -> str:
    """Writes standard input beside its place; it gets there when its digest is `wanted`."""
    return f"{_opening(step, prelude)}{script('step/relay.sh', path=step.path, bundler_full=str(FULL))}"


def await_script(step: Await, prelude: str, deadline: float) -> str:
    """Tries on the host itself: waiting takes no round trips. In the end it shows the last output."""
    body = script(
        "step/await.sh",
        bundler_limit=str(max(int(deadline), 1)),
        bundler_every=str(_TELL_EVERY),
        bundler_pause=f"{step.interval:g}",
        bundler_late=str(NOT_READY),
        bundler_full=str(FULL),
    )
    tries = function("attempt", step.script) + function("diagnose", step.diagnose)
    return f"{_opening(step, prelude)}{tries}{body}"


def _opening(step: Step, prelude: str, patience: float = 0.0) -> str:
    """What stands in front of every step: functions, the run's lock, and how its success is noted."""
    noted = function("noted", record(step))
    return f"{prelude}{load('full-disk.sh')}\n{guard(step, patience)}\n{noted}"

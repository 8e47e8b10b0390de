"""A command on many hosts at once, and kubectl through any control plane that lives."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from bundler.core.errors import BundlerError, ExitCode
from bundler.installer.operations.reach import Reached, asked
from bundler.installer.site.ranges import folded, hosts
from bundler.installer.transport.protocol import Outcome, Transport

KUBECTL = "kubectl --kubeconfig /etc/kubernetes/admin.conf --cache-dir /var/lib/bundler/cache/kubectl"


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command came to: outcomes by address, an error for a host that gave none. seconds: in all."""

    outcomes: Mapping[str, Outcome | BundlerError]
    seconds: float = 0.0

    @property
    def failed(self) -> tuple[str, ...]:
        """The hosts on which it did not end with 0."""
        return tuple(
            address
            for address, outcome in self.outcomes.items()
            if isinstance(outcome, BundlerError) or outcome.status != 0
        )


def run_command(reached: Reached, argv: Sequence[str], *, timeout: float, parallel: int) -> Ran:
    """Run `argv` as root on every host that answers; quoting is kept, no shell reads it anew."""
    script = f"exec {shlex.join(argv)}\n"

    def ask(transport: Transport) -> Outcome:
        return transport.run(script, timeout=timeout)

    outcomes: dict[str, Outcome | BundlerError] = {**asked(reached.transports, ask, parallel=parallel)}
    return Ran({**outcomes, **reached.silent})


def as_text(ran: Ran) -> Iterator[str]:
    """Equal outcomes once, with the hosts they came from; the count and the time at the end."""
    groups: dict[tuple[str, str], list[str]] = {}
    for address, outcome in ran.outcomes.items():
        groups.setdefault(_shown(outcome), []).append(address)
    for (head, text), addresses in groups.items():
        lines = text.rstrip("\n").split("\n") if text.strip() else []
        first = f"{head}  {folded(addresses)}"
        if len(lines) == 1:
            yield f"{first}  {lines[0]}"
        else:
            yield first
            yield from (f"  {line}" for line in lines)
    well = len(ran.outcomes) - len(ran.failed)
    yield f"{well} of {hosts(len(ran.outcomes))} ended with 0 ({ran.seconds:.1f} s)."


def _shown(outcome: Outcome | BundlerError) -> tuple[str, str]:
    if isinstance(outcome, BundlerError):
        return "no answer", outcome.why or outcome.what
    return f"exit {outcome.status}", outcome.stdout + outcome.stderr


def kubectl(reached: Reached, argv: Sequence[str], *, timeout: float) -> Outcome:
    """Run kubectl on the first control plane whose own tools answer; the others are tried in turn.

    Raises BundlerError (HOST) that names every control plane that could not be asked.
    """
    script = f"[ -r /etc/kubernetes/admin.conf ] || exit 113\nexec {KUBECTL} {shlex.join(argv)}\n"
    tried: dict[str, str] = {address: error.why or error.what for address, error in reached.silent.items()}
    last: Outcome | None = None
    for address, transport in reached.transports.items():
        try:
            outcome = transport.run(script, timeout=timeout)
        except BundlerError as error:
            tried[address] = error.why or error.what
            continue
        if outcome.status == 113:
            tried[address] = "it is not a control plane yet"
        elif _unreachable(outcome):
            tried[address], last = "its API server does not answer", outcome
        else:
            return outcome
    if last is not None:
        return last
    raise BundlerError(
        "no control plane could be asked",
        where=folded(tried),
        why="; ".join(f"{address}: {why}" for address, why in tried.items()),
        code=ExitCode.HOST,
        fix="install first, or get one of them back",
    )


def _unreachable(outcome: Outcome) -> bool:
    """kubectl's words when nothing listens; any other failure is the answer that was asked for."""
    refused = ("was refused", "i/o timeout", "no route to host", "Unable to connect to the server")
    return outcome.status != 0 and any(word in outcome.stderr for word in refused)

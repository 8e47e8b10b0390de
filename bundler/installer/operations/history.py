"""The history of runs: a line for each on every control plane, which `status` shows. The last 50 are kept."""

import contextlib
import json
import time
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Final, Protocol

from bundler.core.archive.reader import Bundle
from bundler.core.errors import BundlerError, ExitCode
from bundler.installer.facts.journal import RUNS, STATE
from bundler.installer.run.hostlock import Claim
from bundler.installer.run.redaction import redact
from bundler.installer.run.report import Report
from bundler.installer.site.model import Site
from bundler.installer.transport.parallel import try_each
from bundler.installer.transport.protocol import Transport

_TIMEOUT: Final = 20.0
_KEPT: Final = 50
_LONGEST: Final = 300  # characters of an error

# A host whose state is gone has been cleared, and stays so.
_KEEP: Final = f"""
[ -d {STATE} ] || exit 0
umask 077
{{ tail -n {_KEPT - 1} {RUNS} 2>/dev/null; cat; }} >{RUNS}.new && mv -f {RUNS}.new {RUNS}
"""


class Run(Protocol):
    """What of a session, or of a site that is held, the history tells."""

    @property
    def site(self) -> Site:
        """Its control planes keep the line."""

    @property
    def bundle(self) -> Bundle:
        """Product and versions."""

    @property
    def claim(self) -> Claim:
        """Who it was."""

    @property
    def transports(self) -> Mapping[str, Transport]:
        """Hosts that answer."""

    @property
    def parallel(self) -> int:
        """How many at once."""

    def hidden(self) -> frozenset[str]:
        """What no line may hold."""


@contextlib.contextmanager
def noted(session: Run, operation: str, report: Report) -> Iterator[None]:
    """Note how the run ended, if it did anything; that this fails ends no run."""
    result, error = "interrupted", ""
    try:
        yield
        result = "done"
    except BundlerError as failed:
        result = "interrupted" if failed.code is ExitCode.INTERRUPTED else "failed"
        error = redact(failed.what, session.hidden())[:_LONGEST]
        raise
    finally:
        if report.title:
            _keep(session, line(session, operation, report, result, error))


def line(session: Run, operation: str, report: Report, result: str, error: str) -> str:
    """One run, as JSON."""
    index = session.bundle.index
    told = {
        "operation": operation,
        "result": result,
        "by": session.claim.who.partition(",")[0],
        "ended": round(time.time(), 1),
        "seconds": report.seconds,
        "steps": len(report.steps),
        "product": index.name,
        "version": index.version,
        "kubernetes": index.kubernetes,
        "error": error,
    }
    return json.dumps(told, sort_keys=True)


def _keep(session: Run, text: str) -> None:
    planes = {host.address for host in session.site.control_planes}
    able = {address: each for address, each in session.transports.items() if address in planes}

    def write(transport: Transport) -> None:
        transport.run(_KEEP, stdin=[f"{text}\n".encode()], timeout=_TIMEOUT)

    with contextlib.suppress(BundlerError):
        try_each({address: partial(write, each) for address, each in able.items()}, session.parallel)

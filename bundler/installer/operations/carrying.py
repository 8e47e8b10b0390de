"""A plan carried out under a view, a log and a report, and how a run ends."""

import contextlib
import tempfile
import traceback
from collections.abc import Iterator
from pathlib import Path

from bundler.core.errors import BundlerError, ExitCode
from bundler.installer.operations.session import Session
from bundler.installer.plan.steps import Plan
from bundler.installer.run.events import Sink, tee
from bundler.installer.run.logfile import LogFile
from bundler.installer.run.redaction import redacted, redacting
from bundler.installer.run.report import Report
from bundler.installer.run.schedule import ScheduleLimits
from bundler.installer.run.timeouts import Timeouts
from bundler.installer.site.ranges import hosts
from bundler.installer.transport.parallel import together


@contextlib.contextmanager
def logged(session: Session, path: Path) -> Iterator[LogFile]:
    """A log beside the run; what breaks the run off is its last entry."""
    log = LogFile.open(path, session.hidden)
    try:
        yield log
    except BundlerError as error:
        log.note(event="error", code=int(error.code), error=str(error))
        raise redacted(error, session.hidden()).logged_at(path) from error
    except Exception:
        log.note(event="bug", traceback=traceback.format_exc())
        raise
    finally:
        log.close()


def carry_out(
    session: Session,
    plan: Plan,
    log: LogFile,
    view: contextlib.AbstractContextManager[Sink],
    limits: ScheduleLimits,
    report: Report,
    timeouts: Timeouts,
) -> None:
    """Run the plan with its view, log and report."""
    report.log = str(log.path)
    with view as shown:
        sink = redacting(tee(log, report, shown), session.hidden)
        failed = session.run(plan, sink, limits=limits, timeouts=timeouts)
    hidden = session.hidden()
    session.state.lost = {**session.lost, **{at: redacted(error, hidden) for at, error in failed.items()}}
    report.lost = {address: str(error) for address, error in session.lost.items()}


def check_lost(session: Session) -> None:
    """The last thing of a run: hosts that were left out. Raises BundlerError (PARTIAL)."""
    if not session.lost:
        return
    total = len(session.site.hosts)
    index = session.bundle.index
    done = f"{index.name} {index.version} runs on {total - len(session.lost)} of {hosts(total)}"
    skipped = len(session.operation.consents.skipped & set(session.lost))
    failed = len(session.lost) - skipped
    told = [f"{hosts(failed)} failed (--max-failed {session.access.max_failed})"] if failed else []
    told += [f"{hosts(skipped)} stayed as {'it was' if skipped == 1 else 'they were'}"] if skipped else []
    raise BundlerError(
        f"{done}; {', '.join(told)}",
        where=session.site.name,
        why=str(together(session.lost, total)),
        fix="fix that, then run the same command again: only the failed hosts are done",
        code=ExitCode.PARTIAL,
    )


def log_path(asked: Path | None, name: str) -> Path:
    """Where the log goes: as asked, or beside the caller, or where everybody may write."""
    if asked is not None:
        return asked
    here = Path.cwd() / f"{name}.log"
    try:
        with here.open("ab"):
            return here
    except OSError:
        return Path(tempfile.gettempdir()) / f"{name}.log"

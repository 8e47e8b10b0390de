"""From a .run and a Clusterfile to what a command works with: site, facts, plan, and a run of it."""

import contextlib
import os
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from bundler.core.archive.bases import opened as open_bundle
from bundler.core.archive.platforms import choose
from bundler.core.archive.reader import Bundle
from bundler.core.errors import BundlerError, ExitCode
from bundler.core.terminal import show
from bundler.installer.facts.gather import gather
from bundler.installer.facts.journal import RELEASES, STATE
from bundler.installer.facts.model import Facts
from bundler.installer.operations.hidden import site_secrets
from bundler.installer.plan.contents import MAX_TEXT, wanted_files
from bundler.installer.plan.decide import decide, decide_removal
from bundler.installer.plan.site_pki import READ_SCRIPT, Secrets, kept, renew
from bundler.installer.plan.steps import Plan
from bundler.installer.run.actions import Captures, Desk
from bundler.installer.run.deliver import BundleSource
from bundler.installer.run.events import Sink, tee
from bundler.installer.run.execute import Excused, close_all, execute
from bundler.installer.run.hostlock import Claim, held
from bundler.installer.run.logfile import LogFile
from bundler.installer.run.redaction import disguises, redacted, redacting
from bundler.installer.run.report import Report
from bundler.installer.run.schedule import Limits
from bundler.installer.run.site_base import SiteBase, check_base
from bundler.installer.run.timeouts import Timeouts
from bundler.installer.scripts.render import load
from bundler.installer.site.clusterfile.read import read_file
from bundler.installer.site.model import Site
from bundler.installer.site.ranges import hosts
from bundler.installer.transport.connect import Access, connect_all
from bundler.installer.transport.parallel import together
from bundler.installer.transport.protocol import Transport
from bundler.installer.trust.gate import Gate, WholeCheck
from bundler.installer.trust.trust import Allowed, Release, Verdict, check_site, noted

_NODES: Final = (  # kubectl's cache stays below our own folder: `delete` takes it along
    "kubectl --kubeconfig /etc/kubernetes/admin.conf --cache-dir /var/lib/bundler/cache/kubectl"
    " get nodes -o wide"
)
_TIMEOUT: Final = 60.0
_RECORD: Final = f"""
umask 077
mkdir -p -m 0700 {STATE} && cat >{RELEASES}.new && mv -f {RELEASES}.new {RELEASES}
"""


@dataclass(slots=True)
class Session:
    """A site that is connected to and known."""

    site: Site
    bundle: Bundle
    access: Access
    transports: dict[str, Transport]
    facts: Facts
    captures: Captures
    verdict: Verdict
    allowed: Allowed
    whole: WholeCheck
    claim: Claim
    base: SiteBase | None = None
    secrets: Secrets | None = None
    lost: Mapping[str, BundlerError] = field(default_factory=dict)  # hosts left out, with the reason
    _known: tuple[Secrets | None, frozenset[str]] | None = None

    def plan(self) -> Plan:
        """What has to be done to make the site what its Clusterfile says.

        Raises what `check_site` and `decide` do.
        """
        check_site(self.verdict, self._releases(), self.allowed)
        index = self.bundle.index
        found = kept(self._on_control_planes(READ_SCRIPT))
        self.secrets = renew(found=found, site=self.site, now=datetime.now(UTC))
        files = {
            path: self.bundle.read(self.bundle.member(path), limit=MAX_TEXT) for path in wanted_files(index)
        }
        platforms = self.bundle.platforms
        decided = decide(self.site, self.facts, index, self.secrets, files, platforms=platforms)
        if self.base is not None:
            check_base(decided, self.bundle, self.base)
        for warning in decided.warnings:
            say(f"warning: {warning}")
        return decided

    def settle(self) -> None:
        """The last thing before hosts are changed: every byte of the file is right, and its version is noted.

        The note comes first of all steps, so that an upgrade that was broken off counts, too.
        Raises BundlerError (INTEGRITY).
        """
        self.whole.wait()
        self.record()

    def record(self) -> None:
        """Note on every control plane which release the site has. Raises BundlerError (STEP)."""
        before = self._releases()
        after = noted(self.verdict.release, before)
        if set(after) == set(before):
            return
        text = "".join(f"{each.line()}\n" for each in after)
        self._on_control_planes(_RECORD, [text.encode()])

    def removal(self) -> Plan:
        """What has to be done to leave the machines as they were. Raises what `decide_removal` does."""
        return decide_removal(self.site, self.facts, self.bundle.index)

    def run(
        self, plan: Plan, sink: Sink, *, limits: Limits, timeouts: Timeouts
    ) -> Mapping[str, BundlerError]:
        """Carry a plan out; the workers that failed and were excused. Raises what `execute` does."""
        source = BundleSource(self.bundle, self.base)
        desk = Desk(source, self.claim.prelude() + load("ledger.sh"), self.captures, timeouts)
        workers = frozenset(host.address for host in self.site.workers)
        excused = Excused(workers, self.access.max_failed - len(self.lost))
        return execute(plan, self.transports, desk, sink, limits=limits, excused=excused)

    def nodes(self) -> str:
        """What Kubernetes says of its nodes; "" when it can't be asked."""
        for host in self.site.control_planes:
            with contextlib.suppress(BundlerError):
                return self._ask(host.address, _NODES, ())
        return ""

    def hidden(self) -> frozenset[str]:
        """Everything that no log, report or message may hold; asked for every line of output, so kept."""
        made = frozenset(disguise for value in self.captures.values() for disguise in disguises(value))
        keys = self.secrets
        if self._known is None or self._known[0] is not keys:
            self._known = (keys, site_secrets(self.site, self.access, keys))
        return self._known[1] | made

    def _releases(self) -> tuple[Release, ...]:
        known = (self.facts.hosts[host.address].releases for host in self.site.control_planes)
        return Release.parse(next((lines for lines in known if lines), ()))

    def _on_control_planes(self, script: str, stdin: Sequence[bytes] = ()) -> tuple[str, ...]:
        """What each one says to a script, in the Clusterfile's order. Raises BundlerError (STEP)."""
        return tuple(self._ask(host.address, script, stdin) for host in self.site.control_planes)

    def _ask(self, address: str, script: str, stdin: Sequence[bytes]) -> str:
        outcome = self.transports[address].run(script, stdin=stdin, timeout=_TIMEOUT)
        if outcome.status:
            raise BundlerError(
                "the control plane could not be asked",
                where=address,
                why=outcome.stderr.strip(),
                code=ExitCode.STEP,
            )
        return outcome.stdout


@contextlib.contextmanager
def opened(
    run_file: Path,
    clusterfile: Path,
    access: Access,
    gate: Gate,
    *,
    parallel: int,
    tell: Callable[[str], None],
    bases: Iterable[Path] = (),
    alone: bool = False,
) -> Iterator[Session]:
    """Open the .run if it may be trusted, read the Clusterfile, connect to every host and ask for its facts.

    bases: what the .run may rest on; else a .run beside it is looked for, else the site has to have it.
    alone: hold the hosts against other runs meanwhile; whoever changes something must.
    Workers that `access` excuses are left out of the site; the session tells which.
    Raises BundlerError: what is wrong with the file, the Clusterfile or the hosts.
    """
    claim = Claim.ours()
    with open_bundle(run_file, bases) as bundle, WholeCheck(bundle) as whole:
        verdict = gate.admit(bundle, tell)
        site = read_file(clusterfile)
        for notice in site.notices:
            tell(f"note: {notice}")
        tell(f"connecting to {hosts(len(site.hosts))} of {site.name}")
        connected = connect_all(site, access, parallel=parallel)
        site, transports = site.without(connected.lost), connected.transports
        for error in connected.lost.values():
            tell(f"warning: left out (--max-failed {access.max_failed}): {error}")
        first = site.control_plane.address
        try:
            # What a run before this one has left unfinished ends first: facts hold its journal.
            with (
                held(transports, first, claim, parallel=parallel, tell=tell)
                if alone
                else contextlib.nullcontext()
            ):
                facts = gather(transports, parallel=parallel)
                base = _site_base(bundle, transports[first])
                of = _fitting(bundle, facts.hosts[first].architecture)
                hearing = Captures()
                yield Session(
                    site, of, access, transports, facts, hearing, verdict, gate.allowed, whole, claim, base,
                    lost=connected.lost,
                )  # fmt: skip
        finally:
            close_all(transports)


def _site_base(bundle: Bundle, control_plane: Transport) -> SiteBase | None:
    """The site itself, where the .run has only what changed and no other .run was found that has the rest."""
    if (needed := bundle.needs) is None:
        return None
    base = SiteBase(control_plane, needed)
    bundle.rest_on(base)
    return base


def _fitting(bundle: Bundle, architecture: str) -> Bundle:
    """What of the file is for the hosts, not for this machine; preflight tells where nothing of it is."""
    platform = choose(bundle.platforms, architecture)
    return bundle if platform is None else bundle.of(platform)


@contextlib.contextmanager
def logged(session: Session, path: Path) -> Iterator[LogFile]:
    """A log beside the run; what breaks the run off is its last entry."""
    log = LogFile.open(path, session.hidden)
    try:
        yield log
    except BundlerError as error:
        log.note(event="error", code=int(error.code), error=str(error))
        redacted(error, session.hidden())
        error.fix = f"{error.fix}; log: {path}" if error.fix else f"log: {path}"
        raise
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
    limits: Limits,
    report: Report,
    timeouts: Timeouts,
) -> None:
    """Run the plan with its view, log and report."""
    report.log = str(log.path)
    with view as shown:
        sink = redacting(tee(log, report, shown), session.hidden)
        session.lost = {**session.lost, **session.run(plan, sink, limits=limits, timeouts=timeouts)}
    report.lost = {address: str(error) for address, error in session.lost.items()}


def check_lost(session: Session) -> None:
    """The last thing of a run: hosts that were left out. Raises BundlerError (PARTIAL)."""
    if not session.lost:
        return
    total = len(session.site.hosts) + sum(address not in session.transports for address in session.lost)
    index = session.bundle.index
    done = f"{index.name} {index.version} runs on {total - len(session.lost)} of {hosts(total)}"
    raise BundlerError(
        f"{done}; {hosts(len(session.lost))} failed (--max-failed {session.access.max_failed})",
        where=session.site.name,
        why=str(together(session.lost, total)),
        fix="mend that, then run the same command again: what failed joins alone",
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


def say(text: str) -> None:
    """A line for the user, on standard error: standard output is for results. Nothing with --quiet."""
    if not os.environ.get("BUNDLER_QUIET"):
        show(sys.stderr, f"{text}\n")

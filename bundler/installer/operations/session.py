"""What a command works with: a site that is connected to and known, its plan, and a run of it."""

import contextlib
import os
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from bundler.core.archive.reader import Bundle
from bundler.core.errors import BundlerError, ExitCode
from bundler.core.index import Index
from bundler.installer.facts.gather import gather, newest
from bundler.installer.facts.journal import RELEASES, STATE
from bundler.installer.facts.model import Facts
from bundler.installer.facts.seen import Present
from bundler.installer.handout.images import offered
from bundler.installer.operations.connecting import doubt
from bundler.installer.operations.contents import contents_of
from bundler.installer.operations.external import fill
from bundler.installer.operations.hidden import site_secrets
from bundler.installer.operations.session_state import SessionState
from bundler.installer.operations.speaking import say
from bundler.installer.plan.cluster.decide import decide, refuse
from bundler.installer.plan.cluster.hops import upgrading
from bundler.installer.plan.cluster.intent import intend
from bundler.installer.plan.cluster.operation import Kind, Operation
from bundler.installer.plan.cluster.steps import Plan as Decided
from bundler.installer.plan.cluster.steps import Refused
from bundler.installer.plan.contents import Contents, wanted_files
from bundler.installer.plan.context import Context
from bundler.installer.plan.decide import (
    Prepared,
    concrete,
    decide_removal,
    prepare,
    rough_view,
)
from bundler.installer.plan.mixed import architectures, fitted
from bundler.installer.plan.overlay import touched
from bundler.installer.plan.plugins import shipped
from bundler.installer.plan.prune import listing
from bundler.installer.plan.refused import RefusedError
from bundler.installer.plan.removed_apis import asked_for
from bundler.installer.plan.site_pki import READ_SCRIPT, kept, renew
from bundler.installer.plan.steps import Plan
from bundler.installer.run.actions import Captures, StepContext
from bundler.installer.run.deliver import BundleSource, MemberSource
from bundler.installer.run.events import Sink
from bundler.installer.run.execute import Excused, execute
from bundler.installer.run.hostlock import Claim
from bundler.installer.run.record_store import commit
from bundler.installer.run.redaction import disguises
from bundler.installer.run.schedule import ScheduleLimits
from bundler.installer.run.site_base import SiteBase, check_base
from bundler.installer.run.timeouts import Timeouts
from bundler.installer.scripts.render import load, script
from bundler.installer.site.model import Host, Role, Site
from bundler.installer.site.ranges import hosts
from bundler.installer.site.record import Record
from bundler.installer.transport.connect import Access
from bundler.installer.transport.parallel import on_each
from bundler.installer.transport.protocol import Transport
from bundler.installer.trust.gate import WholeCheck
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


@dataclass(frozen=True, slots=True)
class Session:
    """A site that is connected to and known, as it was opened; `state` holds what a run changes.

    base: the site's own content, where the .run has only what changed. others: reached hosts that the
    Clusterfile does not list. kept_secrets: a restored site's, in place of those its hosts keep.
    supply: adds what is delivered from elsewhere to the bundle's members.
    """

    site: Site
    bundle: Bundle
    access: Access
    transports: Mapping[str, Transport]
    captures: Captures
    verdict: Verdict
    allowed: Allowed
    whole: WholeCheck
    claim: Claim
    state: SessionState
    base: SiteBase | None = None
    others: Mapping[str, Host] = field(default_factory=dict)
    parallel: int = 32
    file: str = "site.yaml"
    kept_secrets: str = ""
    supply: Callable[[MemberSource], MemberSource] = lambda bundle: bundle

    @property
    def facts(self) -> Facts:
        """What the hosts last said of themselves."""
        return self.state.facts

    @property
    def operation(self) -> Operation:
        """What is to be done."""
        return self.state.operation

    @property
    def lost(self) -> Mapping[str, BundlerError]:
        """Hosts left out, with the reason."""
        return self.state.lost

    @property
    def title(self) -> str:
        """What is brought to how many hosts."""
        index = self.bundle.index
        product = f"{index.name} {index.version} with Kubernetes {index.kubernetes}"
        return f"{self.site.name}: {product} on {hosts(len(self.site.hosts))}"

    @property
    def neighbours(self) -> tuple[str, ...]:
        """Other products that the cluster serves."""
        record, mine = newest(self.facts), self.bundle.index.name
        return tuple(each.name for each in record.products if each.name != mine) if record else ()

    def refused(self, refused: Refused) -> RefusedError:
        """A refusal that names this .run and this Clusterfile in its commands."""
        run = f"./{Path(os.environ.get('BUNDLER_ARGV0', 'product.run')).name}"
        return RefusedError(refused, self.site.name, run=run, file=self.file)

    def note_removal(self) -> None:
        """Before the first host is cleared, the record says so."""
        view = rough_view(self.site, self.facts, self.bundle.index, self.operation)
        if view.record is not None:
            self.keep(intend(view, secrets.token_hex(8), view.record.site_id), newest(self.facts))

    def plan(self, facts: Facts | None = None) -> Plan:
        """What has to be done to make the site what its Clusterfile says. facts: in place of those seen.

        Raises RefusedError with every reason to do nothing, and what `check_site` and `concrete` do.
        """
        prepared = self.prepare(facts)
        decision = decide(prepared.desired, prepared.observed, prepared.operation)
        if isinstance(decision, Refused):
            raise self.refused(decision)
        return self.steps(decision)

    def prepare(self, facts: Facts | None = None) -> Prepared:
        """Everything that deciding needs, from the facts as they are now, or from these.

        Raises what `check_site` does.
        """
        check_site(self.verdict, self._releases(), self.allowed)
        here = kept(self._on_control_planes(READ_SCRIPT))
        found = self.kept_secrets or here
        self.state.secrets = keys = renew(found=found, site=self.site, now=datetime.now(UTC), here=here)
        contents = self._contents(
            lambda index: (*wanted_files(index), *touched(self.site, index), *shipped(index))
        )
        self.state.prepared = made = prepare(
            self.site,
            facts or self.facts,
            contents,
            keys,
            key=self.verdict.release.key,
            operation=self.operation,
            others=self.others,
        )
        return made

    def _contents(self, wanted: Callable[[Index], Iterable[str]]) -> Contents:
        """The bundle as these hosts need it. wanted: the members to read."""
        record = newest(self.facts)
        found = architectures(self.facts, record.architectures if record else {})
        return contents_of(self.bundle, wanted, found)

    def context(self, prepared: Prepared, otherwise: BundlerError) -> Context:
        """What steps are made from.

        Raises RefusedError where the planner refuses the site, else `otherwise` where there is no context.
        """
        if prepared.context is not None:
            return prepared.context
        refused = refuse(prepared.view)
        raise otherwise if refused is None else self.refused(refused)

    def steps(self, decision: Decided) -> Plan:
        """The steps of the stage that was decided on. Raises what `concrete` does."""
        if self.state.prepared is None:
            raise BundlerError("steps were requested before a decision was made", code=ExitCode.BUG)
        made = concrete(self.state.prepared, decision)
        if self.base is not None:
            check_base(made, self.bundle, self.base)
        for warning in (*made.warnings, *self._removed_apis()):
            if warning not in self.state.warned:
                self.state.warned.add(warning)
                say(f"warning: {warning}")
        return made

    def _removed_apis(self) -> tuple[str, ...]:
        """Before an upgrade, what clients would miss; a silent API is no reason to stop."""
        prepared = self.state.prepared
        if prepared is None or not upgrading(prepared.view):
            return ()
        lines: list[str] = []
        asked = script("kubectl.sh", "removed-apis.sh")
        for host in self.site.control_planes:
            with contextlib.suppress(BundlerError):
                lines += self.ask(host.address, asked).splitlines() if host.address in self.transports else ()
        return asked_for(lines, prepared.contents.version)

    def observe(self) -> None:
        """Ask every host again."""
        able = {address: each for address, each in self.transports.items() if address not in self.lost}
        silent = {address: doubt(error) for address, error in self.lost.items()}
        planes = {host.address for host in self.site.control_planes}
        found = gather(able, parallel=self.parallel, keepers=planes)
        self.state.facts = replace(found, silent={**self.facts.silent, **silent})

    def keep(self, record: Record, before: Record | None) -> None:
        """Keep the record on control planes that answer, and in the cluster. Raises BundlerError (BUSY)."""
        named = {host.address for host in record.hosts if host.role is Role.CONTROL_PLANE}
        named |= {host.address for host in self.site.control_planes}
        hosts = {
            a: transport for a, transport in self.transports.items() if a in named and self._keeps(a, record)
        }
        up = isinstance(self.facts.api, Present)
        speaker = next((a for a, host in self.facts.hosts.items() if isinstance(host.api, Present)), "")
        cluster = self.transports[speaker] if up and speaker else None
        commit(record, before, hosts, cluster, lambda work: on_each(work, self.parallel))

    def _keeps(self, address: str, record: Record) -> bool:
        """While a site is taken down, a host that is clean stays so."""
        host = self.facts.hosts.get(address)
        if host is None:
            return False
        found = host.site
        return record.operation != Kind.DELETE.value or (found is not None and found.ours)

    def settle(self) -> None:
        """The last thing before hosts are changed: every byte of the file is right, and its version is noted.

        The note comes first of all steps, so that an upgrade that was broken off counts, too.
        Raises BundlerError (INTEGRITY).
        """
        self.whole.wait()
        if self.site.external is not None:
            fill(self.bundle, self.site.external, say)
        if self.operation.kind is not Kind.RENEW:  # which brings nothing of this file
            self.record()
            index = self.bundle.index
            keep = script("bundle-list.sh", name=f"{index.name} {index.version}")
            self._on_control_planes(keep, [listing(offered(self.bundle)).encode()])

    def record(self, release: Release | None = None) -> None:
        """Note on every control plane which release the site has: this file's. Raises BundlerError (STEP)."""
        before = self._releases()
        after = noted(release or self.verdict.release, before)
        if set(after) == set(before):
            return
        text = "".join(f"{each.line()}\n" for each in after)
        self._on_control_planes(_RECORD, [text.encode()])

    def removal(self, going: frozenset[str] = frozenset()) -> Plan:
        """What has to be done to leave the machines as they were. Raises what `decide_removal` does."""
        site = replace(self.site, hosts=(*self.site.hosts, *self.others.values()))
        contents = self.plugins_of_bundle()
        return decide_removal(
            site, self.facts, contents.index, operation=self.operation, contents=contents, going=going
        )

    def plugins_of_bundle(self) -> Contents:
        """The bundle with the texts of its plug-ins alone."""
        return fitted(self._contents(shipped), self.facts, self.site.hosts)

    def run(
        self, plan: Plan, sink: Sink, *, limits: ScheduleLimits, timeouts: Timeouts
    ) -> Mapping[str, BundlerError]:
        """Carry a plan out; the workers that failed and were excused. Raises what `execute` does."""
        source = self.supply(BundleSource(self.bundle, self.base))
        context = StepContext(
            source, self.claim.prelude() + load("ledger.sh"), self.captures, timeouts, self.transports
        )
        workers = frozenset(host.address for host in self.site.workers)
        excused = Excused(workers, self.access.max_failed - len(self.lost))
        return execute(plan, self.transports, context, sink, limits=limits, excused=excused)

    def nodes(self) -> str:
        """What Kubernetes says of its nodes; "" when it can't be asked."""
        for host in self.site.control_planes:
            with contextlib.suppress(BundlerError):
                return self._ask(host.address, _NODES, ())
        return ""

    def hidden(self) -> frozenset[str]:
        """Everything that no log, report or message may hold; asked for every line of output, so kept."""
        made = frozenset(disguise for value in self.captures.values() for disguise in disguises(value))
        keys, known = self.state.secrets, self.state.hidden
        if known is None or known[0] is not keys:
            self.state.hidden = known = (keys, site_secrets(self.site, self.access, keys))
        return known[1] | made

    def _releases(self) -> tuple[Release, ...]:
        reached = (self.facts.hosts.get(host.address) for host in self.site.control_planes)
        known = (facts.releases for facts in reached if facts)
        return Release.parse(next((lines for lines in known if lines), ()))

    def _on_control_planes(self, script: str, stdin: Sequence[bytes] = ()) -> tuple[str, ...]:
        """What each one says to a script, in the Clusterfile's order. Raises BundlerError (STEP)."""
        hosts = (host for host in self.site.control_planes if host.address in self.transports)
        return tuple(self._ask(host.address, script, stdin) for host in hosts)

    def ask(self, address: str, script: str) -> str:
        """What a host says to a script that only looks. Raises BundlerError (STEP)."""
        return self._ask(address, script, ())

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

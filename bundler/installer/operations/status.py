"""Looking at a site without touching it: every host is asked once, the planner says what would be done."""

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from bundler.core.archive.bases import opened as open_bundle
from bundler.core.archive.reader import Bundle
from bundler.core.errors import BundlerError, Problems
from bundler.core.index import AppKind, Image
from bundler.installer.facts import gather
from bundler.installer.facts.model import Facts, HostFacts
from bundler.installer.operations.connecting import doubt
from bundler.installer.operations.contents import contents_of
from bundler.installer.operations.lookout import Lookout
from bundler.installer.operations.opening import beyond, fitting, site_base
from bundler.installer.operations.session import Session
from bundler.installer.operations.session_state import SessionState
from bundler.installer.plan import paths
from bundler.installer.plan.cluster.decide import decide
from bundler.installer.plan.cluster.operation import Consents, Kind, Operation
from bundler.installer.plan.cluster.steps import Decision
from bundler.installer.plan.cluster.view import View
from bundler.installer.plan.decide import rough_view, silent_architectures
from bundler.installer.plan.mixed import architectures, fitted
from bundler.installer.run.actions import Captures
from bundler.installer.run.hostlock import FOLDER, Claim
from bundler.installer.scripts.render import script
from bundler.installer.site.clusterfile.read import read_file
from bundler.installer.site.model import Host, Site
from bundler.installer.site.ranges import hosts
from bundler.installer.status import read
from bundler.installer.status.condition import Condition
from bundler.installer.status.judge import judge
from bundler.installer.status.model import Look, Status
from bundler.installer.transport.connect import Access, dialler
from bundler.installer.transport.parallel import together
from bundler.installer.transport.protocol import Transport
from bundler.installer.trust.gate import Gate, WholeCheck
from bundler.installer.trust.trust import Allowed, Verdict

PATIENCE: Final = 15.0  # seconds for a host to be reached and to answer
_Said = tuple[HostFacts, Condition]


@dataclass(slots=True)
class Watcher:
    """A site that is looked at, once or again and again. again: the command that applies."""

    site: Site
    bundle: Bundle
    access: Access
    verdict: Verdict
    allowed: Allowed
    lookout: Lookout
    again: str
    others: dict[str, Host] = field(default_factory=dict)
    speakers: tuple[str, ...] = ()  # control planes whose API server answered the last look

    def look(self) -> Status:
        """Ask every host now, and judge. Raises BundlerError (HOST, TRUST) where none answers."""
        started = time.monotonic()
        facts, conditions = self.ask()
        planes = (host.address for host in self.site.control_planes)
        self.speakers = tuple(a for a in planes if a in conditions and conditions[a].contents)
        index = self._fitting(facts).index
        view = rough_view(self.site, facts, index, self._operation(facts))
        forecast, now = self._forecast(facts), time.time()
        images = self._images(facts, view)
        look = Look(self.site, index, facts, view, conditions, forecast, now, self.again, images)
        return judge(look, seconds=time.monotonic() - started)

    def ask(self) -> tuple[Facts, dict[str, Condition]]:
        """What hosts of Clusterfile and record show of themselves. Raises BundlerError where none answers."""
        started = time.time()
        question = _question(self.site, self.bundle)
        answers = self.lookout.ask(self.site.hosts, question)
        if not answers.said:  # a network that is cut says nothing about the site
            raise together(answers.silent, len(self.site.hosts))
        facts = gather.gathered({a: said for a, (said, _) in answers.said.items()}, started)
        others = beyond(self.site, facts)
        self.others = {host.address: host for host in others}
        more = self.lookout.ask(others, question)
        both, silent = {**answers.said, **more.said}, {**answers.silent, **more.silent}
        facts = gather.gathered({a: said for a, (said, _) in both.items()}, started)
        unheard = {address: doubt(error) for address, error in silent.items()}
        return replace(facts, silent=unheard), {a: condition for a, (_, condition) in both.items()}

    def _fitting(self, facts: Facts) -> Bundle:
        """What of a file for several platforms is for these hosts."""
        architecture = next((each.architecture for each in facts.hosts.values()), "")
        return fitting(self.bundle, architecture)

    def _images(self, facts: Facts, view: View) -> tuple[Image, ...]:
        """What the site's registries are to have."""
        found = architectures(facts, view.record.architectures if view.record else {})
        contents = contents_of(self._fitting(facts), lambda _index: (), found)
        mixed = fitted(contents, facts, self.site.hosts, silent_architectures(view))
        return tuple(mixed.images.values())

    def _operation(self, facts: Facts) -> Operation:
        """What silent hosts lack does not count as a reason to do nothing: they are named anyway."""
        return Operation(Kind.APPLY, Consents(without=frozenset(facts.silent)))

    def _forecast(self, facts: Facts) -> Decision | str:
        """What `apply` would do, or why that can't be told."""
        planes = [host.address for host in self.site.control_planes if host.address in facts.hosts]
        if not planes:
            return "no control plane answers"
        transports = dict(self.lookout.transports)
        try:
            base = site_base(self.bundle, transports[planes[0]])
            of = self._fitting(facts)
            session = Session(
                self.site, of, self.access, transports, Captures(), self.verdict, self.allowed,
                WholeCheck(self.bundle), Claim.ours(), SessionState(facts, self._operation(facts)),
                base, others=self.others,
            )  # fmt: skip
            prepared = session.prepare()
            return decide(prepared.desired, prepared.observed, prepared.operation)
        except Problems as error:
            return f"apply would refuse: {error.problems[0].message}"
        except BundlerError as error:
            return f"apply would refuse: {error.what}"
        except KeyError as error:  # a host was lost between two questions
            return f"{error.args[0]} does not answer any more"


@contextlib.contextmanager
def watching(
    run_file: Path,
    clusterfile: Path,
    access: Access,
    gate: Gate,
    *,
    again: str,
    within: float = PATIENCE,
    bases: Iterable[Path] = (),
    tell: Callable[[str], None] = lambda _text: None,
) -> Iterator[Watcher]:
    """Open the .run if it may be trusted, and read the Clusterfile; hosts are reached by the first look.

    Raises BundlerError: what is wrong with the file, the Clusterfile, or on this machine.
    """
    with open_bundle(run_file, bases) as bundle:
        verdict = gate.admit(bundle, tell)
        site = read_file(clusterfile)
        tell(f"asking {hosts(len(site.hosts))} of {site.name}")
        lookout = Lookout(dialler(site, access), within)
        try:
            yield Watcher(site, bundle, access, verdict, gate.allowed, lookout, again)
        finally:
            lookout.close()


def _question(site: Site, bundle: Bundle) -> Callable[[Transport], _Said]:
    text = gather.SCRIPT + script(
        "status.sh",
        port=str(site.registry.port),
        store=paths.REGISTRY_REPOSITORIES,
        lock_folder=FOLDER,
        manifests=" ".join(
            f"{app.name}:{app.namespace}" for app in bundle.index.apps if app.kind is AppKind.KUBE
        ),
    )

    def ask(transport: Transport) -> _Said:
        before = time.time()
        outcome = transport.run(text, timeout=60.0)
        facts = gather.parse(transport.address, outcome.stdout, asked_at=(before + time.time()) / 2)
        return facts, read.condition(transport.address, gather.sections(outcome.stdout))

    return ask

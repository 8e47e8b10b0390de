"""Machine, runtime, registry: every piece of every host that is not as expected."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from bundler.installer.plan.cluster.concerns.versions import versions
from bundler.installer.plan.cluster.judge import judge
from bundler.installer.plan.cluster.make import budget, join_keys, requested
from bundler.installer.plan.cluster.make import step as make_step
from bundler.installer.plan.cluster.operation import Kind
from bundler.installer.plan.cluster.probes import Once, PieceIs
from bundler.installer.plan.cluster.steps import Because, Cause, Finding, Proposal, Severity, Step, Verb
from bundler.installer.plan.cluster.verdict import Satisfied, Undecidable, Unsatisfied, Verdict
from bundler.installer.plan.cluster.view import Existence, View
from bundler.installer.site.desired import Piece
from bundler.installer.site.expected import AppRuns, FileIs, Journalled, UnitRuns

_STANDS: Final = frozenset({Existence.ABSENT, Existence.UNFINISHED, Existence.RUNNING})


def late_pieces(view: View) -> Iterator[Proposal | Finding]:
    """What needs the cluster: the network plug-in, apps, an administrator's kubectl.

    While Kubernetes is upgraded they wait: an app that is upgraded meanwhile meets API servers that restart.
    They wait for every join, too: control planes join one a stage, and some of them need all nodes.
    """
    if any(isinstance(said, Proposal) for said in versions(view)):
        return
    if view.operation.kind not in {Kind.DELETE, Kind.RESTORE} and view.existence in _STANDS:
        for said in _all(view, late=True):
            yield _behind(said, join_keys(view)) if isinstance(said, Proposal) else said


def _behind(proposal: Proposal, joins: tuple[str, ...]) -> Proposal:
    steps = tuple(replace(step, after=(*step.after, *joins)) for step in proposal.steps)
    return replace(proposal, steps=steps)


def pieces(view: View) -> Iterator[Proposal | Finding]:
    """One proposal a host; it claims the host's budget only if it interrupts what serves.

    Who did not bring the cluster brings only what its apps need.
    """
    yield from _all(view, late=False)
    if view.owner:
        yield from _foreign(view)


def _all(view: View, *, late: bool) -> Iterator[Proposal | Finding]:
    trials = () if late or not view.owner else tuple(_trials(view))
    # Tries come first, on every host: nothing holds them up, and all else may wait for them.
    hosts: list[tuple[bool, str, list[Piece]]] = []
    for address, pieces_here in (view.desired.late if late else view.desired.early).items():
        if late or address not in view.whole:
            mine = [piece for piece in pieces_here if view.owner or piece.of_app]
            tries = [piece for piece in mine if piece.trial]
            rest = [piece for piece in mine if not piece.trial] if tries else mine
            hosts += ((order, address, some) for order, some in ((False, tries), (True, rest)) if some)
    yield from (Proposal("registry", (trial,)) for trial in trials)
    for _, address, mine in sorted(hosts, key=lambda each: each[0]):
        if view.observed.host(address) is not None and not view.leaving(address):
            yield from _of_host(view, address, mine, tuple(trial.key for trial in trials))


def _of_host(
    view: View, address: str, mine: Sequence[Piece], trials: tuple[str, ...]
) -> Iterator[Proposal | Finding]:
    kept = view.record.kept if view.record else {}
    probes = [PieceIs(piece) for piece in mine]
    verdicts = [judge(probe, view.observed, kept) for probe in probes]
    wanted: dict[str, Step] = {}
    disturbs: set[str] = set()
    for piece, probe, verdict in zip(mine, probes, verdicts, strict=True):
        because = _because(piece, verdict, wanted) or _follows(view, piece, kept) or _waits(piece, wanted)
        if because is None:
            continue
        if (
            view.operation.consents.keep
            and because.cause is Cause.DRIFTED
            and isinstance(piece.expected, FileIs)
        ):
            yield Finding("drift-kept", address, f"{because}; left as it is (--keep)", Severity.WARNING)
            continue
        if because.cause is Cause.DRIFTED:
            yield Finding("drift", address, str(because), Severity.WARNING)
        wanted[piece.key] = _step(probe, because, trials)
        disturbs |= {piece.disturbs} - {""}
    if wanted:
        yield Proposal("pieces", tuple(wanted.values()), _claims(view, address, disturbs))


def _claims(view: View, address: str, disturbs: Collection[str]) -> Mapping[str, int]:
    """What interrupts a member of etcd waits until every other one is well."""
    if not disturbs or not view.joined(address):
        return {}
    if "etcd" in disturbs and view.etcd and view.etcd.healthy < len(view.etcd.members):
        return {"blocked": 1}
    return budget(view, address)


def _because(piece: Piece, verdict: Verdict, wanted: dict[str, Step]) -> Because | None:
    """A unit starts again behind a file of its own that is written anew, whatever it runs with."""
    match verdict:
        case Unsatisfied(because):
            return because
        case Undecidable(why):
            return Because(Cause.REQUESTED, why)
        case Satisfied() if isinstance(piece.expected, UnitRuns) and piece.expected.reads:
            files = (wanted[name] for name in piece.after if name in wanted)
            written = (each.because for each in files if _is_file(each))
            return next(written, None)
        case _:
            return None


def _follows(view: View, piece: Piece, kept: Mapping[str, str]) -> Because | None:
    """A start of an app happens again behind a file of its own that differs: variables, values, manifests."""
    starts = isinstance(piece.expected, AppRuns)
    if not starts and not (isinstance(piece.expected, Journalled) and piece.expected.follows):
        return None
    before = (view.piece(key) for key in piece.after)
    files = (each for each in before if each and isinstance(each.expected, FileIs) and each.expected.secret)
    verdicts = (judge(PieceIs(each), view.observed, kept) for each in files)
    return next((verdict.because for verdict in verdicts if isinstance(verdict, Unsatisfied)), None)


def _waits(piece: Piece, wanted: Mapping[str, Step]) -> Because | None:
    """A step that restarts an app or a unit waits for it again."""
    if not isinstance(piece.expected, Journalled):
        return None
    starts = (wanted[name] for name in piece.after if name in wanted)
    return next((each.because for each in starts if _starts(each, piece.expected)), None)


def _starts(step: Step, awaited: Journalled) -> bool:
    probe = step.probe
    match probe.piece.expected if isinstance(probe, PieceIs) else None:
        case AppRuns(name=name):
            return name == awaited.app
        case UnitRuns():
            return awaited.unit
        case _:
            return False


def _is_file(step: Step) -> bool:
    return isinstance(step.probe, PieceIs) and isinstance(step.probe.piece.expected, FileIs)


def _step(probe: PieceIs, because: Because, trials: tuple[str, ...]) -> Step:
    piece, inputs = probe.piece, probe.piece.inputs
    if piece.size:
        size = " ".join(f"{mount}={count}" for mount, count in piece.size.items())
        inputs = {**inputs, "size": size}
    return Step(
        key=piece.key,
        host=piece.host,
        verb=Verb.CHECK_PULL if piece.trial else Verb.PUT,
        because=because,
        probe=probe,
        inputs=inputs,
        revision=piece.revision,
        after=(*piece.after, *trials) if trials and "registry" in piece.inputs else piece.after,
    )


def _trials(view: View) -> Iterator[Step]:
    """One pull from every node before any node is switched to another registry."""
    if not view.desired.registry.external:
        return
    switching = [
        piece
        for piece in view.desired.pieces
        if "registry" in piece.inputs and _switches(view, piece) and view.joined(piece.host)
    ]
    if not switching:
        return
    for address in view.addresses:
        if view.observed.host(address) and view.joined(address) and not view.leaving(address):
            why = requested(f"{view.desired.registry.external} is tried before any node is switched to it")
            yield make_step(Verb.CHECK_PULL, address, why, Once())


def _switches(view: View, piece: Piece) -> bool:
    host = view.observed.host(piece.host)
    entry = host.journal.get(piece.key) if host else None
    return entry is not None and entry.inputs.get("registry") != piece.inputs["registry"]


def _foreign(view: View) -> Iterator[Finding]:
    """Files that other people put beside ours stay."""
    for host in view.answering:
        for path in host.foreign_files:
            yield Finding("foreign-file", host.address, f"{path} is not ours; left alone")

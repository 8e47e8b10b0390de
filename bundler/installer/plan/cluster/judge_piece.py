"""Is a piece of a host as expected? What is there decides, what the journal says explains the difference."""

import re
from collections.abc import Mapping
from functools import lru_cache

from bundler.installer.facts.observed import BlobState, HostObservation, JournalEntry, UnitState
from bundler.installer.plan.cluster.compare import Difference, compare
from bundler.installer.plan.cluster.steps import Because, Cause
from bundler.installer.plan.cluster.verdict import YES, Satisfied, Undecidable, Unsatisfied, Verdict
from bundler.installer.site import expected as e
from bundler.installer.site.desired import Piece

_BLOB = re.compile(r".*/blobs/sha256/../([0-9a-f]{12})[0-9a-f]{52}/data")  # in a registry's store
_SHORT = 12  # characters of a digest for people
_READABLE = 120  # characters of two values that a person still compares
_DIGESTS = frozenset({"content", "input", "inputs", "unit_inputs", "then", "script"})  # say nothing to people


@lru_cache(maxsize=4096)  # new hosts lack the same
def _missing(subject: str) -> Unsatisfied:
    return Unsatisfied(Because(Cause.MISSING, subject))


def judge_piece(piece: Piece, host: HostObservation, kept: Mapping[str, str]) -> Verdict:
    """A raised revision is reason enough, whatever is observed."""
    entry = host.journal.get(piece.key)
    if because := revised(piece, host):
        return Unsatisfied(because)
    match piece.expected:
        case e.FileIs():
            return _file(piece, piece.expected, host, kept)
        case e.UnitGone(unit):
            gone = unit not in host.units
            return YES if gone else Unsatisfied(Because(Cause.CHANGED, unit, "running", "none"))
        case e.UnitRuns():
            return _unit(piece, piece.expected, host, entry)
        case e.Journalled():
            return journalled(piece, entry)
        case _:
            return _content(piece, host)


def revised(piece: Piece, host: HostObservation) -> Because | None:
    """Whether the way to do it was corrected since it was done here."""
    entry = host.journal.get(piece.key)
    known = entry is None or entry.revision > 0  # else an older bundler did it, and did not say with what
    if known and piece.revision > 1 and (entry is None or entry.revision < piece.revision) and host.ours:
        was = str(entry.revision) if entry else ""
        return Because(Cause.REVISED, piece.subject, was, str(piece.revision))
    return None


def _content(piece: Piece, host: HostObservation) -> Verdict:  # noqa: PLR0911  (a case for each kind)
    match piece.expected:
        case e.FilesAre(files):
            return _delivered(piece, files, host)
        case e.SysctlsAre(values):
            return _sysctls(piece, values, host)
        case e.PackagesAre(names):
            return _all_there("package", names, set(host.packages))
        case e.ImagesAre(names):
            return _all_there("image", names, set(host.images))
        case e.BlobsAre(digests):
            whole = {digest for digest, state in host.blobs.items() if state is BlobState.WHOLE}
            damaged = sorted(set(digests) & (set(host.blobs) - whole))
            if damaged:
                return Unsatisfied(Because(Cause.DRIFTED, f"blob {damaged[0]}", "", "damaged"))
            return _all_there("blob", digests, whole)
        case _:
            return Undecidable(f"no way to look at {piece.subject}")


def _delivered(piece: Piece, files: Mapping[str, tuple[str, int]], host: HostObservation) -> Verdict:
    missing = [path for path in files if path not in host.files]
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        return _missing(f"{_shown(missing[0])}{more}")
    for path, (digest, size) in files.items():
        state = host.files[path]
        if size and state.size != size:
            return Unsatisfied(because_changed(piece, host, path, f"{state.size} bytes", f"{size} bytes"))
        if digest and state.digest and state.digest != digest:
            return Unsatisfied(because_changed(piece, host, path, state.digest[:_SHORT], digest[:_SHORT]))
    return YES


def _shown(path: str) -> str:
    """A path, or the blob that a registry's store keeps there: its path says it twice and says no more."""
    found = _BLOB.fullmatch(path)
    return f"blob sha256:{found[1]}" if found else path


def _sysctls(piece: Piece, values: Mapping[str, str], host: HostObservation) -> Verdict:
    """What a script sets besides kernel settings is known by its inputs."""
    for key, value in values.items():
        if host.sysctls.get(key) != value:
            return Unsatisfied(because_changed(piece, host, key, host.sysctls.get(key, "none"), value))
    because = changed_input(piece, host.journal.get(piece.key))
    return Unsatisfied(because) if because else YES


def because_changed(piece: Piece, host: HostObservation, subject: str, before: str, now: str) -> Because:
    """Drift, if the journal says that the step was done with the very same inputs."""
    entry = host.journal.get(piece.key)
    drifted = entry is not None and entry.inputs == piece.inputs
    return (
        Because(Cause.DRIFTED, subject, now, before)
        if drifted
        else Because(Cause.CHANGED, subject, before, now)
    )


def _all_there(kind: str, wanted: tuple[str, ...], found: set[str]) -> Verdict:
    missing = [name for name in wanted if name not in found]
    if not missing:
        return YES
    more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
    return _missing(f"{kind} {missing[0]}{more}")


def _file(piece: Piece, wanted: e.FileIs, host: HostObservation, kept: Mapping[str, str]) -> Verdict:
    state, entry = host.files.get(wanted.path), host.journal.get(piece.key)
    applied = entry.inputs.get("content") if entry else None
    keep = kept.get(f"{host.address} {wanted.path}")
    match compare(applied, state.digest if state else None, wanted.digest, keep):
        case Difference.SAME:
            return YES
        case Difference.KEPT:
            return Satisfied(kept=True)
        case Difference.MISSING:
            return _missing(wanted.path)
        case Difference.DRIFTED:
            return Unsatisfied(Because(Cause.DRIFTED, f"{wanted.path} was changed on the host"))
        case Difference.CHANGED:
            return Unsatisfied(changed_input(piece, entry) or Because(Cause.CHANGED, wanted.path))


def changed_input(piece: Piece, entry: JournalEntry | None) -> Because | None:
    """The first named input that differs from the journal's; digests come last, and are not shown."""
    if entry is None or entry.revision < 1:
        return None
    names = sorted(set(piece.inputs) | set(entry.inputs), key=lambda name: (name in _DIGESTS, name))
    for name in names:
        before, now = entry.inputs.get(name, ""), piece.inputs.get(name, "")
        if before == now:
            continue
        if name in _DIGESTS or "\n" in before + now or len(before + now) > _READABLE:
            return Because(Cause.CHANGED, piece.subject)
        return Because(Cause.CHANGED, name, before or "none", now or "none")
    return None


def _unit(piece: Piece, wanted: e.UnitRuns, host: HostObservation, entry: JournalEntry | None) -> Verdict:
    state = host.units.get(wanted.unit)
    if state is None:
        return _missing(wanted.unit)
    if not state.enabled:
        return Unsatisfied(Because(Cause.DRIFTED, wanted.unit, "enabled", "disabled"))
    # A kubelet that is not started at once has to run all the same as soon as the host is a node.
    if (wanted.active or host.traces.kubelet_conf) and not state.active:
        return Unsatisfied(Because(Cause.DRIFTED, wanted.unit, "active", "stopped"))
    if not wanted.active:
        because = changed_input(piece, entry)
        return Unsatisfied(because) if because else YES
    return _process(piece, wanted, state, entry)


def _process(piece: Piece, wanted: e.UnitRuns, state: UnitState, entry: JournalEntry | None) -> Verdict:
    """What the process runs with: as it told at its start, else as the journal noted when we started it."""
    if state.started_with:
        same = not wanted.reads or state.started_with == wanted.reads
        return YES if same else Unsatisfied(Because(Cause.CHANGED, f"what {wanted.unit} reads"))
    if entry is None:
        return _missing(f"our start of {wanted.unit}")
    because = changed_input(piece, entry)
    return Unsatisfied(because) if because else YES


def journalled(piece: Piece, entry: JournalEntry | None) -> Verdict:
    """Done with these very inputs, as the journal says."""
    if entry is None:
        return _missing(piece.subject)
    because = changed_input(piece, entry)
    return Unsatisfied(because) if because else YES

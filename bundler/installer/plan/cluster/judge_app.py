"""Does an app run as wanted? The cluster decides; where its API does not answer, the journal. Pure."""

from bundler.installer.facts.api import ApiObservation, Release
from bundler.installer.facts.observed import HostObservation
from bundler.installer.plan.cluster.judge_piece import changed_input, journalled, revised
from bundler.installer.plan.cluster.steps import Because, Cause
from bundler.installer.plan.cluster.verdict import YES, Unsatisfied, Verdict
from bundler.installer.site.desired import Piece
from bundler.installer.site.expected import AppRuns

_HELM = "helm"


def judge_app(piece: Piece, wanted: AppRuns, host: HostObservation, api: ApiObservation | None) -> Verdict:
    """What the cluster shows comes first, then what the start depends on beside the app's files."""
    entry = host.journal.get(piece.key)
    if api is None:
        return journalled(piece, entry)
    because = _fallen(wanted, api) or revised(piece, host) or changed_input(piece, entry)
    release = api.releases.get(wanted.name)
    if because is None and release is not None and release.digest != wanted.content:
        because = Because(Cause.CHANGED, piece.subject)
    return Unsatisfied(because) if because else YES


def _fallen(wanted: AppRuns, api: ApiObservation) -> Because | None:
    """What people or a kill have done to it."""
    release = api.releases.get(wanted.name)
    if release is None:
        return _unnoted(wanted, api)
    if because := _release(wanted, release):
        return because
    if release.missing:
        return Because(Cause.MISSING, _some(release.missing))
    if release.by_hand:
        before, now = f"revision {release.noted}", f"revision {release.revision}"
        return Because(Cause.DRIFTED, f"release {wanted.name}", before, now)
    return None


def _unnoted(wanted: AppRuns, api: ApiObservation) -> Because:
    """An older bundler noted nothing, nor did a run that was killed before it could."""
    stored = api.releases.get(f"{wanted.namespace}/{wanted.name}") if wanted.kind == _HELM else None
    if stored is None:
        return Because(Cause.MISSING, f"app {wanted.name}")
    return _release(wanted, stored) or Because(Cause.MISSING, f"our note of release {wanted.name}")


def _release(wanted: AppRuns, release: Release) -> Because | None:
    """What became of it in Helm's storage."""
    if wanted.kind != _HELM or release.status == "deployed":
        return None
    if not release.status:
        return Because(Cause.MISSING, f"release {wanted.name}")
    return Because(Cause.CHANGED, f"release {wanted.name}", release.status, "deployed")


def _some(names: tuple[str, ...]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"

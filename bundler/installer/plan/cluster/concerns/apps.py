"""Apps in order, one after the other; unwanted ones are listed, or removed."""

from collections.abc import Iterator
from typing import Final

from bundler.installer.plan.cluster.concerns.control_planes import initial
from bundler.installer.plan.cluster.judge import judge
from bundler.installer.plan.cluster.make import key, proposal, requested, step
from bundler.installer.plan.cluster.operation import Kind
from bundler.installer.plan.cluster.probes import ReleaseIs, ReleaseSettled
from bundler.installer.plan.cluster.steps import Because, Cause, Finding, Proposal, Severity, Step, Verb
from bundler.installer.plan.cluster.verdict import Unsatisfied
from bundler.installer.plan.cluster.view import Existence, View

_PLUGINS: Final = frozenset({"cni", "csi"})


def apps(view: View) -> Iterator[Proposal | Finding]:
    """A release that a kill left pending is settled first."""
    if view.operation.kind in {Kind.DELETE, Kind.RESTORE}:
        return
    first = view.existence in {Existence.ABSENT, Existence.UNFINISHED}
    if not first and not (view.existence is Existence.RUNNING and view.actor):
        return
    where = initial(view) if first else view.actor
    after = _joins(view) if first else ()
    for app in view.desired.apps:
        steps = tuple(_one(view, where, app.name, app.digest, after)) if app.apart else ()
        if steps:
            yield proposal("apps", *steps, claims={f"app:{app.name}": 1})
            after = (steps[-1].key,)
        yield from _scaled(view, app.name)
    if not first:
        yield from _unwanted(view)


def _joins(view: View) -> tuple[str, ...]:
    """Keys of all that has to be there before the first app: nodes to run on, images to pull."""
    joins = tuple(key(Verb.JOIN, a) for a in view.wanted_workers)
    controls = tuple(key(Verb.JOIN_CONTROL_PLANE, a) for a in view.wanted_control_planes)
    inits = (key(Verb.INIT, initial(view)), key(Verb.FINISH_INIT, initial(view)))
    return (*joins, *controls, *inits)


def _one(view: View, where: str, name: str, digest: str, after: tuple[str, ...]) -> Iterator[Step]:
    release = view.api.releases.get(name) if view.api else None
    if release and release.pending:
        back = f"revision {release.revision - 1}" if release.revision > 1 else "nothing: it was the first"
        why = Because(Cause.CHANGED, f"release {name}", release.status, back)
        recover = step(Verb.RECOVER, where, why, ReleaseSettled(name), about=name, after=after)
        yield recover
        after = (recover.key,)
    probe = ReleaseIs(name, digest)
    verdict = judge(probe, view.observed)
    if isinstance(verdict, Unsatisfied) or view.api is None or (release and release.pending):
        because = verdict.because if isinstance(verdict, Unsatisfied) else Because(Cause.MISSING, name)
        yield step(Verb.APP, where, because, probe, about=name, inputs={"content": digest}, after=after)


def _scaled(view: View, name: str) -> Iterator[Finding]:
    release = view.api.releases.get(name) if view.api else None
    if release and release.changed:
        text = f"{', '.join(release.changed)} changed by hand; kept until {name} next changes"
        yield Finding("app-changed", name, text)


def _unwanted(view: View) -> Iterator[Proposal | Finding]:
    """Only apps of this product; other people's releases stay. What came last goes first."""
    wanted = {app.name for app in view.desired.apps}
    after: tuple[str, ...] = ()
    for name in reversed(tuple(name for name in own_apps(view) if name not in wanted)):
        if why := stays(view, name):
            yield Finding("app-listed", name, f"nothing launches it any more; {why}", Severity.WARNING)
        elif view.operation.consents.prune:
            made = uninstall(view, name, "nothing launches it any more", after)
            yield proposal("apps", made, claims={f"app:{name}": 1})
            after = (made.key,)
        else:
            text = f"its volumes stay, unless with --delete-volumes {name}"
            text = f"nothing launches it any more; to uninstall it: --prune ({text})"
            yield Finding("app-listed", name, text, Severity.WARNING)


def own_apps(view: View) -> tuple[str, ...]:
    """Apps of this product that the cluster has, by record and by what is noted there."""
    mine = view.desired.versions.product
    recorded = view.record.product(mine) if view.record else None
    here = view.api.releases if view.api else {}
    noted = (release.name for release in here.values() if release.product == mine)
    return tuple(
        name for name in dict.fromkeys((*(recorded.apps if recorded else ()), *noted)) if name in here
    )


def stays(view: View, name: str) -> str:
    """Why an app is never uninstalled; "" for one that may be."""
    release = view.api.releases.get(name) if view.api else None
    if release is not None and release.role in _PLUGINS:
        return "a plug-in of the network or of storage is not taken from under the cluster"
    if release is not None and release.kind == "shell" and name not in view.desired.deletes:
        return f"its own commands installed it; configs[].delete of {name} says how to remove it"
    return ""


def uninstall(view: View, name: str, because: str, after: tuple[str, ...] = ()) -> Step:
    """An app goes; what it has claimed stays unless it was named."""
    volumes = name in view.operation.consents.volumes
    why = requested(f"{because}; its volumes {'go, too' if volumes else 'stay'}")
    inputs = {"volumes": "go" if volumes else "stay"}
    return step(Verb.UNINSTALL, view.actor, why, ReleaseIs(name, ""), about=name, inputs=inputs, after=after)

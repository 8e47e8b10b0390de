"""Apps in their order, each behind the one before; what nobody wants any more is listed, or goes."""

from collections.abc import Iterator

from bundler.installer.plan.cluster.concerns.control_planes import initial
from bundler.installer.plan.cluster.judge import judge
from bundler.installer.plan.cluster.make import key, proposal, requested, step
from bundler.installer.plan.cluster.operation import Kind
from bundler.installer.plan.cluster.probes import ReleaseIs, ReleaseSettled
from bundler.installer.plan.cluster.steps import Because, Cause, Finding, Proposal, Severity, Step, Verb
from bundler.installer.plan.cluster.verdict import Unsatisfied
from bundler.installer.plan.cluster.view import Existence, View


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
        steps = tuple(_one(view, where, app.name, app.digest, after))
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
        back = f"revision {release.revision - 1}" if release.revision > 1 else "nothing, it was the first"
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
    """Only apps that the record knows as this product's; other people's releases stay."""
    product = view.record.product(view.desired.versions.product) if view.record else None
    wanted = {app.name for app in view.desired.apps}
    for name in product.apps if product else ():
        if name in wanted or view.api is None or name not in view.api.releases:
            continue
        if view.operation.consents.prune:
            why = requested(f"{name} is no longer in the bundle; its volumes stay")
            yield proposal("apps", step(Verb.UNINSTALL, view.actor, why, ReleaseIs(name, ""), about=name))
        else:
            text = "no longer in the bundle; to uninstall it: --prune (its volumes stay)"
            yield Finding("app-listed", name, text, Severity.WARNING)

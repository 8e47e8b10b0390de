"""An app bundle on a cluster that is there: which steps bring its apps, take them back or away. Pure.

Every step runs on this machine. Charts and manifests both become releases of Helm's, whose revisions are the
way back; the version of a release's chart says which bundle it came from, and a digest of its content whether
there is anything to do.
"""

import re
import shlex
from collections.abc import Iterator, Mapping
from typing import Final

from bundler.core.errors import BundlerError, ExitCode
from bundler.core.index import App, AppKind, AppRole
from bundler.core.variables import why_not
from bundler.core.words import counted
from bundler.installer.helm.app_request import MARK, AppRequest, Task
from bundler.installer.plan.app_cluster import Aim, ClusterSeen, Place, Release
from bundler.installer.plan.app_rules import RELEASES, check_fit, check_releases, warnings
from bundler.installer.plan.contents import Contents
from bundler.installer.plan.context import content_digest
from bundler.installer.plan.launch import APP_DEADLINE
from bundler.installer.plan.order import arrange
from bundler.installer.plan.steps import Exec, Phase, Plan, Step

HERE: Final = "localhost"
_SEMVER: Final = re.compile(r"v?(\d+)(?:\.(\d+))?(?:\.(\d+))?(-[0-9A-Za-z.-]+)?")


def app_plan(
    contents: Contents, seen: ClusterSeen, place: Place, aim: Aim, *, downgrade: bool = False
) -> Plan:
    """The steps for what is wanted.

    Raises BundlerError: REFUSED for what could do harm, UNSUPPORTED for a cluster that doesn't fit, INPUT,
    NOT_FOUND where there is nothing to go back to.
    """
    apps = tuple(_launched(contents))
    releases = {(one.namespace, one.name): one for one in seen.releases}
    found = {app.name: releases.get((_namespace(app), app.name)) for app in apps}
    index = contents.index
    title = f"{index.name} {index.version}: {aim.value} on Kubernetes {seen.version}"
    match aim:
        case Aim.APPLY:
            check_fit(contents, seen, apps)
            check_releases(found, index.version, downgrade=downgrade)
            return _applied(title, contents, apps, found, place, tuple(warnings(contents, seen, apps)))
        case Aim.ROLLBACK:
            return _taken_back(title, apps, found, place)
        case Aim.DELETE:
            return _taken_away(title, apps, found, place)


def chart_version(contents: Contents, app: App, place: Place) -> str:
    """What an app's release is called by: the bundle's version, and a digest of all that it depends on."""
    files = "".join(f"{member.path} {member.digest}\n" for member in contents.app_files(app))
    moved = "".join(f"{old} {new}\n" for old, new in sorted(place.images.items()))
    digest = content_digest(f"{files}{moved}{_namespace(app)}")
    return f"{_semver(contents.index.version)}{MARK}{digest}"


def _semver(version: str) -> str:
    """A product's version as Helm wants a chart's."""
    found = _SEMVER.match(version)
    if found is None:
        return "0.0.0"
    return ".".join(part or "0" for part in found.group(1, 2, 3)) + (found[4] or "")


def _namespace(app: App) -> str:
    return app.namespace or "default"


def _launched(contents: Contents) -> Iterator[App]:
    """Storage plug-ins, then what LAUNCH names, as on a site of ours."""
    index = contents.index
    by_name = {app.name: app for app in index.apps}
    yield from (app for app in index.apps if app.role is AppRole.CSI)
    yield from (by_name[n] for n in dict.fromkeys(index.launch) if by_name[n].role is AppRole.APP)


def _applied(
    title: str,
    contents: Contents,
    apps: tuple[App, ...],
    found: Mapping[str, Release | None],
    place: Place,
    told: tuple[str, ...],
) -> Plan:
    steps: list[Step] = []
    wanted: set[str] = set()
    push = _push(place)
    steps += push
    after = tuple(step.id for step in push)
    for app in apps:
        version = chart_version(contents, app, place)
        step = _bring(contents, app, place, version, found[app.name], after)
        steps.append(step)
        release = found[app.name]
        if release is None or release.chart_version != version or release.status != "deployed":
            wanted.add(step.id)
        after = (step.id,)
    if wanted:
        wanted |= {step.id for step in push}
    plan = arrange(title, steps, frozenset(wanted))
    return Plan(plan.title, plan.steps, plan.done, warnings=told)


def _push(place: Place) -> tuple[Step, ...]:
    if not place.push:
        return ()
    return (
        _exec(
            "images",
            Phase.REGISTRY,
            f"the cluster's nodes pull {counted(len(place.images), 'image')} from there",
            shlex.join(place.push),
            timeout=3600.0,
        ),
    )


def _bring(
    contents: Contents, app: App, place: Place, version: str, there: Release | None, after: tuple[str, ...]
) -> Step:
    if app.kind not in RELEASES:
        return _commands(contents, app, place, after)
    request = AppRequest(
        Task.BRING,
        place.kubeconfig,
        place.context,
        release=app.name,
        namespace=_namespace(app),
        folder=f"{place.folder}/apps/{app.name}",
        chart=app.kind is AppKind.HELM,
        version=version,
        images=place.images,
        timeout=int(APP_DEADLINE),
        work=place.folder,
    )
    what = "a chart" if request.chart else "manifests"
    came = f"; {there.bundle_version} is there" if there else ""
    return _agent(
        app.name, f"{app.name} is {what}; Helm waits until it is ready{came}", place, request, after
    )


def _commands(contents: Contents, app: App, place: Place, after: tuple[str, ...]) -> Step:
    """The app's own commands, in its folder, with the kubeconfig and kubectl of this machine."""
    folder = f"{place.folder}/apps/{app.name}"
    names = (contents.app_name(app, member) for member in contents.app_files(app))
    scripts = tuple(("bash", name) for name in sorted(names) if name.endswith(".sh"))
    variables = {**contents.index.env, **app.env, **place.env}
    for name in variables:
        if why := why_not(name):
            raise BundlerError(f"the variable {name!r} {why}", where=f"app {app.name}", code=ExitCode.INPUT)
    lines = (
        "set -eu",
        f"cd {shlex.quote(folder)}",
        *(f"export {name}={shlex.quote(value)}" for name, value in sorted(variables.items())),
        f'export KUBECONFIG={shlex.quote(place.kubeconfig)} PATH={shlex.quote(place.folder)}/bin:"$PATH"',
        *(shlex.join(argv) for argv in app.commands or scripts),
    )
    return _exec(
        app.name, Phase.APPS, f"{app.name} is started by its own commands", "\n".join(lines), after=after
    )


def _taken_back(title: str, apps: tuple[App, ...], found: Mapping[str, Release | None], place: Place) -> Plan:
    """Each release that another bundle made before goes back to that; the last app first."""
    steps: list[Step] = []
    for app in reversed(apps):
        release = found[app.name]
        if release is None or not release.ours or (before := release.before) is None:
            continue
        version = before[1].partition(MARK)[0]
        request = _request(Task.BACK, app, place, revision=before[0])
        reason = f"{app.name} goes from {release.bundle_version} back to {version}, revision {before[0]}"
        steps.append(_agent(app.name, reason, place, request, tuple(step.id for step in steps[-1:])))
    if not steps:
        raise BundlerError(
            "there is nothing to go back to",
            why="no app of this bundle has a revision of another bundle",
            code=ExitCode.NOT_FOUND,
            fix="delete --kubeconfig takes the apps away",
        )
    left = [app.name for app in apps if app.kind not in RELEASES]
    told = (f"what {', '.join(left)} did by commands stays as it is",) if left else ()
    return Plan(title, tuple(steps), warnings=told)


def _taken_away(title: str, apps: tuple[App, ...], found: Mapping[str, Release | None], place: Place) -> Plan:
    """Ours alone, the last first. Volumes, definitions and namespaces stay: data go by no such command."""
    steps: list[Step] = []
    for app in reversed(apps):
        release = found[app.name]
        if release is not None and release.ours:
            reason = f"{app.name} {release.bundle_version} is taken away"
            request = _request(Task.AWAY, app, place)
            steps.append(_agent(app.name, reason, place, request, tuple(step.id for step in steps[-1:])))
    warning = "volumes, definitions (CRDs), namespaces and secrets made on site stay"
    return Plan(title, tuple(steps), warnings=(warning,))


def _request(task: Task, app: App, place: Place, *, revision: int = 0) -> AppRequest:
    return AppRequest(
        task,
        place.kubeconfig,
        place.context,
        release=app.name,
        namespace=_namespace(app),
        revision=revision,
        timeout=int(APP_DEADLINE),
    )


def _agent(name: str, reason: str, place: Place, request: AppRequest, after: tuple[str, ...]) -> Step:
    script = shlex.join((*place.program, "app-agent"))
    return _exec(
        name, Phase.APPS, reason, script, after=after, stdin=request.to_json(), timeout=APP_DEADLINE + 60
    )


def _exec(
    name: str,
    phase: Phase,
    reason: str,
    script: str,
    *,
    after: tuple[str, ...] = (),
    stdin: str = "",
    timeout: float = APP_DEADLINE + 60,
) -> Step:
    """No note is kept on this machine: the cluster itself says what is done."""
    return Exec(
        id=f"{phase.value}/{name}",
        host=HERE,
        phase=phase,
        reason=reason,
        after=after,
        always_run=True,
        script=script,
        stdin=stdin,
        timeout=timeout,
    )

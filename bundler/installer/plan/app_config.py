"""What the Clusterfile says of apps, held against the bundle: unknown names, settings without effect."""

from collections.abc import Iterator

from bundler.core.errors import Location, Problem
from bundler.core.index import App, AppKind, AppRole, Index
from bundler.core.yamldoc import suggest
from bundler.installer.site.model import Site

_COMMANDS = "CMDS"  # the bundle's own commands, which read variables as an app does
_READERS = frozenset({AppKind.SHELL, AppKind.COMMANDS})  # charts and manifests read none


def app_faults(site: Site, index: Index) -> Iterator[Problem]:
    """Every fault; none of them would show otherwise, or only by an app that isn't as it should be."""
    known = tuple(app.name for app in index.apps)
    for name in site.launch or ():
        if name not in known:
            message = f"no app of this bundle is called {name}"
            yield _problem(site, f"launch/{name}", "unknown-app", message, _hint(name, known))
    for name, variables in site.app_envs.items():
        place = f"env/{name}"
        if name not in (*known, _COMMANDS):
            if name in site.app_deletes:  # it may have left the bundle, and how it goes still counts
                continue
            message = f"no app of this bundle is called {name}"
            yield _problem(site, place, "unknown-app", message, _hint(name, known))
        elif variables and (why := _without_effect(site, index, name)):
            yield _problem(
                site, place, "no-effect", f"the variables of {name} have no effect: {why[0]}", why[1]
            )


def _hint(name: str, known: tuple[str, ...]) -> str:
    return suggest(name, known) or "the bundle has no apps"


def _without_effect(site: Site, index: Index, name: str) -> tuple[str, str] | None:
    """Why, and what to do; None where they have one."""
    if name == _COMMANDS:
        if site.commands or (index.commands and site.launch is None):
            return None
        return "the bundle's CMDS don't run here", "take them out"
    app = next(app for app in index.apps if app.name == name)
    if app.kind not in _READERS and name not in site.app_commands and not _has_templates(app, index):
        kind = "a chart" if app.kind is AppKind.HELM else "manifests"
        return f"it is {kind}, which read no variables", "take them out; a chart takes `values`"
    launched = index.launch if site.launch is None else site.launch
    if app.role is AppRole.APP and name not in launched:
        return "it is not launched", "name it in launchApps, or take them out"
    return None


def _has_templates(app: App, index: Index) -> bool:
    """Whether a file of it is rendered with variables."""
    return any(
        member.path.endswith(".tmpl") and member.path.removeprefix("root/").startswith(f"{app.path}/")
        for member in index.members
    )


def _problem(site: Site, place: str, rule: str, message: str, hint: str) -> Problem:
    return Problem(site.places.get(place, Location("Clusterfile")), rule, message, hint)

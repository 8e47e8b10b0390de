"""Starting one app, by its kind: manifests, a chart, scripts or commands of its own."""

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass

from bundler.core.errors import BundlerError, ExitCode
from bundler.core.index import App, AppKind
from bundler.core.variables import why_not
from bundler.installer.plan import paths
from bundler.installer.plan.app_note import about
from bundler.installer.plan.contents import HELM_MEMBER
from bundler.installer.plan.context import Context, files_digest
from bundler.installer.plan.ids import ident
from bundler.installer.plan.placing import placed
from bundler.installer.plan.steps import RUNTIME_MEMBER, Await, Deliver, Delivery, Exec, Phase, Step, Write
from bundler.installer.scripts import render as templates

APP_DEADLINE = 600.0  # seconds for one app to become ready


def launch(context: Context, app: App, *, phase: Phase, after: tuple[str, ...]) -> tuple[Step, ...]:
    """Steps on the control plane that start this app; the last one in the tuple ends it.

    after: what its start waits for; its files are delivered at once.
    """
    host = context.primary.address
    contents = context.contents.on(host)
    files = placed(
        context,
        host,
        f"app-{app.name}",
        (
            (member, f"{folder_of(app)}/{contents.app_name(app, member)}")
            for member in contents.app_files(app)
        ),
        f"the app {app.name} is started from its own files",
    )
    behind = (*files.ids, *after)
    match AppKind.COMMANDS if app.name in context.site.app_commands else app.kind:
        case AppKind.KUBE:
            started = _apply(context, app, phase, behind, files.files)
        case AppKind.HELM:
            started = _helm(context, app, phase, behind, files.files)
        case AppKind.SHELL | AppKind.COMMANDS:
            started = _commands(context, app, phase, behind, files.files)
            started = (*started, _noted(context, app, phase, started[-1].id, files.files))
    return (*files.steps, *started)


def folder_of(app: App) -> str:
    """Where an app's files lie on the control plane."""
    return f"{paths.APPS}/{app.name}"


def helm_steps(context: Context) -> tuple[Step, ...]:
    """What every chart needs on the control plane: Helm's library and the frozen installer to call it."""
    host = context.primary.address
    contents = context.contents.on(host)
    library = contents.required(HELM_MEMBER)
    delivery = Deliver(
        id=ident(Phase.DISTRIBUTE, host, "helm"),
        host=host,
        phase=Phase.DISTRIBUTE,
        reason="charts are installed by Helm's own code, on the control plane",
        after=(ident(Phase.DISTRIBUTE, host, "app-images"),),  # nothing waits for it as early as for those
        files=(
            contents.deliver(library, paths.HELM_LIBRARY, 0o755),
            Delivery(RUNTIME_MEMBER, paths.RUNTIME_ARCHIVE, 0o600, platform=contents.platform),
        ),
    )
    unpack = Exec(
        id=helm_id(host),
        host=host,
        phase=Phase.APPS,
        reason="Helm's code is called by the installer itself",
        after=(delivery.id,),
        script=templates.script(
            "runtime.sh", archive=paths.RUNTIME_ARCHIVE, folder=paths.RUNTIME, inputs=str(library.digest)
        ),
    )
    return (delivery, unpack)


def helm_id(host: str) -> str:
    """The step behind which charts can be installed."""
    return ident(Phase.APPS, host, "helm")


def _apply(
    context: Context, app: App, phase: Phase, after: tuple[str, ...], files: tuple[Delivery, ...]
) -> tuple[Step, ...]:
    host = context.primary.address
    apply = Exec(
        id=ident(phase, host, f"apply-{app.name}"),
        host=host,
        phase=phase,
        reason=f"the app {app.name} is made of manifests",
        after=after,
        script=templates.script(
            "kubectl.sh",
            "apply.sh",
            "app-objects.sh",
            "app-noted.sh",
            folder=folder_of(app),
            namespace=app.namespace,
            inputs=files_digest(files),
            **about(app, context.contents.index.name),
        ),
    )
    ready = Await(
        id=ident(phase, host, f"ready-{app.name}"),
        host=host,
        phase=phase,
        reason=f"the app {app.name} is there when all of it is up",
        after=(apply.id,),
        script=templates.script(
            "kubectl.sh",
            "rolled-out.sh",
            app=app.name,
            folder=folder_of(app),
            namespace=app.namespace,
            inputs=files_digest(files),
        ),
        subject=f"the app {app.name} to be up",
        deadline=APP_DEADLINE,
        diagnose=templates.script("kubectl.sh", "diagnose.sh"),
    )
    return (apply, ready)


def _helm(
    context: Context, app: App, phase: Phase, after: tuple[str, ...], files: tuple[Delivery, ...]
) -> tuple[Step, ...]:
    host = context.primary.address
    request = {
        "release": app.name,
        "chart": folder_of(app),
        "namespace": app.namespace or "default",
        "timeout": int(APP_DEADLINE),
        "kubeconfig": "/etc/kubernetes/admin.conf",
        "server_side": True,
    }
    install = Exec(
        id=ident(phase, host, f"helm-{app.name}"),
        host=host,
        phase=phase,
        reason=f"the app {app.name} is a chart; Helm waits until it is ready",
        after=(*after, helm_id(host)),
        script=_diagnosis()
        + templates.script(
            "helm.sh",
            "app-objects.sh",
            "app-noted.sh",
            runtime=paths.RUNTIME,
            library=paths.HELM_LIBRARY,
            folder=folder_of(app),
            namespace=app.namespace or "default",
            inputs=files_digest(files),
            **about(app, context.contents.index.name),
        ),
        stdin=json.dumps(request, sort_keys=True),
        timeout=APP_DEADLINE + 60,
    )
    return (install,)


def _diagnosis() -> str:
    """The shell function `diagnose`, for a script that waits by itself."""
    return f"{templates.load('kubectl.sh')}diagnose() {{\n{templates.load('diagnose.sh')}}}\n"


def _commands(
    context: Context, app: App, phase: Phase, after: tuple[str, ...], files: tuple[Delivery, ...]
) -> tuple[Step, ...]:
    contents = context.contents.on(context.primary.address)
    names = (contents.app_name(app, member) for member in contents.app_files(app))
    scripts = tuple(("bash", name) for name in sorted(names) if name.endswith(".sh"))
    return run_steps(
        context,
        Commands(app.name, folder_of(app), _own_lines(context, app.name) or app.commands or scripts, app.env),
        phase=phase,
        after=after,
        inputs=files_digest(files),
    )


def _noted(context: Context, app: App, phase: Phase, after: str, files: tuple[Delivery, ...]) -> Step:
    """The cluster does not know by itself of an app that is started by commands."""
    host = context.primary.address
    known = {**about(app, context.contents.index.name), "kind": AppKind.SHELL.value}
    return Exec(
        id=ident(phase, host, f"note-{app.name}"),
        host=host,
        phase=phase,
        reason=f"the cluster remembers whose {app.name} is",
        after=(after,),
        script=templates.script(
            "kubectl.sh",
            "app-objects.sh",
            "app-noted.sh",
            folder=folder_of(app),
            namespace=app.namespace,
            inputs=files_digest(files),
            **known,
        ),
    )


def _own_lines(context: Context, name: str) -> tuple[tuple[str, ...], ...]:
    """What the Clusterfile has in place of the app's own commands."""
    return tuple(("bash", "-euc", line) for line in context.site.app_commands.get(name, ()))


@dataclass(frozen=True, slots=True)
class Commands:
    """Commands of the product's own, run in a folder; each is an argv. env: below the Clusterfile's.

    what: they do with it, `run` or `delete`.
    """

    name: str
    folder: str
    argvs: tuple[tuple[str, ...], ...]
    env: Mapping[str, str]
    what: str = "run"


def _check_names(app: str, variables: Mapping[str, str]) -> None:
    """A bundle of an older builder may hold names that are code. Raises BundlerError (INPUT)."""
    for name in variables:
        if why := why_not(name):
            raise BundlerError(
                f"the variable {name!r} {why}",
                where=f"app {app}",
                fix="ask the vendor for a bundle without it, or remove it from the Clusterfile",
                code=ExitCode.INPUT,
            )


def run_steps(
    context: Context, commands: Commands, *, phase: Phase, after: tuple[str, ...], inputs: str
) -> tuple[Step, ...]:
    """Write the variables, which may hold passwords, to a file, and run the commands with them."""
    host, name = context.primary.address, commands.name
    variables = {
        **context.contents.index.env,
        **commands.env,
        **context.site.env,
        **context.site.app_env(name),
    }
    _check_names(name, variables)
    mark = "" if commands.what == "run" else f"-{commands.what}"
    environment = Write(
        id=ident(Phase.DISTRIBUTE, host, f"env{mark}-{name}"),
        host=host,
        phase=Phase.DISTRIBUTE,
        reason=f"the commands of {name} read the site's variables",
        path=f"{paths.APPS}/{name}{mark}.env",
        content="".join(f"{key}={shlex.quote(value)}\n" for key, value in sorted(variables.items())),
        mode=0o600,
        secret=True,
    )
    script = templates.script(
        "shell-app.sh", folder=commands.folder, environment=environment.path, inputs=inputs
    )
    run = Exec(
        id=ident(phase, host, f"{commands.what}-{name}"),
        host=host,
        phase=phase,
        reason=f"{name} {'is started' if commands.what == 'run' else 'goes'} by its own commands",
        after=(*after, environment.id),
        script=script + "".join(f"{shlex.join(argv)}\n" for argv in commands.argvs),
        timeout=1800.0,
    )
    return (environment, run)

"""Storage plug-ins and apps, one after another, each waited for."""

from bundler.core.errors import BundlerError, ExitCode
from bundler.core.index import App, AppKind, AppRole
from bundler.installer.plan import paths
from bundler.installer.plan.contents import TREE
from bundler.installer.plan.context import Context, files_digest
from bundler.installer.plan.ids import Ids
from bundler.installer.plan.launch import Commands, helm_steps, launch, run_steps
from bundler.installer.plan.placing import placed
from bundler.installer.plan.steps import Phase, Step

_NOT_FOR_COMMANDS = (f"{TREE}/bin/", f"{TREE}/cri/")  # delivered elsewhere


def app_steps(context: Context) -> tuple[Step, ...]:
    """An app may need what the one before it made (an operator's resources), so each waits for the last."""
    ids = Ids(context.primary.address)
    steps: list[Step] = []
    after: tuple[str, ...] = (ids.ready, ids.app_images)
    for app in launched(context):
        started = launch(context, app, phase=Phase.APPS, after=after)
        steps.extend(started)
        after = (started[-1].id,)
    commands = _command_steps(context, after)
    own = context.site.app_commands
    charts = any(app.kind is AppKind.HELM and app.name not in own for app in all_started(context))
    return (*(helm_steps(context) if charts else ()), *steps, *commands)


def launched(context: Context) -> tuple[App, ...]:
    """Storage plug-ins, then what the Clusterfile names, else the bundle's LAUNCH.

    Raises BundlerError (INPUT) for a name that is no app of the bundle.
    """
    index = context.contents.index
    by_name = {app.name: app for app in index.apps}
    names = index.launch if context.site.launch is None else context.site.launch
    unknown = [name for name in names if name not in by_name]
    if unknown:
        raise BundlerError(
            f"no app of this bundle is called {', '.join(unknown)}",
            where="launchApps" if context.site.launch is not None else "LAUNCH",
            fix=f"the bundle has {', '.join(sorted(by_name)) or 'no apps'}",
            code=ExitCode.INPUT,
        )
    storage = [app for app in index.apps if app.role is AppRole.CSI]
    apps = [by_name[name] for name in dict.fromkeys(names) if by_name[name].role is AppRole.APP]
    return (*storage, *apps)


def all_started(context: Context) -> tuple[App, ...]:
    """Plug-ins of the network, of storage, and apps, in the order in which they come up."""
    return (*context.contents.index.network_plugins, *launched(context))


def _command_steps(context: Context, after: tuple[str, ...]) -> tuple[Step, ...]:
    """CMDS: raw lines, run in the bundle's tree; a Clusterfile's own lines or launchApps replace them."""
    own = context.site.commands
    lines = context.contents.index.commands if own is None else own
    if not lines or (own is None and context.site.launch is not None):
        return ()
    host = context.primary.address
    files = placed(
        context,
        host,
        "tree",
        (
            (member, f"{paths.TREE}/{member.path.removeprefix(f'{TREE}/')}")
            for member in context.contents.on(host).below(TREE)
            if not member.path.startswith(_NOT_FOR_COMMANDS)
        ),
        "the bundle's commands run in its tree",
    )
    argvs = tuple(("bash", "-euc", line) for line in lines)
    commands = Commands("CMDS", paths.TREE, argvs, context.site.arguments)
    inputs = files_digest(files.files)
    run = run_steps(context, commands, phase=Phase.APPS, after=(*after, *files.ids), inputs=inputs)
    return (*files.steps, *run)

"""One plug-in at one moment on one host, as steps: its files, then what it does. Pure."""

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, replace

from bundler.core.errors import BundlerError, ExitCode
from bundler.core.index import Index
from bundler.installer.plan import paths
from bundler.installer.plan.contents import TREE, Contents
from bundler.installer.plan.ids import ident
from bundler.installer.plan.steps import RUNTIME_MEMBER, Await, Deliver, Delivery, Exec, Phase, Step, Write
from bundler.installer.scripts import render as templates
from bundler.installer.site.model import Host, Site
from bundler.installer.site.plugins import Moment, Plugin, PluginType

_TIMEOUT = 1800.0
_CHECK = 600.0


@dataclass(frozen=True, slots=True)
class Occasion:
    """When and where. around: of a moment that nothing is kept of, since it comes with what it surrounds."""

    site: Site
    contents: Contents
    host: Host
    moment: Moment
    phase: Phase
    after: tuple[str, ...] = ()
    around: bool = False


def chosen(site: Site, plugin: Plugin, moment: Moment, primary: Host) -> tuple[Host, ...]:
    """The hosts that a plug-in runs on at this moment: those of its scope, else the moment's own."""
    if not plugin.scope.named and not moment.of_hosts:
        return (primary,)
    return tuple(
        host
        for host in site.hosts
        if plugin.scope.fits(host.address, control_plane=host.is_control_plane, labels=host.node_labels)
    )


def steps_of(plugin: Plugin, at: Occasion) -> tuple[Step, ...]:
    """The last one ends it."""
    match plugin.type:
        case PluginType.SHELL:
            return _shell(plugin, at)
        case PluginType.PYTHON:
            return _python(plugin, at)
        case PluginType.CLUSTERCHECK:
            return (_check(plugin, at),)
        case PluginType.ETCD:
            return (
                _exec(
                    plugin,
                    at,
                    templates.script("etcd.sh", "etcd-snapshot.sh", reason=plugin.name, keep=""),
                    900.0,
                ),
            )
        case PluginType.HOSTNAME | PluginType.LABEL | PluginType.TAINT:
            return ()  # a part of how hosts are prepared, and of what nodes carry


def _shell(plugin: Plugin, at: Occasion) -> tuple[Step, ...]:
    variables = _variables(at)
    content = "".join(f"{key}={shlex.quote(value)}\n" for key, value in sorted(variables.items()))
    environment = _write(plugin, at, "env", content)
    script = _write(plugin, at, "sh", plugin.data)
    text = templates.script(
        "plugin.sh", environment=environment.path, script=script.path, moment=at.moment, node=at.host.address
    )
    run = _exec(plugin, at, text, _TIMEOUT)
    return (environment, script, replace(run, after=(*at.after, environment.id, script.id)))


def _python(plugin: Plugin, at: Occasion) -> tuple[Step, ...]:
    """The module out of the bundle, and the installer's own Python to run it."""
    host = at.host.address
    member = at.contents.required(f"{_folder(at.contents.index)}/{plugin.module}")
    module = f"{paths.PLUGINS}/{plugin.module}"
    delivery = Deliver(
        id=_id(plugin, at, Phase.DISTRIBUTE, "module"),
        host=host,
        phase=Phase.DISTRIBUTE,
        reason=f"the plug-in {plugin.name} is a module of the bundle",
        after=_first(at),
        always_run=at.around,
        files=(
            at.contents.deliver(member, module, 0o600),
            Delivery(RUNTIME_MEMBER, f"{paths.PLUGINS}/runtime.tar.gz", 0o600, platform=at.contents.platform),
        ),
    )
    runtime = f"{paths.PLUGINS}/runtime"
    unpack = _exec(
        plugin,
        replace(at, after=(delivery.id,)),
        templates.script(
            "runtime.sh", archive=f"{paths.PLUGINS}/runtime.tar.gz", folder=runtime, inputs=str(member.digest)
        ),
        120.0,
        "runtime",
    )
    request = _write(plugin, at, "json", json.dumps(_request(plugin, at), sort_keys=True))
    text = templates.script("plugin-python.sh", runtime=runtime, script=module, request=request.path)
    text = templates.script(*text.names, **{**text.variables, "inputs": str(member.digest)})
    run = _exec(plugin, at, text, _TIMEOUT)
    return (delivery, unpack, request, replace(run, after=(*at.after, unpack.id, request.id)))


def _request(plugin: Plugin, at: Occasion) -> Mapping[str, object]:
    return {
        "name": plugin.name,
        "moment": at.moment.value,
        "data": plugin.data,
        "host": at.host.address,
        "env": dict(_variables(at)),
        "hosts": [
            {"address": host.address, "roles": sorted(host.roles), "labels": dict(host.node_labels)}
            for host in at.site.hosts
        ],
    }


def _variables(at: Occasion) -> Mapping[str, str]:
    return {**at.contents.index.env, **at.site.env, **at.host.env}


def _check(plugin: Plugin, at: Occasion) -> Step:
    return Await(
        id=_id(plugin, at, at.phase),
        host=at.host.address,
        phase=at.phase,
        reason=f"the plug-in {plugin.name} waits for the cluster ({at.moment})",
        after=at.after,
        always_run=at.around,
        script=templates.script("kubectl.sh", "cluster-check.sh"),
        subject="every node and every pod of the system to be Ready",
        deadline=_CHECK,
        diagnose=templates.script("kubectl.sh", "diagnose.sh"),
    )


def _exec(plugin: Plugin, at: Occasion, script: str, timeout: float, what: str = "") -> Exec:
    return Exec(
        id=_id(plugin, at, at.phase, what),
        host=at.host.address,
        phase=at.phase,
        reason=f"the plug-in {plugin.name} ({at.moment})",
        after=at.after,
        always_run=at.around,
        script=script,
        timeout=timeout,
    )


def _write(plugin: Plugin, at: Occasion, suffix: str, content: str) -> Write:
    """Data and variables may hold passwords."""
    return Write(
        id=_id(plugin, at, Phase.DISTRIBUTE, suffix),
        host=at.host.address,
        phase=Phase.DISTRIBUTE,
        reason=f"what the plug-in {plugin.name} runs and reads",
        after=_first(at),
        always_run=at.around,
        path=f"{paths.PLUGINS}/{plugin.name}-{at.moment}.{suffix}",
        content=content,
        mode=0o600,
        secret=True,
    )


def _first(at: Occasion) -> tuple[str, ...]:
    """Nothing is put onto a host that is not marked for its removal yet."""
    return at.after if at.phase is Phase.REMOVE else ()


def _id(plugin: Plugin, at: Occasion, phase: Phase, what: str = "") -> str:
    name = f"plugin-{plugin.name}-{at.moment}"
    return ident(phase, at.host.address, f"{name}.{what}" if what else name)


def check_modules(site: Site, index: Index) -> None:
    """Raises BundlerError (INPUT) for a module that the bundle lacks."""
    for plugin in site.plugins:
        if plugin.module and index.member(f"{_folder(index)}/{plugin.module}") is None:
            raise BundlerError(
                f"the bundle has no module plugins/{plugin.module}",
                where=plugin.place,
                why="a custom type of plug-in is a Python module that the vendor ships",
                fix="COPY it to plugins/ in the Kubefile, or use type: SHELL",
                code=ExitCode.INPUT,
            )


def _folder(index: Index) -> str:
    old = any(member.path.startswith(f"{TREE}/plugin/") for member in index.members)
    return f"{TREE}/plugin" if old else f"{TREE}/plugins"

"""What the kinds Application, Config and Plugin say of a site, in the words of its model."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final, TypeVar

import yaml

from bundler.core.errors import Location, Problem
from bundler.core.yamldoc import Document, suggest
from bundler.installer.site import plugins
from bundler.installer.site.changes import FileChange, Strategy, processed, processes
from bundler.installer.site.clusterfile import schema
from bundler.installer.site.model import Host, Site
from bundler.installer.site.plugins import Moment, Plugin, PluginType, Scope

T = TypeVar("T")
Path = tuple[str | int, ...]

_DATA: Final = ("spec", "data")
_BEFORE_NODES: Final = frozenset({Moment.PRE_INSTALL, Moment.PRE_INIT_HOST})
_GO: Final = ".so"


class Extras:
    """Collects; what it holds is worth something only when there are no problems."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.places: dict[str, Location] = {}
        self.launch: tuple[str, ...] | None = None
        self.app_envs: dict[str, Mapping[str, str]] = {}
        self.app_commands: dict[str, tuple[str, ...]] = {}
        self.app_deletes: dict[str, tuple[str, ...]] = {}
        self.commands: tuple[str, ...] | None = None
        self.changes: list[FileChange] = []
        self.plugins: list[Plugin] = []
        self.labels: dict[str, dict[str, str]] = {}
        self.taints: dict[str, frozenset[str]] = {}
        self.no_taints: dict[str, frozenset[str]] = {}
        self.named: dict[str, tuple[Document, str]] = {}  # addresses that data mentions, with the document
        self._names: set[str] = set()

    def apps(
        self,
        cluster: Document,
        spec: schema.ClusterSpec,
        application: tuple[Document, schema.Application] | None,
    ) -> None:
        """Which apps to launch instead of the bundle's own list, and what differs for each.

        An empty list means nothing was chosen, as it does for Sealer.
        """
        names = spec.app_names or []
        self._place(cluster, "launch", names, ("spec", "appNames"))
        self.launch = tuple(names) or None
        self.commands = tuple(spec.cmd) or None
        if self.commands:
            self.places["commands"] = cluster.locate(("spec", "cmd"))
        if application is None:
            return
        document, model = application
        chosen, lines = model.spec.launch_apps or [], model.spec.cmds
        if names and chosen:
            self._fault(
                document,
                ("spec", "launchApps"),
                "launchApps stands here and appNames in the Cluster: give one of them",
            )
        if spec.cmd and lines:
            self._fault(
                document, ("spec", "cmds"), "cmds stands here and cmd in the Cluster: give one of them"
            )
        if lines:
            self.commands, self.places["commands"] = tuple(lines), document.locate(("spec", "cmds"))
        self._place(document, "launch", chosen, ("spec", "launchApps"))
        self.launch = tuple(chosen or names) or None
        for number, config in enumerate(model.spec.configs):
            self._app(document, config, ("spec", "configs", number))

    def _place(self, document: Document, kind: str, names: list[str], path: Path) -> None:
        for number, name in enumerate(names):
            self.places[f"{kind}/{name}"] = document.locate((*path, number))

    def _app(self, document: Document, config: schema.AppConfig, path: Path) -> None:
        name = config.name
        where = document.locate((*path, "name"))
        if name in self.app_envs:
            self._fault(document, (*path, "name"), f"{name} is configured twice", "duplicate-app")
        self.app_envs[name] = config.env
        self.places |= {f"env/{name}": where}
        if config.launch and config.launch.cmds:
            self.app_commands[name] = tuple(config.launch.cmds)
            self.places[f"commands/{name}"] = document.locate((*path, "launch"))
        if config.delete and config.delete.cmds:
            self.app_deletes[name] = tuple(config.delete.cmds)
        for number, file in enumerate(config.files):
            place = document.locate((*path, "files", number, "path"))
            self.changes.append(FileChange(file.path, Strategy(file.strategy), file.data, place, name))
        if config.values:
            data = yaml.safe_dump(dict(config.values), sort_keys=True, allow_unicode=True)
            place = document.locate((*path, "values"))
            self.changes.append(FileChange("values.yaml", Strategy.MERGE, data, place, name))

    def config(self, document: Document, model: schema.Config) -> None:
        """A file of the bundle or of an app."""
        spec = model.spec
        name = model.metadata.name or spec.path.rsplit("/", 1)[-1].partition(".")[0]
        data = self._read(document, _DATA, lambda: processed(spec.data, processes(spec.process), name))
        if data is not None:
            place = document.locate(("spec", "path"))
            self.changes.append(FileChange(spec.path, Strategy(spec.strategy), data, place, spec.app_name))

    def plugin(self, document: Document, model: schema.Plugin) -> None:
        """A plug-in; LABEL and TAINT become what the hosts' own fields say."""
        spec, name = model.spec, model.metadata.name
        kind = self._type(document, spec.type, name)
        moments, old = plugins.moments(spec.action)
        scope = self._scope(document, spec, everywhere=old)
        if kind is None or scope is None:
            return
        if not name:
            self._fault(document, ("metadata",), "a Plugin needs metadata.name", "missing-field")
        if name in self._names:
            self._fault(document, ("metadata", "name"), f"a second Plugin {name}", "duplicate-document")
        self._names.add(name)
        match kind:
            case PluginType.LABEL:
                self._label(document, spec.data)
            case PluginType.TAINT:
                self._taint(document, spec.data)
            case _:
                self._step(document, Plugin(
                    name, kind, moments, scope, spec.data, document.locate(("spec",)),
                    module=name if kind is PluginType.PYTHON else "",
                ))  # fmt: skip

    def mark(self, host: Host) -> Host:
        """With the labels and taints that plug-ins give it."""
        none = frozenset[str]()
        return replace(
            host,
            marks={**given, **host.marks} if (given := self.labels.get(host.address)) else host.marks,
            taints=host.taints | self.taints.get(host.address, none),
            no_taints=host.no_taints | self.no_taints.get(host.address, none),
        )

    def marked(self, site: Site) -> Site:
        """The same for every host."""
        return replace(site, hosts=tuple(map(self.mark, site.hosts)))

    def _type(self, document: Document, word: str, name: str) -> PluginType | None:
        """A word of its own is a module of the bundle, whose name is the plug-in's."""
        if word in set(PluginType) - {PluginType.PYTHON} or (
            word == PluginType.PYTHON and name.endswith(".py")
        ):
            return PluginType(word)
        if name.endswith(_GO):
            text = f"{name} is a Go plug-in, which only Sealer can load"
            self._fault(
                document,
                ("metadata", "name"),
                text,
                hint="ship a Python module: plugins/NAME.py in the bundle",
            )
        elif name.endswith(".py"):
            return PluginType.PYTHON
        else:
            hint = suggest(word, tuple(each for each in PluginType))
            self._fault(document, ("spec", "type"), f"unknown type {word!r} of a Plugin", hint=hint)
        return None

    def _scope(self, document: Document, spec: schema.PluginSpec, *, everywhere: bool) -> Scope | None:
        if spec.on and spec.scope:
            self._fault(document, ("spec", "on"), "only one of on and scope can be given")
        path = ("spec", "scope" if spec.scope else "on")
        return self._read(document, path, lambda: plugins.scope(spec.scope or spec.on, everywhere=everywhere))

    def _step(self, document: Document, plugin: Plugin) -> None:
        if plugin.type is PluginType.SHELL and not plugin.data.strip():
            self._fault(document, _DATA, "a SHELL plug-in needs data: its script", "missing-field")
        if plugin.type is PluginType.HOSTNAME:
            names = self._read(document, _DATA, lambda: plugins.hostnames(plugin.data))
            if not _BEFORE_NODES.issuperset(plugin.moments):
                self._fault(
                    document, ("spec", "action"), "a host gets its name before it is a node: pre-init-host"
                )
            self._speaks_of(document, names or {})
            plugin = Plugin(
                plugin.name, plugin.type, plugin.moments, plugin.scope, plugin.data, plugin.place,
                hostnames=names or {},
            )  # fmt: skip
        self.plugins.append(plugin)

    def _label(self, document: Document, data: str) -> None:
        found = self._read(document, _DATA, lambda: plugins.labels(data)) or {}
        self._speaks_of(document, found)
        for address, labels in found.items():
            self.labels.setdefault(address, {}).update(labels)

    def _taint(self, document: Document, data: str) -> None:
        found = self._read(document, _DATA, lambda: plugins.taints(data)) or {}
        self._speaks_of(document, found)
        for address, taints in found.items():
            for taint in taints:
                where = self.no_taints if taint.gone else self.taints
                where[address] = where.get(address, frozenset()) | taint.texts

    def _speaks_of(self, document: Document, addresses: Mapping[str, object]) -> None:
        for address in addresses:
            self.named.setdefault(address, (document, address))

    def _read(self, document: Document, path: Path, read: Callable[[], T]) -> T | None:
        try:
            return read()
        except ValueError as error:
            problem = document.problem(path, "wrong-value", str(error))
            self.problems.append(
                Problem(problem.location, problem.rule, problem.message)
            )  # data may be secret
            return None

    def _fault(
        self, document: Document, path: Path, message: str, rule: str = "wrong-value", *, hint: str = ""
    ) -> None:
        self.problems.append(document.problem(path, rule, message, hint=hint))

"""The bundle's files as this site has them: changed by the Clusterfile, rendered where they end in `.tmpl`.

Pure. What comes of a file may hold a password, so it is written as a secret wherever it goes.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

import yaml

from bundler.core import gotemplate, yamldoc
from bundler.core.errors import Problem, Problems
from bundler.core.index import App, Index
from bundler.core.yamldoc import suggest
from bundler.installer.plan.contents import MAX_TEXT, TREE, Contents
from bundler.installer.site.changes import FileChange, Strategy
from bundler.installer.site.model import Site

TEMPLATE: Final = ".tmpl"
_RENDERED: Final = ("etc/", "charts/", "manifests/", "application/apps/", "plugins/")
_PROGRAMS: Final = ("bin/", "cri/", "images/", "packages/", "registry/")


@dataclass(frozen=True, slots=True)
class Overlay:
    """By member path. written: contents in place of the bundle's, or beside it; gone: templates."""

    written: Mapping[str, bytes] = field(default_factory=dict)
    gone: frozenset[str] = frozenset()


def touched(site: Site, index: Index) -> tuple[str, ...]:
    """Members that have to be read for it: merged into, rendered."""
    contents = Contents(index, {})
    changed = (path for change in site.changes for path in _sources(change, contents))
    templates = (member.path for member in index.members if _is_template(member.path, contents))
    return tuple(dict.fromkeys(path for path in (*changed, *templates) if _is_small(index, path)))


def overlay(site: Site, contents: Contents) -> Overlay:
    """What differs from the bundle. Raises Problems with every change that can't be made."""
    made = _Making(site, contents)
    for change in site.changes:
        made.change(change)
    for member in contents.index.members:
        if _is_template(member.path, contents):
            made.render(member.path)
    if made.problems:
        raise Problems(tuple(made.problems))
    return Overlay(made.written, frozenset(made.gone))


def overlaid(site: Site, contents: Contents) -> Contents:
    """The contents as this site has them, of every platform. Raises what `overlay` does."""
    if others := contents.mix.others:
        mixed = {platform: overlaid(site, each) for platform, each in others.items()}
        contents = replace(contents, mix=replace(contents.mix, others=mixed))
    made = overlay(site, contents)
    if not made.written and not made.gone:
        return contents
    return replace(contents, files={**contents.files, **made.written}, written=made.written, gone=made.gone)


def _is_small(index: Index, path: str) -> bool:
    member = index.member(path)
    return member is not None and member.size <= MAX_TEXT


def _is_template(path: str, contents: Contents) -> bool:
    """Charts of Helm have templates of their own, which end otherwise."""
    if not path.endswith(TEMPLATE):
        return False
    below = path.removeprefix(f"{TREE}/")
    return below.startswith(_RENDERED) or any(path.startswith(f"{app.path}/") for app in contents.index.apps)


def _sources(change: FileChange, contents: Contents) -> Iterable[str]:
    path = _member(change, contents)
    return (path, f"{path}{TEMPLATE}") if path else ()


def _member(change: FileChange, contents: Contents) -> str:
    """The path among the members; "" for an app that there is not."""
    if not change.app:
        return f"{TREE}/{change.path}"
    app = _app(change.app, contents)
    return f"{contents.app_folder(app)}/{change.path}" if app else ""


def _app(name: str, contents: Contents) -> App | None:
    return next((app for app in contents.index.apps if app.name == name), None)


class _Making:
    """Change by change, each over what the one before has left."""

    def __init__(self, site: Site, contents: Contents) -> None:
        self.written: dict[str, bytes] = {}
        self.gone: set[str] = set()
        self.problems: list[Problem] = []
        self._site, self._contents = site, contents

    def change(self, change: FileChange) -> None:
        """One change of the Clusterfile."""
        path = _member(change, self._contents)
        if not path:
            names = tuple(app.name for app in self._contents.index.apps)
            hint = suggest(change.app, names) or "the bundle has no apps"
            self._fault(change, "unknown-app", f"no app of this bundle is called {change.app}", hint)
            return
        if path.removeprefix(f"{TREE}/").startswith(_PROGRAMS):
            self._fault(
                change, "wrong-value", f"{change.path}: programs and images can't be changed on site", ""
            )
            return
        if change.strategy is Strategy.OVERWRITE:
            self.written[path] = change.data.encode()
            return
        old = self._old(path, change)
        if old is None:
            return
        path, text = old
        try:
            new = (
                merged(text, change.data, path)
                if change.strategy is Strategy.MERGE
                else _render_with(text, change)
            )
        except ValueError as error:
            self._fault(change, "wrong-value", f"{change.path}: {error}", "")
            return
        if change.strategy is Strategy.RENDER and path.endswith(TEMPLATE):
            self.gone.add(path)
            path = path.removesuffix(TEMPLATE)
        self.written[path] = new.encode()

    def _old(self, path: str, change: FileChange) -> tuple[str, str] | None:
        """What there is of it, with its path: a template may stand for it."""
        for each in (path, f"{path}{TEMPLATE}"):
            content = self.written.get(each, self._contents.files.get(each))
            if content is not None and (each in self.written or self._contents.index.member(each)):
                return each, content.decode("utf-8", "replace")
        member = self._contents.index.member(path)
        if member is not None and member.size > MAX_TEXT:
            self._fault(
                change,
                "wrong-value",
                f"{change.path} is larger than 4 MiB: give the whole, strategy overwrite",
                "",
            )
        else:
            folder = path.removesuffix(change.path)
            known = tuple(each.path.removeprefix(folder) for each in self._contents.below(folder.rstrip("/")))
            hint = suggest(change.path, known[:200]) if len(known) < 200 else ""
            self._fault(
                change, "missing-file", f"the bundle has no {change.path} to {change.strategy.value}", hint
            )
        return None

    def render(self, path: str) -> None:
        """A template of the bundle, as changed by the Clusterfile, with the variables that its app has."""
        if path in self.gone:
            return
        content = self.written.pop(path, self._contents.files.get(path, b""))
        self.gone.add(path)
        try:
            text = gotemplate.render(content.decode("utf-8", "replace"), self._variables(path))
        except gotemplate.TemplateError as error:
            self.problems.append(gotemplate.problem(error, path.removeprefix(f"{TREE}/")))
            return
        self.written.setdefault(path.removesuffix(TEMPLATE), text.encode())

    def _variables(self, path: str) -> Mapping[str, str]:
        inside = (
            app for app in self._contents.index.apps if path.startswith(f"{self._contents.app_folder(app)}/")
        )
        app = next(inside, None)
        own = {**app.env, **self._site.app_env(app.name)} if app else {}
        return {**self._contents.index.env, **self._site.env, **own}

    def _fault(self, change: FileChange, rule: str, message: str, hint: str) -> None:
        self.problems.append(Problem(change.place, rule, message, hint))


def _render_with(text: str, change: FileChange) -> str:
    data = _only(change.data, "data")
    if not isinstance(data, dict):
        raise ValueError("the data of strategy render are a mapping of variables")  # noqa: TRY004  (one kind of fault)
    variables = {str(name): _variable(value) for name, value in data.items()}
    return gotemplate.render(text, variables)


def _variable(value: object) -> gotemplate.Value:
    match value:
        case bool() | str():
            return value
        case list():
            return tuple(str(each) for each in value)
        case _:
            return "" if value is None else str(value)


def merged(text: str, data: str, path: str) -> str:
    """YAML or JSON with data merged into it, mappings key by key. Raises ValueError.

    Of several documents, data that name a `kind` (and a name) go into those; other data go where their keys
    are, as with Sealer.
    """
    above = _only(data, "data")
    if not isinstance(above, dict):
        raise ValueError("what is merged must be a mapping")  # noqa: TRY004  (one kind of fault)
    documents = [document for document in _read(text, path) if document is not None]
    if not documents:
        documents = [{}]
    if not all(isinstance(document, dict) for document in documents):
        raise ValueError("only mappings can be merged into: give the whole, strategy overwrite")
    one = len(documents) == 1
    documents = [_deep(documents[0], above)] if one else list(_into_several(documents, above))
    if path.removesuffix(TEMPLATE).endswith(".json"):
        return json.dumps(documents[0], indent=2) + "\n"
    return yaml.safe_dump_all(documents, sort_keys=False, allow_unicode=True)


def _into_several(documents: list[dict[str, Any]], above: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    named = "kind" in above
    hit = False
    for document in documents:
        fits = _is_same(document, above) if named else any(key in document for key in above)
        hit = hit or fits
        known = above if named else {key: value for key, value in above.items() if key in document}
        yield _deep(document, known) if fits else document
    if not hit:
        raise ValueError("none of its documents is what the data speak of: name `kind` and `metadata.name`")


def _is_same(document: Mapping[str, Any], above: Mapping[str, Any]) -> bool:
    wanted, found = above.get("metadata"), document.get("metadata")
    name = wanted.get("name") if isinstance(wanted, dict) else None
    same = name is None or (isinstance(found, dict) and found.get("name") == name)
    return same and document.get("kind") == above["kind"]


def _deep(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    found = dict(below)
    for key, value in above.items():
        old = found.get(key)
        found[key] = _deep(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return found


def _only(text: str, name: str) -> Any:
    found = [each for each in _read(text, name) if each is not None]
    if len(found) != 1:
        raise ValueError(f"{name} must be one document of YAML, not {len(found)}")
    return found[0]


def _read(text: str, name: str) -> list[Any]:
    try:
        return [document.data for document in yamldoc.load_all(text, name)]
    except Problems as error:
        first = error.problems[0]
        raise ValueError(f"no YAML that can be merged ({first.location}: {first.message})") from None

"""A project with a real store: fixtures for tests that evaluate Kubefiles."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NoReturn

import pytest

from bundler.builder.cache.store import Store
from bundler.builder.kubefile.catalogue import Catalogue
from bundler.builder.net.fetch import Fetcher
from bundler.builder.stage.build_context import BuildContext
from bundler.builder.stage.state import Staged
from bundler.builder.tree.tree import Entry, File, Symlink, Tree
from bundler.core.oci import AMD64
from tests.build_kit import evaluate


@dataclass
class Heard:
    """Keeps what is reported."""

    said: list[str] = field(default_factory=list)
    logged: list[str] = field(default_factory=list)

    def begin(self, phase: str) -> None:
        self.said.append(phase)

    def transfer(self, name: str, total: int | None) -> NoReturn:  # noqa: ARG002
        raise AssertionError("nothing is transferred here")

    def say(self, line: str) -> None:
        self.said.append(line)

    def log(self, line: str) -> None:
        self.logged.append(line)


@dataclass
class Site:
    """One build: a context folder, a build context, and what came of it."""

    context: Path
    build_context: BuildContext
    heard: Heard

    def write(self, files: Mapping[str, str | tuple[str, int]]) -> None:
        """Files of the context: path → text, or (text, mode)."""
        for name, content in files.items():
            text, mode = content if isinstance(content, tuple) else (content, 0o644)
            path = self.context / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            path.chmod(mode)

    def build(self, kubefile: str, **changes: Any) -> Staged:
        """Evaluate a Kubefile's text."""
        path = self.context.parent / "Kubefile"
        path.write_text(kubefile)
        return evaluate(path, self.context, replace(self.build_context, **changes))

    def shown(self, tree: Tree) -> dict[str, str]:
        """path → text, or `-> target`."""
        return {path: self._shown(entry) for path, entry in tree.entries.items()}

    def _shown(self, entry: Entry) -> str:
        match entry:
            case Symlink(target):
                return f"-> {target}"
            case File(_, _, digest):
                return self.build_context.store.path(digest).read_text()

    def left_behind(self) -> list[Path]:
        """Unfinished files of the store."""
        return [
            path
            for path in (self.build_context.store.root / "temp").rglob("*")
            if path.parent.parent.name == "temp"
        ]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    context = tmp_path / "project" / "ctx"
    context.mkdir(parents=True)
    heard = Heard()
    with Store(tmp_path / "cache") as store, Fetcher(store) as fetcher:
        catalogue = Catalogue(tmp_path / "catalog")
        yield Site(context, BuildContext(store, fetcher, catalogue, AMD64, progress=heard), heard)

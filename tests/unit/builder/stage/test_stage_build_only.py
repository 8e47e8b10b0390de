"""`.build` is for RUN alone: Kubefiles that build on one another see it, bundles don't."""

from pathlib import Path

from bundler.builder.cache.store import Store
from bundler.builder.kubefile.catalogue import Catalogue
from bundler.builder.net.fetch import Fetcher
from bundler.builder.stage.build_context import BuildContext
from bundler.core.oci import AMD64
from tests.build_kit import evaluate


def kubefile(folder: Path, text: str) -> Path:
    folder.mkdir(parents=True)
    (folder / "Kubefile").write_text(text)
    return folder / "Kubefile"


def test_a_base_leaves_tools_to_those_that_build_on_it(tmp_path: Path) -> None:
    base = "FROM scratch\nCOPY tool .build/tool\nRUN cp .build/tool kept\n"
    kubefile(tmp_path / "catalog/base", base)
    (tmp_path / "catalog/base/tool").write_text("a tool")
    child = kubefile(tmp_path / "child", "FROM base\nRUN cp .build/tool own\n")
    with Store(tmp_path / "cache") as store, Fetcher(store) as fetcher:
        shop = BuildContext(store, fetcher, Catalogue(tmp_path / "catalog"), AMD64)
        staged = evaluate(child, child.parent, shop)
    assert list(staged.tree.entries) == ["kept", "own"]

"""Real Helm renders real charts, in its child process."""

import io
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import cast

import pytest

from bundler.builder.cache.store import Store
from bundler.builder.charts.helm import Helm, Rendering, RenderRequest, SdkHelm
from bundler.builder.charts.source import Chart, Renderer, find_charts, render
from bundler.builder.tree.tree import Symlink, Tree
from bundler.core.errors import BundlerError, ExitCode
from tests.kits.charts import SHOP, below, tree_of

pytestmark = pytest.mark.real


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "cache") as store:
        yield store


class Counting:
    """Real Helm that counts what it is asked."""

    def __init__(self) -> None:
        self.count = 0

    def renderings(self, request: RenderRequest, where: object) -> tuple[Rendering, ...]:
        self.count += 1
        return SdkHelm(timeout=30).renderings(request, where)


def write(folder: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def test_a_chart_renders_as_helm_would(tmp_path: Path) -> None:
    chart = write(tmp_path / "shop", SHOP)
    request = RenderRequest(chart, "mine", kube_version="v1.20.2", values={"image": {"tag": "2.0"}})
    manifests = SdkHelm(timeout=30).render(request, "charts/shop")
    assert set(manifests) == {
        "shop/templates/web.yaml",
        "shop/templates/migrate.yaml",
        "shop/templates/NOTES.txt",
        "shop/crds/thing.yaml",
        "shop/charts/cache/templates/pod.yaml",
    }
    assert "mine-web" in manifests["shop/templates/web.yaml"]
    assert "quay.io/acme/shop:2.0" in manifests["shop/templates/web.yaml"]
    assert "acme/migrate:20" in manifests["shop/templates/migrate.yaml"]


@pytest.mark.parametrize(
    ("files", "code", "says"),
    [
        ({"templates/x.yaml": '{{ fail "tell me the domain" }}'}, ExitCode.INPUT, "tell me the domain"),
        ({"templates/x.yaml": "{{ if }}"}, ExitCode.INPUT, "shop/templates/x.yaml"),
        ({"Chart.yaml": "name: 3: 4"}, ExitCode.INPUT, "Chart.yaml"),
        (
            {"templates/x.yaml": '{{ define "a" }}{{ include "a" . }}{{ end }}{{ include "a" . }}'},
            ExitCode.INPUT,
            "include",
        ),
        (
            {"Chart.yaml": SHOP["Chart.yaml"] + "- {name: absent, version: 0.1.0}\n"},
            ExitCode.NOT_FOUND,
            "absent",
        ),
    ],
)
def test_a_bad_chart_is_told_in_helms_own_words(
    tmp_path: Path, files: dict[str, str], code: ExitCode, says: str
) -> None:
    chart = write(tmp_path / "shop", SHOP | files)
    with pytest.raises(BundlerError) as caught:
        SdkHelm(timeout=30).render(RenderRequest(chart, "shop"), "charts/shop")
    assert caught.value.code == code
    assert says in str(caught.value)
    assert str(caught.value).startswith("charts/shop: ")


def test_a_chart_is_rendered_once_for_the_same_content(store: Store) -> None:
    counting = Counting()
    helm = cast("Helm", counting)  # of its methods, the one that is asked
    tree = tree_of(store, below("charts/shop", SHOP))
    first = render(Chart("charts/shop", "shop"), Renderer(tree, store, helm, "v1.20.2"))
    assert render(Chart("charts/shop", "shop"), Renderer(tree, store, helm, "v1.20.2")) == first
    assert counting.count == 1
    changed = tree_of(store, below("charts/shop", SHOP | {"values.yaml": SHOP["values.yaml"] + "\n"}))
    render(Chart("charts/shop", "shop"), Renderer(changed, store, helm, "v1.20.2"))
    assert counting.count == 2


def test_a_packed_chart_renders_like_its_folder(store: Store) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, text in below("shop", SHOP).items():
            member = tarfile.TarInfo(name)
            member.size = len(text.encode())
            tar.addfile(member, io.BytesIO(text.encode()))
    tree = tree_of(store, below("charts/shop", SHOP) | {"charts/shop-1.2.3.tgz": packed.getvalue()})
    folder, archive = find_charts(tree, "charts", "mine")
    assert archive == Chart("charts/shop-1.2.3.tgz", "mine")
    helm = SdkHelm(timeout=30)
    renderer = Renderer(tree, store, helm)
    assert render(archive, renderer) == render(folder, renderer)


def test_only_the_outermost_chart_counts(store: Store) -> None:
    tree = tree_of(store, below("application/apps/shop", SHOP) | {"application/apps/web/a/Chart.yaml": "x"})
    assert list(find_charts(tree, "application/apps/shop", "shop")) == [
        Chart("application/apps/shop", "shop")
    ]
    assert list(find_charts(tree, "application/apps/web", "web")) == [Chart("application/apps/web/a", "web")]


@pytest.mark.parametrize("target", ["/etc/passwd", "../../../x"])
def test_a_link_out_of_the_chart_is_refused(store: Store, target: str) -> None:
    tree = tree_of(store, below("charts/shop", SHOP)).add({"charts/shop/templates/x": Symlink(target)})
    with pytest.raises(BundlerError, match="leads out"):
        render(Chart("charts/shop", "shop"), Renderer(tree, store, SdkHelm()))


def test_a_link_inside_the_chart_is_followed(store: Store) -> None:
    files = SHOP | {"files/web.yaml": SHOP["charts/cache/templates/pod.yaml"]}
    tree = tree_of(store, below("charts/shop", files))
    tree = tree.add({"charts/shop/templates/linked.yaml": Symlink("../files/web.yaml")})
    manifests = render(Chart("charts/shop", "shop"), Renderer(tree, store, SdkHelm(timeout=30)))[0]
    assert "redis:7" in manifests["shop/templates/linked.yaml"]
    assert isinstance(tree, Tree)


@pytest.mark.parametrize(
    ("wanted", "newest"),
    [
        ("^1.0.0", "1.10.0"),
        ("~1.9", "1.9.3"),
        (">=1.0.0 <1.10.0", "1.9.3"),
        ("*", "2.0.0"),
        (">2.0.0-0", "2.1.0-rc.1"),
        ("1.9.x || 1.0.x", "1.9.3"),
        (">=3", ""),
    ],
)
def test_of_versions_helm_chooses_the_newest_in_a_range(wanted: str, newest: str) -> None:
    versions = ("1.9.3", "1.10.0", "2.1.0-rc.1", "1.0.0", "2.0.0")
    assert SdkHelm().newest(versions, wanted, "shop") == newest
    assert SdkHelm().newest(versions[::-1], wanted, "shop") == newest


def test_what_is_no_range_is_told() -> None:
    with pytest.raises(BundlerError, match="not a range") as caught:
        SdkHelm().newest(("1.0.0",), "newest", "shop")
    assert caught.value.code is ExitCode.INPUT

"""Charts from repositories on loopback: found by the index, verified, completed by what they depend on."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from bundler.builder.cache.store import Store
from bundler.builder.charts.helm import RenderRequest, SdkHelm
from bundler.builder.charts.supply import ChartPins, ChartSupply
from bundler.builder.net.fetch import Fetcher
from bundler.builder.net.mirrors import Mirrors
from bundler.builder.net.registry_logins import Keychain
from bundler.builder.oci.client import RegistryOptions
from bundler.builder.tree.checkout import check_out
from bundler.builder.tree.tree import Tree
from bundler.core.digest import Digest
from bundler.core.errors import BundlerError, ExitCode
from tests.kits.charts import offer, packed, put, tree_of
from tests.kits.images import StubRegistry
from tests.kits.servers import content, serving


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Any]:
    with Store(tmp_path / "cache") as store:
        yield store


@pytest.fixture
def server() -> Iterator[Any]:
    with serving() as server:
        yield server


@pytest.fixture
def registry() -> Iterator[Any]:
    with StubRegistry() as server:
        yield server
        server.shutdown()


@pytest.fixture
def supply(store: Any, registry: Any) -> Any:
    def supply(*, offline: bool = False, mirrors: Any = None) -> Any:
        options = RegistryOptions(
            frozenset({registry.host}), Keychain(), offline=offline, mirrors=mirrors or Mirrors()
        )
        fetcher = Fetcher(store, offline=offline, mirrors=mirrors)
        return ChartSupply(store, fetcher, options, SdkHelm(timeout=60))

    return supply


def test_from_a_repository_verified_and_then_from_the_cache(server: Any, store: Any, supply: Any) -> None:
    data = packed("web", "1.2.3")
    base = offer(server, ("web", "1.2.2", b"old"), ("web", "1.2.3", data))
    maker = supply()
    name, blob = maker.fetch(f"{base}/web:1.2.3", why="APP")
    assert (name, store.path(blob.digest).read_bytes()) == ("web-1.2.3.tgz", data)
    assert [(str(one.chart), one.blob, one.why) for one in maker.taken] == [
        (f"{base}/web:1.2.3", blob, "APP")
    ]
    seen = len(server.seen)
    assert supply(offline=True).fetch(f"{base}/web:1.2.3")[1] == blob
    assert len(server.seen) == seen


def test_a_lying_repository_is_caught(server: Any, supply: Any) -> None:
    base = offer(server, ("web", "1.2.3", packed("web", "1.2.3")))
    server.answers["/charts/files/web-1.2.3.tgz"] = content(packed("web", "6.6.6"))
    with pytest.raises(BundlerError) as caught:
        supply().fetch(f"{base}/web:1.2.3")
    assert caught.value.code == ExitCode.INTEGRITY


def led_to(server: Any, url: Any) -> str:
    index = {"apiVersion": "v1", "entries": {"web": [{"name": "web", "version": "1.2.3", "urls": [url]}]}}
    server.answers["/charts/index.yaml"] = content(yaml.safe_dump(index).encode())
    return f"chart+{server.base}/charts/web:1.2.3"


def test_an_index_may_lead_to_a_registry(server: Any, registry: Any, store: Any, supply: Any) -> None:
    """As Bitnami's does: found there, pinned by the manifest, and had again from the cache."""
    data = packed("web", "1.2.3")
    there = put(registry, "charts/web", "1.2.3", data)
    name = led_to(server, there)
    maker = supply()
    file, blob = maker.fetch(name)
    assert (file, store.path(blob.digest).read_bytes()) == ("web-1.2.3.tgz", data)
    (taken,) = maker.taken
    assert (str(taken.chart), taken.url) == (name, there)
    assert taken.manifest.startswith("sha256:")
    again = supply(offline=True)
    again.pins = ChartPins({name: taken})
    seen = len(registry.seen)
    assert again.fetch(name)[1] == blob
    assert again.taken == [replace(taken, why=name)]
    assert len(registry.seen) == seen


def test_an_index_that_leads_to_a_registry_without_a_version_means_its_own(
    server: Any, registry: Any, store: Any, supply: Any
) -> None:
    data = packed("web", "1.2.3")
    name = led_to(server, put(registry, "charts/web", "1.2.3", data).rpartition(":")[0])
    file, blob = supply().fetch(name)
    assert (file, store.path(blob.digest).read_bytes()) == ("web-1.2.3.tgz", data)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://h.example/web.tgz"])
def test_an_index_may_not_lead_to_files(server: Any, supply: Any, url: str) -> None:
    with pytest.raises(BundlerError, match="index can't be used") as caught:
        supply().fetch(led_to(server, url))
    assert caught.value.code == ExitCode.INPUT
    assert f"leads to {url.partition(':')[0]}:" in caught.value.why


def test_what_the_repository_lacks_is_told_with_what_it_has(server: Any, supply: Any) -> None:
    base = offer(server, ("web", "1.2.3", b"x"))
    for wanted, says in (("web:9.9.9", "it has 1.2.3"), ("shop:1.0.0", "no chart shop")):
        with pytest.raises(BundlerError) as caught:
            supply().fetch(f"{base}/{wanted}")
        assert caught.value.code == ExitCode.NOT_FOUND
        assert says in caught.value.why


@pytest.mark.parametrize("index", [b"entries: []", b"<html>", b"a: [", b"entries: {web: [{version: 1.2.3}]}"])
def test_an_index_that_is_none_is_told(server: Any, supply: Any, index: bytes) -> None:
    server.answers["/charts/index.yaml"] = content(index)
    with pytest.raises(BundlerError) as caught:
        supply().fetch(f"chart+{server.base}/charts/web:1.2.3")
    assert caught.value.code == ExitCode.INPUT
    assert "index.yaml" in str(caught.value)


def test_of_a_large_index_only_the_charts_own_lines_are_read(server: Any, supply: Any) -> None:
    data = packed("web", "1.2.3")
    entry = f"  - version: 1.2.3\n    urls: [files/web.tgz]\n    digest: {Digest.of(data).hex}\n"
    crowd = "".join(f"  other-{n}:\n  - version: 1.0.0\n    urls: [x.tgz]\n" for n in range(30_000))
    index = (
        f"apiVersion: v1\nentries:\n{crowd}  web:\n{entry}  web-two:\n  - version: 9.0.0\ngenerated: now\n"
    )
    server.answers["/charts/index.yaml"] = content(index.encode())
    server.answers["/charts/files/web.tgz"] = content(data)
    _, blob = supply().fetch(f"chart+{server.base}/charts/web:1.2.3")
    assert blob.digest == Digest.of(data)


def test_from_a_registry_and_then_offline(registry: Any, store: Any, supply: Any) -> None:
    data = packed("web", "1.2.3+b1")
    name = put(registry, "acme/web", "1.2.3+b1", data)
    file, blob = supply().fetch(name)
    assert (file, store.path(blob.digest).read_bytes()) == ("web-1.2.3+b1.tgz", data)
    seen = len(registry.seen)
    assert supply(offline=True).fetch(name)[1] == blob
    assert len(registry.seen) == seen


def test_an_image_is_no_chart(registry: Any, supply: Any) -> None:
    name = put(registry, "acme/web", "1.0.0", b"x", layer="application/vnd.oci.image.layer.v1.tar+gzip")
    with pytest.raises(BundlerError) as caught:
        supply().fetch(name)
    assert "no Helm chart" in caught.value.what


def test_a_checksum_that_is_not_kept_ends_it(registry: Any, supply: Any) -> None:
    name = put(registry, "acme/web", "1.0.0", packed("web", "1.0.0"))
    with pytest.raises(BundlerError) as caught:
        supply().fetch(name, Digest.of(b"something else"))
    assert caught.value.code == ExitCode.INTEGRITY


def no_folders(path: Any) -> None:
    raise AssertionError(path)


def rendered(tree: Any, store: Any, tmp_path: Path, **options: Any) -> Any:
    checkout = check_out(tree, store, tmp_path / "chart")
    return SdkHelm(timeout=60).render(RenderRequest(checkout.root, "r", **options), "chart")


def test_dependencies_are_completed_and_helm_finds_them_right(
    server: Any, registry: Any, store: Any, supply: Any, tmp_path: Path
) -> None:
    base = offer(
        server, ("cache", "0.9.0", packed("cache", "0.9.0")), ("cache", "1.1.0", packed("cache", "1.1.0"))
    )
    put(registry, "acme/search", "3.0.0", packed("search", "3.0.0"))
    chart = f"""
apiVersion: v2
name: shop
version: 1.0.0
dependencies:
- {{name: cache, version: ^1.0, repository: "{base.removeprefix("chart+")}", alias: fast, condition: fast.a}}
- {{name: cache, version: 0.9.0, repository: "{base.removeprefix("chart+")}", tags: [old]}}
- {{name: search, version: 3.0.0, repository: "oci://{registry.host}/acme"}}
- {{name: common, version: ">=0", repository: "file://../common"}}
"""
    files = {
        "Chart.yaml": chart,
        "values.yaml": "fast: {a: true}\ntags: {old: false}\n",
        "templates/s.yaml": "a: b",
    }
    common = {"Chart.yaml": "{apiVersion: v2, name: common, version: 0.1.0}", "templates/c.yaml": "c: d"}
    asked = []

    def local(path: Any) -> Any:
        asked.append(path)
        return tree_of(store, common)

    maker = supply()
    whole = maker.complete(tree_of(store, files), "shop", local)
    assert asked == ["../common"]
    assert {path for path in whole.entries if path.startswith("charts/")} == {
        "charts/cache-1.1.0.tgz",
        "charts/cache-0.9.0.tgz",
        "charts/search-3.0.0.tgz",
        "charts/common/Chart.yaml",
        "charts/common/templates/c.yaml",
    }
    assert len(maker.taken) == 3
    assert set(rendered(whole, store, tmp_path)) == {
        "shop/templates/s.yaml",
        "shop/charts/fast/templates/x.yaml",
        "shop/charts/search/templates/x.yaml",
        "shop/charts/common/templates/c.yaml",
    }
    assert supply().complete(whole, "shop", no_folders) == whole


def test_a_lock_needs_no_resolving_and_works_offline(server: Any, store: Any, supply: Any) -> None:
    base = offer(
        server, ("cache", "1.0.0", packed("cache", "1.0.0")), ("cache", "1.1.0", packed("cache", "1.1.0"))
    )
    plain = base.removeprefix("chart+")
    files = {
        "Chart.yaml": "{apiVersion: v2, name: s, version: 1.0.0, "
        f'dependencies: [{{name: cache, version: ^1.0, repository: "{plain}/"}}]}}',
        "Chart.lock": f'dependencies: [{{name: cache, version: 1.0.0, repository: "{plain}"}}]',
    }
    tree = tree_of(store, files)
    whole = supply().complete(tree, "s", no_folders)
    assert "charts/cache-1.0.0.tgz" in whole.entries
    assert supply(offline=True).complete(tree, "s", no_folders) == whole
    with pytest.raises(BundlerError) as caught:
        supply(offline=True).complete(tree.without("Chart.lock"), "s", no_folders)
    assert "Chart.lock" in caught.value.why


@pytest.mark.parametrize(
    ("chart", "lock", "says"),
    [
        ("{name: a, version: 1.0.0, repository: ''}", "", "charts/ lacks a"),
        ("{name: a, version: 1.0.0, repository: '@stable'}", "", "alias"),
        (
            "{name: a, version: ^1, repository: 'https://h.example'}",
            "{name: b, version: 1.0.0, repository: 'https://h.example'}",
            "lock doesn't fit",
        ),
    ],
)
def test_what_can_not_be_found_is_told(store: Any, supply: Any, chart: str, lock: str, says: str) -> None:
    files = {"Chart.yaml": f"{{apiVersion: v2, name: s, version: 1.0.0, dependencies: [{chart}]}}"}
    if lock:
        files["Chart.lock"] = f"dependencies: [{lock}]"
    with pytest.raises(BundlerError) as caught:
        supply().complete(tree_of(store, files), "s", no_folders)
    assert says in str(caught.value)


def test_helm_says_what_it_can_not_resolve(server: Any, store: Any, supply: Any) -> None:
    base = offer(server, ("cache", "1.0.0", packed("cache", "1.0.0"))).removeprefix("chart+")
    files = {
        "Chart.yaml": "{apiVersion: v2, name: s, version: 1.0.0, "
        f'dependencies: [{{name: cache, version: ^2.0, repository: "{base}"}}]}}'
    }
    with pytest.raises(BundlerError) as caught:
        supply().complete(tree_of(store, files), "s", no_folders)
    assert caught.value.code == ExitCode.NETWORK
    assert "cache" in caught.value.why


def test_charts_in_a_circle_come_to_an_end(store: Any, supply: Any) -> None:
    chart = "{apiVersion: v2, name: s, version: 1.0.0, dependencies: [{name: t, version: '*', repository: 'file://../t'}]}"
    with pytest.raises(BundlerError) as caught:
        supply().complete(
            tree_of(store, {"Chart.yaml": chart}), "s", lambda _: tree_of(store, {"Chart.yaml": chart})
        )
    assert "circle" in caught.value.what


def test_a_subchart_of_the_wrong_version_is_no_longer_left_out_in_silence(store: Any, tmp_path: Path) -> None:
    files = {
        "Chart.yaml": "{apiVersion: v2, name: s, version: 1.0.0, dependencies: "
        "[{name: c, version: ^2, repository: 'https://h.example'}]}",
        "charts/c/Chart.yaml": "{apiVersion: v2, name: c, version: 1.0.0}",
        "charts/c/templates/c.yaml": "a: b",
    }
    with pytest.raises(BundlerError) as caught:
        rendered(tree_of(store, files), store, tmp_path)
    assert "c ^2" in caught.value.why


@pytest.mark.parametrize(
    ("range_", "version", "fits"),
    [
        (">=1.20.0", "v1.20.2", True),
        (">=1.25.0-0", "v1.20.2", False),
        ("~1.20", "v1.20.9", True),
        (">=1.19 <1.20", "v1.20.2", False),
        (">=1.25", "", True),
    ],
)
def test_the_charts_range_of_kubernetes_is_kept(
    store: Any, tmp_path: Path, range_: str, version: str, *, fits: bool
) -> None:
    files = {
        "Chart.yaml": f"{{apiVersion: v2, name: s, version: 1.0.0, kubeVersion: '{range_}'}}",
        "templates/a.yaml": "a: b",
    }
    tree = tree_of(store, files)
    if fits:
        assert rendered(tree, store, tmp_path, kube_version=version) == {"s/templates/a.yaml": "a: b"}
        return
    with pytest.raises(BundlerError) as caught:
        rendered(tree, store, tmp_path, kube_version=version)
    assert caught.value.code == ExitCode.INPUT
    assert range_ in caught.value.why


def test_mirrors_hold_for_charts(server: Any, supply: Any) -> None:
    data = packed("web", "1.2.3")
    offer(server, ("web", "1.2.3", data))
    mirrors = Mirrors(files=(("https://charts.example", f"{server.base}/charts"),))
    _, blob = supply(mirrors=mirrors).fetch("chart+https://charts.example/web:1.2.3")
    assert blob.digest == Digest.of(data)
    assert Tree() == supply().complete(Tree(), "nothing", no_folders)


def test_a_pinned_chart_of_a_repository_is_not_looked_up_again(supply: Any, server: Any, store: Any) -> None:
    base = offer(server, ("web", "1.2.3", packed("web", "1.2.3")))
    first = supply()
    _, blob = first.fetch(f"{base}/web:1.2.3")
    offer(server, ("web", "1.2.3", packed("web", "1.2.3", {"templates/x.yaml": "moved"})))
    seen = len(server.seen)
    again = replace(supply(), pins=ChartPins({f"{base}/web:1.2.3": first.taken[0]}))
    assert again.fetch(f"{base}/web:1.2.3")[1] == blob
    assert len(server.seen) == seen, "neither the index nor the chart, which is in the cache"
    store.discard(blob.digest)
    with pytest.raises(BundlerError) as caught:
        again.fetch(f"{base}/web:1.2.3")
    assert caught.value.code is ExitCode.INTEGRITY


def test_a_pinned_chart_of_a_registry_stays_what_it_was(supply: Any, registry: Any) -> None:
    name = put(registry, "charts/web", "1.2.3", packed("web", "1.2.3"))
    first = supply()
    _, blob = first.fetch(name)
    put(registry, "charts/web", "1.2.3", packed("web", "1.2.3", {"templates/x.yaml": "moved"}))
    assert supply().fetch(name)[1] != blob
    assert replace(supply(), pins=ChartPins({name: first.taken[0]})).fetch(name)[1] == blob
    assert replace(supply(offline=True), pins=ChartPins({name: first.taken[0]})).fetch(name)[1] == blob


def test_a_settled_range_is_not_resolved_again(supply: Any, server: Any, store: Any) -> None:
    base = offer(server, *((("db", version, packed("db", version))) for version in ("1.1.0", "1.2.0")))
    chart = tree_of(
        store,
        {
            "Chart.yaml": "{apiVersion: v2, name: shop, version: 0.1.0, dependencies: "
            f"[{{name: db, version: ^1.0, repository: {base.removeprefix('chart+')}}}]}}"
        },
    )
    first = supply()
    made = first.complete(chart, "shop", lambda _: Tree())
    assert first.settled == {f"{base.removeprefix('chart+')}/db:^1.0": "1.2.0"}
    older = dict.fromkeys(first.settled, "1.1.0")
    pinned = replace(supply(), pins=ChartPins(ranges=older))
    assert set(pinned.complete(chart, "shop", lambda _: Tree()).entries) == {
        "Chart.yaml",
        "charts/db-1.1.0.tgz",
    }
    assert pinned.settled == older
    assert "charts/db-1.2.0.tgz" in made.entries


VERSIONS = ("0.9.0", "1.0.0", "1.2.5", "1.10.0", "2.0.0-rc.1", "2.0.0")


@pytest.mark.parametrize(
    ("wanted", "version"),
    [
        ("^1.2", "1.10.0"),
        ("~1.2", "1.2.5"),
        (">=1.2 <2", "1.10.0"),
        (">=1.0, <1.2", "1.0.0"),
        ("1.x", "1.10.0"),
        ("1 - 2", "2.0.0"),
        ("^0.9 || ^3", "0.9.0"),
        ("*", "2.0.0"),
        (">=2.0.0-0 <2.0.0", "2.0.0-rc.1"),
    ],
)
def test_a_range_in_a_kubefile_comes_to_the_version_that_helm_takes(
    server: Any, supply: Any, wanted: str, version: str
) -> None:
    base = offer(server, *(("db", one, packed("db", one)) for one in VERSIONS))
    maker = supply()
    name, _ = maker.fetch(f"{base}/db:{wanted}", why="APP")
    assert name == f"db-{version}.tgz"
    assert maker.settled == {f"{base.removeprefix('chart+')}/db:{wanted}": version}
    assert [str(one.chart) for one in maker.taken] == [f"{base}/db:{version}"]


def test_a_range_that_nothing_fits_and_one_without_a_lock_offline_are_told(server: Any, supply: Any) -> None:
    base = offer(server, ("db", "1.0.0", packed("db", "1.0.0")))
    with pytest.raises(BundlerError) as caught:
        supply().fetch(f"{base}/db:^2")
    assert "^2" in str(caught.value)
    with pytest.raises(BundlerError) as offline:
        supply(offline=True).fetch(f"{base}/db:^1")
    assert (offline.value.code, "Kubefile.lock" in offline.value.why) == (ExitCode.NOT_FOUND, True)


@pytest.mark.parametrize(
    ("chart", "template", "fix"),
    [
        ("version: 1.0.0", 'a: {{ required "give me a password" .Values.password }}', "--values=FILE"),
        ("version: 1.0.0", '{{ fail "not in this namespace" }}', "--namespace=NAME"),
        ("version: 1.0.0", 'a: {{ include "common.name" . }}', "dependencies in Chart.yaml"),
        ("version: 1.0.0", "a: {{ nosuch 1 }}", "correct the template"),
        ("version: devel", "a: b", "Chart.yaml; `helm lint`"),
    ],
    ids=["value", "namespace", "library", "template", "chart-yaml"],
)
def test_the_hint_fits_what_helm_says(
    store: Any, tmp_path: Path, chart: str, template: str, fix: str
) -> None:
    files = {"Chart.yaml": f"apiVersion: v2\nname: shop\n{chart}\n", "templates/x.yaml": template}
    checkout = check_out(tree_of(store, files), store, tmp_path / "shop")
    with pytest.raises(BundlerError) as caught:
        SdkHelm(timeout=60).render(RenderRequest(checkout.root, "r"), "shop")
    assert fix in caught.value.fix

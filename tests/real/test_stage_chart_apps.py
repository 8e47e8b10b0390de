"""Apps that are charts: from elsewhere, with dependencies in the build context, with its values."""

from collections.abc import Callable
from typing import TYPE_CHECKING, cast

import pytest
import yaml

from bundler.builder.cache.store import Store
from bundler.builder.charts.helm import SdkHelm
from bundler.builder.charts.supply import ChartSupply
from bundler.builder.discovery.discover import Launch, discover
from bundler.builder.net.registry_logins import Keychain
from bundler.builder.oci.client import RegistryOptions
from bundler.builder.stage.state import Staged
from bundler.core.errors import ExitCode, Problems
from bundler.core.index import AppKind
from tests.kits.build_site import Site
from tests.kits.charts import offer, packed
from tests.kits.servers import serving

if TYPE_CHECKING:
    from bundler.builder.net.fetch import Fetcher
    from bundler.builder.tree.tree import File

pytestmark = pytest.mark.real

CHART = "{apiVersion: v2, name: shop, version: 1.0.0}"
POD = """
apiVersion: v1
kind: Pod
metadata: {name: {{ .Release.Name }}}
spec:
  containers:
  - {name: web, image: "{{ .Values.image.name }}:{{ .Values.image.tag }}"}
  {{- if .Values.cache.enabled }}
  - {name: cache, image: "redis:{{ .Values.cache.tag }}"}
  {{- end }}
"""
VALUES = "image: {name: quay.io/acme/web, tag: '1'}\ncache: {enabled: false, tag: '7'}\n"
LOCAL = {
    "charts/shop/Chart.yaml": CHART,
    "charts/shop/values.yaml": VALUES,
    "charts/shop/templates/p.yaml": POD,
}


Build = Callable[[str], Staged]


@pytest.fixture
def build(site: Site) -> Build:
    options = RegistryOptions(keychain=Keychain())
    supply = ChartSupply(
        site.build_context.store, cast("Fetcher", site.build_context.fetcher), options, SdkHelm(timeout=60)
    )
    return lambda kubefile: site.build(kubefile, charts=supply)


def images(staged: Staged, store: Store) -> list[str]:
    found = discover(
        staged.tree, store, helm=SdkHelm(timeout=60), launch=Launch(value_sets=staged.value_sets)
    )
    assert found.check() == ()
    return sorted(str(one.reference) for one in found.found)


def test_values_go_into_the_chart_and_sets_are_looked_through(site: Site, build: Build) -> None:
    site.write(
        LOCAL
        | {
            "prod.yaml": "image: {tag: '2'}\n",
            "ha.yaml": "cache: {enabled: true}\n",
            "new.yaml": "cache: {tag: '8'}\n",
        }
    )
    staged = build(
        "FROM scratch\nAPP --values=prod.yaml --also-values=ha.yaml,ha.yaml+new.yaml shop local://charts/shop\n"
        'LAUNCH ["shop"]\n'
    )
    shop = staged.tree.subtree("application/apps/shop")
    written = yaml.safe_load(
        site.build_context.store.path(cast("File", shop.entries["values.yaml"]).digest).read_text()
    )
    assert written == {
        "image": {"name": "quay.io/acme/web", "tag": "2"},
        "cache": {"enabled": False, "tag": "7"},
    }
    assert images(staged, site.build_context.store) == [
        "docker.io/library/redis:7",
        "docker.io/library/redis:8",
        "quay.io/acme/web:2",
    ]


def test_what_stands_twice_is_told_of_a_charts_own_values_and_refused_in_ones_own(
    site: Site, build: Build
) -> None:
    doubled = VALUES.replace("tag: '1'", "tag: '0', tag: '1'")
    site.write(LOCAL | {"charts/shop/values.yaml": doubled, "prod.yaml": "cache: {tag: '8'}\n"})
    line = "APP --values=prod.yaml shop local://charts/shop"
    staged = build(f'FROM scratch\n{line}\nLAUNCH ["shop"]\n')
    assert images(staged, site.build_context.store) == ["quay.io/acme/web:1"]  # the last, as Helm takes it
    (told,) = [said for said in site.heard.said if "yaml-duplicate-key" in said]
    assert told.startswith("warning: shop/values.yaml:1:43: 'tag' stands here a second time")
    site.write({"prod.yaml": "cache: {tag: '8'}\ncache: {}\n"})
    with pytest.raises(Problems) as caught:
        build(f'FROM scratch\n{line}\nLAUNCH ["shop"]\n')
    (problem,) = caught.value.problems
    assert (problem.rule, str(problem.location)) == ("yaml-duplicate-key", "prod.yaml:2:1")


def test_without_values_the_chart_stays_as_it_was_written(site: Site, build: Build) -> None:
    site.write(LOCAL)
    staged = build('FROM scratch\nAPP shop local://charts/shop\nLAUNCH ["shop"]\n')
    assert site.shown(staged.tree.subtree("application/apps/shop"))["values.yaml"] == VALUES


def test_from_a_repository_with_variables(build: Build) -> None:
    with serving() as server:
        base = offer(server, ("shop", "1.0.0", packed("shop", "1.0.0")))
        staged = build(f'FROM scratch\nARG VERSION=1.0.0\nAPP shop {base}/shop:$VERSION\nLAUNCH ["shop"]\n')
    assert [app.kind for app in staged.apps] == [AppKind.HELM]
    assert "application/apps/shop/templates/x.yaml" in staged.tree.entries


def test_a_chart_of_dependencies_only_finds_those_beside_it(site: Site, build: Build) -> None:
    umbrella = (
        "{apiVersion: v2, name: all, version: 1.0.0, dependencies: "
        "[{name: shop, version: 1.0.0, repository: 'file://../shop'}]}"
    )
    site.write(LOCAL | {"charts/all/Chart.yaml": umbrella})
    staged = build('FROM scratch\nAPP all local://charts/all\nLAUNCH ["all"]\n')
    assert [app.kind for app in staged.apps] == [AppKind.HELM]
    assert images(staged, site.build_context.store) == ["quay.io/acme/web:1"]


@pytest.mark.parametrize(
    ("line", "rule", "code"),
    [
        ("APP --values=absent.yaml shop local://charts/shop", "source-not-found", ExitCode.NOT_FOUND),
        ("APP --values=list.yaml shop local://charts/shop", "chart-values", ExitCode.INPUT),
        ("APP --values=../x.yaml shop local://charts/shop", "chart-values", ExitCode.INPUT),
        ("APP --values=list.yaml shop local://plain.yaml", "bad-flag", ExitCode.INPUT),
        ("APP shop local://outside", "chart-dependencies", ExitCode.INPUT),
        ("APP shop oci://quay.io/acme/shop", "bad-source", ExitCode.INPUT),
        ("APP shop local://stray", "source-not-found", ExitCode.NOT_FOUND),
    ],
)
def test_faults_are_told_at_their_line(
    site: Site, build: Build, line: str, rule: str, code: ExitCode
) -> None:
    depends = "{apiVersion: v2, name: o, version: 1.0.0, dependencies: [{name: x, version: '1', repository: 'file://%s'}]}"
    more = {"list.yaml": "- 1\n", "plain.yaml": "a: b\n", "outside/Chart.yaml": depends % "../../x"}
    site.write(LOCAL | more | {"stray/Chart.yaml": depends % "../gone"})
    with pytest.raises(Problems) as caught:
        build(f'FROM scratch\n{line}\nLAUNCH ["shop"]\n')
    assert (caught.value.problems[0].rule, caught.value.code) == (rule, code)
    assert caught.value.problems[0].location.line == 2


PICKY = """\
{{- if eq .Release.Namespace "default" }}{{ fail "install it into a namespace of its own" }}{{- end }}
apiVersion: v1
kind: Pod
metadata: {name: p}
spec: {containers: [{name: c, image: "db:{{ .Release.Namespace }}"}]}
"""


def test_a_chart_is_rendered_for_the_namespace_it_is_installed_into(site: Site, build: Build) -> None:
    site.write({"shop/Chart.yaml": CHART.partition("dependencies")[0], "shop/templates/p.yaml": PICKY})
    staged = build("FROM scratch\nAPP --namespace=db shop local://shop\n")
    (app,) = staged.apps
    assert (app.namespace, app.privileged) == ("db", False)
    store = site.build_context.store
    helm = SdkHelm(timeout=60)
    found = discover(staged.tree, store, helm=helm, launch=Launch(namespaces={"shop": app.namespace}))
    assert [str(one.reference) for one in found.found] == ["docker.io/library/db:db"]
    with pytest.raises(Problems, match=r"namespace of its own[\s\S]*APP --namespace=NAME"):
        discover(staged.tree, store, helm=helm).check()


LIBRARY = {
    "lib/svc/Chart.yaml": "{apiVersion: v2, name: svc, version: 0.1.0}",
    "lib/svc/templates/p.yaml": PICKY.partition("\n")[2].replace("{{ .Release.Namespace }}", "1"),
    "charts/shop/Chart.yaml": (
        "{apiVersion: v2, name: shop, version: 0.1.0,"
        " dependencies: [{name: svc, version: 0.1.0, repository: 'file://../../lib/svc'}]}"
    ),
    "charts/shop/templates/p.yaml": "",
}


@pytest.mark.parametrize("kubefile", ["APP shop local://charts/shop", "COPY charts charts/\nCOPY lib lib/"])
def test_a_subchart_may_be_a_link_to_a_folder_of_the_context(site: Site, build: Build, kubefile: str) -> None:
    """As Rook's library chart and Calico's are; Helm follows links."""
    site.write(LIBRARY)
    (site.context / "charts/shop/charts").mkdir()
    (site.context / "charts/shop/charts/svc").symlink_to("../../../lib/svc")
    staged = build(f"FROM scratch\n{kubefile}\n")
    assert images(staged, site.build_context.store) == ["docker.io/library/db:1"]


def test_a_link_in_a_chart_that_leads_out_of_the_context_is_refused(site: Site, build: Build) -> None:
    site.write(LIBRARY)
    (site.context / "charts/shop/charts").symlink_to("/etc")
    with pytest.raises(Problems, match="leads out of the build context"):
        build("FROM scratch\nAPP shop local://charts/shop\n")


def test_a_link_in_a_circle_is_refused(site: Site, build: Build) -> None:
    site.write(LIBRARY)
    (site.context / "charts/shop/charts").symlink_to("..")
    with pytest.raises(Problems, match="leads to a folder that it lies in"):
        build("FROM scratch\nAPP shop local://charts/shop\n")

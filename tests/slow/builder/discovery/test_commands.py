"""What commands apply is searched as apps are, with the values they give; what nothing applies is told."""

from pathlib import Path
from typing import Any

import pytest

from bundler.builder.charts.helm import SdkHelm
from bundler.builder.discovery.applied import Script
from bundler.builder.discovery.commands import Applied, Called, Inline, Installed, Kustomized, actions_in
from bundler.builder.discovery.discover import Launch, discover
from bundler.builder.discovery.report import remarks
from tests.kits.charts import tree_of

APPS = "application/apps"


def pod(image: Any) -> str:
    head = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n"
    return f"{head}  containers: [{{name: a, image: '{image}'}}]\n"


CHART = {
    "Chart.yaml": "{apiVersion: v2, name: shop, version: 0.1.0}",
    "values.yaml": "db: {enabled: false, tag: '1'}\n",
    "templates/d.yaml": pod("web:1")
    + "---\n{{ if .Values.db.enabled }}\n"
    + pod("db:{{ .Values.db.tag }}")
    + "{{ end }}\n",
}


def chart_at(folder: Any) -> Any:
    return {f"{folder}/{path}": text for path, text in CHART.items()}


@pytest.mark.parametrize(
    ("text", "actions"),
    [
        ("kubectl apply -f web.yaml", [Applied("web.yaml")]),
        ("kubectl -n shop apply -f a.yaml,b.yaml --filename=c.yaml", [Applied(f"{x}.yaml") for x in "abc"]),
        ("kubectl create -Rf etc/", [Applied("etc", recursive=True)]),
        (
            "cd etc && kubectl apply -f . ; cd ..; kubectl apply -f'x y.yaml'",
            [Applied("etc"), Applied("x y.yaml")],
        ),
        ("if true; then kubectl apply -f a.yaml; fi", [Applied("a.yaml")]),
        (
            "X=etc/b\nkubectl apply -f $X.yaml\nkubectl apply -f ${Y:-c}.yaml",
            [Applied("etc/b.yaml"), Applied("c.yaml")],
        ),
        ("kubectl apply -f ${SITE}.yaml", [Applied("${SITE}.yaml")]),
        ("kubectl apply -f $KNOWN", [Applied("known.yaml")]),
        (
            "OPTS='--set a=1 --wait'\nhelm install shop $(CHART) ${OPTS} ${NONE:-}",
            [Installed("charts/shop", "shop", sets=(("--set", "a=1"),))],
        ),
        ("kubectl get -f a.yaml; kubectl delete -f b.yaml; # kubectl apply -f c.yaml", []),
        ("kubectl apply \\\n  -f a.yaml \\\n  --wait", [Applied("a.yaml")]),
        ("kubectl apply -f https://h.example/x.yaml", [Applied("https://h.example/x.yaml")]),
        ("kubectl apply -k overlays/prod", [Kustomized("overlays/prod")]),
        (
            "kubectl apply -f - <<EOF\nkind: Pod\nEOF\nkubectl apply -f a.yaml",
            [Inline("kind: Pod\n"), Applied("a.yaml")],
        ),
        (
            "sh go.sh; ./deep/run.sh --all; bash -c 'kubectl apply -f a.yaml'",
            [Called("go.sh", ""), Called("deep/run.sh", ""), Applied("a.yaml")],
        ),
        ('cd "$(dirname "$0")"; kubectl apply -f a.yaml', [Applied("a.yaml")]),
        ("echo \"don't\nkubectl apply -f a.yaml", [Applied("a.yaml")]),
        (
            "helm upgrade -i shop charts/shop -n web -f a.yaml --values=b.yaml --set x=1 --set-string z=3",
            [
                Installed(
                    "charts/shop",
                    "shop",
                    "web",
                    ("a.yaml", "b.yaml"),
                    (("--set", "x=1"), ("--set-string", "z=3")),
                )
            ],
        ),
        ("helm install --generate-name ./shop", [Installed("shop")]),
        (
            "helm --kubeconfig k install shop oci://h.example/shop --version 1",
            [Installed("oci://h.example/shop", "shop")],
        ),
        ("helm repo add x https://h.example; helm list", []),
    ],
)
def test_plain_commands_are_understood(text: str, actions: Any) -> None:
    assert list(actions_in(text, "", {"KNOWN": "known.yaml", "CHART": "charts/shop"})) == actions


def test_paths_count_from_where_the_script_runs() -> None:
    (found,) = actions_in("kubectl apply -f ../../../etc/web.yaml", f"{APPS}/go", {})
    assert found == Applied("etc/web.yaml")


@pytest.fixture
def look(store: Any) -> Any:
    def look(files: Any, *texts: Any, folder: str = "", app: str = "") -> Any:
        scripts = tuple(Script(text, folder, app, "CMDS") for text in texts)
        return discover(
            tree_of(store, files), store, helm=SdkHelm(timeout=60), launch=Launch(scripts=scripts)
        )

    return look


def names(found: Any) -> Any:
    return sorted(str(one.reference).removeprefix("docker.io/library/") for one in found)


@pytest.mark.parametrize(
    "command",
    ["kubectl apply -f etc/web.yaml", "kubectl apply -f etc", "kubectl apply -f 'etc/*.yaml'", "sh go.sh"],
)
def test_what_kubectl_applies_is_searched(look: Any, command: str) -> None:
    found = look({"etc/web.yaml": pod("web:1"), "go.sh": "kubectl apply -f etc/web.yaml\n"}, command)
    assert names(found.found) == ["web:1"]
    assert found.candidates == ()
    assert found.check() == ()


def test_what_a_script_holds_itself_is_searched(look: Any) -> None:
    found = look({}, f"cat <<EOF | kubectl apply -f -\n{pod('web:1')}EOF\n")
    assert names(found.found) == ["web:1"]


@pytest.mark.parametrize("folder", ["charts/shop", "opt/shop"])
@pytest.mark.parametrize(
    ("flags", "images"),
    [
        ("", ["web:1"]),
        ("--set db.enabled=true", ["db:1", "web:1"]),
        ("-f site.yaml", ["db:2", "web:1"]),
        ("-f site.yaml --set db.tag=3", ["db:3", "web:1"]),
        ('--set-json \'db={"enabled":true,"tag":"4"}\'', ["db:4", "web:1"]),
    ],
)
def test_charts_are_searched_with_the_values_that_commands_give(
    look: Any, folder: str, flags: str, images: Any
) -> None:
    files = chart_at(folder) | {"site.yaml": "db: {enabled: true, tag: '2'}\n"}
    found = look(files, f"helm upgrade -i shop {folder} {flags}")
    assert names(found.found) == images
    assert found.check() == ()


def test_a_chart_that_needs_the_commands_values_is_not_refused_without_them(look: Any) -> None:
    files = chart_at("charts/shop")
    files["charts/shop/templates/n.yaml"] = '{{ required "a name" .Values.name }}'
    assert names(look(files, "helm install shop charts/shop --set name=x").found) == ["web:1"]


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ("kubectl apply -f https://h.example/x.yaml", "lies on the network"),
        ("helm install x oci://h.example/x", "lies on the network"),
        ("helm install x stable/x", "the bundle does not have"),
        ("kubectl apply -f $WHICH.yaml", "known on site only"),
        ("kubectl apply -f gone.yaml", "the bundle does not have"),
    ],
)
def test_what_commands_apply_and_the_bundle_lacks_is_told(look: Any, command: str, says: str) -> None:
    (warning,) = look({}, command).check()
    assert warning.rule == "launch-unknown-file"
    assert says in warning.message


def test_a_file_that_lies_elsewhere_is_named(look: Any) -> None:
    """As after `COPY etc .`, which copies what is in the folder."""
    (warning,) = look({"crds.yaml": "kind: X\n"}, "kubectl apply -f etc/crds.yaml").check()
    assert warning.hint.startswith("the bundle has crds.yaml:")


def test_a_pod_spec_that_nothing_applies_is_told_with_its_line(look: Any) -> None:
    found = look({"etc/web.yaml": pod("web:1"), "etc/values.yaml": "image: web\n", "readme.md": pod("x:1")})
    assert found.found == ()
    (told,) = remarks(found, (), (), Path())
    assert told.startswith("warning: etc/web.yaml:5:")
    assert "nothing was seen to apply this file: docker.io/library/web:1" in told


def test_a_template_that_nothing_applies_is_told(look: Any) -> None:
    found = look({"etc/web.yaml": "{{ if .X }}\n" + pod("quay.io/acme/web:1") + "{{ end }}\n"})
    assert [(str(one.reference), one.location.line) for one in found.candidates] == [
        ("quay.io/acme/web:1", 6)
    ]


def test_a_chart_that_nothing_installs_is_told(look: Any) -> None:
    (warning,) = look(chart_at("opt/shop")).check()
    assert (warning.rule, warning.location.file) == ("chart-unsearched", "opt/shop")


def test_scripts_that_call_each_other_come_to_an_end(look: Any) -> None:
    found = look(
        {"a.sh": "sh b.sh\n", "b.sh": "sh a.sh\nkubectl apply -f x.yaml\n", "x.yaml": pod("web:1")}, "sh a.sh"
    )
    assert names(found.found) == ["web:1"]

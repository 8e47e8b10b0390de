"""The bundle's files as a site has them: merged, replaced, rendered, and where they then come from."""

import re
from collections.abc import Mapping
from dataclasses import replace

import pytest
import yaml

from bundler.core.errors import Location, Problems
from bundler.core.index import App, AppKind, AppRole, Index
from bundler.installer.plan.overlay import merged
from bundler.installer.plan.steps import Deliver, Exec, Plan, Write
from bundler.installer.site.changes import FileChange, Strategy
from bundler.installer.site.model import Site
from tests.unit.installer.plan import kit

CP = kit.CONTROL_PLANE
FOLDER = "root/application/apps/web"
WEB = App("web", AppKind.HELM, AppRole.APP, "application/apps/web")
VALUES = b"image: {tag: 1, name: web}\nlist: [1, 2]\n"


def bundle(files: Mapping[str, bytes], app: App = WEB) -> Index:
    """runtime/helm/…: what every chart needs."""
    sizes = {path: len(content) for path, content in files.items()}
    return kit.index(apps=(app,), launch=("web",), files={**sizes, "runtime/helm/libhelm_c.so": 9})


def change(path: str, data: str, strategy: Strategy = Strategy.MERGE, app: str = "web") -> FileChange:
    return FileChange(path, strategy, data, Location("site.yaml", 7, 3), app)


def plan(of: Site, files: Mapping[str, bytes], app: App = WEB) -> Plan:
    return kit.plan(of, bundle=bundle(files, app), files=files)


def written(made: Plan) -> dict[str, str]:
    return {
        step.path: step.content
        for step in made.steps
        if isinstance(step, Write) and "/var/lib/bundler/" in step.path
    }


def test_a_file_of_an_app_is_written_in_place_of_the_bundles() -> None:
    files = {f"{FOLDER}/values.yaml": VALUES, f"{FOLDER}/Chart.yaml": b"name: web\n"}
    of = replace(kit.site(), changes=(change("values.yaml", "image: {tag: 2}\nreplicas: 3\n"),))
    made = plan(of, files)
    content = written(made)["/var/lib/bundler/apps/web/values.yaml"]
    assert yaml.safe_load(content) == {"image": {"tag": 2, "name": "web"}, "list": [1, 2], "replicas": 3}
    steps = kit.steps(made)
    delivery = steps[f"distribute/{CP}/app-web"]
    assert isinstance(delivery, Deliver)
    assert [file.path for file in delivery.files] == ["/var/lib/bundler/apps/web/Chart.yaml"]
    write = next(step for step in made.steps if isinstance(step, Write) and "values.yaml" in step.path)
    assert write.secret
    assert write.id in steps[f"apps/{CP}/helm-web"].after


def test_an_edited_value_lets_that_app_start_again_and_no_other() -> None:
    files = {f"{FOLDER}/values.yaml": VALUES, f"{FOLDER}/Chart.yaml": b"name: web\n"}
    before = replace(kit.site(), changes=(change("values.yaml", "replicas: 3\n"),))
    found = kit.done_all(plan(before, files), kit.facts(before))
    after = replace(kit.site(), changes=(change("values.yaml", "replicas: 4\n"),))
    again = kit.plan(after, found, bundle(files), files=files)
    assert [step.id for step in again.steps if isinstance(step, Exec)] == [f"apps/{CP}/helm-web"]
    assert kit.plan(before, found, bundle(files), files=files).steps == ()


def test_templates_are_rendered_with_the_variables_of_the_site_and_the_app() -> None:
    app = replace(WEB, kind=AppKind.KUBE, env={"A": "bundle", "B": "bundle"})
    files = {f"{FOLDER}/w.yaml.tmpl": b"a: {{ .A }}\nb: {{ .B }}\nc: {{ .C }}\n"}
    of = replace(kit.site(), env={"C": "site"}, app_envs={"web": {"A": "own"}})
    made = plan(of, files, app)
    assert written(made)["/var/lib/bundler/apps/web/w.yaml"] == "a: own\nb: bundle\nc: site\n"
    with pytest.raises(Problems, match=r"w\.yaml\.tmpl:3: the variable C is set nowhere"):
        plan(replace(of, env={}), files, app)


def test_strategy_render_takes_the_data_as_variables() -> None:
    app = replace(WEB, kind=AppKind.KUBE)
    files = {f"{FOLDER}/w.yaml.tmpl": b"a: {{ .A }}\n{{ range .L }}- {{ . }}\n{{ end }}"}
    of = replace(kit.site(), changes=(change("w.yaml", "A: 5\nL: [x, y]\n", Strategy.RENDER),))
    assert written(plan(of, files, app))["/var/lib/bundler/apps/web/w.yaml"] == "a: 5\n- x\n- y\n"


def test_kubeadms_file_can_be_changed_like_any_other() -> None:
    of = replace(
        kit.site(),
        changes=(change("etc/kubeadm.yml", "apiServer: {extraArgs: {audit-log-maxage: '9'}}", app=""),),
    )
    made = kit.steps(kit.plan(of))[f"control-plane/{CP}/config"]
    assert isinstance(made, Write)
    assert "value: '9'" in made.content
    assert "value: '7'" not in made.content


def test_a_file_of_no_app_lies_on_every_host() -> None:
    of = replace(kit.site(), changes=(change("etc/new.conf", "x=1\n", Strategy.OVERWRITE, ""),))
    made = kit.plan(of)
    places = {
        step.host: step.content
        for step in made.steps
        if isinstance(step, Write) and step.path.endswith("new.conf")
    }
    assert places == {CP: "x=1\n", kit.WORKER: "x=1\n"}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (
            change("valus.yaml", "a: 1"),
            r'site\.yaml:7:3: the bundle has no valus\.yaml to merge .*did you mean "values\.yaml"',
        ),
        (change("values.yaml", "- a"), "what is merged must be a mapping"),
        (change("values.yaml", "a: 1", app="wep"), "no app of this bundle is called wep"),
        (change("bin/kubelet", "x", Strategy.OVERWRITE, ""), "programs and images can't be changed"),
        (change("values.yaml", "a: [1", Strategy.MERGE), "no YAML"),
    ],
)
def test_changes_that_cant_be_made(wrong: FileChange, said: str) -> None:
    files = {f"{FOLDER}/values.yaml": VALUES, f"{FOLDER}/Chart.yaml": b"name: web\n"}
    with pytest.raises(Problems) as caught:
        plan(replace(kit.site(), changes=(wrong,)), files)
    assert re.search(said, str(caught.value), re.DOTALL)


TWO = """\
kind: Service
metadata: {name: a}
spec: {x: 1}
---
kind: ConfigMap
metadata: {name: b}
data: {k: v}
"""


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("kind: ConfigMap\ndata: {k: w, l: m}", [{"x": 1}, {"k": "w", "l": "m"}]),
        ("data: {k: w}\nother: 1", [{"x": 1}, {"k": "w"}]),
        ("kind: Service\nmetadata: {name: a}\nspec: {y: 2}", [{"x": 1, "y": 2}, {"k": "v"}]),
    ],
)
def test_of_several_documents_those_that_are_meant(data: str, expected: list[object]) -> None:
    first, second = yaml.safe_load_all(merged(TWO, data, "a.yaml"))
    assert [first["spec"], second["data"]] == expected
    assert "other" not in second


@pytest.mark.parametrize("data", ["kind: Pod", "kind: Service\nmetadata: {name: z}", "nothing: 1"])
def test_data_that_fit_no_document_are_refused(data: str) -> None:
    with pytest.raises(ValueError, match="none of its documents"):
        merged(TWO, data, "a.yaml")


def test_json_stays_json() -> None:
    assert (
        merged('{"a": {"b": 1}}', "a: {c: 2}", "x.json") == '{\n  "a": {\n    "b": 1,\n    "c": 2\n  }\n}\n'
    )

"""Manifests that are rendered already as a chart: Helm makes the same of it, braces and all."""

from pathlib import Path
from typing import Any

import helm_python
import pytest

from bundler.installer.helm import wrap

ODD = """apiVersion: v1
kind: ConfigMap
metadata: {name: odd}
data: {template: "{{ .Values.nothing }} and {{ range }}"}
"""
JOB = """apiVersion: batch/v1
kind: Job
metadata: {name: made, annotations: {helm.sh/hook: pre-install}}
"""
CRD = "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: as.b.c}\n"


@pytest.fixture
def app(tmp_path: Path) -> Any:
    (tmp_path / "one.yaml").write_text(f"# what it is\n---\n{ODD}--- # next\n{CRD}")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/two.yml").write_text(JOB)
    (tmp_path / "README.md").write_text("kind: nothing")
    return tmp_path


def test_documents_are_told_from_definitions(app: Any) -> None:
    found = wrap.of_folder(app)
    assert list(found.objects.values()) == [f"\n{ODD}", JOB]
    assert list(found.definitions.values()) == [f"\n{CRD}"]


def test_helm_renders_them_as_they_are(app: Any) -> None:
    chart = helm_python.Chart.load_archive(wrap.packed("shop", "1.2.3+bundle.abc", wrap.of_folder(app)))
    (text,) = (each for each in chart.render({}, name="shop").values() if each.strip())
    assert '"{{ .Values.nothing }} and {{ range }}"' in text
    assert "helm.sh/hook: pre-install" in text
    assert len(chart.crds) == 1
    assert chart.version == "1.2.3+bundle.abc"


def test_what_helm_rendered_is_kept_but_for_notes_and_what_is_empty() -> None:
    rendered = {
        "shop/templates/a.yaml": ODD,
        "shop/templates/NOTES.txt": "hello",
        "shop/templates/b.yaml": " \n",
    }
    made = wrap.of_rendered(rendered, [{"filename": "crds/c.yaml", "data": CRD}])
    assert made == wrap.Manifests({"shop-templates-a.yaml": ODD}, {"crds-c.yaml": CRD})

"""What an upgrade comes to on sites, decided from two bundles: a table, and two real .runs."""

import json
from dataclasses import replace

import pytest

from bundler.builder.bundles.diff import Difference, How, MemberChange, Section
from bundler.builder.bundles.upgrade_check import Outcome, Parts, Weight, outcome
from bundler.builder.bundles.upgrade_parts import _crds, _kinds
from bundler.builder.bundles.upgrade_render import as_json, as_text, exit_code
from bundler.builder.charts.api_versions import removed_in
from bundler.core.errors import ExitCode

OLD = Parts("shop", "2.1.0", "v1.36.3", "3.6.16-0", "2.4.2", "SHA256:a")
NEW = Parts("shop", "3.0.0", "v1.37.2", "3.7.3-0", "2.4.2", "SHA256:a")
CRD = "widgets.acme.example"


def difference(*names: str) -> Difference:
    changes = tuple(MemberChange(Section.FILES, How.CHANGED, name, "a", "b") for name in names)
    return Difference(None, None, changes, 300 << 20)  # type: ignore[arg-type]  # nobody asks for the sides


def made(old: Parts = OLD, new: Parts = NEW, *names: str) -> Outcome:
    return outcome(old, new, difference(*names), removed_in)


def test_the_next_minor_is_one_hop_with_what_restarts_and_what_a_site_needs() -> None:
    found = made(OLD, NEW, "root/application/apps/web/values.yaml")
    assert found.hops == ("v1.36.3", "v1.37.2")
    assert [text.partition(",")[0] for text in found.restarts] == [
        "API server",
        "etcd",
        "every kubelet; its node is drained before",
        "apps",
    ]
    assert "etcd, one member after the other: 3.6.16-0 → 3.7.3-0" in found.restarts
    assert found.restarts[-1].endswith(": web")
    assert found.said == ()
    assert exit_code(found) is ExitCode.OK


def test_where_kubernetes_stays_no_node_is_drained() -> None:
    found = made(OLD, replace(OLD, version="2.1.1"))
    assert (found.hops, found.restarts) == ((), ())


@pytest.mark.parametrize(
    ("changes", "said", "code"),
    [
        ({"kubernetes": "v1.38.0"}, "minor-skipped", ExitCode.REFUSED),
        ({"kubernetes": "v1.35.9"}, "older-kubernetes", ExitCode.REFUSED),
        ({"kubernetes": "v1.36.2"}, "older-kubernetes", ExitCode.REFUSED),
        ({"version": "2.0.9"}, "older-product", ExitCode.REFUSED),
        ({"version": "2.1.0"}, "same-version", ExitCode.FINDINGS),
        ({"name": "other"}, "other-product", ExitCode.FINDINGS),
        ({"key": ""}, "unsigned", ExitCode.REFUSED),
        ({"key": "SHA256:b"}, "other-key", ExitCode.FINDINGS),
        ({"kinds": {"policy/v1beta1 PodDisruptionBudget": ("a.yaml",)}}, "removed-api", ExitCode.REFUSED),
        ({"kinds": {"policy/v1 PodDisruptionBudget": ("a.yaml",)}}, "", ExitCode.OK),
    ],
)
def test_what_stands_against_it_has_an_id_and_an_exit_code(
    changes: dict[str, object], said: str, code: ExitCode
) -> None:
    found = made(OLD, replace(NEW, **changes))  # type: ignore[arg-type]  # names of real fields
    assert [each.id for each in found.said] == [said] * bool(said)
    assert exit_code(found) is code


def test_a_minor_that_is_skipped_is_named() -> None:
    (said,) = made(OLD, replace(NEW, kubernetes="v1.39.0")).said
    assert "v1.37, v1.38" in said.text


def test_minors_that_are_carried_on_the_way_are_hops() -> None:
    new = replace(NEW, via=("v1.35.4", "v1.36.3"))
    two = made(replace(OLD, kubernetes="v1.35.4"), new)
    assert two.hops == ("v1.35.4", "v1.36.3", "v1.37.2")
    assert two.said == ()
    assert any("v1.35.4 → v1.36.3 → v1.37.2" in text for text in two.restarts)
    assert "Kubernetes v1.34 to v1.37 on the site" in two.needs
    assert made(replace(OLD, kubernetes="v1.34.4"), new).hops == ("v1.34.4", "v1.35.4", "v1.36.3", "v1.37.2")
    assert made(OLD, new).hops == ("v1.36.3", "v1.37.2")
    (said,) = made(replace(OLD, kubernetes="v1.33.1"), new).said
    assert said.id == "minor-skipped"
    assert "v1.34 first" in said.text


@pytest.mark.parametrize(("after", "said"), [({}, "crd-gone"), ({CRD: frozenset({"v1"})}, "crd-version")])
def test_a_custom_resource_that_loses_a_version_is_looked_at(
    after: dict[str, frozenset[str]], said: str
) -> None:
    found = made(replace(OLD, crds={CRD: frozenset({"v1", "v1beta1"})}), replace(NEW, crds=after))
    assert [each.id for each in found.said] == [said]
    assert found.worst is Weight.WARNING


def test_cgroup_v2_is_asked_for_by_the_bundle_that_crosses_its_border() -> None:
    crossing = made(replace(OLD, kubernetes="v1.34.4"), replace(NEW, kubernetes="v1.35.4"))
    assert any("cgroup v2" in text for text in crossing.needs)
    assert not any("cgroup v2" in text for text in made().needs)


def test_kinds_of_templates_and_versions_of_custom_resources_are_read() -> None:
    text = 'apiVersion: policy/v1beta1\nkind: "PodDisruptionBudget"\nspec: {{ .x }}\n---\nkind: Broken\n'
    assert list(_kinds(text)) == ["policy/v1beta1 PodDisruptionBudget"]
    crd = (
        f"kind: CustomResourceDefinition\nmetadata: {{name: {CRD}}}\nspec:\n  versions:\n"
        "  - {name: v1, served: true}\n  - {name: v1alpha1, served: false}\n"
    )
    assert _crds(crd.encode(), "crd.yaml") == {CRD: frozenset({"v1"})}


def test_programs_read_what_people_read() -> None:
    found = made(OLD, replace(NEW, key="SHA256:b"))
    told = json.loads(as_json(OLD, NEW, found, difference()))
    assert (told["schema"], told["exit_code"], told["hops"]) == (1, 18, ["v1.36.3", "v1.37.2"])
    assert told["findings"][0]["id"] == "other-key"
    text = as_text(OLD, NEW, found, difference())
    assert text.splitlines()[0] == "shop 2.1.0 → 3.0.0, 300 MiB of new content"
    assert text.splitlines()[-1] == "Exit code 18 (FINDINGS)"

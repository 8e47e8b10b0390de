"""Kustomize folders: an app is what kubectl builds of it; without a kubectl it is refused."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from bundler.builder.cache.store import Store
from bundler.builder.charts.helm import SdkHelm
from bundler.builder.discovery.applied import Script
from bundler.builder.discovery.discover import Launch, discover
from bundler.builder.stage.state import Staged
from bundler.core.errors import Problems
from bundler.core.index import AppKind
from tests.kits.build_site import Site

pytestmark = pytest.mark.real

POD = (
    "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: a, image: 'acme/web:1.0'}]}\n"
)
WEB = {
    "base/web.yaml": POD,
    "base/kustomization.yaml": "resources: [web.yaml]\n",
    "prod/kustomization.yaml": (
        "namespace: shop\nresources: [../base]\n"
        "images: [{name: acme/web, newName: quay.io/acme/db, newTag: '2.0'}]\n"
        "configMapGenerator: [{name: c, files: [settings.ini]}]\n"
    ),
    "prod/settings.ini": "a=1\n",
}
# A kubectl of the bundle's own: what it is asked goes into what it builds.
KUBECTL = """#!/bin/sh
[ "$1" = kustomize ] || exit 3
cat "$2/kustomization.yaml" >/dev/null || exit 4
cat /etc/passwd >/dev/null 2>&1 && exit 5
printf '%s\\n' "apiVersion: v1" "kind: Pod" "spec: {containers: [{name: a, image: 'built:1'}]}"
"""
real = pytest.mark.skipif(shutil.which("kubectl") is None, reason="no kubectl on this machine")


def images(staged: Staged, store: Store, *scripts: str) -> tuple[list[str], Any]:
    launch = Launch(scripts=tuple(Script(text, "", "", "CMDS") for text in scripts))
    found = discover(staged.tree, store, helm=SdkHelm(), launch=launch)
    return sorted(str(one.reference) for one in found.found), found.check()


@real
def test_an_app_is_what_kubectl_makes_of_it(site: Site) -> None:
    """Its base lies beside it; what it is made of is not in the bundle."""
    site.write(WEB)
    staged = site.build('FROM scratch\nAPP web local://prod\nLAUNCH ["web"]\n')
    assert staged.apps[0].kind is AppKind.KUBE
    assert list(staged.tree.entries) == ["application/apps/web/kustomized.yaml"]
    assert images(staged, site.build_context.store) == (["quay.io/acme/db:2.0"], ())


def test_the_bundles_own_kubectl_comes_first_and_reads_no_other_files(site: Site) -> None:
    site.write(WEB | {"kubectl": (KUBECTL, 0o755)})
    staged = site.build("FROM scratch\nCOPY kubectl bin/kubectl\nAPP web local://prod\n")
    assert images(staged, site.build_context.store) == (["docker.io/library/built:1"], ())


def test_without_a_kubectl_it_is_refused(site: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    site.write(WEB)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Problems, match=r"Kubefile:2:9: .*nothing here can build it.*\[app-kustomize\]"):
        site.build("FROM scratch\nAPP web local://prod\n")


def test_with_commands_of_its_own_it_stays_as_it_is(
    site: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    site.write(WEB)
    monkeypatch.setenv("PATH", str(tmp_path))
    text = 'FROM scratch\nAPP web local://prod\nAPPCMDS web ["kubectl apply -k ."]\n'
    staged = site.build(text)
    assert "application/apps/web/kustomization.yaml" in staged.tree.entries


@real
def test_what_kustomize_refuses_is_told_in_its_words(site: Site) -> None:
    site.write(WEB | {"base/kustomization.yaml": "resources: [gone.yaml]\n"})
    with pytest.raises(Problems, match=r"gone\.yaml"):
        site.build("FROM scratch\nAPP web local://prod\n")


@real
def test_what_a_command_builds_is_searched(site: Site) -> None:
    site.write(WEB)
    staged = site.build("FROM scratch\nCOPY base base/\nCOPY prod prod/\n")
    found, warnings = images(staged, site.build_context.store, "kubectl apply -k prod")
    assert found == ["quay.io/acme/db:2.0"]
    assert warnings == ()


def test_a_kustomization_that_nothing_builds_is_told(site: Site) -> None:
    site.write(WEB)
    site.write({f"shop/{name}": text for name, text in WEB.items()})
    site.write({"shop/Chart.yaml": "{apiVersion: v2, name: shop, version: 0.1.0}"})
    text = "COPY prod manifests/prod/\nCOPY base manifests/base/\nCOPY shop charts/shop/\n"
    staged = site.build(f"FROM scratch\n{text}")
    found, warnings = images(staged, site.build_context.store)
    assert found == ["docker.io/acme/web:1.0"]
    assert [one.rule for one in warnings] == ["kustomization-unbuilt"] * 2


SETS = {
    "a new name and a tag": (
        "{name: acme/web, newName: quay.io/acme/db, newTag: '2.0'}",
        "quay.io/acme/db:2.0",
    ),
    "a new name alone": ("{name: acme/web, newName: quay.io/acme/db}", "quay.io/acme/db:latest"),
    "a tag alone": ("{name: acme/web, newTag: v3}", "docker.io/acme/web:v3"),
    "a tag that is a number": ("{name: acme/web, newTag: 2}", "docker.io/acme/web:2"),
    "a name with a port": ("{name: 'r.example:5000/web', newTag: v3}", "r.example:5000/web:v3"),
    "a name that had a tag": ("{name: 'acme/web:1.0', newTag: v3}", "docker.io/acme/web:v3"),
    "a digest": (
        "{name: acme/web, digest: 'sha256:%s'}" % ("a" * 64),
        f"docker.io/acme/web@sha256:{'a' * 64}",
    ),
    "a name alone": ("{name: acme/web}", ""),
    "a place": ("{name: acme/web, newName: REGISTRY, newTag: '${TAG}'}", ""),
    "no mapping": ("acme/web", ""),
}


@pytest.mark.parametrize("mark", ["kustomization.yaml", "kustomization.yml", "Kustomization"])
@pytest.mark.parametrize("case", SETS)
def test_images_that_an_unbuilt_kustomization_sets_are_named(site: Site, case: str, mark: str) -> None:
    """Its files are applied one by one, so what it sets is in no pod: it is pointed out, with its line."""
    entry, name = SETS[case]
    site.write({f"web/{mark}": f"kind: Kustomization\nresources: [web.yaml]\nimages:\n- {entry}\n"})
    site.write({"web/web.yaml": POD})
    staged = site.build("FROM scratch\nCOPY web deploy/web/\n")
    found = discover(staged.tree, site.build_context.store, helm=SdkHelm())
    set_by = [one for one in found.candidates if one.file == f"deploy/web/{mark}"]
    assert [str(one.reference) for one in set_by] == [name] * bool(name)
    assert all(one.location.line == 4 for one in set_by)
    assert [one.rule for one in found.check()] == ["kustomization-unbuilt"]


@real
@pytest.mark.parametrize(
    "command",
    [
        "kubectl apply -k prod",
        "kubectl apply --kustomize=prod/",
        "kubectl create -k ./prod",
        "kubectl kustomize prod | kubectl apply -f -",
        "kubectl kustomize --enable-helm=false prod | kubectl apply -f -",
        "kustomize build --load-restrictor LoadRestrictionsRootOnly prod | kubectl apply -f -",
        "cd prod && kustomize build . | kubectl apply -f -",
    ],
)
def test_one_that_is_built_hides_no_other(site: Site, command: str) -> None:
    """Its bases belong to it; a folder that no command names is still told of."""
    site.write(WEB)
    site.write({"other/kustomization.yaml": "images: [{name: a, newName: quay.io/b, newTag: '1'}]\n"})
    staged = site.build("FROM scratch\nCOPY base base/\nCOPY prod prod/\nCOPY other other/\n")
    found, warnings = images(staged, site.build_context.store, command)
    assert found == ["quay.io/acme/db:2.0"]
    assert [(one.rule, one.location.file) for one in warnings] == [
        ("kustomization-unbuilt", "other/kustomization.yaml")
    ]

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

"""INCLUDE: blocks are laid over the base, before the lines of the Kubefile itself."""

from typing import Any

import pytest

from bundler.core.errors import Problems

DATABASE = """FROM scratch
ARG DATABASE_PORT=3306
LABEL org.opencontainers.image.title=database org.opencontainers.image.version=8.4
ENV DATABASE=db:$DATABASE_PORT
IMAGE docker.io/library/database:8.4
PACKAGE debian:bookworm open-iscsi
APP database local://manifests
LAUNCH ["database"]
"""
CACHE = 'FROM scratch\nINCLUDE ../database\nAPP cache local://manifests\nLAUNCH ["cache"]\n'
POD = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n"


def rules(caught: Any) -> Any:
    return [(p.rule, p.location.line, p.location.column) for p in caught.value.problems]


@pytest.fixture
def block(site: Any) -> Any:
    """Write a block beside the context, for INCLUDE ../NAME (the Kubefile lies one up)."""

    def write(name: Any, text: Any) -> None:
        folder = site.context.parent / name
        (folder / "manifests").mkdir(parents=True, exist_ok=True)
        (folder / "Kubefile").write_text(text)
        (folder / "manifests" / f"{name}.yaml").write_text(POD)

    return write


def test_a_block_brings_its_apps_images_packages_and_variables(site: Any, block: Any) -> None:
    block("database", DATABASE)
    site.write({"shop/a.yaml": POD})
    staged = site.build(
        "FROM scratch\n"
        "LABEL org.opencontainers.image.title=shop org.opencontainers.image.version=1.0\n"
        "INCLUDE database\n"
        "APP shop local://shop\n"
        'LAUNCH ["shop"]\n'
    )
    assert [app.name for app in staged.apps] == ["database", "shop"]
    assert staged.launch == ("database", "shop")
    assert [wish.reference for wish in staged.images] == ["docker.io/library/database:8.4"]
    assert [(wish.suite, wish.name) for wish in staged.packages] == [("debian:bookworm", "open-iscsi")]
    assert staged.env["DATABASE"] == "db:3306"
    assert staged.labels == {
        "org.opencontainers.image.title": "shop",
        "org.opencontainers.image.version": "1.0",
        "io.bundler.block.database": "8.4",
    }


def test_a_block_that_two_include_comes_once(site: Any, block: Any) -> None:
    block("database", DATABASE)
    block("cache", CACHE)
    staged = site.build("FROM scratch\nINCLUDE cache database\n")
    assert staged.launch == ("database", "cache")


def test_launch_of_a_base_is_not_inherited_but_that_of_its_childs_blocks_is(site: Any, block: Any) -> None:
    block("database", DATABASE)
    block("base", 'FROM scratch\nAPP old local://manifests\nLAUNCH ["old"]\n')
    staged = site.build("FROM base\nINCLUDE database\n")
    assert staged.launch == ("database",)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("FROM scratch\nINCLUDE databse\n", [("include-unknown", 2, 9)]),
        ("FROM scratch\nINCLUDE $NAME\n", [("include-variable", 2, 9)]),
        ("FROM scratch\nINCLUDE\n", [("missing-argument", 2, 1)]),
        ("FROM scratch\nINCLUDE database other\n", [("include-app", 2, 5)]),
        ("FROM scratch\nINCLUDE standing\n", [("include-base", 2, 9)]),
        ("FROM scratch\nINCLUDE circle\n", [("include-cycle", 2, 9)]),
        ("FROM scratch\nENV A=b\nINCLUDE database\n", [("include-place", 3, 1)]),
    ],
)
def test_what_cannot_be_included(site: Any, block: Any, text: str, rule: Any) -> None:
    block("database", DATABASE)
    block("other", "FROM scratch\nAPP database local://manifests\n")
    block("standing", "FROM ../database\n")
    block("circle", "FROM scratch\nINCLUDE ../circle2\n")
    block("circle2", "FROM scratch\nINCLUDE ../circle\n")
    with pytest.raises(Problems) as caught:
        site.build(text)
    assert rules(caught) == rule


ENTRY = """kind: block
title: A page
version: 1
licence: Apache-2.0
home: https://page.example
ports: [30080]
ready: the page answers
backup: nothing to keep
tested: contract
"""


def test_two_blocks_cannot_take_the_same_port(site: Any, block: Any) -> None:
    for name in ("one", "two"):
        block(name, f"FROM scratch\nAPP {name} local://manifests\n")
        (site.context.parent / name / "entry.yaml").write_text(ENTRY)
    with pytest.raises(Problems, match="one and two both take port 30080") as caught:
        site.build("FROM scratch\nINCLUDE one two\n")
    assert rules(caught) == [("include-port", 2, 13)]


WITH_NODES = """kind: block
title: T
version: 1
licence: L
home: H
ready: R
backup: B
tested: contract
nodes:
  modules: [{module}]
  sysctls: ["vm.max_map_count={count}"]
"""


def test_what_blocks_want_of_the_hosts_kernels_is_in_the_bundles_labels(site: Any, block: Any) -> None:
    for name, module, count in (("database", "dm_crypt", 1048575), ("cache", "rbd", 262144)):
        block(name, DATABASE if name == "database" else CACHE)
        (site.context.parent / name / "entry.yaml").write_text(WITH_NODES.format(module=module, count=count))
    labels = site.build("FROM scratch\nINCLUDE cache\n").labels
    assert labels["io.bundler.hosts.modules"] == "dm_crypt rbd"
    assert labels["io.bundler.hosts.sysctls"] == "vm.max_map_count=1048575"

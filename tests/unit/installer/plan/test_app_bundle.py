"""An app bundle on a cluster that is there: what is done, left out, refused."""

import json
from dataclasses import replace
from typing import Any

import pytest

from bundler.core.errors import BundlerError, ExitCode
from bundler.core.index import App, AppKind, AppRole
from bundler.installer.plan.app_bundle import app_plan, chart_version
from bundler.installer.plan.app_cluster import Aim, ClusterSeen, Place, Release
from bundler.installer.plan.contents import Contents
from bundler.installer.plan.steps import Exec
from tests.unit.installer.plan import kit

APPS = (
    App("store", AppKind.HELM, AppRole.CSI, "application/apps/store", namespace="storage"),
    App("db", AppKind.HELM, AppRole.APP, "application/apps/db", namespace="data"),
    App("pages", AppKind.KUBE, AppRole.APP, "application/apps/pages"),
    App("login", AppKind.SHELL, AppRole.APP, "application/apps/login", env={"USER_NAME": "o'neil"}),
)
FILES = {
    "root/application/apps/store/Chart.yaml": 10,
    "root/application/apps/db/Chart.yaml": 11,
    "root/application/apps/pages/a.yaml": 12,
    "root/application/apps/login/login.sh": 13,
}
PLACE = Place(
    "/home/me/kubeconfig",
    "/srv/work",
    ("start",),
    push=("start", "push-images", "r.example:5000"),
    images={"docker.io/a/b:1": "r.example:5000/docker.io/a/b:1"},
)
SEEN = ClusterSeen("v1.37.2", frozenset({"amd64"}), ("local",), "", (), kubectl=True)


def bundle(*apps: Any, version: str = "2.0", launch: Any = ("login", "db", "pages"), **changes: Any) -> Any:
    made = kit.index(apps=apps or APPS, launch=launch, files=FILES, kubernetes="", packages=())
    changed = replace(made, version=version, apps=tuple(a for a in made.apps if a.name != "net"), **changes)
    return Contents(changed, {})


def released(
    contents: Any,
    name: str = "db",
    *,
    status: str = "deployed",
    history: Any = (),
    revision: int = 1,
    version: str = "",
) -> Any:
    app = next(app for app in contents.index.apps if app.name == name)
    called = version or chart_version(contents, app, PLACE)
    return Release(name, app.namespace or "default", status, revision, called, tuple(history))


def ids(plan: Any) -> Any:
    return [step.id for step in plan.steps]


def asked(plan: Any, name: Any) -> Any:
    step = next(step for step in plan.steps if step.id == f"apps/{name}")
    return json.loads(step.stdin)


def test_everything_is_pushed_then_brought_in_order_each_behind_the_last() -> None:
    plan = app_plan(bundle(), SEEN, PLACE, Aim.APPLY)
    assert ids(plan) == ["registry/images", "apps/store", "apps/login", "apps/db", "apps/pages"]
    assert [step.after for step in plan.steps[1:]] == [(step.id,) for step in plan.steps[:-1]]
    assert isinstance(plan.steps[0], Exec)
    assert plan.steps[0].script == "start push-images r.example:5000"
    assert asked(plan, "db") == {
        "task": "bring",
        "kubeconfig": "/home/me/kubeconfig",
        "context": "",
        "release": "db",
        "namespace": "data",
        "folder": "/srv/work/apps/db",
        "chart": True,
        "version": chart_version(bundle(), APPS[1], PLACE),
        "images": PLACE.images,
        "revision": 0,
        "timeout": 600,
        "work": "/srv/work",
    }
    assert asked(plan, "pages")["chart"] is False


def test_an_apps_own_commands_see_its_variables_and_the_kubeconfig() -> None:
    place = replace(PLACE, env={"ADDRESSES": "10.0.0.1 10.0.0.2"})
    plan = app_plan(bundle(), SEEN, place, Aim.APPLY)
    script = next(s.script for s in plan.steps if isinstance(s, Exec) and s.id == "apps/login")
    assert "export USER_NAME='o'\"'\"'neil'" in script
    assert "export ADDRESSES='10.0.0.1 10.0.0.2'" in script
    assert "export KUBECONFIG=/home/me/kubeconfig" in script
    assert script.endswith("bash login.sh")


def test_a_release_that_is_so_already_is_left_out() -> None:
    contents = bundle(launch=("db", "pages"))
    there = tuple(released(contents, name) for name in ("store", "db"))
    plan = app_plan(contents, replace(SEEN, releases=there), PLACE, Aim.APPLY)
    assert ids(plan) == ["registry/images", "apps/pages"]
    every = (*there, released(contents, "pages"))
    assert ids(app_plan(contents, replace(SEEN, releases=every), PLACE, Aim.APPLY)) == []


@pytest.mark.parametrize("status", ["failed", "pending-install", "pending-upgrade"])
def test_a_release_that_was_cut_short_is_done_again(status: str) -> None:
    contents = bundle(launch=("db",))
    there = (released(contents, "store"), released(contents, "db", status=status))
    assert ids(app_plan(contents, replace(SEEN, releases=there), PLACE, Aim.APPLY)) == [
        "registry/images",
        "apps/db",
    ]


def test_another_registry_is_another_release() -> None:
    contents = bundle(launch=("db",))
    other = replace(PLACE, images={"docker.io/a/b:1": "other.example/docker.io/a/b:1"})
    assert chart_version(contents, APPS[1], other) != chart_version(contents, APPS[1], PLACE)


@pytest.mark.parametrize(
    ("version", "expected"),
    [("2.0", "2.0.0"), ("v1.2.3-rc.1", "1.2.3-rc.1"), ("1.37.2", "1.37.2"), ("autumn", "0.0.0")],
)
def test_a_products_version_is_one_that_helm_takes(version: str, expected: str) -> None:
    assert chart_version(bundle(version=version), APPS[1], PLACE).startswith(f"{expected}+bundle.")


def refused(contents: Any, seen: Any, **options: Any) -> Any:
    with pytest.raises(BundlerError) as caught:
        app_plan(contents, seen, PLACE, Aim.APPLY, **options)
    return caught.value


def test_what_somebody_else_made_is_not_overwritten() -> None:
    there = Release("db", "data", "deployed", 3, "1.0.0")
    error = refused(bundle(), replace(SEEN, releases=(there,)))
    assert error.code is ExitCode.REFUSED
    assert "release db that no app bundle made" in error.what


def test_a_release_of_that_name_in_another_namespace_is_none_of_ours() -> None:
    there = Release("db", "elsewhere", "deployed", 3, "1.0.0")
    assert "apps/db" in ids(app_plan(bundle(), replace(SEEN, releases=(there,)), PLACE, Aim.APPLY))


def test_something_newer_is_replaced_only_when_it_is_said() -> None:
    newer = released(bundle(version="3.0"), "db")
    seen = replace(SEEN, releases=(newer,))
    assert refused(bundle(), seen).code is ExitCode.REFUSED
    assert "apps/db" in ids(app_plan(bundle(), seen, PLACE, Aim.APPLY, downgrade=True))


@pytest.mark.parametrize(
    ("seen", "contents", "code", "words"),
    [
        ({"version": "v1.29.0"}, {"kube_versions": (">=1.30",)}, ExitCode.UNSUPPORTED, "made for >=1.30"),
        ({"architectures": frozenset({"amd64", "arm64"})}, {}, ExitCode.UNSUPPORTED, "nodes of arm64"),
        ({"kubectl": False}, {}, ExitCode.NOT_FOUND, "login run commands of their own"),
        ({}, {"launch": (), "apps": ()}, ExitCode.UNSUPPORTED, "launches no apps"),
    ],
)
def test_what_does_not_fit_is_told_before_anything_is_done(
    seen: Any, contents: Any, code: Any, words: str
) -> None:
    made = bundle()
    error = refused(Contents(replace(made.index, **contents), {}), replace(SEEN, **seen))
    assert error.code is code
    assert words in error.what


def test_what_nobody_does_on_a_foreign_cluster_is_told() -> None:
    labels = {"io.bundler.hosts.modules": "iscsi_tcp", "io.bundler.hosts.sysctls": "vm.max_map_count=262144"}
    packages = (kit.package("open-iscsi", requested=True), kit.package("libc-extra"))
    contents = bundle(launch=("db",), labels=labels, packages=packages)
    contents = Contents(replace(contents.index, apps=(APPS[1],)), {})
    warnings = app_plan(contents, replace(SEEN, classes=()), PLACE, Aim.APPLY).warnings
    assert any("open-iscsi" in text and "libc-extra" not in text for text in warnings)
    assert any("iscsi_tcp, vm.max_map_count=262144" in text for text in warnings)
    assert any("no StorageClass" in text for text in warnings)
    assert app_plan(bundle(launch=("db",)), SEEN, PLACE, Aim.APPLY).warnings == ()


def test_a_rollback_goes_to_the_newest_revision_of_another_bundle_the_last_app_first() -> None:
    contents = bundle(launch=("db", "pages"))
    now = {
        name: chart_version(contents, app, PLACE)
        for name, app in zip(("db", "pages"), APPS[1:], strict=False)
    }
    releases = (
        released(
            contents,
            "db",
            history=[(1, "1.8.0+bundle.a"), (2, "1.9.0+bundle.b"), (3, now["db"]), (4, now["db"])],
        ),
        released(contents, "pages", history=[(1, "1.9.0+bundle.c"), (2, now["pages"])]),
        released(contents, "store"),
    )
    plan = app_plan(contents, replace(SEEN, releases=releases), PLACE, Aim.ROLLBACK)
    assert ids(plan) == ["apps/pages", "apps/db"]
    assert plan.steps[1].after == ("apps/pages",)
    assert (asked(plan, "db")["task"], asked(plan, "db")["revision"]) == ("back", 2)
    assert "back to 1.9.0" in plan.steps[1].reason


def test_without_an_older_bundle_there_is_nothing_to_go_back_to() -> None:
    with pytest.raises(BundlerError, match="nothing to go back to") as caught:
        app_plan(bundle(), SEEN, PLACE, Aim.ROLLBACK)
    assert caught.value.code is ExitCode.NOT_FOUND


def test_delete_takes_away_what_is_ours_alone() -> None:
    contents = bundle(launch=("db", "pages"))
    releases = (released(contents, "db"), Release("pages", "default", "deployed", 1, "0.1.0"))
    plan = app_plan(contents, replace(SEEN, releases=releases), PLACE, Aim.DELETE)
    assert ids(plan) == ["apps/db"]
    assert asked(plan, "db")["task"] == "away"
    assert "volumes" in plan.warnings[0]
    assert app_plan(contents, SEEN, PLACE, Aim.DELETE).steps == ()

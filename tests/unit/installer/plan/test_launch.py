"""Apps: how each kind is started, in which order, and what is refused."""

import json
from dataclasses import replace

import pytest

from bundler.core.errors import BundlerError, ExitCode, Location, Problems
from bundler.core.index import App, AppKind, AppRole, Index
from bundler.installer.plan.steps import RUNTIME_MEMBER, Await, Deliver, Exec, Write
from tests.unit.installer.plan import kit

FOLDER = "application/apps"


def app(
    name: str, kind: AppKind, role: AppRole = AppRole.APP, commands: tuple[tuple[str, ...], ...] = ()
) -> App:
    return App(name, kind, role, f"{FOLDER}/{name}", commands, {"COLOUR": "red", "SIZE": "1"})


def bundle(*apps: App, launch: tuple[str, ...] | None = None, files: dict[str, int] | None = None) -> Index:
    found = {f"root/{FOLDER}/{each.name}/main.yaml": 9 for each in apps} | dict(files or {})
    names = tuple(each.name for each in apps if each.role is AppRole.APP)
    return kit.index(apps=apps, launch=names if launch is None else launch, files=found)


def test_a_chart_goes_through_helm_on_the_control_plane() -> None:
    made = kit.steps(
        kit.plan(bundle=bundle(app("web", AppKind.HELM), files={"runtime/helm/libhelm_c.so": 85}))
    )
    step = made["apps/10.0.0.2/helm-web"]
    assert isinstance(step, Exec)
    assert json.loads(step.stdin) == {
        "release": "web",
        "chart": "/var/lib/bundler/apps/web",
        "namespace": "default",
        "timeout": 600,
        "kubeconfig": "/etc/kubernetes/admin.conf",
        "server_side": True,
    }
    delivery = made["distribute/10.0.0.2/helm"]
    assert isinstance(delivery, Deliver)
    assert [file.member for file in delivery.files] == ["runtime/helm/libhelm_c.so", RUNTIME_MEMBER]
    assert "apps/10.0.0.2/helm" in step.after


def test_an_app_goes_into_its_own_namespace() -> None:
    chart, manifests = app("web", AppKind.HELM), app("db", AppKind.KUBE)
    made = kit.steps(
        kit.plan(
            bundle=bundle(
                replace(chart, namespace="shop"),
                replace(manifests, namespace="data"),
                files={"runtime/helm/libhelm_c.so": 85},
            )
        )
    )
    step, apply, ready = (made[f"apps/10.0.0.2/{name}"] for name in ("helm-web", "apply-db", "ready-db"))
    assert isinstance(step, Exec)
    assert json.loads(step.stdin)["namespace"] == "shop"
    assert isinstance(apply, Exec)
    assert isinstance(ready, Await)
    assert "folder=/var/lib/bundler/apps/db\n" in apply.script
    assert "namespace=data\n" in apply.script
    assert "namespace=data\n" in ready.script


def test_helms_library_travels_only_with_charts() -> None:
    files = {"runtime/helm/libhelm_c.so": 85}
    made = kit.steps(kit.plan(bundle=bundle(app("web", AppKind.KUBE), files=files)))
    assert "distribute/10.0.0.2/helm" not in made


def test_apps_wait_for_one_another_in_the_order_of_launch() -> None:
    made = kit.steps(
        kit.plan(bundle=bundle(app("a", AppKind.KUBE), app("b", AppKind.KUBE), launch=("b", "a")))
    )
    assert "apps/10.0.0.2/ready-b" in made["apps/10.0.0.2/apply-a"].after
    assert "network/10.0.0.2/nodes" in made["apps/10.0.0.2/apply-b"].after


def test_storage_comes_before_apps_and_needs_no_launch() -> None:
    disks = app("disks", AppKind.KUBE, AppRole.CSI)
    made = kit.steps(kit.plan(bundle=bundle(disks, app("a", AppKind.KUBE))))
    assert "apps/10.0.0.2/ready-disks" in made["apps/10.0.0.2/apply-a"].after


def test_the_clusterfile_decides_what_is_launched() -> None:
    of = replace(kit.site(), launch=("b",))
    made = kit.steps(
        kit.plan(of, bundle=bundle(app("a", AppKind.KUBE), app("b", AppKind.KUBE), launch=("a",)))
    )
    assert "apps/10.0.0.2/apply-b" in made
    assert "apps/10.0.0.2/apply-a" not in made


def test_an_unknown_app_is_told_with_those_there_are() -> None:
    of = replace(kit.site(), launch=("redis",))
    with pytest.raises(BundlerError, match="redis") as caught:
        kit.plan(of, bundle=bundle(app("web", AppKind.KUBE)))
    assert caught.value.code is ExitCode.INPUT
    assert "web" in str(caught.value)


def test_scripts_run_in_their_folder_in_order() -> None:
    files = {f"root/{FOLDER}/tune/{name}.sh": 3 for name in ("2-b", "1-a")}
    made = kit.steps(kit.plan(bundle=bundle(app("tune", AppKind.SHELL), files=files)))
    step = made["apps/10.0.0.2/run-tune"]
    assert isinstance(step, Exec)
    assert "folder=/var/lib/bundler/apps/tune\n" in step.script
    assert step.script.endswith("bash 1-a.sh\nbash 2-b.sh\n")


def test_commands_are_quoted() -> None:
    own = app("tune", AppKind.COMMANDS, commands=(("echo", "a b; rm -rf $HOME"), ("true",)))
    step = kit.steps(kit.plan(bundle=bundle(own)))["apps/10.0.0.2/run-tune"]
    assert isinstance(step, Exec)
    assert step.script.endswith("echo 'a b; rm -rf $HOME'\ntrue\n")


def test_variables_bundle_app_site_and_the_sites_for_the_app_each_over_the_one_before() -> None:
    of = replace(kit.site(), env={"SIZE": "2", "PLACE": "x'y"}, app_envs={"tune": {"PLACE": "z"}})
    index = replace(
        bundle(app("tune", AppKind.COMMANDS, commands=(("true",),))), env={"COLOUR": "blue", "A": "1"}
    )
    step = kit.steps(kit.plan(of, bundle=index))["distribute/10.0.0.2/env-tune"]
    assert isinstance(step, Write)
    assert step.content == "A=1\nCOLOUR=red\nPLACE=z\nSIZE=2\n"
    assert (step.secret, step.mode) == (True, 0o600)


def test_cmds_run_in_the_bundles_tree_without_its_programs() -> None:
    index = kit.index(commands=("kubectl apply -f etc/x.yaml && true",), files={"root/etc/x.yaml": 5})
    made = kit.steps(kit.plan(bundle=index))
    step, delivery = made["apps/10.0.0.2/run-CMDS"], made["distribute/10.0.0.2/tree"]
    assert isinstance(step, Exec)
    assert isinstance(delivery, Deliver)
    assert step.script.endswith("bash -euc 'kubectl apply -f etc/x.yaml && true'\n")
    paths = {file.path for file in delivery.files}
    assert "/var/lib/bundler/root/etc/x.yaml" in paths
    assert not any("/bin/" in path for path in paths)


@pytest.mark.parametrize("name", ["$(touch /x)", "LD_PRELOAD"])
def test_a_bundle_cant_make_code_of_a_variables_name(name: str) -> None:
    evil = replace(app("web", AppKind.SHELL), env={name: "v"})
    with pytest.raises(BundlerError) as caught:
        kit.plan(bundle=bundle(evil, files={f"root/{FOLDER}/web/run.sh": 9}))
    assert (caught.value.code, caught.value.where) == (ExitCode.INPUT, "app web")


@pytest.mark.parametrize(
    ("name", "rule", "said"),
    [
        ("tuen", "unknown-app", 'did you mean "tune"?'),
        ("web", "no-effect", "a chart"),
        ("net", "no-effect", "manifests"),
        ("idle", "no-effect", "not launched"),
        ("CMDS", "no-effect", "CMDS don't run here"),
    ],
)
def test_a_setting_that_does_nothing_is_refused_with_its_line(name: str, rule: str, said: str) -> None:
    apps = (app("web", AppKind.HELM), app("tune", AppKind.COMMANDS, commands=(("true",),)))
    idle = app("idle", AppKind.SHELL)
    made = bundle(*apps, idle, launch=("web", "tune"), files={"runtime/helm/libhelm_c.so": 1})
    where = Location("site.yaml", 12, 5)
    of = replace(kit.site(), app_envs={name: {"A": "b"}}, places={f"env/{name}": where})
    with pytest.raises(Problems) as caught:
        kit.plan(of, bundle=made)
    (problem,) = caught.value.problems
    assert (problem.location, problem.rule) == (where, rule)
    assert said in f"{problem.message} {problem.hint}"
    assert kit.plan(replace(of, app_envs={"tune": {"A": "b"}, "web": {}}), bundle=made).steps

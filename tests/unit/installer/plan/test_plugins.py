"""Plug-ins as steps: at which moment, on which hosts, and that an edit lets one run again."""

from dataclasses import replace
from itertools import pairwise

import pytest

from bundler.core.errors import BundlerError, Location, Problems
from bundler.core.index import App, AppKind, AppRole
from bundler.installer.facts.model import Facts
from bundler.installer.plan.contents import Contents
from bundler.installer.plan.decide import decide_removal
from bundler.installer.plan.order import arrange
from bundler.installer.plan.plugin_removal import behind_rollback
from bundler.installer.plan.rollback import rollback_steps
from bundler.installer.plan.steps import Await, Deliver, Exec, Plan, Write
from bundler.installer.plan.way_back import Spot, WayBack
from bundler.installer.site.model import Site
from bundler.installer.site.plugins import Moment, Plugin, PluginType, Scope
from tests.unit.installer.plan import kit
from tests.unit.installer.plan.test_decide import behind

HERE = Location("site.yaml", 9, 1)
CP, WORKER, THIRD = kit.CONTROL_PLANE, kit.WORKER, kit.address(1)


def plugin(moment: Moment, *, scope: Scope = Scope(), data: str = "echo hello", **changes: object) -> Plugin:  # noqa: B008  (frozen)
    made = Plugin("tune", PluginType.SHELL, (moment,), scope, data, HERE)
    return replace(made, **changes)  # type: ignore[arg-type]  # a test names real fields


def site(*plugins: Plugin, workers: int = 1) -> Site:
    return replace(kit.site(workers), plugins=plugins, env={"ZONE": "a b"})


def ids(made: Plan, part: str) -> list[str]:
    return sorted(step.id for step in made.steps if part in step.id and isinstance(step, Exec | Await))


@pytest.mark.parametrize(
    ("moment", "step", "after", "before"),
    [
        (Moment.PRE_INSTALL, f"host/{CP}/plugin-tune-pre-install", f"host/{CP}/prepare",
            f"runtime/{WORKER}/start"),
        (Moment.PRE_INIT_HOST, f"host/{WORKER}/plugin-tune-pre-init-host", f"host/{WORKER}/prepare",
            f"runtime/{WORKER}/start"),
        (Moment.PRE_INIT_HOST, f"host/{CP}/plugin-tune-pre-init-host", f"host/{CP}/prepare",
            f"host/{CP}/packages"),
        (Moment.POST_INIT_HOST, f"network/{WORKER}/plugin-tune-post-init-host", f"workers/{WORKER}/join",
            f"apps/{CP}/apply-web"),
        (Moment.POST_INSTALL, f"network/{CP}/plugin-tune-post-install", f"network/{CP}/nodes",
            f"apps/{CP}/apply-web"),
    ],
)  # fmt: skip
def test_moments_of_an_install(moment: Moment, step: str, after: str, before: str) -> None:
    web = App("web", AppKind.KUBE, AppRole.APP, "application/apps/web")
    bundle = kit.index(apps=(web,), launch=("web",), files={"root/application/apps/web/w.yaml": 9})
    made = kit.plan(site(plugin(moment)), bundle=bundle)
    assert after in behind(made, step)
    assert step in behind(made, before)


@pytest.mark.parametrize(
    ("moment", "scope", "expected"),
    [
        (Moment.POST_INSTALL, Scope(), [CP]),
        (Moment.POST_INSTALL, Scope(control_planes=False), [WORKER, THIRD]),
        (Moment.POST_INSTALL, Scope(everywhere=True), [CP, WORKER, THIRD]),
        (Moment.POST_INIT_HOST, Scope(), [CP, WORKER, THIRD]),
        (Moment.PRE_INIT_HOST, Scope(control_planes=True), [CP]),
        (Moment.PRE_INIT_HOST, Scope(addresses=frozenset({THIRD})), [THIRD]),
    ],
)
def test_scopes(moment: Moment, scope: Scope, expected: list[str]) -> None:
    made = kit.plan(site(plugin(moment, scope=scope), workers=2))
    assert [each.split("/")[1] for each in ids(made, "plugin-")] == expected


def test_scripts_and_variables_are_files_that_nobody_is_shown() -> None:
    made = kit.steps(kit.plan(site(plugin(Moment.POST_INSTALL, data="echo $ZONE"))))
    script = made[f"distribute/{CP}/plugin-tune-post-install.sh"]
    variables = made[f"distribute/{CP}/plugin-tune-post-install.env"]
    assert isinstance(script, Write)
    assert isinstance(variables, Write)
    assert (script.content, script.mode, script.secret) == ("echo $ZONE", 0o600, True)
    assert variables.content == "ZONE='a b'\n"
    run = made[f"network/{CP}/plugin-tune-post-install"]
    assert isinstance(run, Exec)
    assert f"script={script.path}\n" in run.script
    assert {script.id, variables.id} <= set(run.after)


def installed(of: Site) -> Facts:
    return kit.done_all(kit.plan(of), kit.facts(of))


def test_a_plug_in_runs_once_and_again_when_it_is_edited() -> None:
    found = installed(site(plugin(Moment.POST_INSTALL)))
    assert kit.plan(site(plugin(Moment.POST_INSTALL)), found).steps == ()
    again = kit.plan(site(plugin(Moment.POST_INSTALL, data="echo other")), found)
    assert [step.id for step in again.steps] == [
        f"distribute/{CP}/plugin-tune-post-install.sh", f"network/{CP}/plugin-tune-post-install",
    ]  # fmt: skip


@pytest.mark.parametrize("moment", [Moment.PRE_INSTALL, Moment.PRE_INIT_HOST])
def test_what_comes_before_a_node_never_runs_on_one(moment: Moment) -> None:
    found = installed(site())
    assert kit.plan(site(plugin(moment, data="mkfs /dev/vdb")), found).steps == ()


def test_a_host_that_joins_comes_between_the_plug_ins_of_scaling() -> None:
    both = (plugin(Moment.PRE_SCALEUP, name="first"), plugin(Moment.POST_SCALEUP, name="last"))
    found = installed(site(*both))
    assert not ids(kit.plan(site(*both)), "-scaleup")
    more = site(*both, workers=2)
    grown = replace(found, hosts={**found.hosts, THIRD: kit.host_facts(THIRD)})
    made = kit.plan(more, grown)
    join = f"workers/{THIRD}/join"
    assert f"network/{CP}/plugin-first-pre-scaleup" in behind(made, join)
    assert join in behind(made, f"network/{CP}/plugin-last-post-scaleup")


def test_a_host_gets_its_name_before_all_else_and_a_node_keeps_its_own() -> None:
    names = plugin(
        Moment.PRE_INIT_HOST,
        type=PluginType.HOSTNAME,
        data=f"{WORKER} berlin-1",
        hostnames={WORKER: "berlin-1"},
    )
    made = kit.plan(site(names))
    assert f"host/{WORKER}/hostname" in kit.steps(made)[f"host/{WORKER}/prepare"].after
    config = kit.steps(made)[f"workers/{WORKER}/config"]
    assert isinstance(config, Write)
    assert '"berlin-1"' in config.content
    again = kit.plan(site(names), installed(site()))
    assert not [step.id for step in again.steps if "hostname" in step.id]


def test_the_clusters_check_waits_and_a_snapshot_is_taken() -> None:
    check = plugin(Moment.POST_INSTALL, type=PluginType.CLUSTERCHECK, data="", name="well")
    saved = plugin(Moment.POST_INSTALL, type=PluginType.ETCD, data="", name="save")
    made = kit.steps(kit.plan(site(check, saved)))
    assert isinstance(made[f"network/{CP}/plugin-well-post-install"], Await)
    step = made[f"network/{CP}/plugin-save-post-install"]
    assert isinstance(step, Exec)
    assert "snapshot save" in step.script
    assert "reason=save\n" in step.script


def test_a_module_of_the_bundle_runs_with_the_installers_python() -> None:
    mine = plugin(Moment.POST_INSTALL, type=PluginType.PYTHON, name="mark.py", module="mark.py", data="x")
    bundle = kit.index(files={"root/plugins/mark.py": 9})
    made = kit.steps(kit.plan(site(mine), bundle=bundle))
    delivery = made[f"distribute/{CP}/plugin-mark.py-post-install.module"]
    assert isinstance(delivery, Deliver)
    assert [file.path for file in delivery.files] == [
        "/var/lib/bundler/plugins/mark.py", "/var/lib/bundler/plugins/runtime.tar.gz",
    ]  # fmt: skip
    run = made[f"network/{CP}/plugin-mark.py-post-install"]
    assert isinstance(run, Exec)
    assert '"$runtime/start" plugin-agent "$script"' in run.script
    with pytest.raises(BundlerError, match=r"plugins/mark\.py"):
        kit.plan(site(mine))


SHIPPED = b"""\
apiVersion: bundler/v1
kind: Plugin
metadata: {name: shipped}
spec: {type: SHELL, action: post-install, data: echo from the vendor}
"""


def test_the_bundles_own_plug_ins_run_unless_the_clusterfile_has_one_of_the_name() -> None:
    path = "root/plugins/shipped.yaml"
    bundle = kit.index(files={path: len(SHIPPED)})
    made = kit.steps(kit.plan(site(), bundle=bundle, files={path: SHIPPED}))
    script = made[f"distribute/{CP}/plugin-shipped-post-install.sh"]
    assert isinstance(script, Write)
    assert script.content == "echo from the vendor"
    own = plugin(Moment.POST_INSTALL, name="shipped", data="echo ours")
    script = kit.steps(kit.plan(site(own), bundle=bundle, files={path: SHIPPED}))[script.id]
    assert isinstance(script, Write)
    assert script.content == "echo ours"
    with pytest.raises(Problems, match=r"plugins/shipped\.yaml:4:"):
        kit.plan(site(), bundle=bundle, files={path: SHIPPED.replace(b"SHELL", b"SHEL")})


def test_removal_is_surrounded_by_its_plug_ins() -> None:
    moments = (Moment.PRE_UNINSTALL, Moment.PRE_CLEAN_HOST, Moment.POST_CLEAN_HOST, Moment.POST_UNINSTALL)
    of = site(*(plugin(moment, name=f"p{number}") for number, moment in enumerate(moments)))
    made = decide_removal(of, kit.facts(of), kit.index(), contents=Contents(kit.index(), {}))
    order = [step.id for step in made.steps]
    chain = [
        f"remove/{WORKER}/mark", f"remove/{CP}/plugin-p0-pre-uninstall",
        f"remove/{WORKER}/plugin-p1-pre-clean-host",
        f"remove/{WORKER}/stop", f"remove/{WORKER}/restore", f"remove/{WORKER}/plugin-p2-post-clean-host",
        f"remove/{CP}/plugin-p3-post-uninstall", f"remove/{CP}/forget",
    ]  # fmt: skip
    for earlier, later in pairwise(chain):
        assert earlier in behind(made, later) or order.index(earlier) < order.index(later), (earlier, later)
    assert f"remove/{WORKER}/plugin-p2-post-clean-host" in behind(made, f"remove/{WORKER}/forget")
    assert f"remove/{WORKER}/restore" in behind(made, f"remove/{CP}/plugin-p3-post-uninstall")


def back(of: Site, *, data: bool) -> Plan:
    """The plan of a rollback of the usual two hosts, by a patch or with etcd's data."""
    spots = (Spot(CP, "cp"),)
    way = WayBack("v1.37.2", "v1.36.3", spots, (Spot(WORKER, "w"),), token="t" if data else "")
    steps = behind_rollback(of, Contents(kit.index(), {}), rollback_steps(way, spots), {CP, WORKER})
    return arrange("back", steps)


@pytest.mark.parametrize("data", [True, False])
@pytest.mark.parametrize(
    ("scope", "expected"),
    [(Scope(), [CP]), (Scope(control_planes=False), [WORKER]), (Scope(everywhere=True), [CP, WORKER])],
)
def test_a_rollbacks_plug_ins_run_when_every_host_is_back(
    scope: Scope, expected: list[str], *, data: bool
) -> None:
    made = back(site(plugin(Moment.ROLLBACK, scope=scope)), data=data)
    ran = ids(made, "plugin-tune-rollback")
    assert ran == [f"network/{host}/plugin-tune-rollback" for host in expected]
    done = {step.id for step in made.steps if "plugin" not in step.id}
    for step in ran:
        assert done <= behind(made, step)


def test_a_plug_in_of_another_moment_has_no_part_in_a_rollback() -> None:
    assert ids(back(site(plugin(Moment.UPGRADE)), data=False), "plugin") == []

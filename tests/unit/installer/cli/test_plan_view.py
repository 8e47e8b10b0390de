"""A plan as a person reads it."""

from dataclasses import replace

from bundler.core.index import App, AppKind, AppRole
from bundler.installer.cli.plan_view import View, as_text
from bundler.installer.cli.site_options import consent_words
from bundler.installer.plan.cluster.operation import Consents
from bundler.installer.plan.cluster.probes import Once
from bundler.installer.plan.cluster.steps import Because, Cause, Stage, Step, Verb
from bundler.installer.plan.cluster.steps import Plan as Decided
from bundler.installer.plan.steps import Plan
from tests.unit.installer.plan import kit, mixed_kit

AGAIN = "./shop.run -f site.yaml"
WEB = App("web", AppKind.KUBE, AppRole.APP, "application/apps/web")
BUNDLE = kit.index(apps=(WEB,), launch=("web",), files={"root/application/apps/web/a.yaml": 3 << 20})


def text(view: View) -> str:
    return as_text(view, AGAIN)


def test_a_first_install_folds_equal_hosts() -> None:
    of = kit.site(workers=18)
    found = kit.facts(of)
    told = text(View(kit.plan(of, found, BUNDLE), of, found, BUNDLE, signer="shop-release"))
    lines = told.splitlines()
    assert lines[0] == "trial: install demo 1 with Kubernetes v1.34.4 on 19 hosts"
    assert lines[1] == "Signed by shop-release. 19 of 19 hosts answer; none is a node yet."
    assert lines[2].startswith(
        "+ 10.0.0.2          control-plane: install, init the control plane, start web, copy"
    )
    assert lines[3].startswith("+ 10.0.0.3-20 (18)  worker: install, join")
    assert len(lines) < 12
    assert "Restarts  nothing that runs; no host reboots" in told
    assert "Time      about " in told
    assert lines[-1].endswith(f"To do it: {AGAIN}")
    assert all(len(line) <= 110 for line in lines)


def test_where_hosts_are_of_two_architectures_each_row_says_which() -> None:
    of = kit.site(workers=5)
    found = mixed_kit.facts(of, {"10.0.0.5", "10.0.0.6", "10.0.0.7"})
    told = text(View(mixed_kit.plan(of, found), of, found, mixed_kit.amd()))
    rows = [line.partition(", copy")[0] for line in told.splitlines() if line.startswith("+")]
    assert rows == [
        "+ 10.0.0.2        control-plane (amd64): install, init the control plane",
        "+ 10.0.0.3-4 (2)  worker (amd64): install, join",
        "+ 10.0.0.5-7 (3)  worker (arm64): install, join",
    ]


def test_a_host_that_differs_has_a_line_of_its_own() -> None:
    small, of = kit.site(workers=1), kit.site(workers=3)
    found = kit.facts(small, worker={"swap": True})
    found = kit.done_all(kit.plan(small, found, BUNDLE), found)
    found = replace(found, hosts={**kit.facts(of).hosts, **found.hosts})
    found = kit.changed(
        found, kit.WORKER, units={}
    )  # somebody took containerd's and the kubelet's units away
    told = text(View(kit.plan(of, found, BUNDLE), of, found, BUNDLE))
    assert "The file is not signed." in told
    assert "\n~ 10.0.0.3 " in told
    assert "because " in told
    assert "containerd on 10.0.0.3" in told
    assert "! swap-on   10.0.0.3: " in told
    assert "\n+ 10.0.0.4-5 (2)" in told


def test_what_is_done_is_told_in_a_line() -> None:
    of = kit.site()
    found = kit.facts(of)
    view = View(Plan("t", ()), of, found, BUNDLE)
    assert text(view).splitlines()[-1] == "Nothing to do."


def test_hosts_that_were_left_out_are_named() -> None:
    of = kit.site()
    found = kit.facts(of)
    told = text(View(kit.plan(of, found, BUNDLE), of, found, BUNDLE, lost=("10.0.0.9",)))
    assert "2 of 3 hosts answer" in told
    assert "! left-out  10.0.0.9" in told


def test_no_secret_is_in_it() -> None:
    of = kit.site()
    found = kit.facts(of)
    told = text(View(kit.plan(of, found, BUNDLE), of, found, BUNDLE))
    assert "SECRET" not in told


def test_hundreds_of_hosts_are_one_line() -> None:
    of = kit.site(workers=300)
    found = kit.facts(of)
    view = View(kit.plan(of, found, BUNDLE), of, found, BUNDLE)
    told = text(view)
    assert "(300)" in told
    assert "worker: install, join" in told
    assert len(told.splitlines()) < 60


def test_a_control_plane_that_joins_is_not_told_to_begin_the_cluster() -> None:
    one, of = kit.site(0), kit.site(0, control_planes=2)
    found = kit.facts(one)
    found = kit.done_all(kit.plan(one, found, BUNDLE), found)
    found = replace(found, hosts={**kit.facts(of).hosts, **found.hosts})
    told = text(View(kit.plan(of, found, BUNDLE), of, found, BUNDLE))
    assert "install, join as control plane" in told
    assert "init" not in told


def test_hosts_that_leave_are_counted() -> None:
    of = kit.site()
    found = kit.facts(of)
    found = kit.done_all(kit.plan(of, found, BUNDLE), found)
    why = Because(Cause.REQUESTED, "10.0.0.9 is no longer in the Clusterfile")
    leave = Step(key="leave/10.0.0.9", host="10.0.0.9", verb=Verb.LEAVE, because=why, probe=Once())
    made = replace(Plan("t", ()), decision=Decided(None, (Stage((leave,)),)))
    assert as_text(View(made, of, found, BUNDLE), AGAIN).splitlines()[0].startswith("trial: 1 host leaves (")


def test_the_command_to_carry_a_plan_out_has_its_flags() -> None:
    consents = Consents(prune=True, gone=frozenset({"10.0.0.9"}), max_failed=2)
    assert consent_words(consents) == ("--prune", "--gone", "10.0.0.9", "--max-failed", "2")

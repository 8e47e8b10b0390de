"""A plan as a person reads it."""

import time
from dataclasses import replace

from bundler.core.index import App, AppKind, AppRole
from bundler.installer.cli.plan_view import View, as_text
from bundler.installer.plan.steps import Plan
from tests.unit.installer.plan import kit

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


def test_a_host_that_differs_has_a_line_of_its_own() -> None:
    small, of = kit.site(workers=1), kit.site(workers=3)
    found = kit.facts(small, worker={"swap": True})
    found = kit.done_all(kit.plan(small, found, BUNDLE), found)
    found = replace(found, hosts={**kit.facts(of).hosts, **found.hosts})
    found = kit.changed(
        found, kit.WORKER, units={}
    )  # somebody took containerd's and the kubelet's units away
    told = text(View(kit.plan(of, found, BUNDLE), of, found, BUNDLE))
    assert "Nobody signed the file." in told
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


def test_3000_hosts_are_shown_at_once() -> None:
    of = kit.site(workers=3000)
    found = kit.facts(of)
    view = View(kit.plan(of, found, BUNDLE), of, found, BUNDLE)
    began = time.monotonic()
    told = text(view)
    assert "(3000)" in told
    assert "worker: install, join" in told
    assert time.monotonic() - began < 3

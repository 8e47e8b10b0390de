"""Stopping and starting a site: the order, what is missing; the scripts in a real shell with stand-ins."""

import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from bundler.core.errors import BundlerError, ExitCode
from bundler.installer.facts.model import Facts
from bundler.installer.facts.observed import HostObservation, Traces
from bundler.installer.plan import power
from bundler.installer.plan.steps import Plan
from bundler.installer.scripts import render as templates
from bundler.installer.site.model import Site
from tests.unit.installer.plan import golden_text, kit

OF = kit.site(2, control_planes=3)
CONTROL = [host.address for host in OF.control_planes]
WORKERS = [host.address for host in OF.workers]


def facts(of: Site, *silent: str, empty: tuple[str, ...] = ()) -> Facts:
    """What is found of hosts that have a cluster; empty: hosts without data."""
    found = {}
    for address, host in kit.facts(of).hosts.items():
        traces = Traces(etcd_data=address in CONTROL and address not in empty)
        seen = HostObservation(address, f"machine-{address}", traces=traces)
        found[address] = replace(host, site=seen, kubelet_config=True)
    return Facts({a: host for a, host in found.items() if a not in silent}, 0.0)


def before(plan: Plan, step: str) -> set[str]:
    """Everything that has ended before this step begins."""
    by_id = {each.id: each for each in plan.steps}
    found: set[str] = set()
    left = [*by_id[step].after]
    while left:
        name = left.pop()
        if name not in found:
            found.add(name)
            left += by_id[name].after
    return found


def test_apps_end_first_and_etcd_last() -> None:
    plan = power.shutdown(OF, facts(OF), grace=30)
    golden_text.check("shutdown-3+2", plan)
    for plane in CONTROL:
        ended = before(plan, f"control-plane/{plane}/halt-etcd")
        assert ended >= {f"control-plane/{each}/halt-control-plane" for each in CONTROL}
        assert ended >= {f"apps/{each}/halt-apps" for each in (*WORKERS, *CONTROL)}
        apps = before(plan, f"apps/{plane}/halt-apps")
        assert apps == {f"apps/{each}/halt-apps" for each in WORKERS}


def test_machines_switch_off_when_everything_has_ended() -> None:
    plan = power.shutdown(OF, facts(OF), grace=30, power_off=True)
    for host in OF.hosts:
        ended = before(plan, f"control-plane/{host.address}/power-off")
        assert ended >= {f"control-plane/{each}/halt-etcd" for each in CONTROL}


def test_what_is_off_already_is_no_obstacle_to_stopping_the_rest() -> None:
    plan = power.shutdown(OF, facts(OF, CONTROL[0], WORKERS[1]), grace=30)
    assert {step.host for step in plan.steps} == {*CONTROL[1:], WORKERS[0]}
    assert plan.warnings == (f"{CONTROL[0]}, {WORKERS[1]} do not answer and are left out",)


def test_a_start_waits_for_a_majority_before_any_worker() -> None:
    plan = power.start(OF, facts(OF))
    golden_text.check("start-3+2", plan)
    for worker in WORKERS:
        assert before(plan, f"workers/{worker}/start") >= {f"control-plane/{each}/quorum" for each in CONTROL}


def test_two_of_three_are_enough_and_the_third_is_named() -> None:
    plan = power.start(OF, facts(OF, CONTROL[1]))
    assert plan.warnings == (f"{CONTROL[1]} does not answer and is left out",)
    assert CONTROL[1] not in {step.host for step in plan.steps}


def test_one_of_three_is_no_start() -> None:
    with pytest.raises(BundlerError) as caught:
        power.start(OF, facts(OF, CONTROL[0], CONTROL[2]))
    assert caught.value.code is ExitCode.DOWN
    assert "2 of 3 control planes do not answer" in str(caught.value)
    assert f"{CONTROL[0]}, {CONTROL[2]}" in str(caught.value)
    assert "etcd needs 2 of 3" in str(caught.value)


def test_without_data_there_is_nothing_to_start() -> None:
    with pytest.raises(BundlerError, match="no cluster to start") as caught:
        power.start(OF, facts(OF, empty=(CONTROL[0], CONTROL[1])))
    assert caught.value.code is ExitCode.DOWN


@pytest.mark.parametrize(
    ("planes", "answer", "missing"), [(1, 1, 0), (1, 0, 1), (2, 1, 1), (3, 2, 0), (3, 1, 2), (5, 3, 0)]
)
def test_whom_a_majority_lacks(planes: int, answer: int, missing: int) -> None:
    hosts = kit.site(0, control_planes=planes).control_planes
    there = [host.address for host in hosts[:answer]]
    assert len(power.lacks_majority(hosts, there)) == missing


CTR = r"""#!/bin/sh
# Containers are the lines of $SITE/running: ID NAMESPACE NAME DIES, where DIES is the signal that ends it.
case "$*" in
*"containers ls"*)
    shift 5
    for filter in "$@"; do
        cat "$SITE/all" | while read -r id namespace name _; do
            ok=yes
            for rule in $(echo "$filter" | tr ',' ' '); do
                case $rule in
                *pod.namespace*==kube-system) [ "$namespace" = kube-system ] || ok= ;;
                *pod.namespace*!=kube-system) [ "$namespace" != kube-system ] || ok= ;;
                *container.name*!=*) [ "$name" != "${rule#*!=}" ] || ok= ;;
                *container.name*==*) [ "$name" = "${rule#*==}" ] || ok= ;;
                esac
            done
            [ -z "$ok" ] || echo "$id"
        done
    done
    ;;
*"tasks ls"*) echo "TASK PID STATUS"; while read -r id _; do echo "$id 12 RUNNING"; done <"$SITE/running" ;;
*"tasks kill"*)
    for id in "$@"; do :; done
    echo "$6 $id" >>"$SITE/calls"
    ! grep -q "^$id .* $6\$" "$SITE/running" || sed -i "/^$id /d" "$SITE/running"
    ;;
esac
"""


def halted(
    folder: Path, which: str, grace: int = 2
) -> tuple[subprocess.CompletedProcess[str], list[str], list[str]]:
    lines = [
        "a1 shop web SIGTERM",
        "a2 shop stubborn SIGKILL",
        "s1 kube-system coredns SIGTERM",
        "c1 kube-system kube-apiserver SIGTERM",
        "c2 kube-system kube-scheduler SIGTERM",
        "e1 kube-system etcd SIGTERM",
    ]
    for name in ("all", "running"):
        (folder / name).write_text("".join(f"{line}\n" for line in lines))
    for name, text in (("ctr", CTR), ("systemctl", '#!/bin/sh\necho "$*" >>"$SITE/calls"\n')):
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    environment = {**os.environ, "SITE": str(folder), "PATH": f"{folder}:{os.environ['PATH']}"}
    text = templates.script("halt.sh", which=which, grace=str(grace))
    done = subprocess.run(
        ["sh", "-c", text], env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    left = [line.split()[2] for line in (folder / "running").read_text().splitlines()]
    return done, left, (folder / "calls").read_text().splitlines()


def test_apps_get_their_grace_and_the_control_plane_goes_on(tmp_path: Path) -> None:
    done, left, calls = halted(tmp_path, "apps", grace=1)
    assert done.returncode == 0, done.stderr
    assert left == ["kube-apiserver", "kube-scheduler", "etcd"]
    assert calls[0] == "stop kubelet.service"
    kills = [call for call in calls if call.startswith("SIG")]
    assert kills == ["SIGTERM a1", "SIGTERM a2", "SIGKILL a2", "SIGTERM s1"]


def test_the_control_plane_ends_without_etcd(tmp_path: Path) -> None:
    done, left, _ = halted(tmp_path, "control-plane")
    assert done.returncode == 0, done.stderr
    assert left == ["web", "stubborn", "coredns", "etcd"]


def test_etcd_ends_alone(tmp_path: Path) -> None:
    done, left, _ = halted(tmp_path, "etcd")
    assert done.returncode == 0, done.stderr
    assert "etcd" not in left
    assert len(left) == 5


ETCDCTL = r"""#!/bin/sh
while [ $# -gt 0 ]; do case $1 in --endpoints) url=$2; shift ;; esac; words="$words $1"; shift; done
case "$words" in
*"endpoint health"*) [ -n "$QUORUM" ] ;;
*"endpoint status"*) case " $UP " in *" $url "*) ;; *) exit 1 ;; esac ;;
esac
"""


@pytest.mark.parametrize(("quorum", "up", "said"), [
    ("yes", "", ""),
    ("", "https://10.0.0.2:2379", "no majority yet; no member answers on 10.0.0.3 10.0.0.4"),
])  # fmt: skip
def test_who_is_missing_for_a_majority(tmp_path: Path, quorum: str, up: str, said: str) -> None:
    tool = tmp_path / "etcdctl"
    tool.write_text(ETCDCTL)
    tool.chmod(0o755)
    text: str = templates.script("etcd.sh", "etcd-quorum.sh", planes="10.0.0.2 10.0.0.3 10.0.0.4")
    text = text.replace("/usr/local/bin/etcdctl", str(tool))
    done = subprocess.run(
        ["sh", "-c", text],
        env={**os.environ, "QUORUM": quorum, "UP": up}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode == 0) is bool(quorum)
    assert said in done.stderr

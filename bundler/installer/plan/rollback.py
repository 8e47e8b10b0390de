"""Going back: the steps by which every host runs the version before again.

A patch goes back host by host, and no data is touched. A minor goes back everywhere at once: the API
stops, every member of etcd is made from the snapshot that was taken before the upgrade, and the old version
starts on it. Nothing is stopped before every host has shown that it can go back. Every step can be run again.
"""

import ipaddress
from collections.abc import Iterable
from typing import Final

from bundler.installer.plan.ids import ident
from bundler.installer.plan.steps import Await, Exec, Phase, Step
from bundler.installer.plan.upgrade import kept
from bundler.installer.plan.way_back import Spot, WayBack
from bundler.installer.scripts import render as templates

_READY: Final = 300.0  # seconds
_STEADY: Final = 3  # seconds without a break
_DATA: Final = "/var/lib/etcd"


def rollback_steps(way: WayBack, members: Iterable[Spot]) -> tuple[Step, ...]:
    """members: every control plane, those that are back already included."""
    checks = tuple(_check(way, spot, control=spot in way.control_planes) for spot in way.hosts)
    checked = tuple(step.id for step in checks)
    body = _minor(way, tuple(members), checked) if way.data else _patch(way, tuple(members), checked)
    behind = tuple(step.id for step in body if isinstance(step, Await)) or checked
    ends = tuple(
        _exec(spot, "done", Phase.PREFLIGHT, "what was put back is no way back", behind, _script(way, "done"))
        for spot in way.hosts
    )
    return (*checks, *body, *ends)


def _minor(way: WayBack, members: tuple[Spot, ...], checked: tuple[str, ...]) -> tuple[Step, ...]:
    cluster = ",".join(f"{spot.node}={_peer(spot)}" for spot in members)
    steps: list[Step] = []
    stops = tuple(_stop(spot, checked, control=spot in way.control_planes) for spot in way.hosts)
    steps += stops
    stopped = tuple(step.id for step in stops)
    restores = [
        step
        for spot in way.control_planes
        for step in (_files(way, spot, stopped), _restore(way, spot, cluster))
    ]
    steps += restores
    restored = tuple(step.id for step in restores)
    starts = tuple(_start(spot, restored, Phase.CONTROL_PLANE) for spot in way.control_planes)
    steps += starts
    started = tuple(step.id for step in starts)
    answers = tuple(_answers(spot, started) for spot in way.control_planes)
    steps += answers
    answered = tuple(step.id for step in answers) or stopped  # control planes may all be back already
    for spot in way.workers:
        steps += (
            _files(way, spot, answered, Phase.WORKERS),
            _start(spot, (_id(spot, "files", Phase.WORKERS),), Phase.WORKERS),
        )
    first = members[0]
    for spot in way.hosts:
        phase = Phase.CONTROL_PLANE if spot in way.control_planes else Phase.WORKERS
        steps.append(_runs(way, spot, first, (_id(spot, "start", phase), *answered)))
    return tuple(steps)


def _patch(way: WayBack, members: tuple[Spot, ...], checked: tuple[str, ...]) -> tuple[Step, ...]:
    """One after the other: the next one waits until this one serves."""
    steps: list[Step] = []
    behind = checked
    first = members[0]
    for spot in way.control_planes:
        steps += (
            _files(way, spot, behind),
            _start(spot, (_id(spot, "files"),), Phase.CONTROL_PLANE),
            _answers(spot, (_id(spot, "start"),)),
            _runs(way, spot, first, (_id(spot, "answers"),)),
        )
        behind = (_id(spot, "runs"),)
    stored = _exec(
        first,
        "stored",
        Phase.CONTROL_PLANE,
        f"the cluster's own configuration names {way.version} again",
        behind,
        templates.script("kubectl.sh", "rollback-stored.sh", version=way.version),
    )
    steps.append(stored)
    behind = (stored.id,)
    for spot in way.workers:
        steps += (
            _files(way, spot, behind, Phase.WORKERS),
            _start(spot, (_id(spot, "files", Phase.WORKERS),), Phase.WORKERS),
            _runs(way, spot, first, (_id(spot, "start", Phase.WORKERS),)),
        )
        behind = (_id(spot, "runs"),)
    return tuple(steps)


def _check(way: WayBack, spot: Spot, *, control: bool) -> Exec:
    """With data, the snapshot is restored once on trial."""
    keep = kept(way.version)
    data = "yes" if control and way.data else ""
    names = ("etcdutl.sh", "rollback-check.sh", "etcd-trial.sh") if data else ("rollback-check.sh",)
    script = templates.script(
        *names,
        keep=keep,
        version=way.version,
        data=data,
        snapshot=f"{keep}/etcd.db",
        etcd_tools=f"{keep}/root/usr/local/bin",
    )
    why = "nothing is stopped before every host has shown that it can go back"
    return _exec(spot, "check", Phase.PREFLIGHT, why, (), script, timeout=900.0)


def _stop(spot: Spot, after: tuple[str, ...], *, control: bool) -> Exec:
    why = (
        "nothing may write while etcd's data goes back"
        if control
        else "a kubelet is never newer than its API"
    )
    phase = Phase.CONTROL_PLANE if control else Phase.WORKERS
    script = templates.script("rollback-stop.sh", control="yes" if control else "")
    return _exec(spot, "stop", phase, why, after, script)


def _files(way: WayBack, spot: Spot, after: tuple[str, ...], phase: Phase = Phase.CONTROL_PLANE) -> Exec:
    why = f"programs, settings and static pods of {way.version} are put back"
    return _exec(spot, "files", phase, why, after, _script(way, "files"))


def _restore(way: WayBack, spot: Spot, cluster: str) -> Exec:
    keep = kept(way.version)
    script = templates.script(
        "etcdutl.sh",
        "etcd-restore.sh",
        etcd_tools=f"{keep}/root/usr/local/bin",
        snapshot=f"{keep}/etcd.db",
        data=_DATA,
        name=spot.node,
        peer=_peer(spot),
        cluster=cluster,
        token=way.token,
        unhashed="",
    )
    why = "etcd's data is as it was before the upgrade"
    after = (_id(spot, "files"),)
    return _exec(spot, "restore", Phase.CONTROL_PLANE, why, after, script, timeout=900.0)


def _start(spot: Spot, after: tuple[str, ...], phase: Phase) -> Exec:
    return _exec(spot, "start", phase, "the kubelet starts", after, templates.script("kubelet-restart.sh"))


def _answers(spot: Spot, after: tuple[str, ...]) -> Await:
    return _await(
        spot,
        spot,
        "answers",
        f"the API server of {spot.node} to answer",
        after,
        templates.script("kubectl.sh", "api-steady.sh", seconds=str(_STEADY)),
    )


def _runs(way: WayBack, spot: Spot, asked: Spot, after: tuple[str, ...]) -> Await:
    fresh = ("rollback-fresh.sh",) if way.data else ()
    script = templates.script(
        "kubectl.sh", *fresh, "node-runs.sh", node=spot.node, version=way.version, keep=kept(way.version)
    )
    return _await(spot, asked, "runs", f"{spot.node} to be Ready with {way.version}", after, script)


def _script(way: WayBack, name: str) -> str:
    return templates.script(f"rollback-{name}.sh", keep=kept(way.version))


def _peer(spot: Spot) -> str:
    """Where etcd's members find this one, as kubeadm wrote it."""
    try:
        version = ipaddress.ip_address(spot.address).version
    except ValueError:  # a host may be given by name
        version = 4
    return f"https://[{spot.address}]:2380" if version == 6 else f"https://{spot.address}:2380"


def _id(spot: Spot, what: str, phase: Phase = Phase.CONTROL_PLANE) -> str:
    return ident(phase, spot.address, f"rollback-{what}")


def _exec(
    spot: Spot,
    what: str,
    phase: Phase,
    why: str,
    after: tuple[str, ...],
    script: str,
    timeout: float = 120.0,
) -> Exec:
    return Exec(
        id=_id(spot, what, phase),
        host=spot.address,
        phase=phase,
        reason=why,
        after=after,
        always_run=True,
        script=script,
        timeout=timeout,
    )


def _await(about: Spot, asked: Spot, what: str, subject: str, after: tuple[str, ...], script: str) -> Await:
    return Await(
        id=_id(about, what),
        host=asked.address,
        phase=Phase.CONTROL_PLANE,
        reason="the old version serves",
        after=after,
        always_run=True,
        script=script,
        subject=subject,
        deadline=_READY,
        interval=0.2,
        diagnose=templates.script("kubectl.sh", "diagnose.sh"),
    )

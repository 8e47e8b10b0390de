"""A timer on every control plane that renews its certificates, and approves what kubelets ask for."""

from typing import Final

from bundler.installer.plan import paths
from bundler.installer.plan.context import Context, node_name
from bundler.installer.plan.ids import ident
from bundler.installer.plan.kubeadm import cluster_config
from bundler.installer.plan.steps import Exec, Phase, Step, Write
from bundler.installer.scripts import render as templates
from bundler.installer.site.model import Host

UNIT: Final = "bundler-certs.timer"
_DAYS: Final = 30
_TIMED: Final = f"{paths.CONFIG}/certs-timed"
_RENEW: Final = f"{paths.CONFIG}/certs-renew"
_CONFIG: Final = f"{paths.CONFIG}/certs.yml"
_SERVICE: Final = f"{paths.UNITS}/bundler-certs.service"
_TIMER: Final = f"{paths.UNITS}/{UNIT}"
_LOCK: Final = "/run/bundler/lock"  # run/hostlock.py


def timer_steps(context: Context, *, on: bool) -> tuple[Step, ...]:
    """On all control planes."""
    return tuple(step for host in context.site.control_planes for step in _of_host(context, host, on=on))


def _of_host(context: Context, host: Host, *, on: bool) -> tuple[Step, ...]:
    made = _files(context, host)
    writes = tuple(
        Write(
            id=ident(Phase.CONTROL_PLANE, host.address, f"certs-timer-{number}"),
            host=host.address,
            phase=Phase.CONTROL_PLANE,
            reason="certificates are to be renewed by themselves",
            always_run=True,
            path=path,
            content=content,
            mode=mode,
        )
        for number, (path, content, mode) in enumerate(made, 1)
        if on
    )
    switch = Exec(
        id=ident(Phase.CONTROL_PLANE, host.address, "certs-timer"),
        host=host.address,
        phase=Phase.CONTROL_PLANE,
        reason="once a day" if on else "certificates are to be renewed by hand, or by apply",
        after=tuple(step.id for step in writes),
        always_run=True,
        script=templates.script(
            "certs-timer.sh", on="yes" if on else "", files="\n".join(path for path, _, _ in made)
        ),
    )
    return (*writes, switch)


def _files(context: Context, host: Host) -> tuple[tuple[str, str, int], ...]:
    return (
        (_CONFIG, cluster_config(context, host), 0o600),
        (_RENEW, renewing(context, host), 0o700),
        (_TIMED, timed(context, host), 0o700),
        (_SERVICE, templates.render("certs.service.j2", script=_TIMED), 0o644),
        (_TIMER, templates.render("certs.timer.j2"), 0o644),
    )


def renewing(context: Context, host: Host) -> str:
    """The same script by which the installer renews a control plane."""
    made = templates.script(
        "kubelet-client.sh",
        "kubelet-take.sh",
        "pods-anew.sh",
        "certs-renew.sh",
        node=node_name(context.of(host)),
        control="yes",
        client="",
        names="",
    )
    return f"#!/bin/sh\n{made}"


def timed(context: Context, host: Host) -> str:
    """Approves, looks, and renews where it is time."""
    given = templates.script(
        "kubectl.sh",
        "pods-serve.sh",
        node=node_name(context.of(host)),
        days=str(_DAYS),
        config=_CONFIG,
        renew=_RENEW,
        lock=_LOCK,
    )
    approve = f"approve_kubelets() (\n{templates.load('kubelet-certs.sh')}\n)\n"
    return f"#!/bin/sh\n{given}{approve}{templates.load('certs-timed.sh')}"

"""Settings of a running cluster: stored first, then rolled out host by host."""

import hashlib
import json
from collections.abc import Iterator
from typing import Final

from bundler.installer.plan.cluster.hops import upgrading
from bundler.installer.plan.cluster.judge import judge
from bundler.installer.plan.cluster.make import budget, proposal, requested, step
from bundler.installer.plan.cluster.probes import RunsWith, StoredIs
from bundler.installer.plan.cluster.rolled import (
    CONTROL_PLANE,
    ON_HOSTS,
    UNSEEN,
    Settings,
    changes,
    digest,
    rolled,
)
from bundler.installer.plan.cluster.steps import Finding, Proposal, Severity, Verb
from bundler.installer.plan.cluster.verdict import Unsatisfied
from bundler.installer.plan.cluster.view import Existence, View

STORES: Final = {
    "kubeadm-config": ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "cluster", "names"),
    "kubelet-config": ("kubelet",),
    "kube-proxy": ("kube-proxy",),
}


def stored_digest(name: str, settings: Settings) -> str:
    """Stands for the settings that this configuration of the cluster holds."""
    held = {component: dict(settings.get(component, {})) for component in STORES[name]}
    return hashlib.sha256(json.dumps(held, sort_keys=True).encode()).hexdigest()[:16]


def settings(view: View) -> Iterator[Proposal | Finding]:
    """Not while versions are mixed: an unknown flag of a new version would stop an old one."""
    if view.existence is not Existence.RUNNING or not view.owner or not view.actor:
        return
    yield from _store(view)
    if not upgrading(view):
        yield from _roll_out(view)


def _store(view: View) -> Iterator[Proposal | Finding]:
    stored = view.api.stored if view.api else {}
    for name in STORES:
        was = view.record.stored.get(name, "") if view.record else ""
        found, wanted = stored.get(name, ""), stored_digest(name, view.desired.settings)
        if not was or not found or found == wanted or (found == was and not _other(view, name)):
            continue
        if found != was and not view.operation.consents.restore_config:
            text = f"{name} was changed in the cluster; to put it back: --restore-config"
            yield Finding("config-drift", f"kube-system/{name}", text, Severity.WARNING)
            continue
        what = "was changed in the cluster" if found != was else "has other settings in the Clusterfile"
        probe = StoredIs(name, wanted)
        inputs = {"name": name, "digest": wanted}
        yield proposal(
            "settings",
            step(Verb.STORE_CONFIG, view.actor, requested(f"{name} {what}"), probe, what=name, inputs=inputs),
        )


def _other(view: View, name: str) -> bool:
    """Whether other settings are wanted than those that were last rolled out."""
    was = rolled(view.record)
    return bool(was) and any(
        dict(was.get(component, {})) != dict(view.desired.settings.get(component, {}))
        for component in STORES[name]
    )


def _roll_out(view: View) -> Iterator[Proposal]:
    """Control planes first: while an API server starts anew, no worker asks it for its configuration."""
    here = [
        address
        for address in view.addresses
        if view.observed.host(address) and not view.leaving(address) and view.joined(address)
    ]
    control = [address for address in here if view.is_control_plane(address)]
    first = tuple(each for address in control for each in _of_host(view, address, ()))
    yield from first
    keys = tuple(step.key for each in first for step in each.steps)
    for address in here:
        if address not in control:
            yield from _of_host(view, address, keys)


def _of_host(view: View, address: str, after: tuple[str, ...]) -> Iterator[Proposal]:
    host = view.observed.host(address)
    for component in ON_HOSTS:
        if host is None or component not in host.components:
            continue
        probe = wanted_of(view, address, component)
        verdict = judge(probe, view.observed)
        if isinstance(verdict, Unsatisfied):
            inputs = dict(view.desired.settings.get(component, {}))
            change = step(
                Verb.SETTINGS, address, verdict.because, probe, what=component, inputs=inputs, after=after
            )
            yield proposal("settings", change, claims=budget(view, address))


def wanted_of(view: View, address: str, component: str) -> RunsWith:
    """Flags as they are given; of a kubelet what changes: it writes some values in a form of its own."""
    wanted, was = view.desired.settings.get(component, {}), rolled(view.record)
    changed = changes(was.get(component, {}), wanted) if was else ()
    keys = {key for key, _, _ in changed}
    seen = {
        key: value
        for key, value in wanted.items()
        if key not in UNSEEN and (component in CONTROL_PLANE or key in keys)
    }
    unseen = tuple(each for each in changed if each[0] in UNSEEN or each[0] not in wanted)
    return RunsWith(address, component, "", seen, digest=digest(wanted), unseen=unseen)

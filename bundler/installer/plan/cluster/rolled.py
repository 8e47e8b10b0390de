"""Settings of a running cluster: what differs between what runs, what ran last and what is wanted. Pure."""

import hashlib
import json
from collections.abc import Mapping
from typing import Final

from bundler.installer.site.record import Record

Settings = Mapping[str, Mapping[str, str]]
CONTROL_PLANE: Final = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
ON_HOSTS: Final = (*CONTROL_PLANE, "kubelet")
IN_CLUSTER: Final = ("kube-proxy",)  # runs from a ConfigMap, on all nodes at once
UNSEEN: Final = frozenset({"extraVolumes", "extraEnvs"})  # of a static pod, beside its flags


def digest(settings: Mapping[str, str]) -> str:
    """Stands for all settings of a component."""
    return hashlib.sha256(json.dumps(dict(settings), sort_keys=True).encode()).hexdigest()[:16]


def rolled(record: Record | None) -> Settings:
    """With what the site was last seen to run; of a record before roll-outs, what was last wanted."""
    if record is None:
        return {}
    return record.rolled or by_component(record.settings)


def by_component(settings: Settings) -> Settings:
    """Settings by kubeadm document, as older records have them, by the component that they are for."""
    found: dict[str, dict[str, str]] = {}
    for part, values in settings.items():
        for key, value in values.items():
            component, name = _place(part, key)
            found.setdefault(component, {})[name] = value
    return found


_SECTIONS: Final = {
    "apiServer": "kube-apiserver",
    "controllerManager": "kube-controller-manager",
    "scheduler": "kube-scheduler",
}


def _place(part: str, key: str) -> tuple[str, str]:
    """The component of a setting, and its name there."""
    match part:
        case "KubeletConfiguration":
            return "kubelet", key
        case "KubeProxyConfiguration":
            return "kube-proxy", key
        case "ClusterConfiguration":
            section, _, name = key.partition(".")
            return _in_cluster(_SECTIONS.get(section, ""), name) or ("cluster", key)
        case _:
            return part, key


def _in_cluster(component: str, name: str) -> tuple[str, str] | None:
    if component and (name.startswith("extraArgs.") or name in UNSEEN):
        return component, name.removeprefix("extraArgs.")
    return ("names", name) if component == "kube-apiserver" and name == "certSANs" else None


def changes(was: Mapping[str, str], wanted: Mapping[str, str]) -> tuple[tuple[str, str, str], ...]:
    """Every setting that differs, with what it was and what it is to be."""
    keys = sorted({*was, *wanted})
    pairs = ((key, was.get(key, "its default"), wanted.get(key, "its default")) for key in keys)
    return tuple((key, before, now) for key, before, now in pairs if before != now)

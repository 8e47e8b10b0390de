"""Sealer's kind KubeadmConfig: fields of all of kubeadm's kinds side by side, parted here by kind."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from bundler.core.errors import Problem
from bundler.core.yamldoc import Document, kind_of, suggest
from bundler.installer.site.clusterfile.kubeadm import check_fields
from bundler.installer.site.clusterfile.kubeadm_fields import FIELDS, known
from bundler.installer.site.clusterfile.schema import RAW_KINDS

_BOTH: Final = frozenset(
    {"InitConfiguration", "JoinConfiguration"}
)  # a host's own: of the first and of all others
_HEAD: Final = frozenset({"apiVersion", "kind", "metadata", "spec", "status"})


def parted(document: Document) -> dict[str, Mapping[str, Any]]:
    """The fields by kind, each with the apiVersion that its form is of; nothing that `faults` tells of."""
    found: dict[str, dict[str, Any]] = {}
    spec = document.data.get("spec")
    for name, value in (spec if isinstance(spec, dict) else {}).items():
        for kind in _kinds(name):
            found.setdefault(kind, {})[name] = value
    return {
        kind: {"apiVersion": _api(kind, fields), "kind": kind, **fields} for kind, fields in found.items()
    }


def faults(document: Document) -> Iterator[Problem]:
    """Fields that no kind has, or several have."""
    for name in document.data:
        if name not in _HEAD:
            hint = suggest(name, sorted(_HEAD))
            yield document.problem((name,), "unknown-field", f"unknown field {name}", hint=hint, key=True)
    spec = document.data.get("spec")
    if not isinstance(spec, dict):
        yield document.problem(("spec",), "wrong-value", f"spec must be a mapping, not {kind_of(spec)}")
        return
    for name in spec:
        kinds = _kinds(name)
        if not kinds:
            hint = suggest(name, sorted({field for kind in RAW_KINDS for field in known(FIELDS[kind])}))
            yield document.problem(
                ("spec", name), "unknown-field", f"unknown field spec.{name}", hint=hint, key=True
            )
        elif len(kinds) > 1 and not _BOTH.issuperset(kinds):
            message = f"spec.{name} is a field of {' and '.join(kinds)}"
            hint = f"write it in its own document: kind: {kinds[0]}"
            yield document.problem(("spec", name), "wrong-value", message, hint=hint, key=True)
    for kind, data in parted(document).items():
        below = document.below("spec")
        yield from check_fields(below, kind, data)


def _kinds(name: object) -> tuple[str, ...]:
    return tuple(kind for kind in RAW_KINDS if name in known(FIELDS[kind]))


def _api(kind: str, fields: Mapping[str, Any]) -> str:
    match RAW_KINDS[kind]:
        case "kubelet.config.k8s.io":
            return "kubelet.config.k8s.io/v1beta1"
        case "kubeproxy.config.k8s.io":
            return "kubeproxy.config.k8s.io/v1alpha1"
        case group:
            return f"{group}/v1beta{4 if _has_lists(fields) else 3}"


def _has_lists(value: object) -> bool:
    """Whether arguments are written as lists of names and values, as from v1beta4 on."""
    if isinstance(value, dict):
        return any(
            (str(key).endswith("xtraArgs") and isinstance(part, list)) or _has_lists(part)
            for key, part in value.items()
        )
    return False

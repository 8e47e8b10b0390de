"""Layers of kubeadm's documents: our defaults, the bundle's file over them, the Clusterfile's over both."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import yaml

from bundler.core import yamldoc
from bundler.core.errors import Problem, Problems
from bundler.core.kubernetes_version import KubernetesVersion
from bundler.installer.plan import kubeadm_arguments as arguments
from bundler.installer.plan.kubeadm_convert import Document, Source, convert
from bundler.installer.plan.removed import removed

GROUPS: Final = {
    "InitConfiguration": "kubeadm.k8s.io/",
    "ClusterConfiguration": "kubeadm.k8s.io/",
    "JoinConfiguration": "kubeadm.k8s.io/",
    "KubeletConfiguration": "kubelet.config.k8s.io/",
    "KubeProxyConfiguration": "kubeproxy.config.k8s.io/",
}
# Lists of named things: a name of a higher layer takes the place of that name below, all else stays.
_BY_NAME: Final = arguments.KEYS | {"extraVolumes", "extraEnvs"}
# Lists of plain words, of which every layer needs its own.
_UNITED: Final = frozenset({"certSANs", "serverCertSANs", "peerCertSANs"})


@dataclass(frozen=True)  # no slots: `cached_property` needs the instance's dict
class Layers:
    """The documents of the bundle and of the Clusterfile by kind, for one version of Kubernetes."""

    version: KubernetesVersion
    bundle: Mapping[str, Source]
    site: Mapping[str, Source]

    @cached_property
    def _converted(self) -> tuple[Mapping[str, Document], ...]:
        """Both layers in this version's API. Raises Problems with everything that can't be said in it."""
        made: list[Mapping[str, Document]] = []
        problems: list[Problem] = []
        for layer in (self.bundle, self.site):
            documents, found = convert(layer, self.version.kubeadm_api)
            made.append(documents)
            problems += [*found, *self._wrong_groups(layer), *removed(layer, self.version)]
        if problems:
            raise Problems(tuple(dict.fromkeys(problems)))
        return tuple(made)

    def _wrong_groups(self, layer: Mapping[str, Source]) -> list[Problem]:
        return [
            source.problem(
                ("apiVersion",),
                "wrong-version",
                f"{kind} can't be of {source.data.get('apiVersion')}",
                f"write apiVersion: {self.api(kind)}",
            )
            for kind, source in layer.items()
            if not str(source.data.get("apiVersion", GROUPS[kind])).startswith(GROUPS[kind])
        ]

    def api(self, kind: str) -> str:
        """The apiVersion that this kind is written with."""
        match kind:
            case "KubeletConfiguration":
                return "kubelet.config.k8s.io/v1beta1"
            case "KubeProxyConfiguration":
                return "kubeproxy.config.k8s.io/v1alpha1"
            case _:
                return self.version.kubeadm_api

    def merged(self, kind: str, defaults: Document) -> dict[str, Any]:
        """The document of this kind. Raises Problems for what a layer must not say."""
        document: dict[str, Any] = dict(defaults)
        for layer in self._converted:
            document = deep(document, layer.get(kind, {}))
        return {"apiVersion": self.api(kind), "kind": kind, **document}

    def asked(self, kind: str) -> Document:
        """What the bundle and the Clusterfile say of this kind, without our defaults."""
        return self.merged(kind, {})

    def form(self, document: Document) -> Any:
        """The document as this version's API has it."""
        return document if self.version.arguments_are_lists else arguments.mapped(document)

    def dump(self, *documents: Document) -> str:
        """A stream of YAML."""
        return yaml.safe_dump_all(
            [self.form(document) for document in documents], sort_keys=True, explicit_start=True
        )


def deep(below: Document, above: Document) -> dict[str, Any]:
    """Maps are merged key by key, lists of named things name by name; else `above` takes the place."""
    merged = dict(below)
    for key, value in above.items():
        merged[key] = _over(str(key), merged.get(key), value)
    return merged


def _over(key: str, old: Any, new: Any) -> Any:
    match old, new:
        case Mapping(), Mapping():
            return deep(old, new)
        case list(), list() if key in _BY_NAME:
            return arguments.merge(old, new)
        case list(), list() if key in _UNITED:
            return list(dict.fromkeys((*old, *new)))
        case _:
            return new


def read_bundle(text: bytes, file: str) -> dict[str, Source]:
    """The documents of the bundle's etc/kubeadm.yml by kind. Raises Problems."""
    if not text:
        return {}
    found: dict[str, Source] = {}
    problems: list[Problem] = []
    for document in yamldoc.load_all(text, file):
        kind = document.data.get("kind") if isinstance(document.data, dict) else None
        if kind in GROUPS:
            found[str(kind)] = Source(document.data, document)
        elif kind == "ClusterStatus":
            hint = "leave the document out: kubeadm keeps no such status since v1beta3"
            problems.append(document.problem(["kind"], "removed-field", "ClusterStatus is gone", hint=hint))
        elif document.data is not None:
            hint = f"kubeadm reads {', '.join(GROUPS)}"
            problems.append(document.problem(["kind"], "unknown-kind", f"unknown kind {kind!r}", hint=hint))
    if problems:
        raise Problems(tuple(problems))
    return found

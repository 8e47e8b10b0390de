"""What a site goes through when a newer .run takes an older one's place. Pure.

`diff` says what differs; this says what it means for the sites that run the old one.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from bundler.builder.bundles.diff import Difference

_VERSION: Final = re.compile(r"v?(\d+)\.(\d+)(?:\.(\d+))?")
_APP: Final = re.compile(r"(?:^|/)application/apps/([^/]+)/")
_CGROUP_V2: Final = 35  # the minor from which on a kubelet refuses cgroup v1


# From `policy/v1beta1` and a kind to the minor of Kubernetes that no longer has it; 0 for none.
RemovedIn = Callable[[str, str], int]


class Weight(StrEnum):
    """How much a finding matters: a site refuses, something has to be looked at, or it is good to know."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Said:
    """A finding with its stable id."""

    weight: Weight
    id: str
    text: str


@dataclass(frozen=True, slots=True)
class Parts:
    """What of a bundle decides. kinds: `apps/v1 Deployment` of its apps, with the files that have them.

    crds: served versions by name. key: fingerprint of the signer, "" for none. "" for a part it lacks.
    via: versions of Kubernetes that it carries on the way to its own.
    """

    name: str
    version: str
    kubernetes: str
    etcd: str = ""
    containerd: str = ""
    key: str = ""
    kinds: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    crds: Mapping[str, frozenset[str]] = field(default_factory=dict)
    via: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """hops: versions of Kubernetes that control planes run one after the other. said: worst first."""

    hops: tuple[str, ...]
    restarts: tuple[str, ...]
    needs: tuple[str, ...]
    said: tuple[Said, ...]

    @property
    def worst(self) -> Weight:
        """Of all that is said."""
        order = list(Weight)
        return min((each.weight for each in self.said), key=order.index, default=Weight.NOTE)


def outcome(old: Parts, new: Parts, difference: Difference, removed_in: RemovedIn) -> Outcome:
    """What becomes of a site that runs the old bundle."""
    order = list(Weight)
    said = (*_versions(old, new), *_apis(new, removed_in), *_crds(old, new), *_trust(old, new))
    return Outcome(
        hops=_hops(old, new),
        restarts=tuple(_restarts(old, new, difference)),
        needs=tuple(_needs(old, new, difference)),
        said=tuple(sorted(said, key=lambda each: order.index(each.weight))),
    )


def _number(version: str) -> tuple[int, int, int]:
    found = _VERSION.match(version)
    return (int(found[1]), int(found[2]), int(found[3] or 0)) if found else (0, 0, 0)


def _hops(old: Parts, new: Parts) -> tuple[str, ...]:
    if not _moves(old, new):
        return ()
    before, after = _number(old.kubernetes), _number(new.kubernetes)
    between = (each for each in new.via if before[:2] < _number(each)[:2] < after[:2])
    return (old.kubernetes, *between, new.kubernetes)


def _moves(old: Parts, new: Parts) -> bool:
    return bool(old.kubernetes and new.kubernetes) and old.kubernetes != new.kubernetes


def _versions(old: Parts, new: Parts) -> Iterator[Said]:
    if old.name != new.name:
        text = f"{new.name} is another product than {old.name}: a site keeps both"
        yield Said(Weight.WARNING, "other-product", text)
    elif _number(new.version) < _number(old.version):
        text = f"{new.name} {new.version} is older than {old.version}: sites refuse it and name `rollback`"
        yield Said(Weight.ERROR, "older-product", text)
    elif new.version == old.version and _moves(old, new):
        text = f"both are {new.name} {new.version}: raise the version, it is how people tell bundles apart"
        yield Said(Weight.WARNING, "same-version", text)
    if not _moves(old, new):
        return
    before, after = _number(old.kubernetes), _number(new.kubernetes)
    if after < before:
        text = f"Kubernetes goes back from {old.kubernetes} to {new.kubernetes}: sites refuse it"
        yield Said(Weight.ERROR, "older-kubernetes", text)
    elif after[0] == before[0] and (missing := _missing(before[1], after[1], new.via)):
        between = ", ".join(f"v1.{minor}" for minor in missing)
        text = (
            f"Kubernetes goes from {old.kubernetes} to {new.kubernetes}, and API servers go up one minor at a"
            f" time: publish a bundle with {between} first, or carry it on the way (LABEL io.kubernetes.via)"
        )
        yield Said(Weight.ERROR, "minor-skipped", text)


def _missing(before: int, after: int, via: tuple[str, ...]) -> tuple[int, ...]:
    """Minors between the two that the bundle does not carry."""
    carried = {_number(each)[1] for each in via}
    return tuple(minor for minor in range(before + 1, after) if minor not in carried)


def _apis(new: Parts, removed_in: RemovedIn) -> Iterator[Said]:
    """Of the new bundle's own apps; what else is in use only the site can say."""
    for kind, files in sorted(new.kinds.items()):
        group, _, name = kind.partition(" ")
        gone = removed_in(group, name)
        if gone and _number(new.kubernetes)[1] >= gone:
            text = f"{name} of {group} is gone since Kubernetes v1.{gone}: {', '.join(files)}"
            yield Said(Weight.ERROR, "removed-api", text)


def _crds(old: Parts, new: Parts) -> Iterator[Said]:
    for name, versions in sorted(old.crds.items()):
        if name not in new.crds:
            yield Said(Weight.WARNING, "crd-gone", f"{name} is no longer included; its objects stay")
        elif lost := sorted(versions - new.crds[name]):
            text = f"{name} no longer serves {', '.join(lost)}; objects that are stored so can't be read"
            yield Said(Weight.WARNING, "crd-version", text)


def _trust(old: Parts, new: Parts) -> Iterator[Said]:
    if old.key and not new.key:
        yield Said(Weight.ERROR, "unsigned", "the old bundle is signed, the new one is not: sites refuse it")
    elif old.key and new.key != old.key:
        text = "another key signed the new bundle: each site has to accept it once (--accept-new-key)"
        yield Said(Weight.WARNING, "other-key", text)


def _restarts(old: Parts, new: Parts, difference: Difference) -> Iterator[str]:
    """What stops for a moment, and on how many hosts at once."""
    if old.containerd != new.containerd:
        yield f"containerd on every host, one by one: {old.containerd} → {new.containerd}; pods run on"
    if _moves(old, new):
        way = " → ".join(_hops(old, new))
        yield f"API server, controllers and scheduler, one control plane after the other: {way}"
        if old.etcd != new.etcd:
            yield f"etcd, one member after the other: {old.etcd} → {new.etcd}"
        yield "every kubelet; its node is drained before, where there is another one"
    apps = {found[1] for change in difference.changes if (found := _APP.search(change.name))}
    if apps:
        yield f"apps, behind Kubernetes: {', '.join(sorted(apps))}"


def _needs(old: Parts, new: Parts, difference: Difference) -> Iterator[str]:
    if _moves(old, new):
        minor, before = _number(new.kubernetes)[1], _number(old.kubernetes)[1]
        lowest = minor - 1 - len(new.via)
        upwards = (
            f"v1.{lowest} to v1.{minor}" if new.via else f"v1.{max(lowest, min(before, minor))} or v1.{minor}"
        )
        yield f"Kubernetes {upwards} on the site"
        if before < _CGROUP_V2 <= minor:
            yield "cgroup v2 on every host, or failCgroupV1: false in a KubeletConfiguration"
        yield "every host reachable, etcd healthy, no budget that allows no disruption, no bare pod"
        yield "room on control planes for three times etcd's database"
    if difference.fresh:
        yield f"room on control planes for {(difference.fresh >> 20) + 1} MiB of new content"

"""The way from one Kubernetes version to another: one minor at a time, control planes before workers."""

from collections.abc import Mapping

from bundler.core.kubernetes_version import KubernetesVersion
from bundler.installer.plan.cluster.operation import Kind
from bundler.installer.plan.cluster.view import View
from bundler.installer.site.record import HostState

KUBELET_SKEW = 3  # minors that a kubelet may be behind the API server (since 1.28)


def number(version: str) -> KubernetesVersion:
    """The version as numbers."""
    return KubernetesVersion.parse(version)


def minor(version: str) -> int:
    """Its second number."""
    return number(version).minor


def running(view: View) -> Mapping[str, str]:
    """The version of every control plane: its lowest part's, so that half an upgrade is none."""
    return view.running


def version_at(view: View, address: str, component: str) -> str:
    """The version that runs on a host; the node's where the host does not answer."""
    return view.version_at(address, component)


def kubelets(view: View) -> Mapping[str, str]:
    """The kubelet's version on every node that is to have the bundle's."""
    return view.kubelets


def upgrading(view: View) -> bool:
    """Whether something of the cluster runs another version than the bundle's."""
    return view.upgrading


def open_upgrade(view: View) -> str:
    """The version to which an unfinished upgrade was under way, else ""."""
    found = {*running(view).values(), *kubelets(view).values()}
    recorded = view.record.kubernetes if view.record else ""
    if len({number(version) for version in found}) < 2 or not recorded:
        return ""
    under_way = any(number(version) == number(recorded) for version in running(view).values())
    return recorded if under_way else ""


def next_hop(view: View) -> str | None:
    """The version that control planes go to next; None where the bundle does not carry it."""
    versions = sorted(running(view).values(), key=number)
    target = view.desired.versions.kubernetes
    if not versions:
        return target
    low, high = versions[0], versions[-1]
    if view.operation.kind is Kind.ROLLBACK:
        return target
    if number(low) != number(high):
        return high if minor(high) != minor(target) else target
    if minor(target) - minor(low) <= 1:
        return target
    between = [each for each in view.desired.versions.carried if minor(each) == minor(low) + 1]
    return max(between, key=number, default=None)


def is_member(view: View, address: str) -> bool:
    """Whether the record takes the host for a whole part; without a record, whether it looks like one."""
    recorded = view.recorded_host(address)
    return recorded.state is HostState.MEMBER if recorded else view.joined(address)

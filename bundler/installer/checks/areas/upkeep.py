"""What a cluster needs to go on: certificates, units, the registry, the CIS benchmark."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from bundler.core.errors import Problem
from bundler.core.words import counted
from bundler.installer.checks.areas.build import ERROR, NOTE, WARNING, always, least
from bundler.installer.checks.look import control_planes, each, nodes, whole
from bundler.installer.checks.model import Area, Check, Fault, Looked, Scene, Seen, listed
from bundler.installer.checks.probe import CisLine, UnmeasuredError

_DAY: Final = 86_400


def _certificates(seen: Seen, soonest: float, latest: float) -> str:
    """Those with so many days left, the first to end in front."""
    rows = sorted((each.ends, each.path.rsplit("/", 1)[-1]) for each in seen.probe.certificates)
    if not rows:
        raise UnmeasuredError("no certificate could be read")
    now = seen.scene.now
    found = [(ends, name) for ends, name in rows if soonest <= (ends - now) / _DAY < latest]
    if not found:
        return ""
    ends, name = found[0]
    more = f" and {len(found) - 1} more" if len(found) > 1 else ""
    day = datetime.fromtimestamp(ends, UTC).date().isoformat()
    return f"{name}{more}: {counted(round((ends - now) / _DAY), 'day')}, {day}"


def _ended(seen: Seen) -> str:
    return _certificates(seen, -1e9, 0)


def _ending(seen: Seen) -> str:
    return _certificates(seen, 0, seen.limits.certificate_days)


def _units(seen: Seen) -> str:
    names = ("kubelet.service", "containerd.service")
    return listed(name.removesuffix(".service") for name in names if name not in seen.probe.units)


def _registry(seen: Seen) -> str:
    return "" if "bundler-registry.service" in seen.probe.units else "stopped"


def _blobs(seen: Seen) -> str:
    missing = seen.probe.missing_blobs
    return f"{counted(len(missing), 'blob')} missing" if missing else ""


def _is_plane(number: str) -> bool:
    return not number.startswith("4.")


def _cis(seen: Seen, *, plane: bool) -> str:
    lines: list[CisLine] = [line for line in seen.probe.cis if _is_plane(line.number) is plane]
    if not lines:
        raise UnmeasuredError("nothing could be looked at")
    failed = [line.number for line in lines if line.verdict == "FAIL"]
    return f"{len(failed)} of {len(lines)} fail: {listed(dict.fromkeys(failed), 6)}" if failed else ""


def _cis_plane(seen: Seen) -> str:
    return _cis(seen, plane=True)


def _cis_node(seen: Seen) -> str:
    return _cis(seen, plane=False)


def _plane_node(seen: Seen) -> bool:
    return control_planes(seen) and seen.facts.admin_config and seen.ours


def _refusals(scene: Scene) -> Looked:
    """A refusal that is about several hosts is one finding on each."""
    return Looked(tuple(fault for refusal in scene.refused for fault in _refusal(scene, refusal)), 1)


def _refusal(scene: Scene, of: Problem) -> Iterator[Fault]:
    places = of.location.file.split(", ")
    known = set(places) <= set(scene.facts.hosts)
    for place in places if known else (of.location.file,):
        yield Fault(place, of.message, fix=of.hint, hosts=(place,) if known else ())


def _external(scene: Scene) -> Iterator[Fault]:
    for seen in scene.hosts():
        if seen.probe.says("state") == "degraded" and seen.node:
            yield Fault(seen.address, listed(seen.probe.says("failed-units").split()), hosts=(seen.address,))


_A: Final = Area.CLUSTER

CHECKS: Final = (
    Check(
        "apply-refused",
        _A,
        ERROR,
        "`apply` would go on",
        "it could do harm, or can't be done from where the site stands",
        "as each finding says",
        _refusals,
        strict=True,
    ),
    Check(
        "certificate-ended",
        _A,
        ERROR,
        "no certificate has ended",
        "the cluster does not talk to itself any more",
        "./product.run -f site.yaml renews them",
        each(_ended, nodes),
        always("in the future"),
    ),
    Check(
        "certificate-ends",
        _A,
        WARNING,
        "no certificate ends soon",
        "the cluster stops on that day",
        "./product.run -f site.yaml renews them",
        each(_ending, nodes),
        least("certificate_days"),
    ),
    Check(
        "units-stopped",
        _A,
        ERROR,
        "kubelet and containerd run",
        "no pod is started there",
        "systemctl start kubelet containerd",
        each(_units, nodes),
        always("active"),
    ),
    Check(
        "units-degraded",
        _A,
        NOTE,
        "no unit of a node has failed",
        "whatever failed may be needed later",
        "systemctl status UNIT",
        whole(_external, nodes),
        always("none"),
    ),
    Check(
        "registry-stopped",
        _A,
        ERROR,
        "the site's registry runs",
        "new pods find no image",
        "systemctl start bundler-registry",
        each(_registry, _plane_node),
        always("active"),
    ),
    Check(
        "registry-content",
        _A,
        WARNING,
        "the registry has all of the bundle's images",
        "pods that are moved find no image",
        "./product.run -f site.yaml copies what is missing",
        each(_blobs, _plane_node),
        always("every blob"),
    ),
    Check(
        "cis-control-plane",
        _A,
        WARNING,
        "the control plane keeps to the CIS benchmark (1 to 3, 5)",
        "each of them is a known way in",
        "./product.run -f site.yaml; what a Clusterfile changes on purpose stays",
        each(_cis_plane, _plane_node),
        always("all pass"),
    ),
    Check(
        "cis-node",
        _A,
        WARNING,
        "the node keeps to the CIS benchmark (4)",
        "each of them is a known way in",
        "./product.run -f site.yaml; what a Clusterfile changes on purpose stays",
        each(_cis_node, nodes),
        always("all pass"),
    ),
)

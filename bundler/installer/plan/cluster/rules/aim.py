"""Can a site get from here to there at all? Versions, settings for life, hosts that would be too few."""

from collections.abc import Iterator

from bundler.core.errors import ExitCode
from bundler.core.kubernetes_version import KubernetesVersion
from bundler.core.versions import matches
from bundler.core.words import counted
from bundler.installer.facts.seen import value_of
from bundler.installer.plan.cluster.hops import minor, next_hop, open_upgrade, running, upgrading
from bundler.installer.plan.cluster.operation import Kind
from bundler.installer.plan.cluster.rolled import IN_CLUSTER, ON_HOSTS, changes, rolled
from bundler.installer.plan.cluster.steps import Refusal
from bundler.installer.plan.cluster.view import Existence, View
from bundler.installer.site.desired import EndpointKind
from bundler.installer.trust.product_version import is_older


def aim(view: View) -> Iterator[Refusal]:
    """Every rule that compares what is wanted with what is recorded."""
    yield from nobody_left(view)
    yield from going_back(view)
    yield from rotating(view)
    yield from downgrade(view)
    yield from fixed(view)
    yield from versions(view)
    yield from cgroups(view)
    yield from apps_fit(view)
    yield from apps_taken(view)
    yield from endpoint(view)
    yield from registry(view)
    yield from not_owner(view)
    yield from not_rolled_out(view)


def nobody_left(view: View) -> Iterator[Refusal]:
    """Removing every control plane is a deletion, and is asked for by its name."""
    if view.operation.kind is Kind.APPLY and not view.wanted_control_planes:
        yield Refusal(
            "BND-NO-CONTROL-PLANE",
            "no control plane would be left",
            "hosts of the Clusterfile",
            "the cluster would go with its last control plane",
            "keep one; to take all of it down: {run} delete -f {file}",
        )


def going_back(view: View) -> Iterator[Refusal]:
    """A rollback that was broken off is finished first: an upgrade over it would mix what it has put back."""
    record = view.record
    if view.operation.kind is not Kind.APPLY or record is None or record.operation != Kind.ROLLBACK.value:
        return
    before = record.previous.get("kubernetes", "")
    yield Refusal(
        "BND-ROLLBACK-OPEN",
        f"a rollback to Kubernetes {before} is not finished",
        view.desired.name,
        "some hosts are back, others are not",
        "finish it: {run} rollback -f {file}",
    )


def rotating(view: View) -> Iterator[Refusal]:
    """A rotation that was broken off is finished first: who joins meanwhile would trust half of the site."""
    if view.operation.kind in {Kind.ROTATE, Kind.DELETE, Kind.RESTORE}:
        return
    if begun := [host.address for host in view.answering if host.rotating]:
        yield Refusal(
            "BND-ROTATION-OPEN",
            "the cluster's certificate authorities are being replaced",
            ", ".join(begun),
            "a rotation was broken off: some hosts trust both authorities, others one",
            "finish it: {run} certs rotate-ca -f {file}",
        )


def downgrade(view: View) -> Iterator[Refusal]:
    """The way back is an operation of its own: it may lose data."""
    if view.operation.kind is not Kind.APPLY or view.record is None:
        return
    aim_, record = view.desired.versions, view.record
    product = record.product(aim_.product)
    older = product is not None and is_older(aim_.version, product.version)
    lower = view.owner and record.kubernetes and _number(record.kubernetes) > _number(aim_.kubernetes)
    if product and (older or lower):
        now = f"{product.name} {product.version}" if older else f"Kubernetes {record.kubernetes}"
        then = f"{aim_.version}" if older else aim_.kubernetes
        yield Refusal(
            "BND-DOWNGRADE",
            f"refused to go back from {now} to {then}",
            "the site's record",
            "this file is older than what the site has",
            "to go back: {run} rollback -f {file}; else use the newer .run",
        )


def fixed(view: View) -> Iterator[Refusal]:
    """Settings that a cluster has for life."""
    if view.record is None or view.existence in {Existence.ABSENT, Existence.UNFINISHED} or not view.owner:
        return
    for key, value in sorted(view.desired.fixed.items()):
        was = view.record.fixed.get(key, value)
        if was != value:
            yield Refusal(
                "BND-FIXED-SETTING",
                f"refused to change {key} from {was} to {value}",
                f"{key} in the Clusterfile",
                "every pod, Service and certificate carries it; a cluster keeps it for life",
                f"write {key}: {was}; another one takes a new cluster, to which the apps are moved",
            )


def versions(view: View) -> Iterator[Refusal]:
    """Kubernetes goes up one minor at a time; an upgrade that has begun is finished first."""
    if not upgrading(view) or view.operation.kind is not Kind.APPLY:
        return
    target = view.desired.versions.kubernetes
    begun = open_upgrade(view)
    if begun and (minor(begun) != minor(target) or _number(target) < _number(begun)):
        yield Refusal(
            "BND-UPGRADE-OPEN",
            f"an upgrade to Kubernetes {begun} is not finished",
            ", ".join(f"{address} {version}" for address, version in running(view).items()),
            "the control planes run two versions; a third is no supported mixture",
            f"finish it with a .run that has {begun} or a later patch, or: {{run}} rollback -f {{file}}",
        )
        return
    if next_hop(view) is None:
        low = min(running(view).values(), key=_number)
        need = f"v1.{minor(low) + 1}"
        yield Refusal(
            "BND-MINOR-SKIPPED",
            f"refused to upgrade Kubernetes from {low} to {target}",
            view.desired.name,
            f"API servers go up one minor at a time; this file carries no {need}",
            f"apply a .run with Kubernetes {need} first, or ask the vendor for one that carries it on the way"
            " (LABEL io.kubernetes.via)",
        )


def cgroups(view: View) -> Iterator[Refusal]:
    """From 1.35 on the kubelet does not start on cgroup v1, unless configured to."""
    target = KubernetesVersion.parse(view.desired.versions.kubernetes)
    if (
        (target.major, target.minor) < (1, 35)
        or not view.desired.fail_cgroup_v1
        or not view.owner
        or view.desired.prechecked
    ):
        return
    old = [host.address for host in view.answering if host.cgroup_v1 and not view.leaving(host.address)]
    if old:
        yield Refusal(
            "BND-CGROUP-V1",
            f"Kubernetes {target.text} needs cgroup v2",
            ", ".join(old),
            "these hosts mount cgroup v1, with which its kubelet does not start",
            "boot them with cgroup v2; or set failCgroupV1: false in a KubeletConfiguration",
            ExitCode.PREFLIGHT,
        )


def apps_fit(view: View) -> Iterator[Refusal]:
    """Another product's apps have to live with the Kubernetes that is here."""
    if view.record is None or view.owner or not view.record.kubernetes:
        return
    for app in view.desired.apps:
        if app.kubernetes and not matches(app.kubernetes, view.record.kubernetes.removeprefix("v")):
            yield Refusal(
                "BND-KUBEVERSION",
                f"{app.name} does not fit this cluster's Kubernetes",
                f"{view.record.owner} brought {view.record.kubernetes}",
                f"{app.name} needs {app.kubernetes}",
                f"upgrade {view.record.owner} first, or ask for a version of {app.name} that fits",
            )


def apps_taken(view: View) -> Iterator[Refusal]:
    """Apps are identified by their names: no product takes over another's."""
    mine = view.desired.versions.product
    here = view.api.releases if view.api and view.operation.kind is Kind.APPLY else {}
    for app in view.desired.apps:
        release = here.get(app.name)
        if release is None or release.product in {"", mine} or release.role == "cni":
            continue
        yield Refusal(
            "BND-APP-TAKEN",
            f"another product already runs an app called {app.name}",
            view.desired.name,
            f"{app.name} is {release.product}'s; {mine} would replace it",
            f"leave {app.name} out with launchApps in {{file}}, or ask the vendor to call it something else",
        )


def endpoint(view: View) -> Iterator[Refusal]:
    """An address that answers and is not one of ours belongs to others."""
    aim_ = view.desired.endpoint
    if aim_.kind is not EndpointKind.VIP or aim_.address not in view.observed.answering:
        return
    if not any(aim_.address in host.addresses for host in view.answering):
        yield Refusal(
            "BND-ENDPOINT-TAKEN",
            f"the address {aim_.address} is in use",
            "endpoint.vip of the Clusterfile",
            "it answers, and no host of this site holds it",
            "choose a free address, or free this one",
        )


def registry(view: View) -> Iterator[Refusal]:
    """Nodes are switched to another registry only when it has everything and each can pull from it."""
    aim_ = view.desired.registry
    if not aim_.external:
        return
    found = value_of(view.observed.external)
    missing = sorted(aim_.digests - (found or frozenset()))
    deaf = [host.address for host in view.answering if not host.pulls and not view.leaving(host.address)]
    if found is None or missing or deaf:
        why = (
            "it does not answer"
            if found is None
            else f"it lacks {len(missing)} of {counted(len(aim_.digests), 'image')}, {missing[0]} first"
            if missing
            else f"a trial pull failed on {', '.join(deaf)}"
        )
        yield Refusal(
            "BND-REGISTRY-INCOMPLETE",
            f"nodes can't get their images from {aim_.external}",
            aim_.external,
            why,
            f"{{run}} push {aim_.external}, then run the same command",
        )


def not_owner(view: View) -> Iterator[Refusal]:
    """Hosts come and go with the bundle that brought Kubernetes: this one may have another version."""
    if view.owner or view.record is None or view.operation.kind is not Kind.APPLY:
        return
    new = [host.address for host in view.desired.hosts if view.recorded_host(host.address) is None]
    if new:
        yield Refusal(
            "BND-NOT-OWNER",
            "another product installed the cluster, so this one can't add hosts to it",
            ", ".join(new),
            f"{view.record.owner} brought Kubernetes {view.record.kubernetes}",
            f"add them with the .run of {view.record.owner}, then run this one",
        )


def _number(version: str) -> KubernetesVersion:
    return KubernetesVersion.parse(version)


def not_rolled_out(view: View) -> Iterator[Refusal]:
    """What can't be changed on a running cluster yet is refused with the difference, never left unsaid."""
    record = view.record
    standing = view.existence in {Existence.RUNNING, Existence.DOWN}
    if record is None or not view.owner or not standing or view.operation.kind is not Kind.APPLY:
        return
    # An outline says nothing of settings; an upgrade brings the stored configuration along.
    if not view.desired.fixed or upgrading(view):
        return
    found = [
        (f"{part}.{key}", was, now)
        for part, before in sorted(rolled(record).items() if record.rolled or record.settings else ())
        if part not in {*ON_HOSTS, *IN_CLUSTER, "names"}
        for key, was, now in changes(before, view.desired.settings.get(part, {}))
    ]
    for subject, was, wanted in found[:1]:
        more = f"; {len(found) - 1} more differ" if len(found) > 1 else ""
        yield Refusal(
            "BND-ROLL-OUT",
            f"a change of {subject} is not rolled out to a running cluster yet",
            view.desired.name,
            f"it changed from {was} to {wanted}{more}",
            "put it back; or delete the site and reinstall it",
            ExitCode.UNSUPPORTED,
        )

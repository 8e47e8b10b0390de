"""Is this the site that we mean, are these its machines, is this the right bundle?"""

from collections import Counter
from collections.abc import Iterator
from typing import Final

from bundler.core.errors import ExitCode
from bundler.installer.facts.observed import HostObservation
from bundler.installer.facts.seen import Doubt, Unknown, value_of
from bundler.installer.plan.cluster.operation import Kind
from bundler.installer.plan.cluster.steps import Refusal
from bundler.installer.plan.cluster.view import Existence, View
from bundler.installer.site.model import Role

_LEFT_BEHIND: Final = "/etc/kubernetes /var/lib/etcd /var/lib/kubelet"


def identity(view: View) -> Iterator[Refusal]:
    """Every rule; all that apply are shown together."""
    yield from host_keys(view)
    yield from busy(view)
    yield from schema(view)
    yield from unreadable(view)
    yield from clones(view)
    yield from same_names(view)
    yield from other_site(view)
    yield from leftovers(view)
    yield from name(view)
    yield from signer(view)
    yield from moved(view)
    yield from replaced(view)
    yield from returned(view)


def host_keys(view: View) -> Iterator[Refusal]:
    """What is read over a connection whose key has changed proves nothing."""
    for address, seen in view.observed.hosts.items():
        if isinstance(seen, Unknown) and seen.doubt is Doubt.HOST_KEY:
            yield Refusal(
                "BND-HOST-KEY",
                f"the host key of {address} has changed",
                f"{address}; {seen.why}",
                "either this is another machine, or the machine was reinstalled",
                "if it was reinstalled, remove the line from known_hosts and run the same command",
                ExitCode.TRUST,
            )


def busy(view: View) -> Iterator[Refusal]:
    """A lock whose holder is dead is taken over; one that lives is respected."""
    for host in view.answering:
        if host.holder is not None and host.holder.alive:
            yield Refusal(
                "BND-BUSY",
                "another run is working on this site",
                host.address,
                f"{host.holder.who}, since {host.holder.since}",
                "wait until it ends, or end it",
                ExitCode.BUSY,
            )
            return


def schema(view: View) -> Iterator[Refusal]:
    """A record that we can't read may hold what we would break."""
    strange = list(view.strange_records)
    record = value_of(view.api.record) if view.api else None
    if not strange and record and view.record and view.record.schema > record.schema:
        strange = ["the cluster"]
    if strange:
        yield Refusal(
            "BND-RECORD-SCHEMA",
            "the site's record was written by a later version",
            ", ".join(strange),
            "its format is unknown here",
            "use the .run that wrote it, or a later one; `{run} collect` works with any",
        )


def unreadable(view: View) -> Iterator[Refusal]:
    """An unreadable record is no reason to believe that there is none."""
    broken = [(host.address, host.record.why) for host in view.answering if isinstance(host.record, Unknown)]
    if broken and view.record is None:
        yield Refusal(
            "BND-RECORD-UNREADABLE",
            "the site's record can't be read",
            ", ".join(address for address, _ in broken),
            broken[0][1],
            "put a copy of /var/lib/bundler/record.json of another control plane there, or of a backup",
        )


def clones(view: View) -> Iterator[Refusal]:
    """Kubernetes and the record tell machines apart by their machine id."""
    count = Counter(host.machine_id for host in view.answering)
    for machine, number in count.items():
        if number > 1:
            where = ", ".join(h.address for h in view.answering if h.machine_id == machine)
            yield Refusal(
                "BND-CLONES",
                f"{number} hosts have one machine id",
                where,
                "they were cloned from one disk; nodes, leases and logs would be mixed up",
                "on all but one: rm /etc/machine-id; systemd-machine-id-setup; reboot",
            )


def same_names(view: View) -> Iterator[Refusal]:
    """Two hosts of one node name would push each other out of the cluster."""
    if view.desired.prechecked:
        return
    wanted = [host for host in view.answering if view.wanted(host.address)]
    count = Counter(view.node_name(host.address) for host in wanted)
    for node, number in count.items():
        if number > 1:
            where = ", ".join(h.address for h in wanted if view.node_name(h.address) == node)
            why = "a node's name is its host's name, and has to be its own"
            fix = "give each a name: hostnamectl set-hostname NAME"
            yield Refusal(
                "BND-NODE-NAME", f"{number} hosts are called {node}", where, why, fix, ExitCode.PREFLIGHT
            )


def other_site(view: View) -> Iterator[Refusal]:
    """Hosts that are tagged with another site's id."""
    tags = {host.address: value_of(host.site) for host in view.answering if value_of(host.site)}
    ours = view.record.site_id if view.record else None
    strangers = [address for address, tag in tags.items() if ours is not None and tag != ours]
    if ours is None and len(set(tags.values())) > 1:
        strangers = sorted(tags)
    if strangers:
        yield Refusal(
            "BND-OTHER-SITE",
            "hosts belong to another site",
            ", ".join(strangers),
            "they are tagged with another site's id; their cluster would be torn apart",
            "remove them from the Clusterfile, or `{run} delete` that site first",
        )


def leftovers(view: View) -> Iterator[Refusal]:
    """Traces of a cluster that is not ours: without record and ledger, whatever answers there."""
    strange = [
        host for host in view.answering if host.traces.cluster and not host.ours and not _known(view, host)
    ]
    if not strange:
        return
    yield Refusal(
        "BND-LEFTOVERS",
        "refused to install over a cluster that this product did not make",
        ", ".join(f"{host.address} ({_traces(host)})" for host in strange),
        "it has neither a record nor a ledger of this product",
        f"if it may go, on each: kubeadm reset -f && rm -rf {_LEFT_BEHIND}",
    )


def _known(view: View, host: HostObservation) -> bool:
    return view.record is not None and any(each.machine_id == host.machine_id for each in view.recorded)


def _traces(host: HostObservation) -> str:
    traces = host.traces
    names = (
        ("kubelet.conf", traces.kubelet_conf),
        ("static pods", traces.static_pods),
        ("etcd data", traces.etcd_data),
    )
    return ", ".join(text for text, there in names if there)


def name(view: View) -> Iterator[Refusal]:
    """A cluster keeps its name for life; the same machines under another name are a mistake."""
    was = view.record.name if view.record else (view.api.name if view.api else "")
    if was and was != view.desired.name:
        yield Refusal(
            "BND-SITE-NAME",
            f"refused to rename the site {was} to {view.desired.name}",
            "metadata.name of the Clusterfile",
            f"these hosts are the site {was}; a cluster keeps its name",
            f"write metadata.name: {was}, or point at other hosts for another site",
        )


def signer(view: View) -> Iterator[Refusal]:
    """A new key is trusted as at the first install: by a person."""
    product = view.record.product(view.desired.versions.product) if view.record else None
    if product and product.key and view.desired.key and product.key != view.desired.key:
        yield Refusal(
            "BND-KEY-CHANGED",
            f"the key that signs {product.name} has changed",
            f"recorded {product.key}, this file {view.desired.key}",
            "either the vendor has a new key, or the file is not the vendor's",
            "ask the vendor, then: {run} --accept-new-key -f {file}",
            ExitCode.TRUST,
        )


def moved(view: View) -> Iterator[Refusal]:
    """Known machines at other addresses: the site was moved, nothing joins or leaves."""
    if view.operation.kind in {Kind.READDRESS, Kind.RESTORE}:
        return
    pairs = []
    machines = {each.machine_id: each for each in view.recorded if each.machine_id}
    for host in view.answering:
        old = machines.get(host.machine_id)
        still = view.observed.host(old.address) if old else None
        cloned = still is not None and still.machine_id == host.machine_id
        if old and old.address != host.address and not cloned:
            pairs.append(f"{old.address} is now {host.address}")
    if pairs:
        yield Refusal(
            "BND-READDRESS",
            "hosts of this site have other addresses",
            "; ".join(pairs),
            "their machine ids are those of the record; joining them again would lose their data",
            "{run} readdress --to {file}",
        )


def replaced(view: View) -> Iterator[Refusal]:
    """Another machine at a control plane's address: its member and node go only with a word."""
    for recorded in view.recorded:
        host = view.observed.host(recorded.address)
        control = recorded.role is Role.CONTROL_PLANE and view.existence is Existence.RUNNING
        if not host or not control or not is_replaced(view, recorded.address):
            continue
        if recorded.address not in view.operation.consents.replaced and not view.gone(recorded.address):
            yield Refusal(
                "BND-REPLACED",
                f"another machine answers at {recorded.address}, a control plane",
                f"{recorded.node_name}: machine {host.machine_id}, not {recorded.machine_id}",
                "its etcd member and node are of the machine before",
                f"if that one is gone: {{run}} --replaced {recorded.address} -f {{file}}",
            )


def is_replaced(view: View, address: str) -> bool:
    """Another, unused machine at a recorded address, and the recorded one answers nowhere."""
    recorded, host = view.recorded_host(address), view.observed.host(address)
    if not recorded or not host or not recorded.machine_id or recorded.machine_id == host.machine_id:
        return False
    return all(each.machine_id != recorded.machine_id for each in view.answering)


def returned(view: View) -> Iterator[Refusal]:
    """A machine that was given up for dead and is wanted again has to be wiped first."""
    removed = {each.machine_id: each for each in (view.record.removed if view.record else ())}
    for wanted in view.desired.hosts:
        host = view.observed.host(wanted.address)
        if (
            host
            and host.machine_id in removed
            and host.traces.cluster
            and not view.recorded_host(host.address)
        ):
            yield Refusal(
                "BND-GONE-RETURNED",
                f"{wanted.address} was removed as gone and is back with its old data",
                wanted.address,
                "its etcd data and certificates are of a member that the cluster has removed",
                f"there: kubeadm reset -f && rm -rf {_LEFT_BEHIND}; then run the same command",
            )

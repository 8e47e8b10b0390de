"""Bringing a site back from a snapshot: what is cleared, what stands in front of an install. Pure.

The first control plane gets the keys and etcd's data that the cluster had; `kubeadm init` then goes on as
after an init that was broken off behind its etcd. Every other host joins, as at the first install: so the
same steps serve for the machines that were there and for fresh ones, whatever their names and addresses.
"""

from dataclasses import replace
from typing import Final

from bundler.core.errors import BundlerError, ExitCode
from bundler.installer.facts.model import Facts, HostFacts
from bundler.installer.facts.observed import Traces
from bundler.installer.facts.seen import Absent, Present
from bundler.installer.plan import paths
from bundler.installer.plan.context import Context, node_name
from bundler.installer.plan.ids import Ids, ident
from bundler.installer.plan.order import arrange
from bundler.installer.plan.snapshot_manifest import DATABASE, FILES, Manifest
from bundler.installer.plan.steps import Deliver, Delivery, Exec, Phase, Plan, Step
from bundler.installer.scripts import render as templates
from bundler.installer.site.model import Host, Site
from bundler.installer.site.ranges import hosts as counted
from bundler.installer.site.record import Record

SOURCE: Final = "@snapshot/"  # in front of a delivery's member: it comes out of the snapshot
FOLDER: Final = f"{paths.STATE}/restore"
_GONE: Final = tuple(
    f"{phase.value}/" for phase in (Phase.CONTROL_PLANE, Phase.WORKERS, Phase.NETWORK, Phase.APPS)
)  # what was done of these was done for the cluster that was; restore-clear.sh has the same list
_GRACE: Final = 30  # seconds that apps get to end
_SETTLING: Final = 900.0


def traced(site: Site, facts: Facts) -> tuple[Host, ...]:
    """Hosts with traces of a cluster."""
    return tuple(
        host
        for host in site.hosts
        if (found := facts.hosts.get(host.address))
        and found.site
        and (found.site.traces.cluster or found.site.traces.pki)
    )


def clear(site: Site, facts: Facts, *, again: bool) -> Plan:
    """Take the cluster off every host that has one, all at once: none may go on with the old data.

    again: a restore was broken off, whose data is not kept.
    """
    there = traced(site, facts)
    halts = [
        _exec(host, "halt", "apps end before their cluster goes", (), "halt.sh", timeout=3 * _GRACE + 120.0,
              which="apps", grace=str(_GRACE))
        for host in there
    ]  # fmt: skip
    behind = tuple(step.id for step in halts)
    stops = [
        _exec(host, "clear", "the cluster that is here ends; its etcd data is kept", behind, "stop.sh",
              "restore-clear.sh", timeout=300.0, again="yes" if again else "")
        for host in there
    ]  # fmt: skip
    return Plan(f"{site.name}: clear {counted(len(there))}", (*halts, *stops))


def cleared(facts: Facts, record: Record) -> Facts:
    """What will be found once that is done, with the record that the site then begins with."""

    def of(host: HostFacts) -> HostFacts:
        stamps = {step: entry for step, entry in host.stamps.items() if not step.startswith(_GONE)}
        later = host.site and replace(
            host.site,
            traces=Traces(),
            components={},
            journal=stamps,
            record=Present(record),
            site=Present(record.site_id),
        )
        return replace(
            host,
            site=later,
            stamps=stamps,
            kubelet_config=False,
            admin_config=False,
            api=Absent(),
            etcd=Absent(),
        )

    hosts = {address: of(host) for address, host in facts.hosts.items()}
    return replace(facts, hosts=hosts, api=Absent(), etcd=Absent())


def restored(context: Context, made: Plan, manifest: Manifest, token: str) -> Plan:
    """The plan of an install with the snapshot put in front of its `init`.

    token: a word for this restore. Raises BundlerError (UNSUPPORTED) where the plan has no `init`.
    """
    host = context.primary
    ids = Ids(host.address)
    known = {step.id for step in made.steps}
    if ids.init not in known:
        raise BundlerError("a restore begins with an init, and none is planned", code=ExitCode.BUG)
    own = _own(context, host, manifest, token)
    files, keys, data, nodes = own
    further = {ids.certs: (keys.id,), ids.init: (data.id, keys.id)}
    steps = [_behind(step, further.get(step.id, ()), ids.init, nodes.id) for step in made.steps]
    fitted = [
        replace(
            step, after=tuple(name for name in step.after if name in {*known, files.id, keys.id, data.id})
        )
        for step in own
    ]
    plan = arrange(made.title, (*steps, *fitted))
    return replace(made, steps=plan.steps)


def _behind(step: Step, more: tuple[str, ...], init: str, nodes: str) -> Step:
    """Whatever waits for the API waits until it has forgotten the nodes of before."""
    later = (nodes,) if init in step.after else ()
    return replace(step, after=(*step.after, *more, *later)) if more or later else step


def _own(context: Context, host: Host, manifest: Manifest, token: str) -> tuple[Deliver, Exec, Exec, Exec]:
    ids, name = Ids(host.address), node_name(context.of(host))
    peer = f"https://{host.address}:2380"
    files = Deliver(
        id=ident(Phase.CONTROL_PLANE, host.address, "restore-files"),
        host=host.address,
        phase=Phase.CONTROL_PLANE,
        reason="the snapshot's keys and data",
        after=(ids.prepare,),
        always_run=True,
        files=tuple(
            Delivery(
                f"{SOURCE}{part}",
                f"{FOLDER}/{part}",
                0o600,
                manifest.parts[part].digest,
                manifest.parts[part].size,
            )
            for part in (FILES, DATABASE)
        ),
    )
    keys = _exec(
        host, "restore-keys", "the cluster keeps its keys", (files.id,), "restore-pki.sh",
        files=f"{FOLDER}/{FILES}",
    )  # fmt: skip
    data = _exec(
        host, "restore-etcd", "etcd has the data it had when the snapshot was taken",
        (files.id, ids.containerd, ids.images, ids.programs), "etcdutl.sh", "etcd-restore.sh",
        timeout=_SETTLING, etcd_image=_etcd_image(context), snapshot=f"{FOLDER}/{DATABASE}",
        data="/var/lib/etcd", name=name, peer=peer, cluster=f"{name}={peer}", token=token, unhashed="",
    )  # fmt: skip
    nodes = _exec(
        host, "restore-nodes", "every other host joins again", (ids.init,), "kubectl.sh", "restore-nodes.sh",
        node=name, folder=FOLDER,
    )  # fmt: skip
    return files, keys, data, nodes


def _etcd_image(context: Context) -> str:
    """The bundle's own, which has the tool that belongs to it."""
    found = [
        each.name for each in context.contents.index.images if each.name.rpartition(":")[0].endswith("/etcd")
    ]
    return found[0] if found else ""


def _exec(
    host: Host,
    what: str,
    why: str,
    after: tuple[str, ...],
    *scripts: str,
    timeout: float = 120.0,
    **variables: str,
) -> Exec:
    phase = Phase.CONTROL_PLANE if host.is_control_plane else Phase.WORKERS
    return Exec(
        id=ident(phase, host.address, what),
        host=host.address,
        phase=phase,
        reason=why,
        after=after,
        always_run=True,
        timeout=timeout,
        script=templates.script(*scripts, **variables),
    )

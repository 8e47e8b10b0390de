"""New certificates: the steps by which one control plane, and one worker, get theirs.

All goes over our own connections and from the CA's key on a control plane, so that it works with the API down
and everything expired. What needs the API (the kubelets' serving certificates) waits until it is up again.
"""

from collections.abc import Iterator
from typing import Final

from bundler.installer.facts.model import HostFacts
from bundler.installer.facts.observed import Certificate
from bundler.installer.facts.seen import Present
from bundler.installer.plan import paths
from bundler.installer.plan.context import Context, node_name
from bundler.installer.plan.ids import ident
from bundler.installer.plan.kubeadm import cluster_config
from bundler.installer.plan.kubelet_certificates import approval
from bundler.installer.plan.steps import Await, Exec, Phase, Step, Write
from bundler.installer.scripts import render as templates
from bundler.installer.site.model import Host

PODS: Final = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
_READY: Final = 300.0  # seconds from the kubelet's start until everything serves
_PEM: Final = f"{paths.STATE}/kubelet-client"


def renew_control_plane(
    context: Context, host: Host, since: str, *, names: bool = False, after: tuple[str, ...] = ()
) -> tuple[Step, ...]:
    """names: the API server's certificate gains those of the configuration."""
    row = Row(context, host, after, "names" if names else "renew")
    row.run(
        "certs",
        "new certificates, as the old ones end",
        _renewal(context, host, control="yes", names="yes" if names else ""),
        stdin=cluster_config(context, host),
        timeout=300.0,
    )
    if waits := _others_are_done(context, host):
        row.wait(
            "pods",
            f"the control plane of {node_name(context.of(host))} to serve",
            templates.script(
                "kubectl.sh",
                "pods-serve.sh",
                "pods-await.sh",
                node=node_name(context.of(host)),
                pods=" ".join(PODS),
            ),
        )
        row.wait(
            "etcd",
            "every member of etcd to be a healthy voter",
            templates.script("etcd.sh", "etcd-settled.sh", member=node_name(context.of(host)), besides=""),
            templates.script("etcd.sh", "etcd-diagnose.sh"),
        )
        _approve(context, row, context.site.control_planes if not _api(context) else (host,))
    row.run(
        "done",
        "the renewal has ended here" if waits else "the API comes up once the others are renewed, too",
        templates.script("certs-renewed.sh", since=since),
    )
    return tuple(row.made)


def renew_worker(context: Context, host: Host, since: str) -> tuple[Step, ...]:
    """The kubelet's certificate comes from a control plane; it asks for its serving one itself."""
    row, slot, node = Row(context, host, (), "renew"), f"kubelet-{host.address}", node_name(context.of(host))
    row.run(
        "sign",
        f"the cluster's CA signs a certificate for the kubelet of {node}",
        templates.script("kubelet-client.sh", "kubelet-sign.sh", node=node),
        at=context.primary,
        stdin=cluster_config(context, context.primary),
        capture=slot,
    )
    row.put("client", "the kubelet speaks to the API with it", _PEM, slot)
    row.run(
        "certs", "new certificates, as the old ones end", _renewal(context, host, client=_PEM), timeout=120.0
    )
    _approve(context, row, (host,))
    ready = templates.script("kubectl.sh", "nodes-ready.sh", nodes=f"{node}/{host.address}")
    row.wait("ready", f"{node} to be Ready", ready, at=context.primary)
    row.run("done", "the renewal has ended here", templates.script("certs-renewed.sh", since=since))
    return tuple(row.made)


def _renewal(context: Context, host: Host, *, control: str = "", names: str = "", client: str = "") -> str:
    return templates.script(
        "kubelet-client.sh",
        "kubelet-take.sh",
        "pods-anew.sh",
        "certs-renew.sh",
        node=node_name(context.of(host)),
        control=control,
        client=client,
        names=names,
    )


def _approve(context: Context, row: "Row", hosts: tuple[Host, ...]) -> None:
    if script := approval(context, hosts):
        row.wait("kubelet", "the kubelet to serve with a new certificate", script, at=context.primary)


def _api(context: Context) -> bool:
    return isinstance(context.facts.api, Present)


def _others_are_done(context: Context, host: Host) -> bool:
    """Whether the API comes up with this one: with certificates of others expired, etcd has no majority."""
    return _api(context) or not any(
        _needs(context.of(each), context.facts.gathered_at)
        for each in context.site.control_planes
        if each != host
    )


def _needs(facts: HostFacts, now: float) -> bool:
    return facts.site is not None and (facts.site.renewing or any(_expired(facts.site.certificates, now)))


def _expired(found: tuple[Certificate, ...], now: float) -> Iterator[bool]:
    return (each.not_after <= now for each in found if each.of_cluster)


class Row:
    """Steps one behind the other, most of them on one host."""

    def __init__(self, context: Context, host: Host, after: tuple[str, ...], what: str) -> None:
        self._context, self._host, self._after, self._what = context, host, after, what
        self.phase = Phase.CONTROL_PLANE if host.is_control_plane else Phase.WORKERS
        self.made: list[Step] = []

    def id(self, name: str) -> str:
        """Of the step of this name."""
        return ident(self.phase, self._host.address, f"{self._what}-{name}")

    def behind(self) -> tuple[str, ...]:
        """What the next step comes after."""
        return (self.made[-1].id,) if self.made else self._after

    def run(
        self,
        name: str,
        reason: str,
        script: str,
        *,
        at: Host | None = None,
        stdin: str = "",
        capture: str = "",
        timeout: float = 60.0,
    ) -> None:
        """A script on the host, or on another one for it."""
        self.made.append(
            Exec(
                id=self.id(name),
                host=(at or self._host).address,
                phase=self.phase,
                reason=reason,
                after=self.behind(),
                always_run=True,
                script=script,
                stdin=stdin,
                capture=capture,
                secret=bool(capture),
                timeout=timeout,
            )
        )

    def put(self, name: str, reason: str, path: str, slot: str) -> None:
        """What an earlier step captured, as a secret file on the host."""
        self.made.append(
            Write(
                id=self.id(name),
                host=self._host.address,
                phase=self.phase,
                reason=reason,
                after=self.behind(),
                always_run=True,
                path=path,
                content=f"@@{slot}@@",
                mode=0o600,
                secret=True,
                slots=(slot,),
            )
        )

    def wait(
        self, name: str, subject: str, script: str, diagnose: str = "", *, at: Host | None = None
    ) -> None:
        """Until the script says so."""
        self.made.append(
            Await(
                id=self.id(name),
                host=(at or self._host).address,
                phase=self.phase,
                reason="nothing else is touched until this serves",
                after=self.behind(),
                always_run=True,
                script=script,
                subject=subject,
                deadline=_READY,
                interval=0.5,
                diagnose=diagnose or templates.script("kubectl.sh", "diagnose.sh"),
            )
        )

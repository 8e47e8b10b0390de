"""etcd and the apps, judged. Pure."""

from collections.abc import Iterable, Iterator
from typing import Any, Final

from bundler.core.index import App, AppKind, AppRole
from bundler.core.words import counted, mebibytes
from bundler.installer.facts.etcd import EtcdObservation, Member
from bundler.installer.plan.cluster.steps import Plan, Severity
from bundler.installer.status.condition import YOUNG, Contents, Pod, Workload
from bundler.installer.status.model import Finding, Judged, Look, Part, State, graver

SPACE_LIMIT: Final = 80  # per cent of etcd's quota; at 100 it takes no write
_SHOWN: Final = 3


def etcd_part(look: Look) -> Judged:
    """Members, their health, and how full the database is."""
    etcd = look.view.etcd
    if etcd is None:
        state = State.DOWN if look.view.api is None else State.UNKNOWN
        return Judged(Part("etcd", state, "no host could be asked"))
    findings = tuple(_etcd_findings(look, etcd))
    size = max((member.db_size for member in etcd.members), default=0)
    quota = max((member.quota for member in etcd.members), default=0)
    leader = next((member.name or member.address for member in etcd.members if member.leader), "")
    led = f"leader {leader}, " if leader else "no leader, "
    data = {
        "members": len(etcd.members), "healthy": sum(member.healthy for member in etcd.members),
        "quorum": etcd.quorum, "leader": leader, "bytes": size, "quota": quota,
        "list": [
            {"name": each.name, "address": each.address, "healthy": each.healthy, "leader": each.leader,
             "learner": each.learner, "bytes": each.db_size, "alarms": list(each.alarms)}
            for each in etcd.members
        ],
    }  # fmt: skip
    state = State.DOWN if not etcd.quorum else State.FINDINGS if findings else State.WELL
    count = f"{data['healthy']} of {len(etcd.members)} healthy"
    detail = f"{led}{-(-size // (1 << 20)):,} of {mebibytes(quota)}"
    return Judged(Part("etcd", state, count, detail, data), findings)


def _etcd_findings(look: Look, etcd: EtcdObservation) -> Iterator[Finding]:
    if not etcd.quorum:
        text = f"{etcd.healthy} of {counted(len(etcd.voters), 'member')} healthy: no write is taken"
        yield Finding("etcd-quorum", Severity.ERROR, text, subject="etcd", value=etcd.healthy)
    for member in etcd.members:
        yield from _member(look, member)


def _member(look: Look, member: Member) -> Iterator[Finding]:
    hosts = (member.address,)
    if not member.started:
        yield Finding("etcd-member-unstarted", Severity.ERROR, "its member of etcd never started", hosts)
    elif not member.healthy:
        yield Finding("etcd-member-down", Severity.ERROR, "its member of etcd does not answer", hosts)
    if member.learner:
        text = f"its member of etcd is still a learner; promote it: {look.again}"
        yield Finding("etcd-learner", Severity.WARNING, text, hosts)
    for alarm in member.alarms:
        yield Finding("etcd-alarm", Severity.ERROR, f"etcd says: {alarm}", hosts, value=alarm)
    if member.quota and (full := -(-100 * member.db_size // member.quota)) >= SPACE_LIMIT:
        text = f"etcd's database is {full}% of its quota, limit {SPACE_LIMIT}%: at 100% no write is taken"
        yield Finding("etcd-space", Severity.WARNING, text, hosts, value=full)


def apps_part(look: Look) -> Judged:
    """The product's apps by their releases and workloads; then pods of anybody that don't run."""
    contents = contents_of(look)
    apps = launched(look)
    if contents is None:
        state = State.UNKNOWN
        return Judged(Part("apps", state, "no host could be asked", "", {"total": len(apps)}))
    findings: list[Finding] = []
    rows: list[dict[str, Any]] = []
    unknown = 0
    for app in apps:
        if not _is_known(look, app, contents):
            unknown += 1
            continue
        found = _app(app, contents)
        rows.append(_row(app, contents, ready=found is None))
        findings += [found] if found else []
    findings += _pods(contents, {app.name for app in apps})
    ready = sum(row["ready"] for row in rows)
    findings += _noticed(look)
    state = State.FINDINGS if graver(findings) else State.WELL
    names = ", ".join(app.name for app in apps[:_SHOWN]) + (
        f" and {len(apps) - _SHOWN} more" if len(apps) > _SHOWN else ""
    )
    rest = f"; {unknown} not known" if unknown else ""
    data = {"total": len(rows), "ready": ready, "unknown": unknown, "apps": rows, "pods": len(contents.pods)}
    return Judged(Part("apps", state, f"{ready} of {len(rows)} ready", names + rest, data), tuple(findings))


def _noticed(look: Look) -> Iterator[Finding]:
    """What `plan` says of apps that it leaves as they are: scaled by hand, or wanted by nothing any more."""
    said = look.forecast.findings if isinstance(look.forecast, Plan) else ()
    for each in said if look.installed is None else ():
        if each.id in {"app-listed", "app-changed"}:
            yield Finding(each.id, Severity.NOTE, each.text, subject=each.where)


def _is_known(look: Look, app: App, contents: Contents) -> bool:
    """Whether the state of an app can be known.

    Not that of what its own commands make, nor of manifests that only a silent control plane has, nor of apps
    in a version that the site does not have.
    """
    release = (app.namespace or "default", app.name)
    if app.kind is AppKind.HELM:
        return not look.installed or any((each.namespace, each.name) == release for each in contents.releases)
    if app.kind is AppKind.KUBE and app.name not in contents.manifests:
        return not look.installed and all(
            host.address in look.conditions for host in look.site.control_planes
        )
    return app.kind is AppKind.KUBE


def contents_of(look: Look) -> Contents | None:
    """What runs in the cluster, as the first says that could; manifests as any host has them."""
    planes = (look.conditions.get(host.address) for host in look.site.control_planes)  # of a worker, its word
    said = [seen.contents for seen in planes if seen and seen.contents is not None]
    if not said:
        return None
    manifests = {name: objects for each in said for name, objects in each.manifests.items()}
    return Contents(said[0].pods, said[0].workloads, said[0].releases, manifests)


def launched(look: Look) -> tuple[App, ...]:
    """Plug-ins, then what Clusterfile or bundle start; names that are no app are left to `plan`."""
    by_name = {app.name: app for app in look.index.apps}
    names = look.index.launch if look.site.launch is None else look.site.launch
    plugins = [app for app in look.index.apps if app.role is not AppRole.APP]
    apps = [by_name[name] for name in dict.fromkeys(names) if name in by_name]
    return tuple({app.name: app for app in (*plugins, *apps)}.values())


def workloads_of(app: App, contents: Contents) -> tuple[Workload, ...]:
    """What an app has running."""
    if app.kind is AppKind.HELM:
        release = f"{app.namespace or 'default'}/{app.name}"
        return tuple(each for each in contents.workloads if each.release == release)
    named = set(contents.manifests.get(app.name, ()))
    return tuple(each for each in contents.workloads if f"{each.kind}/{each.namespace}/{each.name}" in named)


def _row(app: App, contents: Contents, *, ready: bool) -> dict[str, Any]:
    loads = workloads_of(app, contents)
    release = next(
        (
            each
            for each in contents.releases
            if (each.namespace, each.name) == (app.namespace or "default", app.name)
        ),
        None,
    )
    return {
        "name": app.name, "kind": app.kind.value, "ready": ready,
        "pods": sum(each.wanted for each in loads), "pods_ready": sum(each.ready for each in loads),
        "release": {"status": release.status, "revision": release.revision} if release else None,
    }  # fmt: skip


def _app(app: App, contents: Contents) -> Finding | None:
    """What is wrong with an app, or None."""
    where = app.namespace or "default"
    if app.kind is AppKind.HELM:
        release = next(
            (each for each in contents.releases if (each.namespace, each.name) == (where, app.name)), None
        )
        if release is None:
            text = "has no Helm release"
            return Finding("app-missing", Severity.ERROR, text, subject=app.name)
        if release.status != "deployed":
            text = f"its Helm release is {release.status} (revision {release.revision})"
            return Finding("app-release", Severity.ERROR, text, subject=app.name, value=release.status)
    elif app.name not in contents.manifests:
        return Finding("app-missing", Severity.ERROR, "none of its objects is there", subject=app.name)
    short = [each for each in workloads_of(app, contents) if each.ready < each.wanted]
    if not short:
        return None
    parts = ", ".join(f"{each.name} {each.ready} of {each.wanted}" for each in short[:_SHOWN])
    more = f" and {len(short) - _SHOWN} more" if len(short) > _SHOWN else ""
    text = f"not ready: {parts}{more} pods{_reasons(short, contents.pods)}"
    return Finding("app-not-ready", Severity.ERROR, text, subject=app.name, value=len(short))


def _reasons(short: Iterable[Workload], pods: Iterable[Pod]) -> str:
    names = [(each.namespace, f"{each.name}-") for each in short]
    found = dict.fromkeys(
        pod.reason for pod in pods
        if pod.reason and any(pod.namespace == space and pod.name.startswith(head) for space, head in names)
    )  # fmt: skip
    return f" ({', '.join(list(found)[:_SHOWN])})" if found else ""


def _pods(contents: Contents, apps: set[str]) -> Iterator[Finding]:
    """Pods that are no app's and don't run, each namespace once; those that only just began are a note."""
    by_namespace: dict[tuple[str, bool], list[Pod]] = {}
    for pod in contents.pods:
        if not pod.well and pod.instance not in apps and not _static(pod):
            by_namespace.setdefault((pod.namespace, pod.young), []).append(pod)
    for (namespace, young), pods in sorted(by_namespace.items()):
        count = counted(len(pods), "pod")
        if young:
            text = f"{count} started less than {YOUNG:.0f} s ago, not ready yet: {_named(pods)}"
            yield Finding("pods-starting", Severity.NOTE, text, subject=namespace, value=len(pods))
        else:
            text = f"{count} not ready: {_named(pods)}"
            yield Finding("pods-not-ready", Severity.WARNING, text, subject=namespace, value=len(pods))


def _named(pods: list[Pod]) -> str:
    """The first few with the reason of each, and how many more there are."""
    more = f" and {len(pods) - _SHOWN} more" if len(pods) > _SHOWN else ""
    return ", ".join(f"{pod.name} ({_why(pod)})" for pod in pods[:_SHOWN]) + more


def _why(pod: Pod) -> str:
    return (
        "is being deleted"
        if pod.deleted
        else pod.reason or pod.phase
        if pod.phase != "Running"
        else pod.reason or "not ready"
    )


def _static(pod: Pod) -> bool:
    """Static pods of the control plane are judged host by host."""
    return pod.namespace == "kube-system" and bool(pod.node) and pod.name.endswith(f"-{pod.node}")

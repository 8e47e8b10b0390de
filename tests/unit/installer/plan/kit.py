"""Small sites, hosts and bundles to decide for; each test says only what matters to it."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from bundler.core.digest import Digest
from bundler.core.index import App, AppKind, AppRole, Image, Index, Member, OsPackage
from bundler.installer.facts.model import CgroupVersion, Facts, HostFacts
from bundler.installer.facts.seen import Present, value_of
from bundler.installer.plan.aim import observed_of
from bundler.installer.plan.cluster.assume import assume
from bundler.installer.plan.contents import Mix, wanted_files
from bundler.installer.plan.decide import decide
from bundler.installer.plan.site_pki import Secrets, ServerPair
from bundler.installer.plan.steps import Plan, Step
from bundler.installer.site.desired import DesiredHost
from bundler.installer.site.model import Host, Role, Site
from bundler.installer.site.record import HostState, Record, RecordedHost

CONTROL_PLANE = "10.0.0.2"
WORKER = "10.0.0.3"

SECRETS = Secrets(
    ca_certificate="CA-CERTIFICATE",
    ca_key="CA-KEY-SECRET",
    registries={CONTROL_PLANE: ServerPair("REGISTRY-CERTIFICATE", "REGISTRY-KEY-SECRET")},
)

KUBEADM = b"""\
apiVersion: kubeadm.k8s.io/v1beta3
kind: ClusterConfiguration
imageRepository: registry.k8s.io
apiServer: {extraArgs: {audit-log-maxage: "7"}}
"""

CNI = b"""\
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: cni}
spec: {template: {spec: {containers: [{name: agent, image: "quay.io/net/agent:1"}]}}}
"""

IMAGES = (
    "registry.k8s.io/kube-apiserver:v1.34.4",
    "registry.k8s.io/etcd:3.6.5-0",
    "registry.k8s.io/kube-proxy:v1.34.4",
    "registry.k8s.io/pause:3.10.1",
    "registry.k8s.io/coredns/coredns:v1.12.1",
    "quay.io/net/agent:1",
    "docker.io/a/b:1",
    "quay.io/a/b:1",
)


def digest(name: str) -> Digest:
    return Digest.of(name.encode())


def image(name: str) -> Image:
    return Image(
        name=name,
        digest=digest(f"manifest {name}"),
        media_type="application/vnd.oci.image.manifest.v1+json",
        size=500,
        manifests=(digest(f"manifest {name}"),),
        blobs=(digest(f"config {name}"), digest("a layer that all share")),
    )


def package(name: str, *, requested: bool = False, suite: str = "debian:bookworm") -> OsPackage:
    path = f"packages/{suite.replace(':', '-')}/{name}_1_amd64.deb"
    return OsPackage(suite, name, "1", "amd64", path, requested)


BALANCED = (package("containerd", requested=True), package("haproxy", requested=True))


def index(
    *,
    apps: tuple[App, ...] = (),
    launch: tuple[str, ...] = (),
    images: tuple[str, ...] = IMAGES,
    packages: tuple[OsPackage, ...] = (package("containerd", requested=True), package("libc-extra")),
    files: Mapping[str, int] | None = None,
    kubernetes: str = "v1.34.4",
    commands: tuple[str, ...] = (),
) -> Index:
    """A bundle with the usual programs, a network plug-in and what else is asked for. files: path -> size."""
    cni = App("net", AppKind.KUBE, AppRole.CNI, "application/apps/net")
    made = tuple(image(name) for name in images)
    sizes: dict[str, int] = {
        f"root/bin/{name}": 100 for name in ("kubeadm", "kubelet", "kubectl", "registry")
    }
    sizes |= {"root/etc/kubeadm.yml": len(KUBEADM), "root/application/apps/net/net.yaml": len(CNI)}
    sizes |= {f"images/blobs/sha256/{d.hex}": 1000 for i in made for d in (*i.manifests, *i.blobs)}
    sizes |= {"packages/debian-bookworm/Packages": 10, "packages/debian-bookworm/Release": 10}
    sizes |= {each.path: 50 for each in packages} | dict(files or {})
    members = tuple(
        Member(path, size, digest(f"{path} {size}"), 0o644, offset, size)
        for offset, (path, size) in enumerate(sorted(sizes.items()))
    )
    return Index(
        name="demo",
        version="1",
        platform="linux/amd64",
        kubernetes=kubernetes,
        labels={},
        env={},
        apps=(cni, *apps),
        launch=launch,
        commands=commands,
        images=made,
        packages=packages,
        members=members,
    )


def site(workers: int = 1, *, control_planes: int = 1) -> Site:
    """10.0.0.2 and on are control planes, the addresses behind them workers."""
    roles = [*[Role.CONTROL_PLANE] * control_planes, *[Role.WORKER] * workers]
    hosts = (Host(address(number - 1), frozenset({role})) for number, role in enumerate(roles))
    return Site("trial", tuple(hosts))


def address(worker: int) -> str:
    """10.0.0.3, 10.0.0.4 and so on."""
    number = worker + 3
    return f"10.0.{number // 256}.{number % 256}"


def host_facts(host: str, **changes: object) -> HostFacts:
    plain = HostFacts(
        address=host,
        hostname=f"node-{host.replace('.', '-')}",
        os_id="debian",
        os_version="12",
        os_codename="bookworm",
        architecture="amd64",
        kernel="6.1",
        cgroup=CgroupVersion.V2,
        cpus=4,
        memory=8 << 30,
        disk_free={"/": 100 << 30},
        swap=False,
        clock_offset=0.0,
        virtualisation="kvm",
        sudo=True,
        addresses=(host,),
        listening_ports=frozenset({22}),
        commands=frozenset({"systemctl", "tar", "sha256sum", "apt-get", "modprobe"}),
        packages={"libc6": "2.36"},
    )
    return replace(plain, **changes)  # type: ignore[arg-type]  # a test names real fields


def facts(of: Site, **changes: Mapping[str, object]) -> Facts:
    """changes: by host, `control_plane` or `worker`."""
    wanted = {CONTROL_PLANE: changes.get("control_plane", {}), WORKER: changes.get("worker", {})}
    return Facts(
        {host.address: host_facts(host.address, **wanted.get(host.address, {})) for host in of.hosts}, 0.0
    )


def files_of(bundle: Index, more: Mapping[str, bytes] | None = None) -> dict[str, bytes]:
    known = {"root/etc/kubeadm.yml": KUBEADM, "root/application/apps/net/net.yaml": CNI}
    return {path: known.get(path, b"") for path in wanted_files(bundle)} | dict(more or {})


def plan(
    of: Site | None = None,
    found: Facts | None = None,
    bundle: Index | None = None,
    secrets: Secrets = SECRETS,
    platforms: tuple[str, ...] = (),
    files: Mapping[str, bytes] | None = None,
    mix: Mix | None = None,
) -> Plan:
    """files: contents that the plan reads beside kubeadm's and the plug-in's."""
    of = of or site()
    bundle = bundle or index()
    contents = files_of(bundle, files)
    return decide(
        of, found or facts(of), bundle, of_site(secrets, of), contents, platforms=platforms, mix=mix
    )


def of_site(secrets: Secrets, of: Site) -> Secrets:
    """With a pair for each control plane that lacks one."""
    made = {
        host.address: ServerPair(f"CERTIFICATE-{host.address}", f"KEY-SECRET-{host.address}")
        for host in of.control_planes
    }
    return replace(secrets, registries={**made, **secrets.registries})


def steps(made: Plan) -> dict[str, Step]:
    return {step.id: step for step in made.steps}


def done_all(made: Plan, found: Facts) -> Facts:
    """The facts after every step of the plan has succeeded."""
    return done_some(made, found, None)


def done_some(made: Plan, found: Facts, numbers: set[int] | None) -> Facts:
    """The facts after the planner's steps with these numbers have succeeded, None for all."""
    observed = observed_of(found)
    assert made.decision is not None
    for number, step in enumerate(made.decision.stage.steps if made.decision.stage else ()):
        if numbers is None or number in numbers:
            observed = assume(step, observed)
    hosts = {}
    for host, of in found.hosts.items():
        seen = observed.host(host)
        assert seen is not None
        hosts[host] = replace(
            of,
            site=seen,
            stamps=seen.journal,
            kubelet_config=seen.traces.kubelet_conf,
            admin_config=seen.traces.static_pods,
            packages={**of.packages, "containerd": "1"},
        )
    return replace(found, hosts=hosts, api=observed.api, etcd=observed.etcd)


def changed(found: Facts, host: str, **changes: object) -> Facts:
    """The facts with one host's observation changed."""
    of = found.hosts[host]
    assert of.site is not None
    site = replace(of.site, **changes)  # type: ignore[arg-type]  # a test names real fields
    plain = {"stamps": site.journal, "kubelet_config": site.traces.kubelet_conf}
    return replace(found, hosts={**found.hosts, host: replace(of, site=site, **plain)})  # type: ignore[arg-type]  # as above


def done_ids(made: Plan) -> set[str]:
    return {each.step.id for each in made.done}


def roles() -> tuple[DesiredHost, DesiredHost]:
    """The control plane and the worker of the usual site."""
    return DesiredHost(CONTROL_PLANE, Role.CONTROL_PLANE), DesiredHost(WORKER, Role.WORKER)


def with_record(found: Facts, record: Record) -> Facts:
    """The facts with this record on every host."""
    for host in found.hosts:
        found = changed(found, host, record=Present(record))
    return found


def settled(of: Site, found: Facts) -> Facts:
    """The facts with the record of a run that left nothing to do: every host a member."""
    hosts = tuple(
        RecordedHost(
            host.address,
            host.address,
            found.hosts[host.address].hostname,
            Role.CONTROL_PLANE if host.is_control_plane else Role.WORKER,
            HostState.MEMBER,
        )
        for host in of.hosts
    )
    return with_record(found, Record("s", of.name, hosts=hosts))


def with_node(found: Facts, name: str, *, labels: Mapping[str, str], taints: Iterable[str]) -> Facts:
    """The facts with more labels and taints on a node."""
    api = value_of(found.api)
    assert api is not None
    nodes = tuple(
        replace(node, labels={**node.labels, **labels}, taints=node.taints | frozenset(taints))
        if node.name == name
        else node
        for node in api.nodes
    )
    return replace(found, api=Present(replace(api, nodes=nodes)))

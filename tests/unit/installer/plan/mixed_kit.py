"""Sites with hosts of two architectures, a .run for both, and a simulated site that runs the real plan."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from bundler.core.index import Image, Index, Member, OsPackage
from bundler.core.oci import OCI_INDEX, Descriptor
from bundler.installer.facts.model import Facts, HostFacts
from bundler.installer.facts.observed import Observed
from bundler.installer.facts.seen import Present
from bundler.installer.plan.cluster.operation import Operation
from bundler.installer.plan.contents import Contents, Mix
from bundler.installer.plan.decide import Prepared, prepare
from bundler.installer.plan.steps import Deliver, Plan
from bundler.installer.run.loop import Ended, run
from bundler.installer.site.desired import Desired
from bundler.installer.site.model import Host, Role, Site
from tests.fakes.site.access import Access
from tests.fakes.site.site import Site as Simulated
from tests.unit.installer.plan import kit

AMD, ARM = "linux/amd64", "linux/arm64"
_OWN = ("root/bin/", "root/cri/", "packages/")  # what no two architectures have in common
PACKAGES = (kit.package("containerd", requested=True), kit.package("haproxy", requested=True))


def top(name: str) -> Descriptor:
    """The image index that a name means where both architectures are."""
    return Descriptor(OCI_INDEX, kit.digest(f"index {name}"), 700)


def amd(**changes: object) -> Index:
    """What the file has for amd64; changes: as of `kit.index`."""
    return with_tops(kit.index(**{"packages": PACKAGES, **changes}))  # type: ignore[arg-type]  # as of kit.index


def arm(of: Index) -> Index:
    """The same product for arm64: programs, packages and images of its own, all else the same."""
    packages = tuple(_package(each) for each in of.packages)
    images = tuple(_image(each) for each in of.images)
    theirs = {digest.hex for each in of.images for digest in (*each.manifests, each.blobs[0])}
    members = tuple(_member(each) for each in of.members if each.path.rpartition("/")[2] not in theirs)
    blobs = (digest for each in images for digest in (*each.manifests, each.blobs[0]))
    more = (Member(f"images/blobs/sha256/{d.hex}", 1000, d, 0o644, 0, 0) for d in blobs)
    return replace(of, platform=ARM, packages=packages, images=images, members=(*members, *more))


def with_tops(of: Index) -> Index:
    """With the image indexes, which each platform has."""
    tops = (top(each.name) for each in of.images)
    more = (Member(f"images/blobs/sha256/{t.digest.hex}", t.size, t.digest, 0o644, 0, 0) for t in tops)
    return replace(of, members=(*of.members, *more))


def _package(each: OsPackage) -> OsPackage:
    return replace(each, architecture="arm64", path=each.path.replace("_amd64", "_arm64"))


def _image(each: Image) -> Image:
    manifest = kit.digest(f"arm64 manifest {each.name}")
    blobs = (kit.digest(f"arm64 config {each.name}"), each.blobs[1])
    return replace(each, digest=manifest, manifests=(manifest,), blobs=blobs)


def _member(each: Member) -> Member:
    if not each.path.startswith(_OWN) or each.path.endswith(("Packages", "Release")):
        return each
    path = each.path.replace("_amd64", "_arm64")
    return replace(each, path=path, digest=kit.digest(f"arm64 {each.digest}"))


def mix(of: Index) -> Mix:
    """The other platform of the file. of: the one that the plan is made of."""
    other = arm(of) if of.platform == AMD else amd(kubernetes=of.kubernetes)
    contents = Contents(other, kit.files_of(other), (AMD, ARM), platform=other.platform)
    return Mix({other.platform: contents}, choices={each.name: top(each.name) for each in of.images})


def contents(of: Index) -> Contents:
    """Of a file for both."""
    return Contents(of, kit.files_of(of), (AMD, ARM), mix=mix(of))


def facts(of: Site, arms: Iterable[str]) -> Facts:
    """Nothing is there yet. arms: hosts that are arm64."""
    found = {a: {"architecture": "arm64"} for a in arms}
    return Facts({h.address: kit.host_facts(h.address, **found.get(h.address, {})) for h in of.hosts}, 0.0)


def plan(of: Site, found: Facts, bundle: Index | None = None) -> Plan:
    """Out of a file for both."""
    index = bundle or amd()
    return kit.plan(of, found, index, platforms=(AMD, ARM), mix=mix(index))


def delivered(made: Plan) -> Mapping[str, Mapping[str, frozenset[str]]]:
    """By host, of which platforms' index what is delivered is, by the last part of the step's id."""
    told: dict[str, dict[str, frozenset[str]]] = {}
    for step in made.steps:
        if isinstance(step, Deliver):
            platforms = frozenset(file.platform for file in step.files)
            told.setdefault(step.host, {})[step.id.rpartition("/")[2]] = platforms
    return told


@dataclass
class Living:
    """A simulated site; what is wanted of it comes out of the real steps. arms: machines that are arm64."""

    machines: tuple[str, ...]
    arms: frozenset[str]
    sim: Simulated = field(init=False)

    def __post_init__(self) -> None:
        self.sim = Simulated.of(self.machines)
        for address, machine in self.sim.machines.items():
            machine.name = kit.host_facts(address).hostname
            machine.architecture = "arm64" if address in self.arms else "amd64"

    def facts(self, observed: Observed | None = None) -> Facts:
        """What the hosts say of themselves now."""
        seen = observed or self.sim.observe()
        hosts = {a: self._host(a, seen) for a in self.machines if seen.host(a) is not None}
        silent = {a: each for a, each in seen.hosts.items() if not isinstance(each, Present)}
        return Facts(hosts, seen.now, silent=silent, api=seen.api, etcd=seen.etcd)  # type: ignore[arg-type]  # none is Absent

    def _host(self, address: str, observed: Observed) -> HostFacts:
        seen = observed.host(address)
        assert seen is not None
        installed = dict.fromkeys(("containerd", "haproxy"), "1") if seen.journal else {}
        return kit.host_facts(
            address, architecture=seen.architecture, site=seen, stamps=seen.journal,
            kubelet_config=seen.traces.kubelet_conf, admin_config=seen.traces.static_pods,
            packages={**seen.packages, **installed},
        )  # fmt: skip

    def prepared(
        self, of: Site, bundle: Index, operation: Operation, observed: Observed | None = None
    ) -> Prepared:
        """As a session prepares it: hosts beyond the Clusterfile were reached, too."""
        known = {host.address for host in of.hosts}
        others = {a: Host(a, frozenset({Role.WORKER})) for a in self.machines if a not in known}
        secrets = kit.of_site(kit.SECRETS, of)
        return prepare(
            of, self.facts(observed), contents(bundle), secrets, operation=operation, others=others
        )

    def go(self, of: Site, bundle: Index, operation: Operation | None = None) -> Ended:
        """One run, stage by stage, each decided by what is there then."""
        asked = operation or Operation()
        self.sim.ids += 1
        self.sim.log.clear()

        def aim(observed: Observed) -> Desired:
            return self.prepared(of, bundle, asked, observed).desired

        access = Access(self.sim, aim(self.sim.observe()))
        ended = run(access, aim, asked, run_id=f"run-{self.sim.ids}", fresh_id=f"site-{self.sim.ids}")
        assert ended.done, ended
        return ended

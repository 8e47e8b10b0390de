"""The whole plan against what the bundle holds, with assumed hosts: no host is asked. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from bundler.core.errors import BundlerError, Location, Problem, Problems
from bundler.core.suite import Family, Suite
from bundler.core.words import counted
from bundler.installer.facts.model import CgroupVersion, Facts, HostFacts
from bundler.installer.plan.aim import observed_of
from bundler.installer.plan.cluster.assume import assume_all
from bundler.installer.plan.cluster.decide import decide
from bundler.installer.plan.cluster.steps import Plan as Decided
from bundler.installer.plan.cluster.steps import Refused
from bundler.installer.plan.contents import Contents
from bundler.installer.plan.decide import Prepared, draft, prepare
from bundler.installer.plan.preflight import problems
from bundler.installer.plan.refused import RefusedError
from bundler.installer.plan.site_pki import Secrets
from bundler.installer.plan.steps import Plan
from bundler.installer.plan.suites import TOOLS
from bundler.installer.plan.vendor import VendorRules
from bundler.installer.site.model import Host, Site

_STAGES: Final = 200  # of an install of several control planes; more is a planner that goes in circles
_MEMORY: Final = 64 << 30
_DISK: Final = 1 << 50
_CPUS: Final = 16
_COMMANDS: Final = frozenset({"systemctl", "tar", "sha256sum", "modprobe"})
_PLAIN: Final = Suite("debian", "bookworm")  # where the bundle has no packages, any system does


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """What an install would do on hosts with this system. problems: what stands against it.

    plans: stage by stage; each begins with what the one before has left.
    """

    platform: str
    suite: str
    assumed: str
    facts: Facts
    plans: tuple[Plan, ...]
    problems: tuple[Problem, ...]

    @property
    def plan(self) -> Plan:
        """All stages as one."""
        title = self.plans[0].title if self.plans else ""
        return Plan(title, tuple(step for plan in self.plans for step in plan.steps))


def suites_of(contents: Contents) -> tuple[Suite | None, ...]:
    """The systems that the bundle has packages for; None stands for any where it has none."""
    return tuple(Suite.parse(text) for text in sorted(contents.suites)) or (None,)


def rehearse(
    site: Site, contents: Contents, suite: Suite | None, secrets: Secrets, key: str, rules: VendorRules
) -> Rehearsed:
    """Go through every stage of an install. secrets: made for this, the site's own are not needed."""
    facts = assumed(site, contents, suite)
    plans: list[Plan] = []
    found = [*lacking(contents)]
    try:
        for prepared, plan in _stages(site, facts, contents, secrets, key):
            plans.append(plan)
            if prepared.context is not None:
                found += problems(prepared.context, plan, rules.limits)
    except Problems as error:
        found += error.problems
    except BundlerError as error:
        found.append(_problem(error, contents))
    ignored = rules.passed_over(frozenset())
    counting = tuple(dict.fromkeys(problem for problem in found if problem.rule not in ignored))
    return Rehearsed(
        contents.index.platform, str(suite or ""), words(contents, suite), facts, tuple(plans), counting
    )


def lacking(contents: Contents) -> Iterator[Problem]:
    """Blobs of images that the index speaks of and the file has not."""
    paths = {member.path for member in contents.index.members}
    for image in contents.index.images:
        missing = [digest for digest in image.digests if f"images/blobs/sha256/{digest.hex}" not in paths]
        if missing:
            message = f"{image.name} lacks {len(missing)} of its {counted(len(image.digests), 'blob')}"
            fix = "build the .run again, or name the one that it rests on: --base OLD.run"
            yield Problem(Location(contents.index.name), "image", message, fix)


def assumed(site: Site, contents: Contents, suite: Suite | None) -> Facts:
    """Every host new, well, and with room for all."""
    of = suite or _PLAIN
    return Facts({host.address: _host(host, contents, of) for host in site.hosts}, 0.0)


def words(contents: Contents, suite: Suite | None) -> str:
    """What is assumed, for a person."""
    system = str(suite) if suite else "Linux with systemd"
    machine = contents.index.platform.partition("/")[2]
    return (
        f"{system}, {machine}, cgroup v2, {_CPUS} CPUs, {_MEMORY >> 30} GiB of memory, room on the disk,"
        " one network (/24), clocks that agree, root, nothing installed"
    )


def _host(host: Host, contents: Contents, suite: Suite) -> HostFacts:
    codename = suite.known.family is Family.DEB
    return HostFacts(
        address=host.address,
        hostname=f"host-{host.address.replace('.', '-').replace(':', '-')}",
        os_id=suite.distribution,
        os_version="" if codename else suite.release,
        os_codename=suite.release if codename else "",
        architecture=contents.index.platform.partition("/")[2],
        kernel="",
        cgroup=CgroupVersion.V2,
        cpus=_CPUS,
        memory=_MEMORY,
        disk_free={"/": _DISK},
        swap=False,
        clock_offset=0.0,
        virtualisation="kvm",
        sudo=True,
        addresses=(host.address,),
        listening_ports=frozenset({22}),
        commands=_COMMANDS | {TOOLS[suite.known.family].command},
        packages={},
        networks=(f"eth0 {host.address}/24",),
    )


def _stages(
    site: Site, facts: Facts, contents: Contents, secrets: Secrets, key: str
) -> Iterator[tuple[Prepared, Plan]]:
    """Decide, assume that it was done, and decide again, until nothing is left."""
    for _ in range(_STAGES):
        prepared = prepare(site, facts, contents, secrets, key=key)
        decision = decide(prepared.desired, prepared.observed, prepared.operation)
        if isinstance(decision, Refused):
            raise RefusedError(decision, site.name)
        if decision.stage is None:
            return
        yield prepared, draft(prepared, decision)
        facts = _after(facts, decision)


def _after(facts: Facts, decision: Decided) -> Facts:
    """What hosts would show once the stage is done."""
    steps = decision.stage.steps if decision.stage else ()
    observed = assume_all(steps, observed_of(facts))
    hosts = {}
    for address, host in facts.hosts.items():
        seen = observed.host(address)
        if seen is None:
            continue
        hosts[address] = replace(
            host,
            site=seen,
            stamps=seen.journal,
            kubelet_config=seen.traces.kubelet_conf,
            admin_config=seen.traces.static_pods,
            packages={**host.packages, **seen.packages},
        )
    return replace(facts, hosts=hosts, api=observed.api, etcd=observed.etcd)


def _problem(error: BundlerError, contents: Contents) -> Problem:
    where = str(error.where or contents.index.name)
    return Problem(Location(where), error.id or error.code.name.lower(), error.what, error.fix)

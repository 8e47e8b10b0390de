"""The contract of every runtime: the same site lives its life with each, in plans that people read.

k3s and k0s are not run for real here: their programs can't be had from the registries that tests may ask.
What their plans hold is by their documentation. `BUNDLER_WRITE_GOLDEN=1` writes the plans anew.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from bundler.core.errors import BundlerError, Problems
from bundler.core.index import Index
from bundler.installer.cli.show import plan_in_order
from bundler.installer.facts.model import Facts
from bundler.installer.facts.seen import Present
from bundler.installer.plan.cluster.decide import decide
from bundler.installer.plan.cluster.operation import Consents, Kind, Operation
from bundler.installer.plan.cluster.steps import Plan as Decided
from bundler.installer.plan.cluster.steps import Verb
from bundler.installer.plan.contents import Contents
from bundler.installer.plan.decide import concrete, prepare
from bundler.installer.plan.distribution import LABEL, SEALER_LABEL
from bundler.installer.plan.ids import Ids
from bundler.installer.plan.kubeadm import POD_SUBNET, SERVICE_SUBNET
from bundler.installer.plan.steps import Exec, Plan, Step, Write
from bundler.installer.scripts.render import Script
from bundler.installer.site.model import Host, Site
from tests.unit.installer.plan import kit

GOLDEN = Path(__file__).parent / "golden"
VERSIONS = {
    "kubeadm": ("v1.36.1", "v1.37.2"),
    "k3s": ("v1.36.1+k3s1", "v1.37.2+k3s1"),
    "k0s": ("v1.36.1+k0s", "v1.37.2+k0s"),
}
ALL = tuple(VERSIONS)
ONE_PROGRAM = ("k3s", "k0s")
SIZES = ((1, 1), (3, 2))


def bundle(name: str, version: str = "") -> Index:
    """With the program, its images and what every site needs; k3s and k0s bring their own network."""
    files = {} if name == "kubeadm" else {f"root/{name}/{name}": len(version) + 10}
    files |= {} if name == "kubeadm" else {f"root/{name}/images.tar.zst": 100}
    packages = kit.BALANCED if name == "kubeadm" else kit.BALANCED[1:]
    made = kit.index(kubernetes=version or VERSIONS[name][0], packages=packages, files=files)
    labels = {} if name == "kubeadm" else {LABEL: name}
    return replace(made, labels=labels, apps=made.apps if name == "kubeadm" else ())


def ask(
    name: str,
    of: Site,
    found: Facts,
    version: str = "",
    consents: Consents | None = None,
    gone: Site | None = None,
) -> Plan:
    """gone: the hosts beyond the site's that are reached."""
    index = bundle(name, version)
    others = {host.address: host for host in (gone.hosts if gone else ())}
    prepared = prepare(
        of,
        found,
        Contents(index, kit.files_of(index)),
        kit.of_site(kit.SECRETS, gone or of),
        operation=Operation(consents=consents or Consents()),
        others=others,
    )
    decision = decide(prepared.desired, prepared.observed, prepared.operation)
    assert isinstance(decision, Decided), decision
    return concrete(prepared, decision)


def life(name: str, of: Site, found: Facts, version: str = "") -> Iterator[tuple[Plan, Facts]]:
    """Plans one after the other until nothing is left to do, each carried out."""
    for _ in range(30):
        made = ask(name, of, found, version)
        if not made.steps:
            return
        found = kit.done_all(made, found)
        yield made, found
    pytest.fail(f"{name} never comes to rest")


def installed(name: str, of: Site) -> Facts:
    return list(life(name, of, kit.facts(of)))[-1][1]


def joined(of: Site, found: Facts) -> Facts:
    """With the new hosts beside those that are found already."""
    return replace(found, hosts={**kit.facts(of).hosts, **found.hosts})


def kept(name: str, plans: Iterator[Plan] | tuple[Plan, ...]) -> None:
    """The plans are those of the file."""
    text = "\n".join(
        plan_in_order(plan) + "\n\n" + "".join(f"{s.id} <- {' '.join(s.after) or '-'}\n" for s in plan.steps)
        for plan in plans
    )
    path = GOLDEN / f"{name}.txt"
    if os.environ.get("BUNDLER_WRITE_GOLDEN"):
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize(("controls", "workers"), SIZES)
def test_an_install_keeps_the_promises_of_init_and_join(name: str, controls: int, workers: int) -> None:
    of = kit.site(workers, control_planes=controls)
    steps = kit.steps(ask(name, of, kit.facts(of)))
    assert Ids(of.control_plane.address).init in steps
    before = Ids(of.control_plane.address).init
    for host in of.control_planes[1:]:
        assert Ids(host.address).member in steps
        assert before in steps[Ids(host.address).member].after or _behind(steps, host, before)
        before = Ids(host.address).settled
        assert before in steps
    for host in of.workers:
        assert Ids(of.control_plane.address).init in steps[Ids(host.address).join].after


def _behind(steps: Mapping[str, Step], host: Host, before: str) -> bool:
    """kubeadm's join waits for room among etcd's members, and that for the one before."""
    room = f"control-plane/10.0.0.2/room-for-{host.address}"
    return before in getattr(steps.get(room), "after", ())


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize(("controls", "workers"), SIZES)
def test_a_second_run_has_nothing_to_do(name: str, controls: int, workers: int) -> None:
    of = kit.site(workers, control_planes=controls)
    assert ask(name, of, installed(name, of)).steps == ()


@pytest.mark.parametrize("name", ONE_PROGRAM)
@pytest.mark.parametrize(("controls", "workers"), SIZES)
def test_the_plan_of_an_install_is_as_it_was_looked_at(name: str, controls: int, workers: int) -> None:
    of = kit.site(workers, control_planes=controls)
    kept(f"{name}-install-{controls}+{workers}", (ask(name, of, kit.facts(of)),))


@pytest.mark.parametrize("name", ONE_PROGRAM)
def test_the_plan_of_growing_is_as_it_was_looked_at(name: str) -> None:
    small, large = kit.site(1), _grown()
    found = joined(large, installed(name, small))
    kept(f"{name}-grow", tuple(plan for plan, _ in life(name, large, found)))


def _grown() -> Site:
    """1+1 with two control planes and a worker more behind them."""
    small = kit.site(1)
    more = (Host("10.0.0.4", small.hosts[0].roles), Host("10.0.0.5", small.hosts[0].roles))
    first, worker = small.hosts
    return replace(small, hosts=(first, *more, worker, Host("10.0.0.6", worker.roles)))


@pytest.mark.parametrize("name", ONE_PROGRAM)
@pytest.mark.parametrize("leaver", ["10.0.0.2", "10.0.0.6"])
def test_the_plan_of_leaving_is_as_it_was_looked_at(name: str, leaver: str) -> None:
    large = kit.site(2, control_planes=3)
    found = kit.settled(large, installed(name, large))
    small = replace(large, hosts=tuple(host for host in large.hosts if host.address != leaver))
    stages = []
    for _ in range(10):
        made = ask(name, small, found, consents=Consents(prune=True), gone=large)
        if not made.steps:
            break
        stages.append(made)
        found = kit.done_all(made, found)
    verbs = [
        step.verb
        for plan in stages
        if plan.decision and plan.decision.stage
        for step in plan.decision.stage.steps
    ]
    assert verbs.count(Verb.LEAVE) == 1
    kept(f"{name}-leave-{leaver}", tuple(stages))


@pytest.mark.parametrize("name", ONE_PROGRAM)
@pytest.mark.parametrize(("controls", "workers"), SIZES)
def test_the_plan_of_an_upgrade_is_as_it_was_looked_at(name: str, controls: int, workers: int) -> None:
    of = kit.site(workers, control_planes=controls)
    plans = tuple(plan for plan, _ in life(name, of, installed(name, of), VERSIONS[name][1]))
    verbs = [
        step.verb
        for plan in plans
        if plan.decision and plan.decision.stage
        for step in plan.decision.stage.steps
    ]
    assert verbs.count(Verb.SNAPSHOT) == 1
    assert verbs.count(Verb.UPGRADE_CONTROL_PLANE) == controls
    assert verbs.count(Verb.UPGRADE_NODE) == controls + workers
    kept(f"{name}-upgrade-{controls}+{workers}", plans)


@pytest.mark.parametrize("name", ONE_PROGRAM)
def test_what_the_programs_read_is_as_it_was_looked_at(name: str) -> None:
    of = kit.site(2, control_planes=3)
    made = ask(name, of, kit.facts(of))
    texts = [
        f"--- {step.host} {step.path} {step.mode:o}\n{step.content}"
        for step in made.steps
        if isinstance(step, Write) and step.id.startswith("runtime/") and "/mirror-" not in step.id
    ]
    starts = [
        f"--- {step.host} {step.id}\n{step.stdin}{sorted(step.script.variables.items())}\n"
        for step in made.steps
        if isinstance(step, Exec)
        and isinstance(step.script, Script)
        and "distribution-start.sh" in step.script.names
    ]
    path = GOLDEN / f"{name}-files.txt"
    if os.environ.get("BUNDLER_WRITE_GOLDEN"):
        path.write_text("".join([*texts, *starts]), encoding="utf-8")
    assert "".join([*texts, *starts]) == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ALL)
def test_a_lost_control_plane_goes_without_being_asked(name: str) -> None:
    large = kit.site(2, control_planes=3)
    found = kit.settled(large, installed(name, large))
    assert isinstance(found.etcd, Present)
    members = tuple(replace(m, healthy=m.address != "10.0.0.4") for m in found.etcd.value.members)
    found = replace(found, etcd=Present(replace(found.etcd.value, members=members)))
    hosts = {address: host for address, host in found.hosts.items() if address != "10.0.0.4"}
    rest = replace(large, hosts=tuple(host for host in large.hosts if host.address != "10.0.0.4"))
    made = ask(name, rest, replace(found, hosts=hosts), consents=Consents(gone=frozenset({"10.0.0.4"})))
    assert made.steps
    assert {step.host for step in made.steps}.isdisjoint({"10.0.0.4"})
    scripts = [step.script for step in made.steps if isinstance(step, Exec)]
    names = {part for text in scripts for part in getattr(text, "names", ())}
    assert names & {"etcd-leave.sh", "k3s-departed.sh", "k0s-departed.sh"}


NETWORKS = {"podSubnet": "10.128.0.0/14", "serviceSubnet": "10.200.0.0/16", "dnsDomain": "shop.local"}


def configured(name: str, of: Site, address: str) -> dict[str, Any]:
    """What the distribution reads on this host after an install."""
    first = next(life(name, of, kit.facts(of)))[0]
    files = {"k3s": "/etc/rancher/k3s/config.yaml", "k0s": "/etc/k0s/k0s.yaml"}
    (text,) = [
        step.content
        for step in first.steps
        if isinstance(step, Write) and step.path == files[name] and step.host == address
    ]
    return dict(yaml.safe_load(text))


def networked(name: str, **networking: str) -> list[dict[str, Any]]:
    of = replace(kit.site(1, control_planes=3), kubeadm={"ClusterConfiguration": {"networking": networking}})
    return [configured(name, of, host.address) for host in of.control_planes]


def test_the_sites_subnets_are_k3s_on_every_server() -> None:
    for config in networked("k3s", **NETWORKS):
        assert config["cluster-cidr"] == "10.128.0.0/14"
        assert config["service-cidr"] == "10.200.0.0/16"
        assert config["cluster-domain"] == "shop.local"
    agent = configured("k3s", kit.site(), "10.0.0.3")  # an agent takes them from the servers
    assert not {"cluster-cidr", "service-cidr", "cluster-domain"} & agent.keys()


def test_the_sites_subnets_are_k0s_on_every_controller() -> None:
    for config in networked("k0s", **NETWORKS):
        network = config["spec"]["network"]
        assert network["podCIDR"] == "10.128.0.0/14"
        assert network["serviceCIDR"] == "10.200.0.0/16"
        assert network["clusterDomain"] == "shop.local"
        assert "dualStack" not in network


@pytest.mark.parametrize("pods", ["10.128.0.0/14,fd01::/48", "fd01::/48,10.128.0.0/14"])
def test_two_families_of_subnets(pods: str) -> None:
    both = {"podSubnet": pods, "serviceSubnet": "10.200.0.0/16,fd02::/112"}
    assert networked("k3s", **both)[0]["cluster-cidr"] == pods
    network = networked("k0s", **both)[0]["spec"]["network"]
    assert (network["podCIDR"], network["serviceCIDR"]) == ("10.128.0.0/14", "10.200.0.0/16")
    assert network["dualStack"] == {
        "enabled": True,
        "IPv6podCIDR": "fd01::/48",
        "IPv6serviceCIDR": "fd02::/112",
    }


@pytest.mark.parametrize("name", ALL)
def test_subnets_are_what_preflight_holds_against_the_hosts(name: str) -> None:
    """The defaults are the same with every distribution, and stand in what it reads."""
    if name == "kubeadm":
        return
    networks = networked(name)[0] if name == "k3s" else networked(name)[0]["spec"]["network"]
    assert POD_SUBNET in networks.values()
    assert SERVICE_SUBNET in networks.values()


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("field", NETWORKS)
def test_networks_are_for_life_with_every_distribution(name: str, field: str) -> None:
    of = kit.site()
    found = installed(name, of)
    desired = {"ClusterConfiguration": {"networking": {field: NETWORKS[field]}}}
    index = bundle(name)
    prepared = prepare(
        replace(of, kubeadm=desired),
        found,
        Contents(index, kit.files_of(index)),
        kit.of_site(kit.SECRETS, of),
        operation=Operation(),
    )
    assert prepared.desired.fixed[field] == NETWORKS[field]  # whose change is refused, see rules/aim.py


@pytest.mark.parametrize("name", ONE_PROGRAM)
@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"apiServer": {}}, "reads no ClusterConfiguration.apiServer"),
        ({"networking": {}, "etcd": {}}, "reads no ClusterConfiguration.etcd"),
        ({"kubernetesVersion": "v1.30.0"}, "reads no ClusterConfiguration.kubernetesVersion"),
    ],
)
def test_of_kubeadms_documents_only_networks_are_taken(
    name: str, document: dict[str, Any], said: str
) -> None:
    of = replace(kit.site(), kubeadm={"ClusterConfiguration": document})
    with pytest.raises(Problems, match=f"{name} {said}"):
        kit.plan(of, bundle=bundle(name))


@pytest.mark.parametrize("name", ONE_PROGRAM)
def test_a_document_of_kubeadms_is_refused(name: str) -> None:
    of = replace(kit.site(), kubeadm={"KubeletConfiguration": {"maxPods": 50}})
    with pytest.raises(Problems, match=f"{name} reads no KubeletConfiguration"):
        ask(name, of, kit.facts(of))


@pytest.mark.parametrize("name", ONE_PROGRAM)
def test_a_bundle_without_the_program_is_refused(name: str) -> None:
    index = replace(kit.index(kubernetes=VERSIONS[name][0]), labels={LABEL: name})
    with pytest.raises(Problems, match=f"the bundle has no root/{name}/{name}"):
        kit.plan(bundle=index)


@pytest.mark.parametrize("name", ONE_PROGRAM)
@pytest.mark.parametrize("kind", [Kind.RENEW, Kind.ROLLBACK, Kind.RESTORE, Kind.READDRESS, Kind.ROTATE])
def test_what_a_distribution_does_by_itself_is_refused_by_name(name: str, kind: Kind) -> None:
    of, index = kit.site(), bundle(name)
    with pytest.raises(BundlerError, match=f"{kind.value} is not for clusters of {name}"):
        prepare(
            of,
            installed(name, of),
            Contents(index, kit.files_of(index)),
            kit.of_site(kit.SECRETS, of),
            operation=Operation(kind),
        )


def test_sealers_word_for_kubeadm_is_understood_and_docker_is_none() -> None:
    made = kit.index()
    assert Contents(replace(made, labels={SEALER_LABEL: "kubernetes"}), {}).distribution == "kubeadm"
    with pytest.raises(BundlerError, match="'docker' is no distribution of Kubernetes"):
        _ = Contents(replace(made, labels={SEALER_LABEL: "docker"}), {}).distribution


@pytest.mark.parametrize("name", ONE_PROGRAM)
def test_the_site_that_is_installed_is_a_whole_cluster(name: str) -> None:
    of = kit.site(2, control_planes=3)
    found = installed(name, of)
    assert isinstance(found.etcd, Present)
    assert len(found.etcd.value.voters) == 3

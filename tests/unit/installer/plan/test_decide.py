"""The whole plan: what it holds, in which order, for whom, and what a second run leaves out."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bundler.core.errors import BundlerError, ExitCode
from bundler.core.index import App, AppKind, AppRole
from bundler.installer.facts.model import CgroupVersion, Facts
from bundler.installer.facts.observed import Traces
from bundler.installer.facts.seen import Present
from bundler.installer.plan.decide import decide_removal
from bundler.installer.plan.site_pki import Secrets, ServerPair
from bundler.installer.plan.steps import Deliver, Exec, Phase, Plan, Write
from bundler.installer.site.model import Secret, SiteRegistry
from tests.unit.installer.plan import kit


def behind(made: Plan, step: str) -> set[str]:
    """Everything that a step waits for, near and far."""
    by_id = kit.steps(made)
    found: set[str] = set()
    left = [step]
    while left:
        fresh = [name for name in by_id[left.pop()].after if name not in found]
        found.update(fresh)
        left += fresh
    return found


@pytest.mark.parametrize(
    ("later", "earlier"),
    [
        ("runtime/10.0.0.2/start", "host/10.0.0.2/packages"),
        ("runtime/10.0.0.2/images", "registry/10.0.0.2/ready"),
        ("control-plane/10.0.0.2/init", "runtime/10.0.0.2/images"),
        ("network/10.0.0.2/apply-net", "control-plane/10.0.0.2/init"),
        ("workers/10.0.0.3/join", "control-plane/10.0.0.2/token"),
        ("workers/10.0.0.3/join", "runtime/10.0.0.3/images"),
        ("network/10.0.0.2/nodes", "workers/10.0.0.3/join"),
        ("apps/10.0.0.2/apply-web", "network/10.0.0.2/nodes"),
        ("apps/10.0.0.2/apply-web", "registry/10.0.0.2/app-images"),
    ],
)
def test_order(later: str, earlier: str) -> None:
    web = App("web", AppKind.KUBE, AppRole.APP, "application/apps/web")
    bundle = kit.index(apps=(web,), launch=("web",), files={"root/application/apps/web/w.yaml": 9})
    assert earlier in behind(kit.plan(bundle=bundle), later)


def test_what_can_run_beside_the_control_plane_does_not_wait_for_it() -> None:
    made = kit.plan()
    for name in ("host/10.0.0.3/packages", "runtime/10.0.0.3/images", "distribute/10.0.0.3/programs"):
        assert "control-plane/10.0.0.2/init" not in behind(made, name)
    assert "network/10.0.0.2/apply-net" not in behind(made, "workers/10.0.0.3/join")


def test_apps_images_hold_no_node_up() -> None:
    assert "distribute/10.0.0.2/app-images" not in behind(kit.plan(), "control-plane/10.0.0.2/init")


def test_a_worker_gets_only_what_a_worker_needs() -> None:
    paths = {
        file.path
        for step in kit.plan().steps
        if isinstance(step, Deliver) and step.host == kit.WORKER
        for file in step.files
    }
    programs = {path for path in paths if path.startswith("/usr/local/bin/")}
    assert programs == {"/usr/local/bin/kubeadm", "/usr/local/bin/kubelet"}
    assert not any("/registry/" in path or "/apps/" in path for path in paths)


def test_every_blob_crosses_the_wire_once() -> None:
    made = kit.plan()
    blobs = [
        file.path
        for step in made.steps
        if isinstance(step, Deliver)
        for file in step.files
        if file.path.startswith("/var/lib/bundler/registry/")
    ]
    wanted = {f"{each.hex}" for i in kit.index().images for each in (*i.manifests, *i.blobs)}
    assert sorted(path.rsplit("/", 2)[1] for path in blobs) == sorted(wanted)


def test_delivered_packages_are_those_the_host_lacks() -> None:
    of = kit.site()
    found = kit.facts(of, control_plane={"packages": {"libc-extra": "1"}})
    step = kit.steps(kit.plan(of, found))["distribute/10.0.0.2/packages"]
    assert isinstance(step, Deliver)
    assert [file.path for file in step.files] == [
        "/var/lib/bundler/packages/debian-bookworm/Packages",
        "/var/lib/bundler/packages/debian-bookworm/Release",
        "/var/lib/bundler/packages/debian-bookworm/containerd_1_amd64.deb",
    ]


def test_only_requested_packages_are_named_to_apt() -> None:
    step = kit.steps(kit.plan())["host/10.0.0.2/packages"]
    assert isinstance(step, Exec)
    assert "names=containerd\n" in step.script


def test_a_second_run_has_nothing_to_do() -> None:
    of = kit.site()
    first = kit.plan(of)
    again = kit.plan(of, kit.done_all(first, kit.facts(of)))
    assert again.steps == ()
    assert len(again.done) == len(first.steps)


def test_a_changed_file_is_delivered_again_and_what_uses_it_is_done_again() -> None:
    of = kit.site()
    web = App("web", AppKind.KUBE, AppRole.APP, "application/apps/web")
    old = kit.index(apps=(web,), launch=("web",), files={"root/application/apps/web/w.yaml": 9})
    new = kit.index(apps=(web,), launch=("web",), files={"root/application/apps/web/w.yaml": 10})
    found = kit.done_all(kit.plan(of, bundle=old), kit.facts(of))
    assert set(kit.steps(kit.plan(of, found, new))) == {
        "distribute/10.0.0.2/app-web",
        "apps/10.0.0.2/apply-web",
        "apps/10.0.0.2/ready-web",
    }


def without_node(found: Facts) -> Facts:
    """The worker as if it had never joined."""
    api = found.api
    assert isinstance(api, Present)
    nodes = tuple(node for node in api.value.nodes if node.address != kit.WORKER)
    found = replace(found, api=Present(replace(api.value, nodes=nodes)))
    return kit.changed(found, kit.WORKER, traces=Traces())


def test_a_cut_join_captures_a_token_again() -> None:
    of = kit.site()
    found = kit.done_all(kit.plan(of), kit.facts(of))
    left = kit.plan(of, without_node(found))
    assert set(kit.steps(left)) == {
        "control-plane/10.0.0.2/ca",
        "control-plane/10.0.0.2/token",
        "workers/10.0.0.3/config",
        "workers/10.0.0.3/discovery",
        "workers/10.0.0.3/join",
        "network/10.0.0.2/nodes",
    }


def test_a_node_that_was_taken_down_behind_our_back_joins_again() -> None:
    of = kit.site()
    found = kit.done_all(kit.plan(of), kit.facts(of))
    left = kit.steps(kit.plan(of, without_node(found)))
    assert "workers/10.0.0.3/join" in left
    assert "runtime/10.0.0.3/start" not in left


def test_a_new_worker_changes_nothing_on_the_old_one() -> None:
    small, large = kit.site(1), kit.site(2)
    found = kit.done_all(kit.plan(small), kit.facts(small))
    fresh = replace(found, hosts={**kit.facts(large).hosts, **found.hosts})
    hosts = {step.host for step in kit.plan(large, fresh).steps}
    assert kit.WORKER not in hosts
    assert kit.address(1) in hosts


def test_secrets_stand_only_where_they_are_kept() -> None:
    of = replace(kit.site(), registry=SiteRegistry(username="ops", password=Secret("HUNTER-2")))
    pair = ServerPair("CRT", "CRT-KEY")
    secrets = Secrets("CA", "CA-KEY", {kit.CONTROL_PLANE: pair}, "ops:$2b$HASH\n")
    basic = "b3BzOkhVTlRFUi0y"  # base64 of ops:HUNTER-2
    for step in kit.plan(of, secrets=secrets).steps:
        shown = f"{step.id} {step.reason}"
        hidden = step.secret if isinstance(step, Write | Exec) else False
        text = repr(step) if not hidden else shown
        for secret in ("HUNTER-2", "CA-KEY", "CRT-KEY", "$2b$HASH", basic):
            assert secret not in text, step.id


def test_certificates_keys_are_not_readable_by_others() -> None:
    public = ("ca-file",)
    for step in kit.plan(kit.site(control_planes=3), bundle=kit.index(packages=kit.BALANCED)).steps:
        if isinstance(step, Write) and (step.secret or step.slots not in {(), public}):
            assert step.mode & 0o077 == 0, step.id


@settings(max_examples=30, deadline=None)
@given(
    workers=st.integers(0, 4),
    swap=st.booleans(),
    cgroup=st.sampled_from(CgroupVersion),
    stamped=st.sets(st.integers(0, 80)),
)
def test_every_step_stands_behind_what_it_waits_for(
    *, workers: int, swap: bool, cgroup: CgroupVersion, stamped: set[int]
) -> None:
    of = kit.site(workers)
    found = kit.facts(of, control_plane={"swap": swap, "cgroup": cgroup})
    whole = kit.plan(of, found)
    after = kit.done_some(whole, found, stamped)
    made = kit.plan(of, after)
    seen: set[str] = set()
    for step in made.steps:
        assert set(step.after) <= seen, step.id
        seen.add(step.id)
    assert seen.isdisjoint(kit.done_ids(made))
    assert seen | kit.done_ids(made) == {step.id for step in whole.steps} | kit.done_ids(whole)
    assert all(step.reason and step.host for step in made.steps)


def test_waiting_goes_through_a_step_that_is_done() -> None:
    """Were `after` only cut, containerd would no longer wait for the host that must be prepared anew."""
    of = kit.site()
    found = kit.done_all(kit.plan(of), kit.facts(of))
    host = found.hosts[kit.CONTROL_PLANE]
    keep = "host/10.0.0.2/kubelet-unit"
    assert host.site is not None
    unit = "/etc/systemd/system/kubelet.service"
    cut = kit.changed(
        found, kit.CONTROL_PLANE, journal={}, files={unit: host.site.files[unit]}, units={}, sysctls={}
    )
    left = kit.plan(of, cut)
    assert keep in kit.done_ids(left)
    assert "host/10.0.0.2/prepare" in kit.steps(left)["host/10.0.0.2/kubelet"].after


def test_removal_is_one_chain_on_each_host_and_never_counts_as_done() -> None:
    of = kit.site()
    made = decide_removal(of, kit.facts(of), kit.index())
    for host in (kit.CONTROL_PLANE, kit.WORKER):
        chain = [step.id.rsplit("/", 1)[1] for step in made.steps if step.host == host]
        assert chain == ["mark", "stop", "network", "restore", "forget"]
    assert all(step.always_run and step.phase is Phase.REMOVE for step in made.steps)


def test_a_bundle_without_kubernetes_is_refused_by_name() -> None:
    with pytest.raises(BundlerError) as caught:
        kit.plan(bundle=kit.index(kubernetes=""))
    assert caught.value.code is ExitCode.UNSUPPORTED
    assert "io.kubernetes.version" in caught.value.why


def test_each_of_many_hosts_has_its_steps() -> None:
    of = kit.site(299)
    made = kit.plan(of, kit.facts(of))
    assert len({step.host for step in made.steps}) == 300
    assert len(made.steps) > 300 * 10


def test_large_deliveries_let_the_packages_go_first() -> None:
    made = kit.steps(kit.plan())
    for name in (
        "distribute/10.0.0.2/programs",
        "distribute/10.0.0.2/images",
        "distribute/10.0.0.3/programs",
    ):
        host = name.split("/")[1]
        assert f"distribute/{host}/packages" in made[name].after


def test_a_host_whose_suite_asks_for_no_package_waits_for_none() -> None:
    archive = {"root/cri/containerd-1.7.0-linux-amd64.tar.gz": 30}
    made = kit.steps(kit.plan(bundle=kit.index(packages=(), files=archive)))
    assert "distribute/10.0.0.2/packages" not in made
    start = made["runtime/10.0.0.2/start"]
    assert "runtime/10.0.0.2/unpack" in start.after
    unit = made["runtime/10.0.0.2/unit"]
    assert isinstance(unit, Write)
    assert unit.path == "/etc/systemd/system/containerd.service"
    assert "ExecStart=/usr/local/bin/containerd --config /etc/bundler/containerd.toml" in unit.content


def test_roles_of_the_sites_own_become_labels() -> None:
    of = kit.site(workers=2)
    hosts = (of.hosts[0], replace(of.hosts[1], labels=("db", "gpu")), of.hosts[2])
    made = kit.plan(replace(of, hosts=hosts))
    step = kit.steps(made)[f"network/{kit.CONTROL_PLANE}/labels"]
    assert isinstance(step, Exec)
    assert step.stdin == "node-10-0-0-3 db\nnode-10-0-0-3 gpu\n"
    assert f"network/{kit.CONTROL_PLANE}/labels" not in kit.steps(kit.plan(of))

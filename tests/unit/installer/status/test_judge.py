"""One thing is broken at a time: what is said of it, and what the whole is called."""

import json
from collections.abc import Mapping
from dataclasses import replace

import pytest

from bundler.core.errors import ExitCode
from bundler.core.terminal import plain
from bundler.installer.facts.api import Cordon, Release
from bundler.installer.facts.seen import Present, Unknown, value_of
from bundler.installer.plan.cluster.steps import Severity
from bundler.installer.plan.mixed import fitted
from bundler.installer.site.record import Product, Record
from bundler.installer.status import data, text
from bundler.installer.status.condition import (
    Disk,
    HelmRelease,
    HostCertificate,
    PastRun,
    Pod,
    RegistryStore,
    Unit,
    Workload,
)
from bundler.installer.status.judge import judge
from bundler.installer.status.model import Finding, State, Status
from tests.unit.installer.plan import kit, mixed_kit
from tests.unit.installer.status import condition_kit as made

CP, WORKER = kit.CONTROL_PLANE, kit.WORKER


def ids(status: Status) -> list[str]:
    return [each.id for each in status.findings]


def only(status: Status) -> Finding:
    assert len(status.findings) == 1, status.findings
    return status.findings[0]


def rows(status: Status) -> dict[str, str]:
    return {part.name: f"{part.count} | {part.detail}" for part in status.parts}


def test_a_site_that_is_well() -> None:
    status = judge(made.look())
    assert (status.state, status.findings, status.state.code) == (State.WELL, (), ExitCode.OK)
    assert rows(status) == {
        "hosts": "2 of 2 Ready | 1 control plane, 1 worker",
        "API": "1 of 1 serve | v1.34.4",
        "etcd": "1 of 1 healthy | leader cp1, 60 of 2,048 MiB",
        "apps": "2 of 2 ready | net, shop",
        "registries": "1 of 1 serve | 8 of 8 images",
        "certificates": "274 days left | first: apiserver on node-10-0-0-2, 2027-10-16",
        "disk": "61% at most | / on 10.0.0.2 (node-10-0-0-2)",
        "drift": "none | ",
        "last run": "no run is known | ",
    }
    assert next(text.lines(status)) == "✓ trial is well: demo 1, Kubernetes v1.34.4"


def test_where_hosts_are_of_two_architectures_it_says_how_many_and_which() -> None:
    found = made.installed(kit.site(), made.bundle())
    worker = replace(found.hosts[WORKER], architecture="arm64")
    status = judge(made.look(found=replace(found, hosts={**found.hosts, WORKER: worker})))
    assert rows(status)["hosts"] == "2 of 2 Ready | 1 control plane, 1 worker, 1 amd64, 1 arm64"
    shown = [" ".join(line.split()) for line in text.lines(status, detail=True)]
    assert "10.0.0.3 node-10-0-0-3 worker ready v1.34.4 debian 12 arm64 24 h 61%" in shown
    assert [host["architecture"] for host in data.as_data(status)["hosts"]] == ["amd64", "arm64"]


@pytest.mark.parametrize("lacks", ["", "amd64", "arm64", "index"])
def test_an_image_is_there_when_it_is_for_every_architecture(lacks: str) -> None:
    whole = fitted(
        mixed_kit.contents(mixed_kit.amd()), mixed_kit.facts(kit.site(), {WORKER}), kit.site().hosts
    )
    image = whole.images["docker.io/a/b:1"]
    theirs = dict(zip(("index", "amd64", "arm64"), image.manifests, strict=True))
    has = {digest.hex for each in whole.images.values() for digest in each.manifests}
    there = frozenset(has - {digest.hex for name, digest in theirs.items() if name == lacks})
    look = made.look(conditions={CP: {"registry": RegistryStore("200", there)}})
    status = judge(replace(look, images=tuple(whole.images.values())))
    assert rows(status)["registries"] == f"1 of 1 serve | {7 if lacks else 8} of 8 images"
    assert ids(status) == (["registry-images"] if lacks else [])


def test_detail_has_a_line_for_every_host_member_app_and_run() -> None:
    run = PastRun("apply", "failed", "ops@deploy1", made.NOW, 3.0, "shop", "2.1.0", steps=1, error="no room")
    shown = list(text.lines(judge(made.look(conditions={CP: {"runs": (run,)}})), detail=True))
    found = [" ".join(line.split()) for line in shown]
    assert "10.0.0.3 node-10-0-0-3 worker ready v1.34.4 debian 12 24 h 61%" in found
    assert "cp1 10.0.0.2 leader 60 MiB" in found
    assert "shop helm ready 2 of 2 deployed, revision 3" in found
    assert found[-1].endswith("apply, failed shop 2.1.0, 1 step, ops@deploy1: no room")


BROKEN: tuple[tuple[str, Mapping[str, object], str, Severity], ...] = (
    (WORKER, {"units": {"kubelet": Unit(active=False, seconds=7800.0)}}, "kubelet-stopped", Severity.ERROR),
    (WORKER, {"units": {"containerd": Unit(active=False)}}, "containerd-stopped", Severity.ERROR),
    (WORKER, {"disks": (Disk("/", "d", "/var/lib/containerd", 87, 13),)}, "disk-full", Severity.WARNING),
    (WORKER, {"disks": (Disk("/", "d", "/var/lib/containerd", 96, 4),)}, "disk-full", Severity.ERROR),
    (WORKER, {"certificates": (HostCertificate("/x/kubelet.crt", "n", made.NOW + 29.5 * made.DAY),)},
     "certificate-expires", Severity.WARNING),
    (WORKER, {"certificates": (HostCertificate("/x/kubelet.crt", "n", made.NOW - 1),)},
     "certificate-expired", Severity.ERROR),
    (WORKER, {"certificates": (HostCertificate("/ca.crt", "", made.NOW + 100 * made.DAY, authority=True),)},
     "certificate-expires", Severity.WARNING),
    (CP, {"registry": RegistryStore("200", frozenset())}, "registry-images", Severity.ERROR),
    (CP, {"contents": made.contents(releases=())}, "app-missing", Severity.ERROR),
    (CP, {"contents": made.contents(releases=(HelmRelease("shop", "shop", "pending-upgrade", 4),))},
     "app-release", Severity.ERROR),
    (CP, {"contents": made.contents(workloads=(Workload("Deployment", "shop", "web", 2, 1, "shop/shop"),))},
     "app-not-ready", Severity.ERROR),
    (CP, {"contents": made.contents(manifests={})}, "app-missing", Severity.ERROR),
    (CP, {"contents": made.contents(pods=(Pod("kube-system", "coredns-1", WORKER, "Running", 0, 1),))},
     "pods-not-ready", Severity.WARNING),
    (CP, {"contents": made.contents(
        pods=(Pod("kube-system", "etcd-node-10-0-0-2", "node-10-0-0-2", "Running", 0, 1, 4, "Error"),))},
     "component-not-ready", Severity.ERROR),
)  # fmt: skip


@pytest.mark.parametrize(("address", "changes", "name", "severity"), BROKEN)
def test_what_is_broken_is_found(
    address: str, changes: Mapping[str, object], name: str, severity: Severity
) -> None:
    status = judge(made.look(conditions={address: changes}))
    found = only(status)
    assert (found.id, found.severity, status.state) == (name, severity, State.FINDINGS)
    assert status.state.code is ExitCode.FINDINGS
    assert found.hosts == ((address,) if not found.subject else ())


def test_a_part_that_has_not_passed_its_startup_probe_is_a_note() -> None:
    """After an install the controller manager serves ten seconds before its probe is first asked."""
    pod = Pod("kube-system", "etcd-node-10-0-0-2", "node-10-0-0-2", "Running", 0, 1, unstarted=1)
    status = judge(made.look(conditions={CP: {"contents": made.contents(pods=(pod,))}}))
    found = only(status)
    assert (found.id, found.severity, found.value) == ("component-starting", Severity.NOTE, "etcd")
    assert status.state is State.WELL


@pytest.mark.parametrize("pod", [
    Pod("kube-system", "etcd-node-10-0-0-2", "node-10-0-0-2", "Running", 0, 1, restarts=1, unstarted=1),
    Pod("kube-system", "etcd-node-10-0-0-2", "node-10-0-0-2", "Running", 0, 1, reason="Error", unstarted=1),
    Pod("kube-system", "etcd-node-10-0-0-2", "node-10-0-0-2", "Running", 0, 2, unstarted=1),
])  # fmt: skip
def test_a_part_that_was_restarted_or_fails_beside_its_probe_is_not_starting(pod: Pod) -> None:
    status = judge(made.look(conditions={CP: {"contents": made.contents(pods=(pod,))}}))
    assert only(status).id == "component-not-ready"


def _coredns(**changes: object) -> Pod:
    fields: dict[str, object] = {"ready": 0, "total": 1, "age": 9.0, **changes}
    return Pod("kube-system", "coredns-1", WORKER, **{"phase": "Running", **fields})  # type: ignore[arg-type]


@pytest.mark.parametrize("changes", [
    {}, {"phase": "Pending", "reason": "ContainerCreating"}, {"age": 119.0}, {"age": -3.0},
], ids=str)  # fmt: skip
def test_a_pod_that_only_just_began_is_a_note(changes: dict[str, object]) -> None:
    """CoreDNS' second replica is asked for the first time as it starts, and again ten seconds later."""
    contents = made.contents(pods=(_coredns(**changes),))
    status = judge(made.look(conditions={CP: {"contents": contents}}))
    found = only(status)
    assert (found.id, found.severity, found.value) == ("pods-starting", Severity.NOTE, 1)
    assert (status.state, {part.state for part in status.parts}) == (State.WELL, {State.WELL})


@pytest.mark.parametrize("changes", [
    {"age": None}, {"age": 120.0}, {"age": -500.0}, {"restarts": 1}, {"reason": "ImagePullBackOff"},
    {"phase": "Failed"}, {"deleted": True},
], ids=str)  # fmt: skip
def test_a_pod_that_failed_or_takes_too_long_is_not_starting(changes: dict[str, object]) -> None:
    contents = made.contents(pods=(_coredns(**changes),))
    assert only(judge(made.look(conditions={CP: {"contents": contents}}))).id == "pods-not-ready"


def test_what_passes() -> None:
    """Values just inside of their limits, and pods that have done what they were there for."""
    fine = {
        "disks": (Disk("/", "d", "/", 84, 16),),
        "certificates": (HostCertificate("/x", "n", made.NOW + 30 * made.DAY),),
    }
    done = made.contents(pods=(Pod("shop", "job-1", WORKER, "Succeeded", 0, 1),))
    status = judge(made.look(conditions={WORKER: fine, CP: {"contents": done}}))
    assert (status.state, status.findings) == (State.WELL, ())


def test_a_stopped_kubelet_is_told_with_how_long_and_how_to_start_it() -> None:
    found = only(judge(made.look(conditions={WORKER: BROKEN[0][1]})))
    assert found.text.startswith("down for 2 h 10 min")
    assert found.text.endswith("start it: ./shop.run -f site.yaml")


def test_a_silent_worker_is_named_and_the_rest_is_shown() -> None:
    of = kit.site(2)
    found = made.installed(of, made.bundle())
    assert isinstance(found.api, Present)
    nodes = tuple(replace(n, ready=n.address != WORKER) for n in found.api.value.nodes)
    status = judge(
        made.look(of, found=made.with_api(found, nodes=nodes), silent={WORKER: "no route to host"})
    )
    assert status.state is State.FINDINGS
    assert {"host-silent", "node-not-ready"} == set(ids(status))
    assert rows(status)["hosts"].startswith("2 of 3 Ready")
    assert rows(status)["etcd"].startswith("1 of 1 healthy")
    assert rows(status)["drift"].startswith("none")  # what the silent one lacks is not known, so not counted
    shown = "\n".join(text.lines(status))
    assert "can't be asked: no route to host" in shown
    assert shown.endswith("Exit code 18 (FINDINGS)")


def test_one_control_plane_of_three_is_off() -> None:
    of = kit.site(1, control_planes=3)
    off = "10.0.0.4"
    found = made.installed(of, made.bundle())
    found = replace(found, etcd=Present(made.etcd(of, m3={"healthy": False})))
    status = judge(made.look(of, found=found, silent={off: "no route to host"}))
    assert status.state is State.FINDINGS
    assert {"host-silent", "etcd-member-down"} <= set(ids(status))
    assert rows(status)["etcd"].startswith("2 of 3 healthy")
    assert rows(status)["API"].startswith("2 of 3 serve")
    assert rows(status)["registries"].startswith("2 of 3 serve")


def test_manifests_that_only_a_silent_control_plane_knows_are_not_called_missing() -> None:
    of = kit.site(1, control_planes=3)
    unknown = {"contents": made.contents(manifests={})}
    others = {"10.0.0.3": unknown, "10.0.0.4": unknown}
    status = judge(made.look(of, silent={CP: "no route to host"}, conditions=others))
    assert "app-missing" not in ids(status)
    assert rows(status)["apps"].startswith("1 of 1 ready | net, shop; 1 not known")
    assert "app-missing" in ids(judge(made.look(of, conditions={**others, CP: unknown})))


def test_a_worker_s_word_of_the_cluster_does_not_count() -> None:
    lie = made.contents(releases=())
    run = PastRun("apply", "done", "nobody", made.NOW, 1.0)
    status = judge(made.look(conditions={WORKER: {"contents": lie, "runs": (run,)}, CP: {"contents": None}}))
    assert rows(status)["apps"] == "no host could be asked | "
    assert status.runs == ()


def test_a_site_without_quorum_is_down() -> None:
    of = kit.site(1, control_planes=3)
    found = made.installed(of, made.bundle())
    broken = made.etcd(of, m2={"healthy": False}, m3={"healthy": False})
    status = judge(made.look(of, found=replace(found, etcd=Present(broken))))
    assert (status.state, status.state.code) == (State.DOWN, ExitCode.DOWN)
    assert "etcd-quorum" in ids(status)


def test_a_site_whose_api_is_silent_is_down_and_hosts_are_shown_all_the_same() -> None:
    of, index = kit.site(), made.bundle()
    found = replace(made.installed(of, index), api=Unknown("the API does not answer"), etcd=Unknown())
    status = judge(made.look(of, index=index, found=found, conditions={CP: {"contents": None}}))
    assert status.state is State.DOWN
    assert {"api-down", "api-silent"} <= set(ids(status))
    assert rows(status)["hosts"].startswith("2 of 2 answer")
    assert rows(status)["disk"].startswith("61%")
    assert next(text.lines(status)).startswith("✗ trial does not work")


def test_no_cluster_is_no_fault_of_many_parts() -> None:
    of, index = kit.site(), made.bundle()
    status = judge(made.look(of, index=index, found=kit.facts(of)))
    assert (status.state, ids(status)) == (State.DOWN, ["not-installed"])
    assert next(text.lines(status)) == "✗ trial has no cluster yet"


def test_drift_is_what_apply_would_do() -> None:
    of, index = kit.site(), made.bundle()
    found = made.installed(of, index)
    host = found.hosts[WORKER].site
    assert host is not None
    path = next(iter(sorted(path for path in host.files if path.startswith("/etc/"))))
    changed = kit.changed(
        found, WORKER, files={**host.files, path: replace(host.files[path], digest="0" * 64)}
    )
    look = made.look(of, index=index, found=changed)
    status = judge(look)
    told = only(status)
    assert (told.id, told.hosts) == ("drift", (WORKER,))
    assert told.value == len(look.forecast.steps)  # type: ignore[union-attr]  # a plan
    assert told.value >= 1
    assert "./shop.run plan -f site.yaml" in told.text


def test_a_file_that_was_not_applied_yet_finds_no_fault_with_the_site() -> None:
    """Its images are not in the registries, its apps don't run, and nothing has drifted."""
    of, index = kit.site(), made.bundle()
    changed = kit.changed(made.installed(of, index), WORKER, files={})
    bare = {CP: {"contents": made.contents(releases=()), "registry": RegistryStore("200", frozenset())}}
    look = made.look(of, index=index, found=changed, conditions=bare)
    record = Record("s", "trial", 7, products=(Product("demo", "0.9"),), kubernetes="v1.34.4")
    status = judge(replace(look, view=replace(look.view, known=record)))
    assert (only(status).id, only(status).severity) == ("not-applied", Severity.NOTE)
    assert "the site has demo 0.9, this is demo 1" in only(status).text
    assert rows(status)["apps"] == "1 of 1 ready | net, shop; 1 not known"
    assert status.state is State.WELL


def test_a_cordon_is_a_note_and_no_finding() -> None:
    of, index = kit.site(), made.bundle()
    found = made.installed(of, index)
    assert isinstance(found.api, Present)
    nodes = tuple(
        replace(n, cordon=Cordon.PERSON) if n.address == WORKER else n for n in found.api.value.nodes
    )
    status = judge(made.look(of, index=index, found=made.with_api(found, nodes=nodes)))
    assert (only(status).id, only(status).severity) == ("cordoned", Severity.NOTE)
    assert status.state.code is ExitCode.OK


def test_equal_findings_are_told_once_and_the_gravest_first() -> None:
    full = {"disks": (Disk("/", "d", "/", 90, 10),)}
    silent = {"units": {"kubelet": Unit(active=False)}}
    of = kit.site(3)
    status = judge(made.look(of, conditions={WORKER: full, "10.0.0.4": full, "10.0.0.5": silent}))
    assert ids(status) == ["kubelet-stopped", "disk-full"]
    assert status.findings[1].hosts == (WORKER, "10.0.0.4")


def test_runs_the_newest_first_and_an_unfinished_one_is_found() -> None:
    old = PastRun("apply", "failed", "ops@deploy1", made.NOW - 100, 3.0)
    new = PastRun("apply", "done", "ops@deploy1", made.NOW, 168.4, "shop", "2.1.0", steps=3)
    record = Record(
        "s", "trial", 7, operation="apply", products=(Product("shop", "2.1.0"),), kubernetes="v1.34.4"
    )
    of, index = kit.site(), made.bundle()
    found = made.installed(of, index)
    look = made.look(of, index=index, found=found, conditions={CP: {"runs": (old, new)}})
    seen = replace(look, view=replace(look.view, known=record))
    status = judge(seen)
    assert [run.result for run in status.runs] == ["done", "failed"]
    assert rows(status)["last run"].startswith("apply, done | ")
    assert rows(status)["last run"].endswith("ops@deploy1, 2 min 48 s")
    assert ids(status) == ["run-unfinished"]
    assert (status.product, status.version, status.generation) == ("shop", "2.1.0", 7)


def test_a_run_that_is_at_work_is_a_note_and_not_unfinished() -> None:
    record = Record(
        "s", "trial", 7, operation="apply", products=(Product("demo", "1"),), kubernetes="v1.34.4"
    )
    look = made.look(conditions={WORKER: {"holder": "ops@deploy1, process 7, since 2027-03-02 14:02:11 UTC"}})
    status = judge(replace(look, view=replace(look.view, known=record)))
    assert (only(status).id, only(status).severity) == ("run-under-way", Severity.NOTE)
    assert only(status).text.startswith("ops@deploy1, process 7")


def test_programs_get_the_documented_keys() -> None:
    told = json.loads(data.as_json(judge(made.look(conditions={WORKER: BROKEN[2][1]}))))
    assert (told["schema"], told["state"], told["exit_code"]) == (1, "findings", 18)
    assert told["hosts"][1] | {"versions": None, "memory": None} == {
        "address": WORKER, "node": "node-10-0-0-3", "roles": ["worker"], "state": "ready", "why": "",
        "os": "debian 12", "architecture": "amd64", "uptime": 86400, "disk_percent": 87,
        "versions": None, "memory": None,
    }  # fmt: skip
    assert told["parts"]["etcd"]["bytes"] == 60 << 20
    assert told["findings"][0]["id"] == "disk-full"
    assert told["findings"][0]["value"] == 87
    assert set(told["parts"]) == {
        "hosts", "api", "etcd", "apps", "registries", "certificates", "disk", "drift", "last_run"
    }  # fmt: skip


def test_json_stays_json_whatever_a_host_is_called() -> None:
    """What a terminal would obey is escaped once, on its way out nothing is escaped again."""
    look = made.look(silent={WORKER: "\x9b31m\u202e\x00 no route"})
    told = data.as_json(judge(look))
    assert plain(told) == told
    assert json.loads(told)["hosts"][1]["why"] == "\x9b31m\u202e\x00 no route"


def _apps(**changes: dict[str, object]) -> Status:
    """A site whose apps are noted, with one of them as somebody left it."""
    of = kit.site()
    found = made.installed(of, made.bundle())
    api = value_of(found.api)
    assert api is not None
    releases = {name: replace(each, product="demo") for name, each in api.releases.items()}
    for name, change in changes.items():
        release = releases.get(name) or Release(name, "1", product="demo", kind="helm", role="app")
        releases[name] = replace(release, **change)  # type: ignore[arg-type]  # a test names real fields
    return judge(made.look(of, found=replace(found, api=Present(replace(api, releases=releases)))))


@pytest.mark.parametrize(
    ("changes", "finding", "severity", "text"),
    [
        ({"net": {"missing": ("DaemonSet cni",)}}, "drift", Severity.WARNING, "DaemonSet cni is missing"),
        ({"net": {"changed": ("Deployment net (5 replicas, not 2)",)}}, "app-changed", Severity.NOTE,
         "(5 replicas, not 2) changed by hand"),
        ({"old": {"namespace": "shop"}}, "app-listed", Severity.NOTE, "nothing launches it any more"),
    ],
)  # fmt: skip
def test_status_says_of_apps_what_plan_says(
    changes: dict[str, dict[str, object]], finding: str, severity: Severity, text: str
) -> None:
    status = _apps(**changes)
    (said,) = (each for each in status.findings if each.id == finding)
    assert said.severity is severity
    assert text in said.text
    assert (status.state is State.WELL) is (severity is Severity.NOTE)

"""Labels and taints of nodes: set before any app, then three-way; lines of the site's own in /etc/hosts."""

from dataclasses import replace

from bundler.core.index import App, AppKind, AppRole
from bundler.installer.facts.model import Facts
from bundler.installer.facts.seen import value_of
from bundler.installer.plan.cluster.steps import Verb
from bundler.installer.plan.steps import Exec, Plan
from bundler.installer.site.model import Alias, Site
from bundler.installer.site.record import HostState, Record, RecordedHost
from tests.unit.installer.plan import kit

WEB = App("web", AppKind.KUBE, AppRole.APP, "application/apps/web")
BUNDLE = kit.index(apps=(WEB,), launch=("web",), files={"root/application/apps/web/w.yaml": 9})


def marked(**changes: object) -> Site:
    """A site whose worker is to carry something."""
    of = kit.site()
    worker = replace(of.hosts[1], **changes)  # type: ignore[arg-type]  # a test names real fields
    return replace(of, hosts=(of.hosts[0], worker))


def recorded(found: Facts, **worker: object) -> Facts:
    """The facts after a run has settled; worker: what the record says of it."""
    hosts = tuple(
        RecordedHost(a, a, f"node-{a.replace('.', '-')}", role, HostState.MEMBER)
        for a, role in zip((kit.CONTROL_PLANE, kit.WORKER), (h.role for h in kit.roles()), strict=True)
    )
    last = replace(hosts[1], **worker)  # type: ignore[arg-type]  # as above
    return kit.with_record(found, Record("id", "trial", hosts=(hosts[0], last)))


def labelled(made: Plan) -> list[Exec]:
    return [step for step in made.steps if isinstance(step, Exec) and "/labels" in step.id]


def test_a_new_cluster_has_them_before_its_apps() -> None:
    of = marked(
        marks={"disk": "ssd"},
        taints=frozenset({"gpu=yes:NoSchedule"}),
        no_taints=frozenset({"old:NoExecute"}),
    )
    made = kit.plan(of, bundle=BUNDLE)
    step = kit.steps(made)[f"network/{kit.CONTROL_PLANE}/labels"]
    assert isinstance(step, Exec)
    node = "node-10-0-0-3"
    assert (
        step.stdin
        == f"{node} label disk=ssd\n{node} taint gpu=yes:NoSchedule\n{node} untaint old:NoExecute\n"
    )
    assert step.id in kit.steps(made)[f"apps/{kit.CONTROL_PLANE}/apply-web"].after
    assert kit.plan(of, kit.done_all(made, kit.facts(of)), BUNDLE).steps == ()


def test_an_edit_sets_what_is_new_and_takes_away_only_what_was_ours() -> None:
    before = marked(marks={"disk": "ssd", "zone": "a"}, taints=frozenset({"gpu=yes:NoSchedule"}))
    found = kit.done_all(kit.plan(before), kit.facts(before))
    found = kit.with_node(found, "node-10-0-0-3", labels={"theirs": "x"}, taints={"theirs:NoExecute"})
    found = recorded(found, labels={"disk": "ssd", "zone": "a"}, taints=frozenset({"gpu=yes:NoSchedule"}))
    after = marked(marks={"disk": "hdd"}, taints=frozenset({"gpu=no:NoSchedule"}))
    made = kit.plan(after, found)
    (step,) = labelled(made)
    assert step.script.splitlines()[:5] == [  # the variables in front of the script
        "labels='disk=hdd zone-'", "no_taints=''", "node=node-10-0-0-3", "taints=gpu=no:NoSchedule",
        "uncordon=''",
    ]  # fmt: skip
    assert made.decision is not None
    assert made.decision.stage is not None
    (deed,) = made.decision.stage.verbs(Verb.LABELS)
    assert str(deed.because) == "label disk changed from ssd to hdd"
    settled = kit.done_all(made, found)
    api = value_of(settled.api)
    assert api is not None
    node = next(each for each in api.nodes if each.name == "node-10-0-0-3")
    assert node.labels["theirs"] == "x"
    assert "theirs:NoExecute" in node.taints


def test_a_taint_that_must_go_goes_whoever_set_it() -> None:
    of = marked(no_taints=frozenset({"theirs:NoExecute"}))
    found = kit.done_all(kit.plan(kit.site()), kit.facts(of))
    found = kit.with_node(found, "node-10-0-0-3", labels={}, taints={"theirs:NoExecute"})
    (step,) = labelled(kit.plan(of, recorded(found)))
    assert "no_taints=theirs:NoExecute-\n" in step.script


def test_labels_come_before_the_apps_that_the_same_run_changes() -> None:
    before = kit.site()
    found = recorded(kit.done_all(kit.plan(before), kit.facts(before)))
    made = kit.plan(marked(marks={"disk": "ssd"}), found, BUNDLE)
    (step,) = labelled(made)
    assert step.id in kit.steps(made)[f"apps/{kit.CONTROL_PLANE}/apply-web"].after


def test_every_host_knows_the_sites_own_names() -> None:
    of = replace(kit.site(), aliases=(Alias("10.9.0.1", ("db.shop", "db")),))
    for host in (kit.CONTROL_PLANE, kit.WORKER):
        step = kit.steps(kit.plan(of))[f"host/{host}/prepare"]
        assert isinstance(step, Exec)
        assert "10.9.0.1 db.shop db\n" in step.stdin

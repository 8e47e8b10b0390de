"""Apps of a site that runs, by what the cluster shows of them: mended, listed, taken away."""

import json
from dataclasses import replace

import pytest

from bundler.core.index import AppKind, AppRole, Index
from bundler.installer.facts.api import Release
from bundler.installer.facts.model import Facts
from bundler.installer.facts.seen import Present, value_of
from bundler.installer.plan.app_config import app_faults
from bundler.installer.plan.app_note import note_of
from bundler.installer.plan.cluster.decide import decide as ask_planner
from bundler.installer.plan.cluster.operation import Consents, Kind, Operation
from bundler.installer.plan.cluster.steps import Finding, Refused
from bundler.installer.plan.cluster.steps import Plan as Decided
from bundler.installer.plan.contents import Contents
from bundler.installer.plan.decide import draft, prepare
from bundler.installer.plan.refused import RefusedError
from bundler.installer.plan.steps import Exec, Plan, Write
from bundler.installer.site.model import Role, Site
from bundler.installer.site.record import HostState, Product, Record, RecordedHost
from tests.unit.installer.plan import kit
from tests.unit.installer.plan.test_launch import app, bundle

HELM = {"runtime/helm/libhelm_c.so": 85}
WEB, DB = app("web", AppKind.HELM), app("db", AppKind.KUBE)
BOTH = bundle(WEB, DB, files=HELM)


def installed(of: Index = BOTH) -> Facts:
    """A site on which this bundle was installed."""
    found = kit.facts(kit.site())
    return kit.done_all(kit.plan(None, found, of), found)


def changed(found: Facts, name: str, **changes: object) -> Facts:
    """With one release as somebody left it; `None` for one that is gone."""
    api = value_of(found.api)
    assert api is not None
    release = replace(api.releases[name], **changes)  # type: ignore[arg-type]  # a test names real fields
    return replace(found, api=Present(replace(api, releases={**api.releases, name: release})))


def without(found: Facts, name: str) -> Facts:
    api = value_of(found.api)
    assert api is not None
    others = {key: each for key, each in api.releases.items() if key != name}
    return replace(found, api=Present(replace(api, releases=others)))


def owned(found: Facts, **roles: str) -> Facts:
    """As the notes of a real cluster say whose each app is. roles: of apps that are plug-ins."""
    api = value_of(found.api)
    assert api is not None
    releases = {
        name: replace(each, product="demo", role=roles.get(name, "app"))
        for name, each in api.releases.items()
    }
    return replace(found, api=Present(replace(api, releases=releases)))


def asked(
    found: Facts, bundle: Index, kind: Kind = Kind.APPLY, of: Site | None = None, **consents: object
) -> tuple[Plan, Decided]:
    operation = Operation(kind, replace(Consents(), **consents))  # type: ignore[arg-type]  # real fields
    site = of or kit.site()
    prepared = prepare(
        site,
        found,
        Contents(bundle, kit.files_of(bundle)),
        kit.of_site(kit.SECRETS, site),
        operation=operation,
    )
    decision = ask_planner(prepared.desired, prepared.observed, operation)
    if isinstance(decision, Refused):
        raise RefusedError(decision, site.name)
    return draft(prepared, decision), decision


def ids(made: Plan) -> list[str]:
    return [step.id.rpartition("/")[2] for step in made.steps]


def reasons(decision: Decided) -> list[str]:
    return [str(step.because) for step in decision.steps]


def test_a_site_whose_apps_run_has_nothing_to_do() -> None:
    assert kit.plan(None, installed(), BOTH).steps == ()


@pytest.mark.parametrize(
    ("name", "change", "steps", "reason"),
    [
        ("web", {"status": ""}, ["helm-web"], "release web is missing"),
        ("web", {"status": "failed"}, ["helm-web"], "release web changed from failed to deployed"),
        (
            "web",
            {"status": "pending-upgrade"},
            ["helm-web"],
            "release web changed from pending-upgrade to deployed",
        ),
        (
            "web",
            {"missing": ("Deployment front/web", "Service front/web")},
            ["helm-web"],
            "Deployment front/web and 1 more are missing",
        ),
        (
            "web",
            {"noted": 2, "revision": 3},
            ["helm-web"],
            "release web changed from revision 2 to revision 3 on the host (drift)",
        ),
        ("web", {"digest": "of another bundle"}, ["helm-web"], "what helm-web works on changed"),
        ("db", {"missing": ("ConfigMap db/conf",)}, ["apply-db", "ready-db"], "ConfigMap db/conf is missing"),
        ("db", {"digest": "other"}, ["apply-db", "ready-db"], "what apply-db works on changed"),
    ],
)
def test_an_app_that_is_not_as_it_was_left_is_brought_up_again(
    name: str, change: dict[str, object], steps: list[str], reason: str
) -> None:
    made, decision = asked(changed(installed(), name, **change), BOTH)
    assert [each for each in ids(made) if each in {"helm-web", "apply-db", "ready-db"}] == steps
    assert reason in reasons(decision)
    others = {"helm-web", "apply-db", "ready-db"} - set(steps)
    assert not others & set(ids(made))


@pytest.mark.parametrize(("name", "step"), [("web", "helm-web"), ("db", "apply-db")])
def test_an_app_without_its_note_is_brought_up_again(name: str, step: str) -> None:
    made, decision = asked(without(installed(), name), BOTH)
    assert step in ids(made)
    assert f"app {name} is missing" in reasons(decision)


def test_a_release_that_an_older_bundler_left_is_known_by_helms_storage() -> None:
    found = without(installed(), "web")
    api = value_of(found.api)
    assert api is not None
    left = Release("web", "", "deployed", 4, namespace="default", kind="helm")
    found = replace(found, api=Present(replace(api, releases={**api.releases, "default/web": left})))
    _, decision = asked(found, BOTH)
    assert reasons(decision) == ["our note of release web is missing"]


def test_what_was_scaled_by_hand_is_told_and_kept() -> None:
    found = changed(installed(), "db", changed=("Deployment db/db (5 replicas, not 2)",))
    made, decision = asked(found, BOTH)
    assert made.steps == ()
    assert [each.text for each in findings(decision, "app-changed")] == [
        "Deployment db/db (5 replicas, not 2) changed by hand; kept until db next changes"
    ]


def findings(decision: Decided, name: str) -> list[Finding]:
    return [each for each in decision.findings if each.id == name]


ONLY_WEB = bundle(WEB, files=HELM)


def test_an_app_that_is_gone_from_the_bundle_is_listed_and_stays() -> None:
    made, decision = asked(owned(installed(), net="cni"), ONLY_WEB)
    assert made.steps == ()
    (listed,) = findings(decision, "app-listed")
    assert listed.where == "db"
    assert "--prune (its volumes stay, unless with --delete-volumes db)" in listed.text


@pytest.mark.parametrize(("named", "volumes", "said"), [((), "''", "stay"), (("db",), "yes", "go, too")])
def test_with_prune_it_is_uninstalled_by_its_note_and_its_volumes_stay_unless_named(
    named: tuple[str, ...], volumes: str, said: str
) -> None:
    found = owned(installed(), net="cni")
    made, decision = asked(found, ONLY_WEB, prune=True, volumes=frozenset(named))
    (step,) = made.steps
    assert isinstance(step, Exec)
    assert step.id == "apps/10.0.0.2/uninstall-db"
    for line in (f"note={note_of('db')}", "app=db", "kind=kube", f"volumes={volumes}"):
        assert f"{line}\n" in step.script
    assert reasons(decision) == [f"nothing launches it any more; its volumes {said}"]
    assert decision.forecast == ()


def test_helm_is_asked_to_take_its_own_release_away() -> None:
    made, _ = asked(owned(installed(), net="cni"), bundle(DB), prune=True)
    (step,) = made.steps
    assert isinstance(step, Exec)
    request = json.loads(step.stdin)
    assert (request["release"], request["namespace"]) == ("web", "default")
    assert "kind=helm\n" in step.script


def test_what_came_last_goes_first() -> None:
    made, _ = asked(owned(installed(), net="cni"), kit.index(), prune=True)
    assert ids(made) == ["uninstall-db", "uninstall-web"]
    assert made.steps[1].after == (made.steps[0].id,)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"role": "csi"}, "a plug-in of the network or of storage is not taken from under the cluster"),
        ({"kind": "shell"}, "configs[].delete of db says how to remove it"),
    ],
)
def test_what_cant_be_taken_away_safely_is_only_listed(change: dict[str, object], text: str) -> None:
    found = changed(owned(installed(), net="cni"), "db", **change)
    made, decision = asked(found, ONLY_WEB, prune=True)
    assert made.steps == ()
    (listed,) = findings(decision, "app-listed")
    assert text in listed.text


@pytest.mark.parametrize("product", ["", "mail"])
def test_apps_of_others_stay(product: str) -> None:
    found = changed(owned(installed(), net="cni"), "db", product=product)
    made, decision = asked(found, ONLY_WEB, prune=True)
    assert (made.steps, findings(decision, "app-listed")) == ((), [])


def test_delete_takes_only_the_apps_of_its_product_where_others_live() -> None:
    record = Record(
        "id", "trial", products=(Product("demo", "1"), Product("mail", "2")), kubernetes="v1.34.4"
    )
    found = kit.with_record(changed(owned(installed(), net="cni"), "db", product="mail"), record)
    made, decision = asked(found, BOTH, kind=Kind.DELETE)
    assert ids(made) == ["uninstall-web"]
    assert reasons(decision) == ["its product is deleted, and the cluster serves others; its volumes stay"]
    (stays,) = findings(decision, "app-listed")
    assert stays.where == "net"


def second(*products: str) -> Facts:
    """A site that another product brought up: the same bundle under another name."""
    found = kit.facts(kit.site())
    first = replace(kit.index(), name="mail")
    found = kit.done_all(kit.plan(None, found, first), found)
    hosts = tuple(
        RecordedHost(
            each.address, each.address, f"node-{each.address.replace('.', '-')}", role, HostState.MEMBER
        )
        for each, role in zip(kit.site().hosts, (Role.CONTROL_PLANE, Role.WORKER), strict=True)
    )
    of = tuple(Product(name, "1") for name in products)
    return kit.with_record(found, Record("id", "trial", products=of, kubernetes="v1.34.4", hosts=hosts))


def test_a_second_product_brings_its_apps_with_files_and_images_and_nothing_of_the_cluster() -> None:
    made, _ = asked(second("mail"), BOTH)
    assert {step.id.removeprefix("apps/10.0.0.2/") for step in made.steps} == {
        "distribute/10.0.0.2/app-web",
        "distribute/10.0.0.2/app-db",
        "distribute/10.0.0.2/helm",
        "helm",
        "helm-web",
        "apply-db",
        "ready-db",
    }


def test_an_image_that_the_cluster_lacks_comes_with_the_app_that_needs_it() -> None:
    more = (*kit.IMAGES, "quay.io/shop/web:3")
    of = bundle(WEB, files=HELM)
    of = replace(
        kit.index(images=more, files={m.path: m.size for m in of.members}), apps=of.apps, launch=of.launch
    )
    made, _ = asked(second("mail"), of)
    assert {"distribute/10.0.0.2/app-images", "registry/10.0.0.2/app-images"} <= {s.id for s in made.steps}
    assert not {s.id for s in made.steps if s.id.endswith(("/images", "apply-net", "/kubectl", "/dns"))}


def test_another_products_app_of_the_same_name_is_not_taken_over() -> None:
    found = changed(owned(installed(), net="cni"), "web", product="mail")
    with pytest.raises(RefusedError) as caught:
        asked(found, BOTH)
    assert "BND-APP-TAKEN" in str(caught.value)
    assert "web is mail's; demo would replace it" in str(caught.value)


def test_lines_of_the_clusterfile_take_an_app_away_before_its_note_goes() -> None:
    found = changed(owned(installed(), net="cni"), "db", kind="shell")
    of = replace(kit.site(), app_deletes={"db": ("kubectl delete ns db", "true")}, env={"PLACE": "here"})
    made, decision = asked(found, ONLY_WEB, of=of, prune=True)
    environment, run, gone = made.steps
    assert isinstance(environment, Write)
    assert environment.content == "PLACE=here\n"
    assert isinstance(run, Exec)
    assert run.id == "apps/10.0.0.2/delete-db"
    assert run.script.endswith("bash -euc 'kubectl delete ns db'\nbash -euc true\n")
    assert (gone.id, gone.after) == ("apps/10.0.0.2/uninstall-db", (run.id,))
    assert findings(decision, "app-listed") == []


def test_how_an_app_goes_may_be_said_after_it_has_left_the_bundle() -> None:
    of = replace(kit.site(), app_envs={"old": {}}, app_deletes={"old": ("true",)})
    assert list(app_faults(of, ONLY_WEB)) == []
    (fault,) = app_faults(replace(of, app_deletes={}), ONLY_WEB)
    assert fault.rule == "unknown-app"


def test_an_app_of_commands_is_noted_too() -> None:
    tune = app("tune", AppKind.COMMANDS, commands=(("true",),))
    step = kit.steps(kit.plan(bundle=bundle(tune)))["apps/10.0.0.2/note-tune"]
    assert isinstance(step, Exec)
    assert "kind=shell\n" in step.script
    assert step.after == ("apps/10.0.0.2/run-tune",)


@pytest.mark.parametrize(
    ("name", "note"),
    [("web", "bundler-app-web"), ("a.b-c", "bundler-app-a.b-c")],
)
def test_a_note_has_the_apps_name(name: str, note: str) -> None:
    assert note_of(name) == note


def test_names_that_differ_have_notes_that_differ() -> None:
    names = ("Web", "web", "we_b", "we-b")
    notes = {note_of(name) for name in names}
    assert len(notes) == len(names)
    assert all(note == note.lower() and "_" not in note for note in notes)


def test_storage_plugins_are_noted_with_their_role() -> None:
    step = kit.steps(kit.plan(bundle=bundle(app("disks", AppKind.KUBE, AppRole.CSI))))[
        "apps/10.0.0.2/apply-disks"
    ]
    assert isinstance(step, Exec)
    assert "role=csi\n" in step.script

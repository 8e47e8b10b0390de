"""Apps as observe.sh shows them: notes, Helm's storage and objects are put together."""

import json

import pytest

from bundler.installer.facts import apps
from bundler.installer.facts.api import Release

NOTE = {
    "name": "web",
    "product": "shop",
    "kind": "helm",
    "role": "app",
    "namespace": "front",
    "content": "c1",
    "chart": "web-chart",
    "version": "1.2.3",
    "revision": "2",
    "objects": "apps/v1 Deployment front web 2\nv1 Service front web\nv1 Namespace - front\n",
}
ALWAYS = "v1 Namespace - kube-system"
ALL = [ALWAYS, "apps/v1 Deployment front web 2", "v1 Service front web", "v1 Namespace - front"]
ROW = "front sh.helm.release.v1.web.v{n} helm.sh/release.v1 1 5m web {status} {n}"


def sections(**changes: list[str]) -> dict[str, list[str]]:
    note = [f"bundler-app-web\t{key}\t{json.dumps(value)}" for key, value in NOTE.items()]
    rows = [ROW.format(n=1, status="superseded"), ROW.format(n=2, status="deployed"), "answered"]
    return {"app-notes": [*note, "answered"], "app-releases": rows, "app-objects": ALL, **changes}


def one(**changes: list[str]) -> Release:
    (release,) = apps.releases(sections(**changes)).values()
    return release


def test_a_release_is_read_with_all_that_is_noted_of_it() -> None:
    assert one() == Release(
        "web", "c1", "deployed", 2, (), (), "front", "web-chart", "1.2.3", "shop", "helm", "app", 2
    )
    assert not one().by_hand


@pytest.mark.parametrize(
    ("rows", "status", "by_hand"),
    [
        ([ROW.format(n=2, status="failed"), "answered"], "failed", False),
        ([ROW.format(n=n, status="deployed") for n in (2, 10, 3)] + ["answered"], "deployed", True),
        ([ROW.format(n=3, status="pending-upgrade"), "answered"], "pending-upgrade", True),
        (["answered"], "", False),  # uninstalled by hand
        ([], "deployed", False),  # no host could be asked: unknown is not absent
        (["odd", "a b c d e f g h", "answered"], "", False),
    ],
)
def test_what_became_of_a_release_is_told_by_its_newest_revision(
    rows: list[str], status: str, *, by_hand: bool
) -> None:
    release = one(**{"app-releases": rows})
    assert (release.status, release.by_hand) == (status, by_hand)


@pytest.mark.parametrize(
    ("here", "missing", "changed"),
    [
        (ALL, (), ()),
        ([line for line in ALL if "Service" not in line], ("Service front/web",), ()),
        ([line for line in ALL if line != "v1 Namespace - front"], ("Namespace front",), ()),
        (
            [line.replace("web 2", "web 5") for line in ALL],
            (),
            ("Deployment front/web (5 replicas, not 2)",),
        ),
        (ALL[1:2], (), ()),  # the line that is always there is missing: nobody has looked
        ([], (), ()),
    ],
)
def test_objects_that_are_gone_or_scaled_are_told(
    here: list[str], missing: tuple[str, ...], changed: tuple[str, ...]
) -> None:
    release = one(**{"app-objects": here})
    assert (release.missing, release.changed) == (missing, changed)


def test_a_release_that_nobody_noted_is_somebody_elses() -> None:
    found = apps.releases(sections(**{"app-notes": ["answered"]}))
    assert found == {"front/web": Release("web", "", "deployed", 2, namespace="front", kind="helm")}


def test_what_makes_no_sense_is_passed_over() -> None:
    notes = ['bundler-app-web\tname\t"web', "x", 'bundler-app-other\tcontent\t"c"', "\t\t"]
    assert apps.releases({"app-notes": notes, "app-objects": ["a", "v1"]}) == {}

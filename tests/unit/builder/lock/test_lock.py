"""The lock's data: its text, what differs, what names mean, and why things are there."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bundler.builder.build.relock import remaining, without
from bundler.builder.lock import text
from bundler.builder.lock.collect import Names
from bundler.builder.lock.compare import changes
from bundler.builder.lock.explain import value_paths
from bundler.builder.lock.model import (
    ChartPin,
    FilePin,
    ImagePin,
    Inputs,
    KubefilePin,
    Lock,
    PackagePin,
    RangePin,
    SuitePin,
    place,
)
from bundler.builder.lock.naming import matching
from bundler.builder.lock.pins import pins
from bundler.builder.lock.why import listed, reasons
from bundler.builder.packages.closure import SuiteIndex
from bundler.builder.packages.deb.repository import needed_by
from bundler.core.digest import Digest
from bundler.core.errors import BundlerError, ExitCode
from bundler.core.reference import Reference

A, B, C = (Digest(letter * 64) for letter in "abc")
PLATFORM = "linux/amd64"


def package(name: str, *why: str, version: str = "1.0") -> PackagePin:
    asked = any(each.startswith("PACKAGE") for each in why)
    path = f"pool/{name}.deb"
    return PackagePin("debian:bookworm", name, version, "amd64", "bookworm", path, A, 9, asked, why)


NGINX = ImagePin("docker.io/library/nginx:1.27", "registry", A, B, ("IMAGE in Kubefile:3",))
SIDE = ImagePin("quay.io/team/side:2", "file", C, C, ("IMAGE in Kubefile:4",))
TOOL = FilePin("https://host.example/v1/tool", A, 7, ("ADD in Kubefile:2",))
CHART = ChartPin("oci://quay.io/charts/web:1.2.3", B, 8, manifest=str(C), why=("APP in Kubefile:6",))
PACKAGES = (
    package("libtool", "needed by tool"),
    package("server", "PACKAGE in Kubefile:7"),
    package("tool", "needed by libtool", "needed by server"),
)
SUITE = SuitePin("debian:bookworm", ("server",), (SuiteIndex("bookworm", C),), PACKAGES)
INPUTS = Inputs(
    kubefiles=(KubefilePin("kubernetes-source", A, ("FROM in Kubefile:1",)),),
    files=(TOOL,),
    charts=(CHART,),
    ranges=(RangePin("https://charts.example/db:^1", "1.4.0"),),
    images=(NGINX, SIDE),
    suites=(SUITE,),
)
LOCK = Lock({PLATFORM: INPUTS})

digests = st.text("0123456789abcdef", min_size=64, max_size=64).map(Digest)
words = st.text(st.characters(codec="utf-8"), max_size=30)
whys = st.lists(words, max_size=3).map(tuple)
files = st.builds(FilePin, words, digests, st.integers(0, 1 << 40), whys)
attached = st.lists(digests.map(lambda one: f"sha256-{one.hex}.sig {one}"), max_size=2).map(tuple)
images = st.builds(
    ImagePin, words, st.sampled_from(["registry", "file"]), digests, digests, whys, attached, st.booleans()
)
bases = st.builds(KubefilePin, words, digests, whys, st.one_of(st.just(""), digests.map(str)))
inputs = st.builds(
    Inputs, kubefiles=st.tuples(bases), files=st.tuples(files), images=st.tuples(images, images)
)


@given(st.dictionaries(words, inputs, max_size=2).map(Lock))
def test_what_is_written_is_read_again(lock: Lock) -> None:
    assert text.loads(text.dumps(lock), "Kubefile.lock") == lock


def test_a_whole_lock_is_read_again_and_has_a_line_for_each_fact() -> None:
    written = text.dumps(LOCK)
    assert text.loads(written, "Kubefile.lock") == LOCK
    assert max(map(len, written.splitlines())) < 110
    moved = replace(INPUTS, images=(replace(NGINX, digest=C), SIDE))
    pairs = zip(written.splitlines(), text.dumps(Lock({PLATFORM: moved})).splitlines(), strict=True)
    assert sum(one != other for one, other in pairs) == 1


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda d: d.update(lock=2), ExitCode.UNSUPPORTED),
        (lambda d: d.update(more=1), ExitCode.INPUT),
        (lambda d: d["platforms"][PLATFORM].pop("files"), ExitCode.INPUT),
        (lambda d: d["platforms"][PLATFORM]["files"][0].update(digest="sha256:1"), ExitCode.INPUT),
        (lambda d: d["platforms"][PLATFORM]["files"][0].update(size=-1), ExitCode.INPUT),
        (lambda d: d["platforms"][PLATFORM]["images"][0].update(why="x"), ExitCode.INPUT),
        (lambda d: d["platforms"][PLATFORM]["images"][0].update(attached=["tag"]), ExitCode.INPUT),
        (lambda d: d["platforms"][PLATFORM]["kubefiles"][0].update(manifest="x"), ExitCode.INPUT),
        (lambda d: d.update(platforms=[]), ExitCode.INPUT),
    ],
)
def test_what_is_no_lock_is_refused(change: Callable[[dict[str, Any]], object], code: ExitCode) -> None:
    document = json.loads(text.dumps(LOCK))
    change(document)
    with pytest.raises(BundlerError) as caught:
        text.loads(json.dumps(document).encode(), "Kubefile.lock")
    assert (caught.value.code, caught.value.fix != "") == (code, True)


def test_pins_of_what_is_beside_images_and_of_bases_in_registries() -> None:
    """An image whose signatures were asked for has those alone, also when there were none."""
    signed = replace(NGINX, signatures=True, attached=(f"sha256-{A.hex} {B}", f"sha256-{A.hex} {C}"))
    bare = replace(NGINX, reference="quay.io/team/bare:1", signatures=True)
    base = KubefilePin("oci://quay.io/team/base:1", A, (), str(B))
    found = pins(Inputs(kubefiles=(base, *INPUTS.kubefiles), images=(signed, bare)))
    tag = f"sha256-{A.hex}"
    assert found.images.attached == {NGINX.reference: ((tag, B), (tag, C)), "quay.io/team/bare:1": ()}
    assert found.bases == {"quay.io/team/base:1": B}


def test_a_merge_left_open_is_told_as_such() -> None:
    written = text.dumps(LOCK).replace(b'"files"', b'<<<<<<< ours\n"files"')
    with pytest.raises(BundlerError, match="can't be read") as caught:
        text.loads(written, "Kubefile.lock")
    assert "bundler lock" in caught.value.fix


@given(st.binary(max_size=200))
def test_no_bytes_are_too_odd(data: bytes) -> None:
    with pytest.raises(BundlerError):
        text.loads(data, "Kubefile.lock")


def test_a_lock_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = place(tmp_path / "Kubefile")
    assert path.name == "Kubefile.lock"
    assert text.read(path) is None
    text.write(LOCK, path)
    assert text.read(path) == (LOCK, Digest.of(path.read_bytes()))
    assert [each.name for each in tmp_path.iterdir()] == ["Kubefile.lock"]
    with pytest.raises(BundlerError) as caught:
        text.write(LOCK, tmp_path / "no" / "Kubefile.lock")
    assert caught.value.code is ExitCode.USAGE


def test_what_differs_is_told_and_why_makes_no_difference() -> None:
    assert changes(INPUTS, INPUTS) == ()
    other = replace(
        INPUTS,
        files=(),
        images=(replace(NGINX, attached=(f"sha256-{A.hex}.sig {B}",)), replace(SIDE, why=("elsewhere",))),
        ranges=(*INPUTS.ranges, RangePin("https://charts.example/web:~2", "2.0.1")),
        suites=(replace(SUITE, requested=("server", "tool"), indexes=()),),
    )
    found = changes(INPUTS, other)
    assert [(each.kind, each.name) for each in found] == [
        ("file", TOOL.url),
        ("chart range", "https://charts.example/web:~2"),
        ("image", NGINX.reference),
        ("PACKAGE", "debian:bookworm"),
    ]
    told = "\n".join(map(str, found))
    assert f"- file {TOOL.url} {A}" in told
    assert "+ chart range https://charts.example/web:~2 2.0.1" in told
    assert {each.problem("Kubefile.lock").rule for each in found} == {"lock-differs"}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("nginx", [NGINX]),
        ("nginx:1.27", [NGINX]),
        ("docker.io/library/nginx", [NGINX]),
        ("docker.io/library/nginx:1.27", [NGINX]),
        ("team/side", [SIDE]),
        ("side:2", [SIDE]),
        ("tool", [TOOL, PACKAGES[2]]),
        (TOOL.url, [TOOL]),
        ("web", [CHART]),
        ("debian:bookworm", [SUITE]),
        ("server=1.0", [PACKAGES[1]]),
        ("kubernetes-source", [INPUTS.kubefiles[0]]),
    ],
)
def test_names_as_people_say_them(name: str, expected: list[object]) -> None:
    assert [pin for _, pin in matching(INPUTS, name)] == expected


def test_a_name_that_nothing_has_is_told_with_what_is_close() -> None:
    with pytest.raises(BundlerError) as caught:
        matching(INPUTS, "ngnix")
    assert (caught.value.code, "nginx" in caught.value.fix) == (ExitCode.NOT_FOUND, True)


def test_update_lets_go_of_what_is_named_and_of_a_packages_whole_suite() -> None:
    assert without(INPUTS, ["nginx"]) == replace(INPUTS, images=(SIDE,))
    assert without(INPUTS, ["server"]) == replace(INPUTS, suites=())
    assert without(INPUTS, ["debian:bookworm", "web"]) == replace(INPUTS, suites=(), charts=())


def test_pins_are_what_each_part_of_the_build_takes() -> None:
    found = pins(INPUTS)
    assert found.files == {TOOL.url: A}
    assert found.images.digests == {NGINX.reference: A}, "an archive of the context is no registry's"
    assert found.images.attached == {}
    assert found.charts.charts[CHART.reference].manifest == str(C)
    assert found.charts.ranges == {"https://charts.example/db:^1": "1.4.0"}
    closure = found.closures["debian:bookworm"]
    assert [deb.name for deb in closure.packages] == ["libtool", "server", "tool"]
    assert closure.bases == {}


def test_why_goes_from_a_package_down_to_what_was_asked_for_and_not_in_circles() -> None:
    assert "libtool <- tool <- server <- PACKAGE in Kubefile:7" in reasons(LOCK, "libtool")
    assert "IMAGE in Kubefile:3" in reasons(LOCK, "nginx")
    assert len(listed(LOCK).splitlines()) == 1 + 1 + 1 + 1 + 2 + 1 + 3
    with pytest.raises(BundlerError):
        reasons(LOCK, "nothing-of-ours")
    with pytest.raises(BundlerError):
        reasons(Lock(), "nginx")


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"image": "team/app:1"}, ["image"]),
        ({"image": "quay.io/team/app:1"}, ["image"]),
        ({"a": {"image": {"repository": "team/app", "tag": "1"}}}, ["a.image.repository"]),
        ({"image": {"registry": "quay.io", "repository": "team/app", "tag": 1}}, ["image.repository"]),
        ({"image": {"repository": "team/app"}}, ["image.repository"]),
        ({"list": [{"name": "app", "tag": ""}]}, ["list[0].name"]),
        ({"image": {"repository": "team/app", "tag": "2"}}, []),
        ({"image": "my/team/app:2", "note": "app", "port": 80, "none": None}, []),
    ],
)
def test_the_value_behind_an_image(values: object, expected: list[str]) -> None:
    assert list(value_paths(values, Reference.parse("quay.io/team/app:1"))) == expected


def test_who_needs_a_package_also_by_what_it_provides() -> None:
    index = (
        b"Package: a\nVersion: 1\nDepends: b (>= 1) | c, mail\n\n"
        b"Package: b\nVersion: 1\nPre-Depends: a\n\n"
        b"Package: postbox\nVersion: 1\nProvides: mail (= 2)\nDepends: postbox\n"
    )
    assert {name: by for name, by in needed_by(index).items() if by} == {
        "a": ("b",),
        "b": ("a",),
        "postbox": ("a",),
    }


def test_places_are_told_by_names_wherever_the_files_lie() -> None:
    names = Names((("/srv/my product/Kubefile", "Kubefile"), ("/opt/base/Kubefile", "base/Kubefile")))
    assert names.told("ADD in /srv/my product/Kubefile:12:5, more") == "ADD in Kubefile:12, more"
    assert names.told("FROM in /opt/base/Kubefile:1:1") == "FROM in base/Kubefile:1"
    assert names.told("application/apps/web depends on it") == "application/apps/web depends on it"


def test_what_one_of_several_platforms_has_is_taken_out_of_that_one() -> None:
    before = {PLATFORM: INPUTS, "linux/arm64": replace(INPUTS, images=(SIDE,))}
    kept = remaining(before, ["nginx", "tool", "server"])
    assert [each.images for each in kept.values()] == [(SIDE,), (SIDE,)]
    assert [each.suites for each in kept.values()] == [(), ()]
    with pytest.raises(BundlerError, match="nothing of that name") as caught:
        remaining(before, ["nginx", "nothing-like-it"])
    assert caught.value.code is ExitCode.NOT_FOUND

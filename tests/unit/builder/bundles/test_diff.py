"""What `bundler diff` tells of two bundles, as data, as text and from the command line."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from bundler.builder.bundles.diff import How, MemberChange, Section, Side, diff, side_of
from bundler.builder.bundles.diff_platforms import diff_all
from bundler.builder.bundles.diff_render import as_json, as_text
from bundler.builder.cli.app import app
from bundler.core.archive import Bundle, BundleWriter
from bundler.core.digest import Digest
from bundler.core.errors import ExitCode
from bundler.core.index import App, AppKind, AppRole, Image, Member, OsPackage
from tests.kits.archive.bundles import STUB, meta


def member(path: Any, content: bytes = b"", mode: int = 0o644) -> Any:
    return Member(path, len(content), Digest.of(content), mode, 0, 1)


def image(name: Any, content: Any) -> Any:
    """(the index's entry, its only blob)."""
    digest = Digest.of(content)
    entry = Image(name, digest, "application/vnd.oci.image.manifest.v1+json", len(content), (digest,), ())
    return entry, member(f"images/blobs/sha256/{digest.hex}", content)


def package(name: Any, version: Any, content: Any) -> Any:
    path = f"packages/debian-bookworm/{name}_{version}_amd64.deb"
    return OsPackage("debian:bookworm", name, version, "amd64", path, requested=True), member(path, content)


def side(size: int = 1000, *, charts: Any = None, values: Any = None, **index: Any) -> Any:
    return Side(meta(**index), size, charts or {}, values or {})


def changes(old: Any, new: Any) -> Any:
    return diff(old, new).changes


def test_equal_bundles_do_not_differ() -> None:
    one = side(members=(member("root/a", b"1"),), labels={"a": "b"})
    found = diff(one, one)
    assert (found.changes, found.fresh, as_text(found)) == ((), 0, "")


def test_heading_labels_and_launch() -> None:
    old = side(version="1.0.0", labels={"a": "1", "gone": "x"}, launch=())
    new = side(version="1.1.0", labels={"a": "2"}, launch=("web",))
    assert changes(old, new) == (
        MemberChange(Section.BUNDLE, How.CHANGED, "label a", "1", "2"),
        MemberChange(Section.BUNDLE, How.REMOVED, "label gone", "x", None),
        MemberChange(Section.BUNDLE, How.ADDED, "launches", None, "web"),
        MemberChange(Section.BUNDLE, How.CHANGED, "version", "1.0.0", "1.1.0"),
    )


def test_a_new_tag_is_a_change_of_the_image() -> None:
    (one, blob), (other, other_blob) = image("docker.io/a/b:1", b"old"), image("docker.io/a/b:2", b"newer")
    (change,) = changes(side(images=(one,), members=(blob,)), side(images=(other,), members=(other_blob,)))
    assert (change.section, change.how, change.name, change.grown) == (
        Section.IMAGES,
        How.CHANGED,
        "docker.io/a/b",
        2,
    )
    assert change.old == f"1 ({one.digest.hex[:12]})"
    assert change.new == f"2 ({other.digest.hex[:12]})"


def test_a_tag_that_was_moved_is_a_change() -> None:
    (one, blob), (other, other_blob) = image("docker.io/a/b:1", b"old"), image("docker.io/a/b:1", b"new")
    (change,) = changes(side(images=(one,), members=(blob,)), side(images=(other,), members=(other_blob,)))
    assert (change.how, change.name) == (How.CHANGED, "docker.io/a/b")


def test_several_tags_of_one_repository_are_told_apart() -> None:
    (one, blob), (other, other_blob) = image("docker.io/a/b:1", b"1"), image("docker.io/a/b:2", b"2")
    both = side(images=(one, other), members=(blob, other_blob))
    assert changes(both, both) == ()
    third, third_blob = image("docker.io/a/b:3", b"3")
    more = side(images=(one, other, third), members=(blob, other_blob, third_blob))
    assert [(c.how, c.name) for c in changes(both, more)] == [(How.ADDED, "docker.io/a/b:3")]


def test_packages_by_version_and_by_bytes() -> None:
    (one, old), (other, new) = package("socat", "1.0", b"x"), package("socat", "1.1", b"xyz")
    assert changes(side(packages=(one,), members=(old,)), side(packages=(other,), members=(new,))) == (
        MemberChange(Section.PACKAGES, How.CHANGED, "debian:bookworm socat amd64", "1.0", "1.1", 2),
    )
    rebuilt = replace(old, digest=Digest.of(b"y"))
    (change,) = changes(side(packages=(one,), members=(old,)), side(packages=(one,), members=(rebuilt,)))
    assert change.section is Section.PACKAGES


def test_files_by_content_and_mode_and_what_is_new() -> None:
    old = side(members=(member("root/a", b"1"), member("root/b", b"22"), member("root/same", b"s")))
    new = side(members=(member("root/a", b"1", 0o755), member("root/c", b"333"), member("root/same", b"s")))
    found = diff(old, new)
    assert [(c.how, c.name, c.grown) for c in found.changes] == [
        (How.CHANGED, "root/a", 0),
        (How.REMOVED, "root/b", -2),
        (How.ADDED, "root/c", 3),
    ]
    assert found.fresh == 3


def test_what_only_repeats_the_rest_is_no_change() -> None:
    old = side(members=(member("sbom/bom.cdx.json", b"1"), member("images/index.json", b"1")))
    new = side(members=(member("sbom/bom.cdx.json", b"2"), member("images/index.json", b"2")))
    assert changes(old, new) == ()


def write(path: Any, files: Any, **index: Any) -> Any:
    runtime = path.with_suffix(".runtime")
    runtime.write_bytes(b"\x1f\x8b" + bytes(16))
    with BundleWriter(path, stub=STUB, runtime=runtime) as writer:
        for name, content in files.items():
            writer.add(name, [content], size=len(content), digest=Digest.of(content))
        writer.finish(meta(**index))
    return path


@pytest.fixture
def runs(tmp_path: Path) -> Any:
    """Two .runs, of which the second has a newer chart with other values."""
    folder = "root/application/apps/web"
    shop = App("web", AppKind.HELM, AppRole.APP, folder)
    chart = b"name: web\nversion: %s\nappVersion: '%s'\n"
    old = {
        f"{folder}/Chart.yaml": chart % (b"1.0.0", b"1"),
        f"{folder}/values.yaml": b"a: {b: [1, x]}\nc: 1\n",
    }
    new = {
        f"{folder}/Chart.yaml": chart % (b"1.1.0", b"2"),
        f"{folder}/values.yaml": b"a: {b: [1, y]}\nd: 2\n",
    }
    return write(tmp_path / "a.run", old, apps=(shop,)), write(tmp_path / "b.run", new, apps=(shop,))


def test_charts_and_values_are_read_from_the_files(runs: Any) -> None:
    with Bundle.open(runs[0]) as old, Bundle.open(runs[1]) as new:
        found = changes(side_of(old), side_of(new))
    folder = "root/application/apps/web"
    told = [(c.how, c.name, c.old, c.new) for c in found if c.section in {Section.CHARTS, Section.VALUES}]
    assert told == [
        (How.CHANGED, folder, "web 1.0.0 (app 1)", "web 1.1.0 (app 2)"),
        (How.CHANGED, f"{folder}/values.yaml: a.b.1", "'x'", "'y'"),
        (How.REMOVED, f"{folder}/values.yaml: c", "1", None),
        (How.ADDED, f"{folder}/values.yaml: d", None, "2"),
    ]


def test_the_command_exits_as_diff_does(runs: Any) -> None:
    run = CliRunner()
    assert run.invoke(app, ["diff", str(runs[0]), str(runs[0])]).exit_code == 0
    differing = run.invoke(app, ["diff", str(runs[0]), str(runs[1])])
    assert differing.exit_code == 1
    assert "  ~ root/application/apps/web: web 1.0.0 (app 1) -> web 1.1.0 (app 2)\n" in differing.stdout
    document = json.loads(run.invoke(app, ["diff", "--json", str(runs[0]), str(runs[1])]).stdout)
    assert document["old"]["size"] == runs[0].stat().st_size
    assert {change["section"] for change in document["changes"]} == {"charts", "values", "files"}
    missing = run.invoke(app, ["diff", str(runs[0]), "missing.run"])
    assert getattr(missing.exception, "code", None) is ExitCode.NOT_FOUND


def test_nothing_that_a_terminal_obeys_is_shown() -> None:
    found = diff(side(labels={"a": "x"}), side(labels={"a": "\x1b[31mred"}))
    assert "\x1b" not in as_text(found)
    assert json.loads(as_json(found))["changes"][0]["new"] == "\x1b[31mred"


def test_values_that_are_no_yaml_are_told_as_files_only(tmp_path: Path) -> None:
    folder = "root/application/apps/web"
    shop = App("web", AppKind.HELM, AppRole.APP, folder)
    files = {f"{folder}/Chart.yaml": b"name: web\nversion: 1\n", f"{folder}/values.yaml": b"a: [\n"}
    with Bundle.open(write(tmp_path / "a.run", files, apps=(shop,))) as bundle:
        assert side_of(bundle).values == {}


ARM: dict[str, Any] = {"platform": "linux/arm64"}


def test_what_changed_on_all_platforms_is_told_once_and_the_rest_by_platform() -> None:
    old = (side(members=(member("a", b"1"), member("b", b"1"))), side(members=(member("a", b"1"),), **ARM))
    new = (
        side(members=(member("a", b"22"), member("b", b"1"))),
        side(members=(member("a", b"22"), member("c", b"3")), **ARM),
    )
    found = diff_all(old, new)
    assert [(change.name, change.platforms) for change in found.changes] == [
        ("a", ()),
        ("c", ("linux/arm64",)),
    ]
    assert found.fresh == 3, "bytes that neither platform had before, each once"
    assert as_text(found).splitlines()[2].endswith("  [linux/arm64]")
    told = json.loads(as_json(found))
    assert told["new"]["platforms"] == ["linux/amd64", "linux/arm64"]
    assert [change["platforms"] for change in told["changes"]] == [[], ["linux/arm64"]]


def test_a_platform_comes_or_goes() -> None:
    both, one = (side(), side(**ARM)), (side(),)
    assert diff_all(one, both).changes == (
        MemberChange(Section.BUNDLE, How.ADDED, "platform linux/arm64", None, "linux/arm64"),
    )
    assert diff_all(both, one).changes == (
        MemberChange(Section.BUNDLE, How.REMOVED, "platform linux/arm64", "linux/arm64", None),
    )
    assert diff_all(both, both).changes == ()


def test_bundles_of_other_platforms_are_compared_as_they_are() -> None:
    assert diff_all((side(),), (side(**ARM),)).changes == (
        MemberChange(Section.BUNDLE, How.CHANGED, "platform", "linux/amd64", "linux/arm64"),
    )

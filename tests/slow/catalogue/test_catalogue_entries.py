"""Every entry of the catalogue: it lints, says what it is, and goes together with those that it may."""

import re
from pathlib import Path
from typing import Any

import pytest

from bundler.builder.catalogue import entry as entry_module
from bundler.builder.catalogue.compose import kubefile_text
from bundler.builder.catalogue.entry import Entry, Kind, entries, read_entry, unmet
from bundler.builder.catalogue.listing import markdown
from bundler.builder.kubefile.instructions import Package
from bundler.core.errors import Problems
from tests.kits.catalogue import (
    CATALOGUE,
    NAMES,
    blocks,
    composed_here,
    entry,
    expected_of,
    instructions,
    kubefile,
    linted,
)

SECTIONS = ("Take it", "Is it well?", "Backup", "How far it was tried")
PAGE = 120  # lines of a README
SUITES = ("debian:bookworm", "debian:trixie")


def test_there_are_thirty_and_more() -> None:
    assert len(NAMES) >= 37


@pytest.mark.parametrize("name", NAMES)
def test_an_entry_lints(name: Any) -> None:
    """A chart may lack a checksum where its repository's digest could not be learnt and the entry says so."""
    report = linted(kubefile(name))
    assert report.errors == ()
    for finding in report.findings:
        line = kubefile(name).read_text(encoding="utf-8").splitlines()[finding.problem.location.line - 1]
        match finding.problem.rule:
            case "no-checksum":
                assert "chart+https://" in line
                assert "bundler lock" in entry(name).pins
            case "add-archive":
                assert "airgap-images" in line  # the archive itself is what k3s wants
            case rule:
                pytest.fail(f"{name}: {rule}: {finding.problem}")


@pytest.mark.parametrize("name", NAMES)
def test_an_entry_has_a_readme_of_one_page(name: Any) -> None:
    text = (CATALOGUE.root / name / "README.md").read_text(encoding="utf-8")
    assert text.startswith(f"# {name}\n")
    assert len(text.splitlines()) <= PAGE
    assert len(text) > 200
    headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
    if not composed_here(name) or headings:
        assert [heading for heading in SECTIONS if heading not in headings] == []


@pytest.mark.parametrize("name", NAMES)
def test_what_an_entry_needs_is_given_by_another(name: Any) -> None:
    others = [one for one in entries(CATALOGUE) if one.name != name]
    assert unmet([entry(name), *others]) == ()


@pytest.mark.parametrize("name", NAMES)
def test_packages_that_hosts_need_come_along(name: Any) -> None:
    asked = entry(name).nodes.packages
    for suite in SUITES:
        brought = {
            word.text
            for one in instructions(name)
            if isinstance(one, Package) and one.suite.text == suite
            for word in one.names
        }
        assert set(asked) <= brought


@pytest.mark.parametrize("name", NAMES)
def test_modules_and_settings_of_hosts_can_be_set(name: Any) -> None:
    nodes = entry(name).nodes
    assert [module for module in nodes.modules if not re.fullmatch(r"[a-z0-9_]+", module)] == []
    assert [s for s in nodes.sysctls if not re.fullmatch(r"[a-z0-9_]+(\.[a-z0-9_]+)+=\d+", s)] == []


@pytest.mark.parametrize("name", NAMES)
def test_an_entry_says_where_its_pins_come_from(name: Any) -> None:
    if entry(name).kind is not Kind.EXAMPLE and name not in {"network-none", "tools"}:
        assert entry(name).pins


def test_what_was_never_built_here_claims_no_size() -> None:
    unbuilt = (one for one in entries(CATALOGUE) if one.tested is entry_module.Tested.CONTRACT)
    assert [one.name for one in unbuilt if one.size and not composed_here(one.name)] == []


def test_all_blocks_that_share_nothing_make_one_bundle(tmp_path: Path) -> None:
    chosen: list[Entry] = []
    for block in blocks():
        if all(not expected_of(block, other) for other in chosen):
            chosen.append(block)
    path = tmp_path / "Kubefile"
    path.write_text(kubefile_text(["kubernetes", *(one.name for one in chosen)], "all", CATALOGUE))
    assert len(chosen) > 20
    assert linted(path).errors == ()


def test_a_port_that_two_blocks_take_is_named_with_both(tmp_path: Path) -> None:
    folder = tmp_path / "own"
    folder.mkdir()
    (folder / "Kubefile").write_text("FROM scratch\n")
    text = (CATALOGUE.root / "ingress-nginx/entry.yaml").read_text().replace("ports: [80, ", "ports: [81, ")
    (folder / "entry.yaml").write_text(text)
    path = tmp_path / "Kubefile"
    path.write_text("FROM kubernetes\nINCLUDE ingress-nginx own\n")
    (finding,) = linted(path).errors
    assert "ingress-nginx and own both take port 443" in finding.problem.message


def test_an_app_that_two_blocks_bring_is_named_with_both(tmp_path: Path) -> None:
    folder = tmp_path / "own"
    (folder / "files").mkdir(parents=True)
    (folder / "files/run.sh").write_text("echo\n")
    (folder / "Kubefile").write_text('FROM scratch\nAPP valkey local://files\nLAUNCH ["valkey"]\n')
    path = tmp_path / "Kubefile"
    path.write_text("FROM kubernetes\nINCLUDE valkey own\n")
    (finding,) = linted(path).errors
    assert finding.problem.rule == "include-app"
    assert "the block own brings the app valkey" in finding.problem.message


def test_an_entry_with_a_slip_is_told_with_its_line(tmp_path: Path) -> None:
    folder = tmp_path / "own"
    folder.mkdir()
    text = (CATALOGUE.root / "valkey/entry.yaml").read_text().replace("licence:", "license:")
    (folder / "entry.yaml").write_text(text)
    with pytest.raises(Problems, match="license"):
        read_entry(folder)


def test_the_documentation_has_the_table() -> None:
    """`bundler catalogue list --markdown` writes it, between the two comments."""
    text = (CATALOGUE.root.parents[1] / "docs/catalogue.md").read_text(encoding="utf-8")
    begin, end = "<!-- bundler catalogue list --markdown -->\n", "<!-- end -->\n"
    assert text.partition(begin)[2].partition(end)[0] == markdown(entries(CATALOGUE))

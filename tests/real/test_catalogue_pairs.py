"""Every two blocks of the catalogue: they go together, with Helm rendering their charts, or are refused."""

import itertools
from pathlib import Path

import pytest

from bundler.builder.catalogue.compose import kubefile_text
from bundler.builder.catalogue.entry import Entry
from tests.kits.catalogue import CATALOGUE, blocks, expected_of, linted

pytestmark = pytest.mark.real


@pytest.mark.parametrize(
    "pair", tuple(itertools.combinations(blocks(), 2)), ids=lambda pair: "+".join(one.name for one in pair)
)
def test_two_blocks_go_together_or_are_refused_by_name(pair: tuple[Entry, Entry], tmp_path: Path) -> None:
    one, other = pair
    path = tmp_path / "Kubefile"
    path.write_text(kubefile_text(["kubernetes", one.name, other.name], "stack", CATALOGUE))
    expected = expected_of(one, other)
    report = linted(path)
    assert [finding.problem.rule for finding in report.errors] == ([expected] if expected else [])
    if expected:
        (finding,) = report.errors
        assert one.name in finding.problem.message or other.name in finding.problem.message

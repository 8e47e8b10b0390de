"""Errors are values: one that was caught is raised anew with another part, never edited."""

import pytest

from bundler.core.errors import BundlerError, ExitCode, Location, Problem, Problems


def test_a_revised_error_says_one_part_differently_and_leaves_the_first_as_it_was() -> None:
    first = BundlerError("no disk", code=ExitCode.SPACE, where="10.0.0.2", why="full", fix="free some")
    second = first.revised(where="10.0.0.3", why="")
    assert str(second) == "10.0.0.3: no disk\n  fix: free some"
    assert (second.code, second.id, type(second)) == (ExitCode.SPACE, "BND-SPACE", BundlerError)
    assert str(first) == "10.0.0.2: no disk\n  why: full\n  fix: free some"


def test_problems_stay_problems() -> None:
    problems = Problems((Problem(Location("Kubefile", 3), "no-such", "what is this?"),))
    revised = problems.revised(fix="read the manual")
    assert isinstance(revised, Problems)
    assert revised.problems == problems.problems
    assert (revised.fix, problems.fix) == ("read the manual", "")


@pytest.mark.parametrize(("fix", "shown"), [("", "log: /x"), ("try again", "try again; log: /x")])
def test_the_log_stands_behind_the_fix(fix: str, shown: str) -> None:
    error = BundlerError("it broke", code=ExitCode.STEP, fix=fix)
    assert error.logged_at("/x").fix == shown
    assert error.fix == fix

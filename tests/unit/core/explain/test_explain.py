"""Every error id is explained, in the programs and in docs/errors.md alike."""

import re
from pathlib import Path

import pytest

import bundler
from bundler.core.errors import BundlerError, ExitCode, headed
from bundler.core.explain import EXPLANATIONS, explanation, listing, page
from bundler.core.explain.codes import CODES
from tests.errors_doc import PAGE

SOURCES = sorted(Path(bundler.__file__).parent.rglob("*.py"))


def used() -> dict[str, str]:
    """The ids that the code names, with a file that does; `explain` itself apart."""
    return {
        name: str(source)
        for source in SOURCES
        if "explain" not in source.parts
        for name in re.findall(r'"(BND-[A-Z0-9-]+)"', source.read_text())
    }


def test_every_id_that_the_code_names_is_explained() -> None:
    assert {name: where for name, where in used().items() if name not in EXPLANATIONS} == {}


def test_nothing_is_explained_that_no_error_carries() -> None:
    assert set(EXPLANATIONS) - set(used()) - {each.id for each in CODES} == set()


@pytest.mark.parametrize("code", [code for code in ExitCode if code is not ExitCode.OK])
def test_an_error_without_an_id_goes_by_its_exit_code(code: ExitCode) -> None:
    error = BundlerError("it went wrong", code=code)
    assert EXPLANATIONS[error.id].code is code
    assert headed(error) == f"error[{error.id}] it went wrong"


@pytest.mark.parametrize("word", ["BND-QUORUM", "bnd-quorum", "quorum", "QUORUM"])
def test_an_id_is_found_however_it_is_typed(word: str) -> None:
    assert explanation(word).id == "BND-QUORUM"


@pytest.mark.parametrize(
    ("word", "found"), [("8", "BND-SPACE"), ("not_found", "BND-NOT-FOUND"), ("130", "BND-INTERRUPTED")]
)
def test_an_exit_code_is_explained_too(word: str, found: str) -> None:
    assert explanation(word).id == found


def test_a_misspelt_id_names_the_one_that_is_meant() -> None:
    with pytest.raises(BundlerError) as caught:
        explanation("BND-QUORM")
    assert caught.value.code is ExitCode.NOT_FOUND
    assert "BND-QUORUM" in caught.value.fix


def test_the_list_has_every_id_once() -> None:
    assert sorted(re.findall(r"^  (BND-\S+)", listing(), re.MULTILINE)) == sorted(EXPLANATIONS)


def test_the_page_says_what_the_programs_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "write it: python -m tests.errors_doc"

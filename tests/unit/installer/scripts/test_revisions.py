"""Every script's digest stands beside its revision: nobody changes one without saying what that means."""

from bundler.installer.plan.inputs import inputs_of, revision_of
from bundler.installer.plan.steps import Exec, Phase
from bundler.installer.scripts import render
from tests import pins


def test_no_script_was_changed_without_a_word_on_its_revision() -> None:
    noted = pins.pins(render.load("revisions"))
    found = {path.name: pins.digest(path) for path in pins.scripts()}
    changed = sorted(name for name in found if noted.get(name, (0, ""))[1] != found[name])
    assert not changed, (
        "is the effect another one? `python -m tests.pins --raise NAME`; else the same without a name"
    )
    assert set(noted) == set(found)


def step(text: str) -> Exec:
    return Exec(id="i", host="h", phase=Phase.HOST, reason="r", script=text)


def test_a_comment_in_a_script_is_no_input() -> None:
    made = render.script("init.sh", config="/a", phases="x", ignored="", inputs="d")
    commented = render.Script(f"# a comment\n{made}")
    commented.names, commented.variables = made.names, made.variables
    assert inputs_of(step(commented)) == inputs_of(step(made))
    assert revision_of(step(commented)) == revision_of(step(made))


def test_what_is_appended_is_an_input() -> None:
    made = render.script("init.sh", config="/a")
    assert inputs_of(step(made + "one")) != inputs_of(step(made + "two"))


def test_a_text_of_nobody_counts_as_a_whole() -> None:
    assert inputs_of(step("one")) != inputs_of(step("two"))
    assert "one" not in inputs_of(step("one")).values()

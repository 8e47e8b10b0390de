from tests.house import arrows_of, circles_of, floors_of, measure


def test_floors_stand_upon_what_they_import():
    arrows = {"cli": frozenset({"plan", "core"}), "plan": frozenset({"core"}), "core": frozenset[str]()}
    assert floors_of(arrows) == (("core",), ("plan",), ("cli",))
    assert circles_of(arrows) == ()


def test_rooms_that_reach_each_other_are_a_circle():
    arrows = {
        "cli": frozenset({"a"}),
        "a": frozenset({"b"}),
        "b": frozenset({"c"}),
        "c": frozenset({"a"}),
    }
    assert circles_of(arrows) == (("a", "b", "c"),)
    assert floors_of(arrows) == ()


def test_this_house_has_no_circles_and_no_loose_modules_but_its_face():
    arrows, loose = arrows_of()
    assert loose == {"bundler.builder.__main__"}
    assert measure(arrows, loose).circles == ()

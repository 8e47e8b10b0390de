"""Equal faults of a file are told once, with all their places."""

import pytest

from bundler.core.errors import Location, Problem, Problems
from bundler.core.folding import runs


def fault(line: int, message: str, *, rule: str = "r", hint: str = "", file: str = "site.yaml") -> Problem:
    return Problem(Location(file, line, 3), rule, message, hint, text=f"text of line {line}")


@pytest.mark.parametrize(
    ("numbers", "told"),
    [
        ([], []),
        ([4], ["4"]),
        ([4, 4], ["4"]),
        ([5, 4], ["4-5"]),
        ([1, 3, 4, 5, 9], ["1", "3-5", "9"]),
        ([1, 3, 5], ["1", "3", "5"]),
    ],
)
def test_numbers_as_ranges(numbers: list[int], told: list[str]) -> None:
    assert runs(numbers) == told


def test_a_field_misspelt_on_200_hosts_is_one_fault() -> None:
    found = [fault(10 + n, f"unknown field spec.hosts[{n}].sssh", hint="ssh?") for n in range(200)]
    assert str(Problems(tuple(found))).splitlines() == [
        "site.yaml:10:3: unknown field spec.hosts[0-199].sssh [r]",
        "    text of line 10",
        "      ^",
        "  200 times: lines 10-209",
        "  fix: ssh?",
        "200 problems found",
    ]


def test_three_equal_faults_are_shown_one_by_one() -> None:
    text = str(Problems(tuple(fault(n, f"hosts[{n}] is odd") for n in range(1, 4))))
    assert [line for line in text.splitlines() if line.startswith("site.yaml")] == [
        f"site.yaml:{n}:3: hosts[{n}] is odd [r]" for n in range(1, 4)
    ]


def test_lines_with_gaps_are_listed_up_to_a_dozen() -> None:
    found = tuple(fault(3 * n, f"hosts[{n}].ips is missing") for n in range(1, 101))
    text = str(Problems(found))
    assert "hosts[1-100].ips is missing" in text
    assert "  100 times: lines 3, 6, 9, 12, 15, 18, 21, 24, 27, 30, 33, …, 300" in text


def test_where_two_numbers_differ_the_first_place_stands_for_all() -> None:
    found = tuple(fault(n, f"hosts[{n}].ips[{n % 3}] is odd") for n in range(1, 9))
    assert "site.yaml:1:3: hosts[1].ips[1] is odd [r]" in str(Problems(found))
    assert "8 times: lines 1-8" in str(Problems(found))


def test_faults_that_differ_in_values_are_counted_after_a_dozen() -> None:
    found = tuple(fault(n, f"'10.0.0.{n + 255}' is not an IP address") for n in range(1, 201))
    text = str(Problems(found))
    assert text.count("is not an IP address") == 12
    assert "site.yaml: 188 more like these [r]: lines 13-200" in text
    assert text.endswith("200 problems found")


@pytest.mark.parametrize("part", ["file", "rule", "hint", "message"])
def test_faults_that_differ_in_anything_else_stay_apart(part: str) -> None:
    first = [fault(n, "odd") for n in range(1, 6)]
    more = {"message": "even"} if part == "message" else {"message": "odd", part: "other"}
    second = [fault(n, **more) for n in range(11, 16)]
    assert str(Problems(tuple(first + second))).count("5 times:") == 2


def test_no_fault_is_lost_whatever_the_order() -> None:
    found = tuple(fault(n, f"x[{n}] is {n % 7}") for n in range(1, 61))
    shown = "\n".join(str(Problems(tuple(reversed(found)))).splitlines()[:-1])
    assert shown == "\n".join(str(Problems(found)).splitlines()[:-1])
    assert shown.count("times: lines") == 7

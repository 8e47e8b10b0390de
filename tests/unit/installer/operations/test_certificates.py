"""`certs status`: what ends when, and the exit code."""

import json

import pytest

from bundler.core.errors import ExitCode
from bundler.installer.facts.observed import Certificate
from bundler.installer.operations.certificates import Status, as_json, as_text

DAY = 86400.0
NOW = 20_000 * DAY


def leaf(name: str, days: float) -> Certificate:
    return Certificate(name, NOW - 300 * DAY, NOW + days * DAY, frozenset({"n1"}))


CA = Certificate("ca", NOW - DAY, NOW + 3305 * DAY, authority=True)


def test_what_ends_first_is_told_first_with_hosts_and_the_way() -> None:
    mine = (leaf("apiserver", 20.5), leaf("admin.conf", 20.5), leaf("etcd/server", 20.5), CA)
    found = Status(
        {"10.0.0.11": mine, "10.0.0.12": mine, "10.0.0.21": (leaf("kubelet-client", 110.5),)}, {}, NOW
    )
    advice = "renewed by the next apply, or: certs renew"
    assert list(as_text(found)) == [
        f"!    20 days  2024-10-24  leaf (3 kinds)  10.0.0.11-12 (2); {advice}",
        "    110 days  2025-01-22  leaf (kubelet-client)  10.0.0.21",
        "  3,305 days  2033-10-22  CA (ca)  10.0.0.11-12 (2)",
    ]


@pytest.mark.parametrize(
    ("days", "silent", "code"),
    [
        (31, {}, ExitCode.OK),
        (29, {}, ExitCode.FINDINGS),
        (31, {"10.0.0.9": "no answer"}, ExitCode.FINDINGS),
        (-1, {}, ExitCode.DOWN),
    ],
)
def test_the_exit_code_says_how_soon(days: float, silent: dict[str, str], code: ExitCode) -> None:
    assert Status({"10.0.0.11": (leaf("apiserver", days), CA)}, silent, NOW).code is code


def test_an_expired_one_is_called_so_and_a_silent_host_named() -> None:
    found = Status({"10.0.0.11": (leaf("apiserver", -2),)}, {"10.0.0.12": "no answer"}, NOW)
    first, second = as_text(found)
    assert first.startswith("✗    expired  2024-10-02  leaf (apiserver)  10.0.0.11")
    assert second.endswith("10.0.0.12: no answer")


def test_programs_get_every_certificate() -> None:
    read = json.loads(as_json(Status({"10.0.0.11": (leaf("apiserver", 20.5),)}, {}, NOW)))
    (only,) = read["hosts"]["10.0.0.11"]
    assert (only["name"], only["daysLeft"], only["names"]) == ("apiserver", 20, ["n1"])
    assert only["notAfter"] == "2024-10-24T12:00:00Z"

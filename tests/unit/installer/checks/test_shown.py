"""A report as text, JSON and JUnit; nothing that a host says is obeyed."""

import json
from dataclasses import replace
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import pytest

from bundler.core.errors import ExitCode
from bundler.installer.checks.export import as_json, as_junit
from bundler.installer.checks.html import as_html
from bundler.installer.checks.judge import judge
from bundler.installer.checks.model import Report
from bundler.installer.checks.table import as_text
from bundler.installer.plan.vendor import VendorRules
from tests.unit.installer.checks import kit
from tests.unit.installer.checks.kit import ONE, TWO
from tests.unit.installer.plan import kit as plans

SITE = plans.site()
EVIL = "</failure>]]>&\x00\x1b[31m<script>"


def report(**changed: str) -> Report:
    probes = {a: kit.values(SITE, a, swap=str(2 << 20)) for a in (ONE, TWO)}
    probes[ONE] = kit.values(SITE, ONE, swap=str(2 << 20), static_name="golden", **changed)
    return replace(judge(kit.scene(SITE, probes)), seconds=19.4)


def test_as_text() -> None:
    lines = as_text(report(), "./shop.run check --fix -f site.yaml").splitlines()
    assert lines[0].startswith("trial: 1 error, 1 warning; ")
    assert lines[0].endswith(" checks pass on 2 of 2 hosts (19 s, 2 links)")
    assert lines[1:] == [
        "✗ error    static-name  10.0.0.2  node-10-0-0-2 now, golden after a reboot",
        "                        the node comes back as a stranger; hostnamectl set-hostname NAME",
        "! warning  swap-on      all 2     2,048 MiB, must be off",
        "                        memory limits do not hold; --fix turns it off and comments it out in",
        "                        /etc/fstab",
        "1 can be fixed: ./shop.run check --fix -f site.yaml   1 needs you.   Exit code 11 (PREFLIGHT)",
    ]
    assert all(len(line) <= 100 for line in lines)


def test_a_site_that_is_well_in_one_line() -> None:
    (line,) = as_text(judge(kit.scene(SITE)), "again").splitlines()
    assert line.startswith("trial: well; ")


def test_many_pairs_are_folded_by_where_they_begin() -> None:
    of = plans.site(5)
    probes = {ONE: kit.probe(of, ONE, links=kit.probe(of, ONE).links[:1])}
    text = as_text(judge(kit.scene(of, probes), only=frozenset({"link-port"})), "again")
    assert f"{ONE} → 10.0.0.4-7 (4)  port 10250 (kubelet): no answer within 12 s" in text


def test_json_has_every_check() -> None:
    data = json.loads(as_json(report()))
    assert (data["schema"], data["site"], data["exit_code"]) == (1, "trial", 11)
    by_id = {check["id"]: check for check in data["checks"]}
    assert len(by_id) > 100
    swap = by_id["swap-on"]
    assert (swap["severity"], swap["state"], swap["fixable"], swap["limit"]) == (
        "warning",
        "found",
        True,
        "must be off",
    )
    assert [(f["where"], f["hosts"], f["value"]) for f in swap["findings"]] == [
        (ONE, [ONE], "2,048 MiB"),
        (TWO, [TWO], "2,048 MiB"),
    ]
    assert by_id["cpu-load"]["state"] == "passed"
    assert by_id["node-ready"]["state"] == "not-looked-at"


def test_junit_is_xml_whatever_hosts_say() -> None:
    suite = ET.fromstring(as_junit(report(pid1=EVIL)))  # noqa: S314  (our own text)
    cases = {case.attrib["name"]: case for case in suite}
    assert suite.attrib["tests"] == str(len(cases))
    assert suite.attrib["failures"] == "2"
    failure = cases["init-system"].find("failure")
    assert failure is not None
    assert failure.text is not None
    assert "</failure>]]>&\ufffd\ufffd[31m<script>" in failure.text
    assert cases["swap-on"].find("failure") is None
    assert cases["cpu-load"].find("skipped") is None
    assert cases["node-ready"].find("skipped") is not None


def test_what_is_ignored_fails_nothing_and_what_is_strict_does() -> None:
    probes = {ONE: kit.values(SITE, ONE, static_name="golden")}
    ignored = frozenset({"static-name"})
    assert judge(kit.scene(SITE, probes)).failed
    assert not judge(kit.scene(SITE, probes), ignored=ignored).failed
    strict = VendorRules(strict=frozenset({"static-name"}))
    assert judge(kit.scene(SITE, probes, rules=strict), ignored=ignored).failed
    gentle = VendorRules(severities={"static-name": "warning"})
    assert not judge(kit.scene(SITE, probes, rules=gentle)).failed


class _Page(HTMLParser):
    """What a browser would make of a page: elements and text."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.loads: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.loads += [name for name, _ in attrs if name in {"src", "href"} or name.startswith("on")]

    def handle_data(self, data: str) -> None:
        self.text += data


def test_a_page_shows_what_hosts_say_and_obeys_none_of_it() -> None:
    page = _Page()
    page.feed(as_html(report(pid1='"><script src=//x>' + EVIL + "<img src=x onerror=y>")))
    assert '"><script src=//x></failure>]]>&' in page.text
    assert not page.tags & {"script", "img", "failure", "link"}
    assert page.loads == []
    assert "\x1b" not in page.text
    assert "swap-on" in page.text
    assert "2,048 MiB" in page.text
    assert "Exit code 11 (PREFLIGHT)" in page.text


def test_a_page_of_a_site_that_is_well() -> None:
    page = _Page()
    page.feed(as_html(judge(kit.scene(SITE))))
    assert "Nothing was found." in page.text
    assert "Exit code 0 (OK)" in page.text


@pytest.mark.parametrize(
    ("changed", "ignored", "code"),
    [
        ({}, set(), ExitCode.OK),
        ({"rotational": "1"}, set(), ExitCode.OK),  # a note
        ({"swap": "4096"}, set(), ExitCode.FINDINGS),
        ({"swap": "4096"}, {"swap-on"}, ExitCode.OK),
        ({"swap": "4096", "pid1": "openrc"}, {"swap-on"}, ExitCode.PREFLIGHT),
        ({"swap": "4096", "pid1": "openrc"}, {"init-system"}, ExitCode.FINDINGS),
    ],
)
def test_the_exit_code_is_that_of_the_gravest_finding_that_counts(
    changed: dict[str, str], ignored: set[str], code: ExitCode
) -> None:
    found = judge(kit.scene(SITE, {ONE: kit.values(SITE, ONE, **changed)}), ignored=frozenset(ignored))
    assert found.code is code
    assert json.loads(as_json(found))["exit_code"] == code

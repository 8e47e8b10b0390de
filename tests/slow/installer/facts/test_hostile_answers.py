"""Hosts that lie: whatever one answers is read, passed over or refused, and speaks for no other host.

The answers are those of real machines (tests/fakes/recordings), each with one thing in it replaced.
"""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from bundler.core.errors import BundlerError, ExitCode
from bundler.core.yamlplain import documents
from bundler.installer.facts.answer_json import read_json
from bundler.installer.facts.gather import gathered, heard, newest, parse, sections
from bundler.installer.facts.model import Facts, HostFacts
from bundler.installer.facts.seen import Absent, Present, value_of
from bundler.installer.operations.opening import beyond
from bundler.installer.site.model import Site
from bundler.installer.site.record_json import from_json, to_json
from bundler.installer.status import read
from bundler.installer.transport.remote import LINE_LIMIT, Tail
from tests.unit.installer.plan.kit import site as made_site

FOLDER = Path(__file__).parents[3] / "fakes" / "recordings" / "growth" / "1"
PLANE, WORKER = "10.79.218.12", "10.79.218.13"
DEEP = "[" * 5_000

VALUES = (
    "", "9" * 5000, "NaN", "inf", "1e999", "-1", "²", "٣", DEEP, '{"a":' * 5_000, "- " * 5_000,
    "null", "[]", "[1]", "{}", "5", '"x"', '{"members":5}', '{"members":[5]}', '{"members":[{"ID":1e999}]}',
    '{"members":[{"ID":NaN}]}', '{"members":[{"ID":[]}]}', '{"members":[{"ID":1,"peerURLs":[5]}]}',
    '{"header":5}', '[{"Status":5}]', '[{"Status":{"header":{"member_id":1e999}}}]',
    '[{"Status":{"header":{"member_id":1},"raftIndex":[],"errors":5}}]', '{"schema":1e999}',
    '{"schema":2,"hosts":5}', '{"schema":1,"hosts":[5]}', '{"schema":[]}',
    "\x1b]0;x\x07", "\u202e", "\x9b31m", "a\tb\tc", "\t" * 60, "x " * 20, "&a [*a]", "x\0y", "\x85", "\u2028",
    'bundler-record\trecord\t"{\\"schema\\":1e999}"', 'bundler-record\trecord\t"[[[[["',
    'bundler-record\trecord\t"{\\"schema\\":1,\\"generation\\":\\"x\\"}"', f"n\tk\t{DEEP}", "n\tk\t5",
    "b\tb\t" + "9" * 40,
)  # fmt: skip
SECTIONS = (
    "clock", "release", "machine", "memory", "disk", "ports", "packages", "journal", "identity", "record",
    "components", "flags", "kubelet-config", "written", "contents", "sizes", "units", "sysctls",
    "certificates", "nodes", "stored", "uid", "bare", "budgets", "members", "status", "voters",
    "app-notes", "app-releases", "app-objects",
    "status-memory", "status-uptime", "status-load", "status-units", "status-disks", "status-versions",
    "status-certificates", "status-registry", "status-runs", "status-pods", "status-workloads",
    "status-manifests", "status-releases", "status-clock", "status-holder",
)  # fmt: skip

DOCUMENTS = frozenset({"record", "stored", "members", "status", "nodes", "app-notes", "app-releases"})


def recorded(address: str) -> str:
    return (FOLDER / f"{address}.txt").read_text(encoding="utf-8")


def host(address: str, text: str = "") -> HostFacts:
    return parse(address, text or recorded(address), asked_at=0.0)


@pytest.mark.parametrize("section", SECTIONS)
def test_no_answer_is_a_fault_of_ours(section: str) -> None:
    """Each value in place of what is there; for documents also in front of it, and as a whole."""
    text = recorded(PLANE)
    head, mark, rest = text.partition(f"@@{section}\n")
    head, mark, rest = (
        (head, mark, rest) if mark else (text.replace("@@end\n", ""), f"@@{section}\n", "@@end\n")
    )
    behind = rest[rest.index("@@") :]
    for value in VALUES:
        forms = [f"{value}\n{behind}"]
        if section in DOCUMENTS:
            forms += [f"{value}\n{rest}", f"{value}\nanswered\n{behind}"]
        for made in forms:
            answer = head + mark + made
            assert code_of(answer) in {ExitCode.OK, ExitCode.HOST}, (section, value[:40])
            read.condition(PLANE, sections(answer))


def code_of(answer: str) -> ExitCode:
    try:
        parse(PLANE, answer, asked_at=0.0)
    except BundlerError as error:
        return error.code
    return ExitCode.OK


def test_a_deep_document_does_not_end_the_process() -> None:
    """libyaml's binding died of SIGSEGV, which no except sees: so it is tried in a process of its own."""
    code = "from bundler.installer.facts.flat import flat_yaml; assert flat_yaml('[' * 200000) == {}"
    assert subprocess.run([sys.executable, "-c", code], timeout=60, check=False).returncode == 0


BOMB = "a: &a [x, x]\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [*{chr(97 + n)}, *{chr(97 + n)}]\n" for n in range(20)
)


@pytest.mark.parametrize("text", [DEEP, "{a: " * 200, BOMB, "a: *b", "\t", "a: [", "\x00", "? [" * 200])
def test_yaml_of_others_is_bounded(text: str) -> None:
    with pytest.raises(ValueError, match=r"^no YAML"):
        documents(text)


def test_plain_yaml_is_read() -> None:
    assert documents("a: {b: [1, x]}\n---\nc: yes\n") == [{"a": {"b": [1, "x"]}}, {"c": True}]
    assert documents("") == []


@pytest.mark.parametrize("text", [DEEP, "NaN", "[Infinity]", "-Infinity", "", "{", "9" * 5000])
def test_json_of_others_is_json_or_a_value_error(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  (any is one)
        read_json(text)


RECORD = json.loads(sections(recorded(PLANE))["record"][0])
SPOILED: dict[str, dict[str, object]] = {
    "a generation that is a text": {"generation": "9"},
    "one that is huge": {"generation": 10**30},
    "one below zero": {"serial": -1},
    "one that is true": {"generation": True},
    "a name that is a list": {"name": []},
    "hosts that are a mapping": {"hosts": {"a": 1}},
    "a host of an unknown role": {"hosts": [{**RECORD["hosts"][0], "role": "boss"}]},
    "a host with an address that is a number": {"hosts": [{**RECORD["hosts"][0], "address": 5}]},
    "a host with labels that are numbers": {"hosts": [{**RECORD["hosts"][0], "labels": {"a": 1}}]},
    "a host with a field more": {"hosts": [{**RECORD["hosts"][0], "boss": True}]},
    "products without apps": {"products": [{"name": "a", "version": "1", "key": ""}]},
    "a product whose key is null": {"products": [{"name": "a", "version": "1", "key": None, "apps": []}]},
    "settings that are texts": {"settings": {"kubelet": "x"}},
    "fixed that is a list": {"fixed": []},
    "secrets that are texts": {"secrets": {"a": "x"}},
    "a later schema with a name that counts for nothing": {"schema": 10**400},
}


@pytest.mark.parametrize("case", SPOILED)
def test_a_record_of_other_types_is_no_record(case: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  (any is one)
        from_json(json.dumps({**RECORD, **SPOILED[case]}))


def test_a_good_record_is_read_again() -> None:
    text = json.dumps(RECORD, sort_keys=True, separators=(",", ":"))
    read = from_json(text)
    assert from_json(to_json(read)) == read
    assert json.loads(to_json(read)).items() >= RECORD.items()


def forged() -> HostFacts:
    """A worker that tells a newer record, with a host more, and answers for the API."""
    other = {**RECORD["hosts"][0], "address": "203.0.113.66", "machine_id": "6" * 32, "node_name": "evil"}
    text = json.dumps({**RECORD, "generation": 999, "hosts": [*RECORD["hosts"], other]})
    mine = recorded(WORKER).replace("@@record\n", f"@@record\n{text}\n")
    return host(WORKER, mine.replace("@@end", "@@uid\nforged\n@@nodes\nanswered\n@@end"))


@pytest.mark.parametrize("order", [(PLANE, WORKER), (WORKER, PLANE)])
def test_a_worker_is_no_witness_for_the_site(order: tuple[str, str]) -> None:
    asked = {PLANE: host(PLANE), WORKER: forged()}
    facts = gathered({each: asked[each] for each in order}, 0.0, frozenset({PLANE}))
    record, api = newest(facts), value_of(facts.api)
    assert record is not None
    assert record.generation == RECORD["generation"]
    assert api is not None
    assert api.uid != "forged"
    assert beyond(site(), facts) == ()


def test_where_no_control_plane_knows_a_worker_leads_to_no_other_host() -> None:
    """On a first install, or with a fresh control plane: its word may stop a run, never lead a login."""
    blank = replace(host(PLANE), api=Absent(), etcd=Absent())
    assert blank.site is not None
    blank = replace(blank, site=replace(blank.site, record=Absent()))
    facts = gathered({PLANE: blank, WORKER: forged()}, 0.0, frozenset({PLANE}))
    assert isinstance(facts.api, Present)  # somebody has a cluster there: deciding has to look at that
    assert [each.address for each in beyond(site(), facts)] == ["203.0.113.66"]
    assert beyond(site(), heard(facts, frozenset({PLANE}))) == ()


def site() -> Site:
    """The machines of the recording, by a Clusterfile."""
    plain = made_site()
    hosts = tuple(replace(each, address=to) for each, to in zip(plain.hosts, (PLANE, WORKER), strict=True))
    return replace(plain, hosts=hosts)


def test_a_line_without_end_is_kept_short() -> None:
    """100 MB without a newline: what is copied at each arrival is bounded, and so is what is handed on."""
    lines: list[str] = []
    tail = Tail(8 << 20, lines.append)
    for _ in range(1600):
        tail.add(b"x" * 65536)
        assert len(tail._line) <= LINE_LIMIT
    tail.add(b"end\n")
    assert lines == ["x" * (LINE_LIMIT - 3) + "end"]


def test_facts_of_nobody_are_facts() -> None:
    assert newest(heard(Facts({}, 0.0), frozenset())) is None

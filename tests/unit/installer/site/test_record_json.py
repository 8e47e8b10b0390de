"""The record as text: what is written is read again, later schemas are recognised, nonsense is refused."""

import json
from dataclasses import replace

import pytest

from bundler.installer.site.model import Role
from bundler.installer.site.record import HostState, Product, Record, RecordedHost, Removed
from bundler.installer.site.record_json import from_json, to_json

RECORD = Record(
    site_id="s",
    name="berlin",
    generation=7,
    serial=3,
    operation="apply",
    kubernetes="v1.36.3",
    hosts=(
        RecordedHost(
            "10.0.0.2", "m2", "n2", Role.CONTROL_PLANE, HostState.MEMBER, taints=frozenset({"a:NoSchedule"})
        ),
        RecordedHost("10.0.0.3", "m3", "n3", Role.WORKER, HostState.LEAVING, gone=True, labels={"a": "b"}),
    ),
    products=(Product("shop", "2", "SHA256:x", ("web",)),),
    fixed={"podSubnet": "10.1.0.0/16"},
    settings={"kubelet": {"maxPods": "9"}},
    kept={"10.0.0.3 /etc/x": "d"},
    removed=(Removed("m4", "n4", "10.0.0.4"),),
    architectures={"10.0.0.2": "amd64", "10.0.0.3": "arm64"},
)


def test_what_is_written_is_read_again() -> None:
    assert from_json(to_json(RECORD)) == RECORD
    assert "\n" not in to_json(RECORD)


def test_a_record_that_an_older_installer_wrote_says_nothing_of_architectures() -> None:
    written = json.loads(to_json(RECORD))
    del written["architectures"]
    assert from_json(json.dumps(written)) == replace(RECORD, architectures={})


def test_of_a_later_schema_only_the_age_is_read() -> None:
    text = json.dumps({**json.loads(to_json(RECORD)), "schema": 9, "hosts": "something else"})
    later = from_json(text)
    assert (later.schema, later.age, later.hosts) == (9, RECORD.age, ())


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"schema": 1}', '{"schema": "x"}'])
def test_what_is_no_record_is_refused(text: str) -> None:
    with pytest.raises((ValueError, KeyError, TypeError)):
        from_json(text)


def test_of_two_records_the_higher_age_counts() -> None:
    assert replace(RECORD, serial=4).age > RECORD.age
    assert replace(RECORD, generation=8, serial=1).age > replace(RECORD, serial=99).age

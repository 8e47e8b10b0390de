"""What is inside .debs and .rpms, good and damaged ones."""

import gzip
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bundler.builder.sbom.layer import Layer
from bundler.builder.sbom.merge import stated_licences
from bundler.builder.sbom.model import Packages
from bundler.builder.sbom.ospackage import scan_package
from tests.unit.builder.sbom.parts import cpio, deb, rpm_file

METADATA = b"Name: greet\nVersion: 2\n"
PLACE = "opt/x/greet-2.dist-info/METADATA"
HEADER = {"name": "app", "version": "1", "release": "1", "licence": "MIT"}
RPM = rpm_file(gzip.compress(cpio({f"./{PLACE}": METADATA, "./odd": b"12345"}), mtime=0), **HEADER)


def scanned(data: bytes, folder: Any, limit: int = 1 << 20) -> Layer:
    pieces = (data[at : at + 999] for at in range(0, len(data), 999))
    return scan_package(pieces, limit=limit, scratch=folder)


def test_both_kinds_are_told_by_their_first_bytes(tmp_path: Path) -> None:
    for data in (RPM, deb({PLACE: METADATA})):
        layer = scanned(data, tmp_path)
        assert layer.finds.gaps == ()
        found = [fact for fact in layer.finds.facts if isinstance(fact, Packages)]
        assert [(fact.path, fact.packages[0].name) for fact in found] == [(PLACE, "greet")]
    assert stated_licences(scanned(RPM, tmp_path).finds.facts) == {"app": ("MIT",)}


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (RPM[:50], "it ends in the middle"),
        (RPM[:110], "it ends in the middle"),
        (RPM[:96] + b"x" * 100, "a header of it is damaged"),
        (RPM[:96] + RPM[96:104] + b"\xff" * 8 + RPM[112:], "a header of it is damaged"),
        (RPM[:-40], "it ends in the middle"),
        (rpm_file(b"", **HEADER), "it ends in the middle"),
        (rpm_file(b"070707" + b"0" * 200, **HEADER), "no cpio archive"),
        (rpm_file(b"070701" + b"x" * 200, **HEADER), "a number in it is none"),
        (rpm_file(b"070701" + b"f" * 104 + b"x" * 20, **HEADER), "a name in it is too long"),
        (b"nothing of the kind", "it is no .deb"),
        (b"", "it is no .deb|ends in the middle"),
    ],
)
def test_a_package_that_is_damaged_is_a_gap(tmp_path: Path, data: Any, why: str) -> None:
    (gap,) = scanned(data, tmp_path).finds.gaps
    assert any(each in gap.why for each in why.split("|"))


def test_a_package_that_unpacks_to_too_much_is_a_gap(tmp_path: Path) -> None:
    data = rpm_file(gzip.compress(cpio({"./big": bytes(1 << 20)})), **HEADER)
    (gap,) = scanned(data, tmp_path, limit=1 << 16).finds.gaps
    assert "more than 65536" in gap.why


@given(st.lists(st.tuples(st.integers(0, len(RPM)), st.binary(min_size=1, max_size=4)), max_size=6))
def test_noise_in_an_rpm_is_read_or_a_gap(tmp_path_factory: pytest.TempPathFactory, changes: Any) -> None:
    data = bytearray(RPM)
    for at, noise in changes:
        data[at : at + len(noise)] = noise
    scanned(bytes(data), tmp_path_factory.getbasetemp())

"""Which of a layer's packages an image really has: whiteouts, replacements, and what can't be read."""

import gzip
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bundler.builder.sbom import records
from bundler.builder.sbom.layer import Paths, hashed, scan
from bundler.builder.sbom.merge import merged
from bundler.builder.sbom.model import Finds, Gap, Kind, Package, Packages
from tests.unit.builder.sbom.parts import DPKG, chunks, go_program, modules, stanza, status, tar, wheel


@pytest.fixture
def held(tmp_path: Path) -> Any:
    """The finds of an image of these layers, each given as its files."""

    def held(*layers: Any) -> Any:
        return merged([scan([tar(layer)], limit=1 << 30, scratch=tmp_path) for layer in layers])

    return held


def names(finds: Any) -> Any:
    return sorted(package.name for fact in finds.facts for package in fact.packages)


METADATA = next(iter(wheel("one")))
FOLDER = METADATA.rpartition("/")[0]


def test_the_upper_database_replaces_the_lower(held: Any) -> None:
    assert names(held({DPKG: status("bash", "sed")}, {DPKG: status("bash", "nginx")})) == ["bash", "nginx"]


@pytest.mark.parametrize(
    "upper",
    [
        {f"{FOLDER}/.wh.METADATA": b""},
        {".wh.usr": b""},
        {"usr/lib/python3/.wh.dist-packages": b""},
        {"usr/lib/python3/.wh..wh..opq": b""},
        {".wh..wh..opq": b""},
        {FOLDER: b"a file now"},
        {"usr/lib": "/elsewhere"},
        {METADATA: "/elsewhere"},
    ],
    ids=str,
)
def test_what_an_upper_layer_hides_is_gone(held: Any, upper: Any) -> None:
    assert names(held(wheel("one"), upper)) == []


@pytest.mark.parametrize(
    "upper",
    [
        {"usr/lib/python3/.wh.dist": b""},
        {"usr/.wh.METADATA": b""},
        {"usr/lib/python2/.wh..wh..opq": b""},
        {"usr/lib/python3/": None},
        {"usr/lib/python": b"its name only begins like that of a folder"},
    ],
    ids=str,
)
def test_what_it_leaves_alone_stays(held: Any, upper: Any) -> None:
    assert names(held(wheel("one"), upper)) == ["one"]


def test_an_opaque_folder_keeps_what_its_own_layer_has(held: Any) -> None:
    assert names(held(wheel("one"), {"usr/lib/python3/.wh..wh..opq": b""} | wheel("two"))) == ["two"]


def test_what_was_removed_can_come_back(held: Any) -> None:
    assert names(held(wheel("one"), {f"{FOLDER}/.wh.METADATA": b""}, wheel("one", "2.0"))) == ["one"]


def test_of_a_path_that_comes_twice_in_a_layer_the_last_counts(tmp_path: Path) -> None:
    first = tar({DPKG: status("bash")})[: 2 * 512]  # one block of header, one of content
    assert names(merged([scan([first + tar({DPKG: status("sed")})], limit=1 << 20, scratch=tmp_path)])) == [
        "sed"
    ]


# Few names, so that layers meet; the databases are of a kind that is told by its place anywhere.
_PART = st.sampled_from(["a", "b"])
_PATH = st.lists(_PART, min_size=1, max_size=3).map("/".join)
_ACT = st.tuples(st.sampled_from(["wheel", "remove", "opaque", "file"]), _PATH)


def _layer(acts: Any) -> Any:
    files = {}
    for number, (act, path) in enumerate(acts):
        folder, _, name = path.rpartition("/")
        match act:
            case "wheel":
                text = f"Name: p{number}-{path.replace('/', '-')}\nVersion: 1\n"
                files[f"{path}/x.dist-info/METADATA"] = text.encode()
            case "remove":
                files[f"{folder}/.wh.{name}".lstrip("/")] = b""
            case "opaque":
                files[f"{path}/.wh..wh..opq"] = b""
            case "file":
                files[path] = b"nothing to see"
    plain = {path for path in files if "/.wh." not in f"/{path}"}
    # a layer can't have a file where it has a folder; keep the folders
    return {
        path: data
        for path, data in files.items()
        if not any(p.startswith(f"{path}/") for p in plain | set(files))
    }


def _applied(layers: Any) -> Any:
    """What a container engine would have on disk: the same rules, by brute force."""
    disk: dict[str, Any] = {}
    for layer in layers:
        for path in layer:
            folder, _, name = path.rpartition("/")
            if name == ".wh..wh..opq":
                disk = {have: data for have, data in disk.items() if not have.startswith(f"{folder}/")}
            elif name.startswith(".wh."):
                gone = f"{folder}/{name[4:]}".lstrip("/")
                disk = {
                    have: data for have, data in disk.items() if f"{have}/".startswith(f"{gone}/") is False
                }
        for path, data in layer.items():
            if "/.wh." in f"/{path}":
                continue
            parents = {path[:at] for at, char in enumerate(path) if char == "/"}
            disk = {
                have: kept
                for have, kept in disk.items()
                if have not in parents and not have.startswith(f"{path}/")
            }
            disk[path] = data
    return sorted(data.split()[1].decode() for path, data in disk.items() if path.endswith("METADATA"))


@given(st.lists(st.lists(_ACT, max_size=4), min_size=1, max_size=4))
@settings(max_examples=200)
def test_merging_is_what_unpacking_layer_by_layer_gives(
    tmp_path_factory: pytest.TempPathFactory, acts: Any
) -> None:
    layers = [_layer(each) for each in acts]
    scanned = [scan([tar(layer)], limit=1 << 20, scratch=tmp_path_factory.getbasetemp()) for layer in layers]
    assert names(merged(scanned)) == _applied(layers)


def test_distribution_and_licences_complete_the_packages(held: Any) -> None:
    dep5 = (
        b"Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\n"
        b"Files: *\nLicense: GPL-2+\n free text\n\nFiles: debian/*\nLicense: Expat\n"
    )
    (fact,) = held(
        {
            "usr/lib/os-release": b'ID=debian\nVERSION_ID="12"\n',
            DPKG: (stanza("bash") + "\n" + stanza("bash-doc", Source="bash (5.2)")).encode(),
            "usr/share/doc/bash/copyright": dep5,
            "usr/share/doc/bash-doc": "bash",
        }
    ).facts
    assert fact.packages == (
        Package(
            Kind.DEB, "bash", "1.0", architecture="amd64", licences=("Expat", "GPL-2+"), distro="debian-12"
        ),
        Package(
            Kind.DEB,
            "bash-doc",
            "1.0",
            architecture="amd64",
            licences=("Expat", "GPL-2+"),
            source="bash",
            distro="debian-12",
        ),
    )


def test_programs_are_read_only_when_they_may_be_executed(tmp_path: Path) -> None:
    program = {"usr/bin/tool": go_program("go1.21.5", modules("mod\texample.org/tool\tv1.2.3\th1:x"))}
    for mode, expected in ((0o755, ["stdlib", "tool"]), (0o644, [])):
        found = scan([tar(program, mode=mode)], limit=1 << 30, scratch=tmp_path).finds
        assert names(found) == expected
    assert not list(tmp_path.iterdir())


def test_a_layer_that_does_not_unpack_is_a_gap_and_keeps_what_came_before(tmp_path: Path) -> None:
    whole = tar({DPKG: status("bash"), "srv/rest": bytes(range(256)) * 4000}, form=tarfile.PAX_FORMAT)
    packed = gzip.compress(whole)
    read = []

    def arriving() -> Iterator[Any]:
        for chunk in chunks(packed[:-3000] + b"\xff" * 3000):
            read.append(len(chunk))
            yield chunk

    finds = merged([scan(arriving(), limit=1 << 30, scratch=tmp_path)])
    assert names(finds) == ["bash"]
    assert [gap.path for gap in finds.gaps] == [""]
    assert sum(read) == len(packed)  # whoever verifies the blob has seen all of it


def test_a_layer_that_unpacks_to_too_much_is_a_gap(tmp_path: Path) -> None:
    packed = gzip.compress(tar({"zeros": bytes(1 << 20)}))
    (gap,) = scan([packed], limit=1 << 19, scratch=tmp_path).finds.gaps
    assert "unpacks to more than" in gap.why


def test_a_broken_manifest_is_a_gap_until_it_is_hidden(held: Any) -> None:
    broken = {"app/node_modules/x/package.json": b"{"}
    assert [gap.path for gap in held(broken).gaps] == ["app/node_modules/x/package.json"]
    assert held(broken, {".wh.app": b""}).gaps == ()


def test_names_that_are_not_unicode_do_no_harm(tmp_path: Path) -> None:
    data = bytearray(tar({"XX.dist-info/METADATA": b"Name: a\nVersion: 1\n", "YY/.wh.ZZ": b""}))
    data[0:2] = b"\xff\xfe"
    data[148:156] = b"%06o\0 " % (sum(data[:148]) + sum(data[156:512]) + 8 * 32)
    layer = scan([bytes(data)], limit=1 << 20, scratch=tmp_path)
    assert names(merged([layer])) == ["a"]
    assert records.to_layer(records.from_layer(layer)) == layer
    hidden = bytearray(tar({".wh.XX.dist-info": b""}))
    hidden[4:6] = b"\xff\xfe"
    hidden[148:156] = b"%06o\0 " % (sum(hidden[:148]) + sum(hidden[156:512]) + 8 * 32)
    assert names(merged([layer, scan([bytes(hidden)], limit=1 << 20, scratch=tmp_path)])) == []


def test_a_scan_comes_back_from_its_record(tmp_path: Path) -> None:
    files: dict[str, Any] = wheel("one") | {
        DPKG: status("a"),
        "x/.wh.y": b"",
        "z/.wh..wh..opq": b"",
        "etc/os-release": b"ID=alpine",
        "usr/share/doc/l": "k",
        "broken.dist-info/METADATA": b"",
    }
    layer = scan([tar(files)], limit=1 << 20, scratch=tmp_path)
    assert layer.finds.gaps
    assert records.to_layer(records.from_layer(layer)) == layer


def test_finds_come_back_from_their_record() -> None:
    finds = Finds(
        (Packages("p", (Package(Kind.NPM, "n", "1", "@s", "amd64", ("MIT",), "src", "d-1"),)),),
        (Gap("g", "w"),),
    )
    assert records.to_finds(records.from_finds(finds)) == finds


@given(st.sets(st.text(max_size=20), max_size=50), st.text(max_size=20))
def test_a_set_of_paths_knows_what_is_in_it(paths: Any, other: Any) -> None:
    found = Paths.of(hashed(path) for path in paths)
    assert all(path in found for path in paths)
    assert (other in found) == (other in paths)

"""What each kind of package leaves behind is read; what isn't what it says is refused."""

import contextlib
import io
import lzma
import sqlite3
import struct
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bundler.builder.lib.decompress import BrokenError, unpacked
from bundler.builder.lib.tarstream import TarContent, entries
from bundler.builder.sbom.examine import UNREADABLE, examine
from bundler.builder.sbom.model import Kind, Package, Packages, Release
from bundler.builder.sbom.readers import golang, java, manifests, rpm, stanzas
from bundler.builder.sbom.readers.deb import data_tar
from tests.unit.builder.sbom.parts import (
    bdb,
    chunks,
    deb,
    go_program,
    jar,
    modules,
    ndb,
    node,
    pom,
    rpm_header,
    stanza,
    status,
    tar,
    wheel,
)


def only(files: Any) -> Any:
    (content,) = files.values()
    return content


def told(packages: Any) -> Any:
    return [(each.name, each.version) for each in packages]


def test_dpkg_lists_what_is_installed() -> None:
    text = (
        stanza("bash", "5.2-1", Source="bash (5.2)", Description="a shell\n with: colons\n .\n more")
        + "\n"
        + stanza("gone", Status="deinstall ok config-files")
        + "\n"
        + stanza("libssl3", Source="openssl (3.0.1-1)")
        + "\nPackage: half\n\n"
    )
    assert stanzas.dpkg(text.encode()) == (
        Package(Kind.DEB, "bash", "5.2-1", architecture="amd64"),
        Package(Kind.DEB, "libssl3", "1.0", architecture="amd64", source="openssl"),
    )


def test_apk_lists_name_version_licence_and_origin() -> None:
    text = (
        b"C:Q1abc=\nP:musl\nV:1.2.4-r2\nA:x86_64\nL:MIT\no:musl\nF:lib\n\n"
        b"P:libcrypto3\nV:3.1-r0\nA:x86_64\nL:Apache-2.0\no:openssl\n"
    )
    assert stanzas.apk(text) == (
        Package(Kind.APK, "musl", "1.2.4-r2", architecture="x86_64", licences=("MIT",)),
        Package(
            Kind.APK,
            "libcrypto3",
            "3.1-r0",
            architecture="x86_64",
            licences=("Apache-2.0",),
            source="openssl",
        ),
    )


def test_a_copyright_file_in_prose_states_nothing() -> None:
    assert stanzas.copyright_licences(b"This is free.\nLicense: GPL, mostly\n") == ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b'ID=debian\nVERSION_ID="12"\n', ("debian", "12")),
        (b"# a comment\nID='alpine'\n", ("alpine", "")),
        (b"", ("", "")),
    ],
)
def test_os_release(text: bytes, expected: Any) -> None:
    assert stanzas.os_release(text) == expected


@pytest.mark.parametrize(
    ("lines", "licences"),
    [
        (("License-Expression: MIT OR Apache-2.0", "License: old words"), ("MIT OR Apache-2.0",)),
        (("Classifier: License :: OSI Approved :: MIT License", "License: x"), ("MIT License",)),
        (("License: BSD", "Classifier: Topic :: Text"), ("BSD",)),
        (("License: UNKNOWN",), ()),
        (("License: " + "all of the text " * 20,), ()),
    ],
)
def test_python_metadata(lines: Any, licences: Any) -> None:
    (package,) = manifests.python(only(wheel("Some_Thing.x", "1.0", *lines)))
    assert package == Package(Kind.PYPI, "some-thing-x", "1.0", licences=licences)


def test_npm_packages() -> None:
    assert manifests.npm(only(node("@babel/core", version="7.0.0", license="MIT"))) == (
        Package(Kind.NPM, "core", "7.0.0", namespace="@babel", licences=("MIT",)),
    )
    old = node("x", version="1", licenses=[{"type": "MIT"}, {"type": "GPL-2.0"}])
    assert manifests.npm(only(old))[0].licences == ("GPL-2.0", "MIT")
    assert manifests.npm(only(node("no-version"))) == ()
    assert manifests.npm(b'{"name": "a b", "version": "1"}') == ()
    (odd,) = manifests.npm(b'{"name": "a", "version": "1\\ud800"}')
    assert odd.version.encode() == b"1?"


@pytest.mark.parametrize("inline", [True, False], ids=["since 1.18", "before"])
def test_go_programs_tell_their_modules(*, inline: bool) -> None:
    text = modules(
        "path\texample.org/tool/cmd",
        "mod\texample.org/tool\t(devel)\t",
        "dep\tgithub.com/a/b/v2\tv2.1.0\th1:x=",
        "dep\tgithub.com/old/one\tv1.0.0",
        "=>\tgithub.com/fork/one\tv1.0.1\th1:y=",
    )
    found = golang.golang(io.BytesIO(go_program("go1.20.3 X:exp", text, inline=inline)))
    assert told(found[1:]) == [("stdlib", "1.20.3"), ("tool", ""), ("v2", "v2.1.0"), ("one", "v1.0.1")]
    assert [each.namespace for each in found[1:]] == ["", "example.org", "github.com/a/b", "github.com/fork"]


@pytest.mark.parametrize(
    ("lines", "program"),
    [
        (["mod\texample.org/tool\tv1.2.3\th1:x="], "v1.2.3"),
        # As a `tool` of another module, the way that Kubernetes is compiled from the module proxy.
        (["mod\tours\t(devel)", "dep\texample.org\tv9.0.0", "dep\texample.org/tool\tv1.37.2"], "v1.37.2"),
        (
            ["mod\texample.org/tool\t(devel)", 'build\t-ldflags="-s -X x/version.gitVersion=v1.4.0 -w"'],
            "v1.4.0",
        ),
        (["mod\texample.org/tool\t(devel)", "build\t-ldflags=-X main.Version=1.4.0+k0s"], "1.4.0+k0s"),
        (["mod\texample.org/tool\t(devel)", "build\t-ldflags=-X main.Conversion=1"], ""),
        (["mod\texample.org/tools\tv2.0.0"], ""),
        ([], ""),
    ],
)
def test_a_go_program_has_a_name_and_a_version(lines: Any, program: str) -> None:
    text = modules("path\texample.org/tool/cmd", *lines)
    first = golang.golang(io.BytesIO(go_program("go1.20.3", text)))[0]
    assert (first.namespace, first.name, first.version) == ("example.org/tool", "cmd", program)


def test_a_go_program_without_a_path_is_none() -> None:
    text = modules("path\tcommand-line-arguments", "mod\ta/b\tv1.0.0")
    assert told(golang.golang(io.BytesIO(go_program("go1.20", text)))) == [
        ("stdlib", "1.20"),
        ("b", "v1.0.0"),
    ]


def test_a_go_program_without_modules_tells_gos_version() -> None:
    assert told(golang.golang(io.BytesIO(go_program("go1.19.8", "")))) == [("stdlib", "1.19.8")]


def test_an_elf_file_without_build_information_tells_nothing() -> None:
    program = go_program("go1.20", "").replace(b".go.buildinfo", b".something..e")
    assert golang.golang(io.BytesIO(program)) == ()


@given(st.data())
@settings(max_examples=200)
def test_a_changed_program_is_read_or_refused(data: Any) -> None:
    program = bytearray(
        go_program("go1.20", modules("dep\ta/b\tv1"), inline=data.draw(st.booleans()), size=5000)
    )
    places = [*range(16, 120), *range(0x1000, 0x1100), *range(4300, len(program))]
    for _ in range(data.draw(st.integers(1, 6))):
        program[data.draw(st.sampled_from(places))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(*UNREADABLE):
        golang.golang(io.BytesIO(bytes(program)))


def test_jars_by_pom_by_manifest_and_by_name() -> None:
    def read(files: Any, path: str = "lib/x.jar") -> Any:
        return [(p.namespace, p.name, p.version) for p in java.java(io.BytesIO(jar(files)), path)]

    assert read(pom("org.a", "one", "1.0") | pom("org.b", "two", "2.0")) == [
        ("org.a", "one", "1.0"),
        ("org.b", "two", "2.0"),
    ]
    manifest = {"META-INF/MANIFEST.MF": b"Manifest-Version: 1.0\r\nImplementation-Version: 4.5\r\n"}
    assert read(manifest, "lib/tool.jar") == [("", "tool", "4.5")]
    assert read({"A.class": b""}, "lib/guava-31.1-jre.jar") == [("", "guava", "31.1-jre")]
    assert read({"A.class": b""}, "lib/nothing.jar") == []


def test_jars_in_jars_are_read_but_not_for_ever() -> None:
    inner = jar(pom("g", "inner", "1"))
    war = jar({"WEB-INF/lib/inner.jar": inner} | pom("g", "war", "2"))
    assert told(java.java(io.BytesIO(war), "app.war")) == [("war", "2"), ("inner", "1")]
    deep = jar(pom("g", "deepest", "1"))
    for level in range(6):
        deep = jar({"x.jar": deep} | pom("g", f"level{level}", "1"))
    found = [name for name, _ in told(java.java(io.BytesIO(deep), "x.jar"))]
    assert found == ["level5", "level4", "level3"]


@pytest.mark.parametrize("data", [b"", b"no zip", b"PK\5\6" + bytes(18), jar(pom("a", "b", "1"))[:-30]])
def test_what_is_no_jar_is_refused_or_empty(data: Any) -> None:
    with contextlib.suppress(BrokenError):
        assert java.java(io.BytesIO(data), "x.jar") == ()


def test_a_jar_with_a_huge_directory_is_refused() -> None:
    data = bytearray(jar({"a": b""}))
    struct.pack_into("<I", data, len(data) - 22 + 12, 1 << 30)
    with pytest.raises(BrokenError, match="directory is too large"):
        java.java(io.BytesIO(bytes(data)), "x.jar")


HEADER: dict[str, str | int] = {
    "name": "bash",
    "version": "5.1",
    "release": "2.el9",
    "licence": "GPLv3+",
    "arch": "x86_64",
}
BASH = Package(Kind.RPM, "bash", "5.1-2.el9", architecture="x86_64", licences=("GPLv3+",))


def database(path: Any, *blobs: Any) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE Packages (hnum INTEGER PRIMARY KEY, blob BLOB NOT NULL)")
    connection.executemany("INSERT INTO Packages(blob) VALUES (?)", [(blob,) for blob in blobs])
    connection.commit()
    connection.close()


def test_rpm_databases(tmp_path: Path) -> None:
    blobs = (
        rpm_header(**HEADER),
        rpm_header(**(HEADER | {"name": "openssl", "epoch": 1})),
        rpm_header(name="gpg-pubkey", version="1", release="1"),
    )
    database(tmp_path / "rpmdb.sqlite", *blobs)
    expected = ("bash", "5.1-2.el9"), ("openssl", "1:5.1-2.el9")
    assert rpm.sqlite(tmp_path / "rpmdb.sqlite")[0] == BASH
    assert told(rpm.sqlite(tmp_path / "rpmdb.sqlite")) == [*expected]
    assert told(rpm.ndb(io.BytesIO(ndb(*blobs)))) == [*expected]
    for order, size in (("<", 512), (">", 4096)):
        assert told(rpm.berkeley(io.BytesIO(bdb(*blobs, order=order, size=size)))) == [*expected]


LONG = rpm_header(**(HEADER | {"licence": "MIT " * 1000}))


@pytest.mark.parametrize(
    ("at", "bytes_", "why"),
    [
        (12, b"\0", "no hash file"),
        (16, b"\x63", "form that is not read"),  # the version
        (20, b"\x03", "form that is not read"),  # the size of a page
        (24, b"\1", "form that is not read"),  # encrypted
        (32, b"\xff\xff", "ends in the middle"),  # the last page
        (32, b"\xff\xff\xff\xff", "pages"),
        (2 * 512 + 20, b"\xff\xff", "index of a page"),
        (2 * 512 + 26, b"\xff\xff", "index of a page"),
        (2 * 512 + 512 - 5 - 12, b"\4", "kind that is not read"),
        (2 * 512 + 512 - 5 - 8, b"\1", "value's page is damaged"),  # the first page of the value
        (2 * 512 + 512 - 5 - 4, b"\1", "as many bytes"),  # its length
        (2 * 512 + 512 - 5 - 1, b"\x7f", "more than"),
        (3 * 512 + 16, b"\3", "in a circle"),  # the page after
        (3 * 512 + 16, b"\xff\xff", "lead nowhere"),
        (3 * 512 + 25, b"\x0d", "damaged"),  # its kind
        (3 * 512 + 22, b"\xff\xff", "damaged"),  # how much is on it
    ],
)
def test_a_berkeley_db_that_is_damaged(at: int, bytes_: bytes, why: str) -> None:
    data = bytearray(bdb(LONG))
    data[at : at + len(bytes_)] = bytes_
    with pytest.raises(BrokenError, match=why):
        rpm.berkeley(io.BytesIO(bytes(data)))


@given(
    st.lists(st.tuples(st.integers(0, 12 * 512), st.binary(min_size=1, max_size=4)), max_size=8),
    st.integers(0, 12 * 512),
)
def test_noise_in_a_berkeley_db_is_read_or_refused(changes: Any, cut: Any) -> None:
    data = bytearray(bdb(LONG, rpm_header(**HEADER)))
    for at, noise in changes:
        data[at : at + len(noise)] = noise
    with contextlib.suppress(*UNREADABLE):
        rpm.berkeley(io.BytesIO(bytes(data[: len(data) - cut] if cut % 3 == 0 else data)))


def test_an_rpm_database_that_never_ends_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rpm, "_STEPS", 1_000_000)
    connection = sqlite3.connect(tmp_path / "rpmdb.sqlite")
    connection.execute(
        "CREATE VIEW Packages AS WITH RECURSIVE n(hnum) AS (SELECT 1 UNION ALL SELECT hnum + 1 FROM n) "
        "SELECT hnum, x'00' AS blob FROM n WHERE hnum < 0"
    )
    connection.close()
    with pytest.raises(BrokenError, match="interrupted"):
        rpm.sqlite(tmp_path / "rpmdb.sqlite")


@given(st.binary(max_size=200), st.integers(0, 150))
def test_a_damaged_rpm_header_is_refused(noise: Any, at: Any) -> None:
    blob = bytearray(rpm_header(**HEADER))
    blob[at : at + len(noise)] = noise
    with contextlib.suppress(*UNREADABLE):
        rpm.ndb(io.BytesIO(ndb(bytes(blob))))


def test_debs_give_their_data_however_it_is_packed() -> None:
    files = {"usr/bin/x": b"program"}
    for pack, suffix in ((bytes, ""), (lzma.compress, ".xz")):
        made = deb(files, pack, suffix)
        assert [e.path for e in entries(unpacked(data_tar(chunks(made, 99)), limit=1 << 20))] == ["usr/bin/x"]
    for broken in (b"", b"!<arch>\n", b"!<arch>\n" + b"x" * 60, tar(files)):
        with pytest.raises(BrokenError):
            list(data_tar([broken]))


@pytest.mark.parametrize(
    ("path", "content", "expected"),
    [
        ("var/lib/dpkg/status", status("a"), ["a"]),
        ("var/lib/dpkg/status.d/a", status("a"), ["a"]),
        ("var/lib/dpkg/status.d/a.md5sums", b"0  usr/bin/a\n", None),
        ("srv/var/lib/dpkg/status", status("a"), None),
        ("lib/apk/db/installed", b"P:a\nV:1\n", ["a"]),
        ("opt/x/a-1.dist-info/METADATA", b"Name: a\nVersion: 1\n", ["a"]),
        ("opt/x/a.egg-info/PKG-INFO", b"Name: a\nVersion: 1\n", ["a"]),
        ("usr/lib/python3/dist-packages/a-1.egg-info", b"Name: a\nVersion: 1\n", ["a"]),
        ("node_modules/@s/a/package.json", b'{"name": "@s/a", "version": "1"}', ["a"]),
        ("app/package.json", b'{"name": "a", "version": "1"}', None),
        ("node_modules/a/test/package.json", b'{"name": "a", "version": "1"}', None),
        ("usr/lib/sysimage/rpm/Packages.db", ndb(rpm_header(**HEADER)), ["bash"]),
        ("var/lib/rpm/Packages", bdb(rpm_header(**HEADER)), ["bash"]),
        ("opt/a.war", jar(pom("g", "a", "1")), ["a"]),
        ("etc/passwd", b"root:x:0:0::/:/bin/sh\n", None),
    ],
)
def test_files_are_known_by_their_place(path: str, content: Any, expected: Any, tmp_path: Path) -> None:
    fact = examine(path, 0o644, TarContent([content], len(content)), tmp_path)
    assert (
        told(fact.packages) and [p.name for p in fact.packages] if isinstance(fact, Packages) else None
    ) == expected
    assert not list(tmp_path.iterdir())


def test_os_release_is_a_fact_of_its_own(tmp_path: Path) -> None:
    content = b"ID=debian\nVERSION_ID=12\n"
    found = examine("usr/lib/os-release", 0o644, TarContent([content], len(content)), tmp_path)
    assert found == Release("usr/lib/os-release", "debian", "12")


@given(
    st.sampled_from(
        [
            "var/lib/dpkg/status",
            "a.dist-info/METADATA",
            "node_modules/a/package.json",
            "x.jar",
            "var/lib/rpm/rpmdb.sqlite",
            "var/lib/rpm/Packages.db",
            "var/lib/rpm/Packages",
            "lib/apk/db/installed",
            "etc/os-release",
        ]
    ),
    st.binary(max_size=300),
)
@settings(max_examples=150)
def test_noise_in_any_of_them_does_no_harm(
    tmp_path_factory: pytest.TempPathFactory, path: Any, noise: Any
) -> None:
    with contextlib.suppress(*UNREADABLE):
        examine(
            path,
            0o755,
            TarContent([noise], len(noise)) if noise else TarContent([], 0),
            tmp_path_factory.getbasetemp(),
        )


def test_deeply_nested_json_is_refused() -> None:
    with pytest.raises(BrokenError):
        manifests.npm(b'{"a":' * 100_000)

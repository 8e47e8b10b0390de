"""The file of a snapshot: what goes in comes out, and nothing of one that is not whole."""

from pathlib import Path

import pyrage
import pytest

from bundler.core.errors import BundlerError, ExitCode
from bundler.installer.snapshot import container
from bundler.installer.snapshot.age import Identity, Recipient
from tests.unit.installer.snapshot import kit

KEY = pyrage.x25519.Identity.generate()
TO, BY = [Recipient.parse(str(KEY.to_public()))], [Identity.parse(str(KEY))]


def refused(path: Path) -> BundlerError:
    with pytest.raises(BundlerError) as caught:
        container.read(path, BY if container.is_encrypted(path) else None)
    return caught.value


def test_what_goes_in_comes_out(tmp_path: Path) -> None:
    path = tmp_path / "x.snapshot"
    kit.write(path, TO)
    assert container.is_encrypted(path)
    assert kit.DATABASE[:50] not in path.read_bytes()
    found = container.read(path, BY)
    assert (found.manifest.keys, found.manifest.record.site_id) == (815, "s1")
    assert b"".join(found.part("etcd.db")) == kit.DATABASE
    assert found.small("var/lib/bundler/secrets.json") == b'{"ca": "x"}'
    assert found.small("etc/nothing") == b""


def test_a_control_planes_own_file_takes_no_key(tmp_path: Path) -> None:
    kit.plain(tmp_path / "x.tar")
    assert not container.is_encrypted(tmp_path / "x.tar")
    found = container.read(tmp_path / "x.tar", None)
    assert b"".join(found.part("files.tar")) == kit.FILES


def test_every_altered_byte_and_every_cut_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "x.snapshot"
    kit.write(path, TO)
    data = path.read_bytes()
    for place in (len(data) // 2, len(data) - 1):
        path.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        assert refused(path).code is ExitCode.INTEGRITY
        path.write_bytes(data[:place])
        assert refused(path).code is ExitCode.INTEGRITY


def test_an_altered_plain_file_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "x.tar"
    wrong = kit.DATABASE[:-1] + b"X"
    kit.plain(path, ("manifest.json", kit.manifest()), ("files.tar", kit.FILES), ("etcd.db", wrong))
    assert refused(path).code is ExitCode.INTEGRITY


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ([("manifest.json", kit.manifest())], ExitCode.INTEGRITY),
        ([("manifest.json", kit.manifest()), ("files.tar", kit.FILES)], ExitCode.INTEGRITY),
        ([("etcd.db", kit.DATABASE), ("manifest.json", kit.manifest())], ExitCode.INPUT),
        ([("manifest.json", kit.manifest()), ("etc/passwd", b"x")], ExitCode.INPUT),
        ([("manifest.json", b"{")], ExitCode.INTEGRITY),
        ([("manifest.json", kit.manifest(format=2))], ExitCode.UNSUPPORTED),
    ],
)
def test_what_is_missing_or_does_not_belong(
    tmp_path: Path, members: list[tuple[str, bytes]], code: ExitCode
) -> None:
    kit.plain(tmp_path / "x.tar", *members)
    assert refused(tmp_path / "x.tar").code is code


def test_what_arrives_otherwise_than_it_was_hashed_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(BundlerError) as caught:
        kit.write(tmp_path / "x", TO, database=kit.DATABASE[:-1] + b"X")
    assert caught.value.code is ExitCode.INTEGRITY


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04" * 300, b"x" * 600])
def test_what_is_no_snapshot(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "x").write_bytes(data)
    assert refused(tmp_path / "x").code is ExitCode.INPUT
    with pytest.raises(BundlerError) as caught:
        container.is_encrypted(tmp_path / "none")
    assert caught.value.code is ExitCode.NOT_FOUND

"""A file from one host to another, with two folders of this machine for hosts."""

import hashlib
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from bundler.core.errors import BundlerError, ExitCode
from bundler.installer.plan.steps import Phase, Relay
from bundler.installer.run.actions import Captures, StepContext, perform
from bundler.installer.transport.protocol import Outcome
from tests.kits.deliveries import Contents


class Here:
    """Runs scripts on this machine. cut: bytes after which the connection of a sender ends."""

    def __init__(self, address: str, cut: int | None = None) -> None:
        self.address = address
        self._cut = cut

    def run(
        self,
        script: str,
        *,
        stdin: Iterable[bytes] = (),
        timeout: float,
        on_output: Callable[[str], None] | None = None,  # noqa: ARG002  (a transport's own parameter)
        on_bytes: Callable[[bytes], None] | None = None,
    ) -> Outcome:
        done = subprocess.run(
            ["sh", "-c", script], input=b"".join(stdin), capture_output=True, timeout=timeout, check=False
        )
        said = done.stdout
        if on_bytes is not None:
            sent = said[: self._cut]
            for start in range(0, len(sent), 1000):
                on_bytes(sent[start : start + 1000])
            if self._cut is not None:
                raise BundlerError("the connection is lost", code=ExitCode.HOST)
            said = b""
        return Outcome(done.returncode, said.decode(), done.stderr.decode())

    def close(self) -> None: ...


PRELUDE = "guard() { :; }\n"


def relayed(source: Path, target: Path, sender: Here) -> None:
    step = Relay(
        id="control-plane/b/copy",
        host="b",
        phase=Phase.CONTROL_PLANE,
        reason="",
        always_run=True,
        source="a",
        source_path=str(source),
        path=str(target),
    )
    receiver = Here("b")
    context = StepContext(Contents({}), PRELUDE, Captures(), peers={"a": sender, "b": receiver})
    perform(step, receiver, context, on_bytes=lambda _: None, on_line=lambda _: None)


def test_a_file_arrives_as_it_is_with_its_digest_beside_it(tmp_path: Path) -> None:
    source, target = tmp_path / "etcd.db", tmp_path / "kept" / "etcd.db"
    source.write_bytes(bytes(range(256)) * 500)
    relayed(source, target, Here("a"))
    assert target.read_bytes() == source.read_bytes()
    assert target.stat().st_mode & 0o777 == 0o600
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    assert Path(f"{target}.sha256").read_text() == f"{digest}  {target}\n"


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BundlerError, match="can't be read"):
        relayed(tmp_path / "none", tmp_path / "copy", Here("a"))


def test_half_a_file_never_stands_in_its_place(tmp_path: Path) -> None:
    source, target = tmp_path / "etcd.db", tmp_path / "copy"
    source.write_bytes(b"x" * 100_000)
    target.write_bytes(b"old")
    with pytest.raises(BundlerError, match="lost"):
        relayed(source, target, Here("a", cut=5000))
    assert target.read_bytes() == b"old"
    assert not Path(f"{target}.bundler-new").exists()

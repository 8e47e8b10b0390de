"""Copying files to a host through a real OpenSSH server: cut, damaged, resumed, and how fast."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bundler.core.digest import Digest
from bundler.core.errors import BundlerError, ExitCode
from bundler.installer.facts import journal
from bundler.installer.plan.inputs import inputs_of
from bundler.installer.plan.steps import Deliver, Delivery, Phase
from bundler.installer.run.deliver import deliver
from bundler.installer.site.model import Host, Login, Role
from bundler.installer.transport.hostkeys import KnownHosts
from bundler.installer.transport.login import Credentials, Trust
from bundler.installer.transport.ssh import SshTransport, open_ssh
from tests.kits.transports import prelude
from tests.real.sshd import ADDRESS, SSHD, Sshd, running

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(SSHD is None, reason="no sshd here: apt-get install openssh-server"),
    pytest.mark.skipif(os.geteuid() != 0, reason="sshd lets only its own user in unless it is root's"),
]

CHUNK = 1 << 20


class Memory:
    """A source of deliveries that holds its contents; implements `Source`."""

    def __init__(
        self, contents: dict[str, bytes], before_chunk: Callable[[int], None] = lambda _: None
    ) -> None:
        self.contents = contents
        self.asked: list[str] = []
        self._before_chunk = before_chunk

    def describe(self, delivery: Delivery) -> tuple[Digest, int]:
        data = self.contents[delivery.member]
        return Digest.of(data), len(data)

    def chunks(self, delivery: Delivery) -> Iterator[bytes]:
        self.asked.append(delivery.member)
        data = self.contents[delivery.member]
        for start in range(0, len(data), CHUNK):
            self._before_chunk(start)
            yield data[start : start + CHUNK]


class Place:
    """A server, a transport to it, and a state folder of its own instead of /var/lib/bundler."""

    def __init__(self, server: Sshd, folder: Path) -> None:
        self.server = server
        self.folder = folder
        self.state = folder / "state"
        self.prelude = prelude(folder)

    def connect(self) -> SshTransport:
        login = Login(port=self.server.port, key_file=str(self.server.user_key))
        host = Host(ADDRESS, frozenset({Role.WORKER}), login)
        known = KnownHosts.of_user(self.server.home)
        return open_ssh(host, Credentials.of(host, None, self.server.home), Trust(known))

    def step(self, *names: str) -> Deliver:
        files = tuple(Delivery(name, f"{self.folder}/to/{name}", 0o755) for name in names)
        return Deliver(id="copy", host=ADDRESS, phase=Phase.DISTRIBUTE, reason="a test", files=files)

    def deliver(self, step: Deliver, source: Memory) -> int:
        """Copy; the exit status."""
        transport = self.connect()
        try:
            return deliver(step, transport, source, self.prelude, lambda _: None).status
        finally:
            transport.close()

    def noted(self) -> dict[str, dict[str, str]]:
        """The steps that succeeded, with what they were done with."""
        file = self.state / "journal"
        entries = journal.parse(file.read_text()) if file.exists() else {}
        return {step: dict(entry.inputs) for step, entry in entries.items()}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    with running(tmp_path) as server:
        server.trust()
        made = Place(server, tmp_path)
        monkeypatch.setattr(journal, "STATE", str(made.state))
        monkeypatch.setattr(journal, "JOURNAL", str(made.state / "journal"))
        monkeypatch.setattr(journal, "CONTENTS", str(made.state / "contents"))
        yield made


@pytest.fixture(params=["the host's openssl", "an openssl that fails", "an openssl that lies"])
def hashing(request: pytest.FixtureRequest, place: Place) -> None:
    """What hashes on the host; the receiving script finds another openssl there."""
    says = {"an openssl that fails": "exit 1", "an openssl that lies": 'echo "$3 *$4"'}.get(request.param)
    if says is not None:
        program = place.folder / "programs" / "openssl"
        program.parent.mkdir()
        program.write_text(f"#!/bin/sh\n{says}\n")
        program.chmod(0o755)
        place.prelude = f"PATH={program.parent}:$PATH\n{place.prelude}"


@pytest.mark.usefixtures("hashing")
def test_files_arrive_with_mode_and_are_noted(place: Place) -> None:
    source = Memory({"a b": b"x" * 100, "sub/c": os.urandom(3 * CHUNK), "empty": b""})
    step = place.step(*source.contents)
    assert place.deliver(step, source) == 0
    for name, data in source.contents.items():
        assert (place.folder / "to" / name).read_bytes() == data
        assert (place.folder / "to" / name).stat().st_mode & 0o777 == 0o755
    assert place.noted() == {"copy": inputs_of(step)}
    ledger = (place.state / "ledger").read_text()
    assert f"file\t{place.folder}/to/sub/c\n" in ledger
    assert f"dir\t{place.folder}/to\n" in ledger
    assert not any((place.state / "incoming").iterdir())


def test_what_is_in_place_is_not_sent_again(place: Place) -> None:
    source = Memory({"a": b"1" * 10, "b": b"2" * 10})
    step = place.step("a", "b")
    place.deliver(step, source)
    (place.folder / "to" / "b").write_bytes(b"3" * 10)
    source.asked.clear()
    assert place.deliver(step, source) == 0
    assert source.asked == ["b"]
    assert (place.folder / "to" / "b").read_bytes() == b"2" * 10


def test_a_cut_copy_counts_for_nothing_and_goes_on(place: Place) -> None:
    def cut(start: int) -> None:
        if start == 80 * CHUNK:
            place.server.cut()

    names = {"small": b"s" * 100, "big": os.urandom(100 * CHUNK)}
    source = Memory(names, cut)
    step = place.step("small", "big")
    with pytest.raises(BundlerError, match="connection to the host was lost") as caught:
        place.deliver(step, source)
    assert caught.value.code is ExitCode.HOST
    assert not (place.folder / "to").exists()
    assert place.noted() == {}
    again = Memory(names)
    assert place.deliver(step, again) == 0
    assert again.asked == ["big"]  # the small one had arrived whole
    assert (place.folder / "to" / "big").read_bytes() == names["big"]
    assert place.noted() == {"copy": inputs_of(step)}


@pytest.mark.usefixtures("hashing")
def test_damaged_content_is_not_put_in_place(place: Place) -> None:
    class Lying(Memory):
        def describe(self, delivery: Delivery) -> tuple[Digest, int]:
            digest, size = super().describe(delivery)
            return (Digest.of(b"other") if delivery.member == "bad" else digest), size

    source = Lying({"good": b"g" * 10, "bad": b"b" * 10})
    with pytest.raises(BundlerError, match="arrived damaged") as caught:
        place.deliver(place.step("good", "bad"), source)
    assert caught.value.code is ExitCode.INTEGRITY
    assert not (place.folder / "to").exists()
    assert place.noted() == {}


def test_replaced_file_is_saved_for_delete(place: Place) -> None:
    (place.folder / "to").mkdir()
    (place.folder / "to" / "a").write_text("was here before")
    place.deliver(place.step("a"), Memory({"a": b"new"}))
    (line,) = (place.state / "ledger").read_text().splitlines()
    kind, path, copy = line.split("\t")
    assert (kind, path) == ("saved", f"{place.folder}/to/a")
    assert Path(copy).read_text() == "was here before"


def test_no_room(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bundler.installer.run.deliver._SLACK", 1 << 60)
    source = Memory({"a": b"x"})
    with pytest.raises(BundlerError, match="not enough room") as caught:
        place.deliver(place.step("a"), source)
    assert caught.value.code is ExitCode.SPACE
    assert source.asked == []


def test_a_copy_left_hanging_is_ended_by_the_next(place: Place) -> None:
    """As after a cut that the host has not noticed: its script still waits for the rest."""
    going = threading.Event()
    done = threading.Event()

    def hang(start: int) -> None:
        if start:
            going.set()
            done.wait(30)

    data = {"big": os.urandom(3 * CHUNK)}
    failures: list[BundlerError | int] = []

    def first() -> None:
        try:
            failures.append(place.deliver(place.step("big"), Memory(data, hang)))
        except BundlerError as error:
            failures.append(error)

    thread = threading.Thread(target=first)
    thread.start()
    assert going.wait(30)
    assert place.deliver(place.step("big"), Memory(data)) == 0
    done.set()
    thread.join(30)
    assert failures
    assert failures != [0]
    assert (place.folder / "to" / "big").read_bytes() == data["big"]


def test_interrupted_while_copying(place: Place) -> None:
    transport = place.connect()
    source = Memory({"big": bytes(50 * CHUNK)}, lambda _: time.sleep(0.05))
    threading.Timer(0.5, transport.close).start()
    with pytest.raises(BundlerError) as caught:
        deliver(place.step("big"), transport, source, place.prelude, lambda _: None)
    assert caught.value.code is ExitCode.INTERRUPTED
    assert not (place.folder / "to").exists()

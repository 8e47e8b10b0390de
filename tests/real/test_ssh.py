"""The ssh transport against a real OpenSSH server on loopback."""

import hashlib
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bundler.core.errors import BundlerError, ExitCode
from bundler.installer.site.model import Host, Login, Role, Secret
from bundler.installer.transport import sessions, ssh
from bundler.installer.transport.hostkeys import KnownHosts
from bundler.installer.transport.login import Credentials, Trust
from bundler.installer.transport.ssh import SshTransport, open_ssh
from tests.real.sshd import ADDRESS, SSHD, Sshd, keygen, running

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(SSHD is None, reason="no sshd here: apt-get install openssh-server"),
    pytest.mark.skipif(os.geteuid() != 0, reason="sshd lets only its own user in unless it is root's"),
]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Sshd]:
    with running(tmp_path) as found:
        yield found


def host(server: Sshd, *, key: Path | None = None, passphrase: str = "", fingerprint: str = "") -> Host:
    login = Login(
        port=server.port,
        key_file=str(key or server.user_key),
        key_passphrase=Secret(passphrase) if passphrase else None,
        fingerprint=fingerprint,
    )
    return Host(ADDRESS, frozenset({Role.WORKER}), login)


def connect(server: Sshd, target: Host | None = None, *, accept_new: bool = False) -> SshTransport:
    target = target or host(server)
    trust = Trust(KnownHosts.of_user(server.home), accept_new)
    return open_ssh(target, Credentials.of(target, None, server.home), trust)


def refused(server: Sshd, target: Host | None = None, *, accept_new: bool = False) -> BundlerError:
    with pytest.raises(BundlerError) as caught:
        connect(server, target, accept_new=accept_new).close()
    return caught.value


@pytest.fixture
def transport(server: Sshd) -> Iterator[SshTransport]:
    server.trust()
    made = connect(server)
    yield made
    made.close()


def test_script_reads_its_own_input(transport: SshTransport) -> None:
    script = "echo out; cat; echo bad >&2; exit 7"
    lines: list[str] = []
    outcome = transport.run(script, stdin=[b"one\n", b"two\n"], timeout=10, on_output=lines.append)
    assert (outcome.status, outcome.stdout, outcome.stderr) == (7, "out\none\ntwo\n", "bad\n")
    assert sorted(lines) == ["bad", "one", "out", "two"]


def test_neither_script_nor_input_is_in_any_argv(transport: SshTransport) -> None:
    script = "secret=s3cret-word; cat >/dev/null; cat /proc/[0-9]*/cmdline | tr '\\0' ' '"
    outcome = transport.run(script, stdin=[b"other-s3cret"], timeout=10)
    assert "dd bs=" in outcome.stdout  # the listing does show our command
    assert "s3cret" not in outcome.stdout


def test_binary_input_arrives_whole(transport: SshTransport) -> None:
    chunks = [os.urandom(1 << 20) for _ in range(20)]
    outcome = transport.run("sha256sum", stdin=chunks, timeout=30)
    assert outcome.stdout.split()[0] == hashlib.sha256(b"".join(chunks)).hexdigest()


def test_a_script_that_reads_nothing_ends(transport: SshTransport) -> None:
    endless = (bytes(1 << 20) for _ in range(100))
    assert transport.run("exit 3", stdin=endless, timeout=30).status == 3


def test_several_scripts_at_once(transport: SshTransport) -> None:
    started = time.monotonic()
    threads = [
        threading.Thread(target=transport.run, args=("sleep 1",), kwargs={"timeout": 10}) for _ in range(5)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert time.monotonic() - started < 4


def alive(marker: str) -> bool:
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if marker in (process / "cmdline").read_text():
                return True
        except OSError:  # it ended while we looked
            continue
    return False


def await_end(marker: str) -> bool:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if not alive(marker):
            return True
        time.sleep(0.1)
    return False


def test_a_late_script_is_ended_with_its_children(transport: SshTransport) -> None:
    with pytest.raises(BundlerError, match="longer than 1 s") as caught:
        transport.run("echo begun >&2; sleep 77.125 & sleep 77.125", timeout=1)
    assert caught.value.code is ExitCode.STEP
    assert caught.value.why.startswith("begun")
    assert await_end("77.125")


def test_close_ends_what_runs(server: Sshd) -> None:
    server.trust()
    transport = connect(server)
    threading.Timer(1, transport.close).start()
    with pytest.raises(BundlerError) as caught:
        transport.run("trap '' TERM; sleep 78.125; sleep 78.125", timeout=60)
    assert caught.value.code is ExitCode.INTERRUPTED
    assert await_end("78.125")


def test_a_cut_connection_is_told(transport: SshTransport, server: Sshd) -> None:
    threading.Timer(0.5, server.cut).start()
    with pytest.raises(BundlerError, match="connection to the host was lost") as caught:
        transport.run("sleep 5", timeout=30)
    assert caught.value.code is ExitCode.HOST
    assert str(caught.value.where) == f"root@[{ADDRESS}]:{server.port}"


def test_a_host_that_lets_us_in_and_then_says_nothing(server: Sshd, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its sshd hangs, as one does on a dead disk: the yes to a command never comes."""
    monkeypatch.setattr(ssh, "_OPEN_TIMEOUT", 2.0)
    monkeypatch.setattr(sessions, "OPEN_TIMEOUT", 2.0)
    server.trust()
    transport = connect(server)
    for pid in server.children():
        os.kill(pid, signal.SIGSTOP)
    began = time.monotonic()
    try:
        with pytest.raises(BundlerError) as caught:
            transport.run("true", timeout=30)
    finally:
        for pid in server.children():
            os.kill(pid, signal.SIGCONT)
        transport.close()
    assert time.monotonic() - began < 10
    assert caught.value.code is ExitCode.HOST


def test_unknown_host_key(server: Sshd) -> None:
    error = refused(server)
    assert error.code is ExitCode.TRUST
    assert server.fingerprint in error.why
    assert "--accept-new-host-keys" in error.fix


def test_accepted_key_is_remembered_and_a_changed_one_refused(server: Sshd, tmp_path: Path) -> None:
    connect(server, accept_new=True).close()
    connect(server).close()
    found = subprocess.run(
        ["ssh-keygen", "-F", f"[{ADDRESS}]:{server.port}", "-f", server.home / ".ssh" / "known_hosts"],
        check=True,
        capture_output=True,
    )
    assert b"ed25519" in found.stdout
    known = server.home / ".ssh" / "known_hosts"
    other = keygen(tmp_path / "other").with_suffix(".pub").read_text().split()[1]
    known.write_text(f"[{ADDRESS}]:{server.port} ssh-ed25519 {other}\n")
    error = refused(server, accept_new=True)
    assert (error.code, error.what) == (ExitCode.TRUST, "the host's key is changed")


def test_known_kind_of_key_is_asked_for(tmp_path: Path) -> None:
    with running(tmp_path, kinds=("ecdsa", "ed25519")) as server:
        server.trust()  # by its ecdsa key alone
        connect(server).close()


def test_fingerprint_of_any_of_the_hosts_keys(tmp_path: Path) -> None:
    with running(tmp_path, kinds=("rsa", "ed25519")) as server:
        connect(server, host(server, fingerprint=server.fingerprint)).close()


def test_wrong_fingerprint(server: Sshd) -> None:
    error = refused(server, host(server, fingerprint="SHA256:" + "A" * 43), accept_new=True)
    assert error.code is ExitCode.TRUST
    assert server.fingerprint in error.why


def test_wrong_key(server: Sshd, tmp_path: Path) -> None:
    server.trust()
    key = keygen(tmp_path / "stranger")
    error = refused(server, host(server, key=key))
    assert (error.code, error.what) == (ExitCode.HOST, "the host refused the login")
    assert f"tried: key {key}" in error.why


def test_key_with_a_passphrase(server: Sshd, tmp_path: Path) -> None:
    server.trust()
    key = keygen(tmp_path / "locked", passphrase="open sesame")
    with (tmp_path / "authorized_keys").open("a") as stream:
        stream.write(key.with_suffix(".pub").read_text())
    connect(server, host(server, key=key, passphrase="open sesame")).close()
    assert "needs a passphrase" in refused(server, host(server, key=key)).why
    assert "wrong passphrase" in refused(server, host(server, key=key, passphrase="no")).why


def test_nobody_listens() -> None:
    target = Host(ADDRESS, frozenset(), Login(port=1, key_file="/nowhere"))
    with pytest.raises(BundlerError) as caught:
        open_ssh(
            target, Credentials.of(target, None, Path("/nowhere")), Trust(KnownHosts((Path("/nowhere"),)))
        )
    assert caught.value.code is ExitCode.HOST
    assert "refused" in caught.value.why.lower()


@pytest.mark.parametrize(
    "options",
    [
        ("MaxStartups 2:100:2",),
        ("PerSourceMaxStartups 2",),
    ],
)
def test_a_host_that_turns_callers_away_is_called_again(tmp_path: Path, options: tuple[str, ...]) -> None:
    """Two others hang before their login until after our first try."""
    with running(tmp_path, options=(*options, "LoginGraceTime 60")) as server:
        server.trust()
        others: list[socket.socket] = []
        said = b""
        while said != b"Exce" and len(others) < 8:
            others.append(socket.create_connection((ADDRESS, server.port)))
            said = others[-1].recv(4)
        assert said == b"Exce"

        def leave() -> None:
            for other in others:
                other.close()

        threading.Timer(0.5, leave).start()
        transport = connect(server)
        assert transport.run("echo in", timeout=10).stdout == "in\n"
        transport.close()


@pytest.mark.parametrize(
    "options",
    [
        ("Banner /usr/share/common-licenses/GPL-3",),
        ("PrintMotd yes", "PrintLastLog yes", "UseDNS yes"),
        ("AllowTcpForwarding no", "AllowStreamLocalForwarding no", "X11Forwarding no", "PermitTTY no"),
        ("ClientAliveInterval 1", "ClientAliveCountMax 1"),
        ("Compression no", "RekeyLimit 1M 2s"),
    ],
)
def test_what_sshd_is_set_to_elsewhere(tmp_path: Path, options: tuple[str, ...]) -> None:
    """sftp is not needed, banners are passed over, and keys are exchanged anew in the middle of a copy."""
    wanted = os.urandom(8 << 20)
    with running(tmp_path, options=options) as server:
        server.trust()
        transport = connect(server)
        outcome = transport.run("sleep 2.5; sha256sum", stdin=[wanted], timeout=60)
        transport.close()
    assert outcome.stdout.split()[0] == hashlib.sha256(wanted).hexdigest()


@pytest.mark.parametrize("most", [1, 2, 4])
def test_few_sessions_are_enough(tmp_path: Path, most: int) -> None:
    """sshd's MaxSessions: one is held all the time, as by the lock, while eight scripts want to run."""
    with running(tmp_path, options=(f"MaxSessions {most}",)) as server:
        server.trust()
        told: list[str] = []
        target = host(server)
        trust = Trust(KnownHosts.of_user(server.home))
        transport = open_ssh(target, Credentials.of(target, None, server.home), trust, told.append)
        over = threading.Event()

        def signs() -> Iterator[bytes]:
            over.wait(60)
            yield b"done\n"

        lock = threading.Thread(target=transport.run, args=("cat",), kwargs={"stdin": signs(), "timeout": 60})
        lock.start()
        with ThreadPoolExecutor(8) as pool:
            said = list(
                pool.map(lambda n: transport.run(f"sleep 0.2; echo {n}", timeout=20).stdout, range(8))
            )
        with pytest.raises(BundlerError, match="longer than 1 s"):  # there is a way to end one, too
            transport.run("sleep 79.125", timeout=1)
        assert await_end("79.125")
        over.set()
        lock.join()
        transport.close()
    assert said == [f"{n}\n" for n in range(8)]
    assert told
    assert all("MaxSessions" in text for text in told)
    assert ("1 session " if most == 1 else f"{most} sessions ") in told[-1]


def test_no_session_at_all_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "_TRIES", 4)
    with running(tmp_path, options=("MaxSessions 0",)) as server:
        server.trust()
        error = refused(server)
    assert (error.code, error.what) == (ExitCode.HOST, "the host accepts the login but opens no session")
    assert "MaxSessions" in error.fix

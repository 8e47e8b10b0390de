"""Hosts behind a bastion: two real sshds on loopback, each with keys of its own."""

import hashlib
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from bundler.core.errors import BundlerError, ExitCode
from bundler.installer.site.clusterfile.read import read
from bundler.installer.site.model import Bastion, Host, Login, Role, Site
from bundler.installer.transport.connect import Access, connect_all
from tests.real.sshd import ADDRESS, SSHD, Sshd, running

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(SSHD is None, reason="no sshd here: apt-get install openssh-server"),
    pytest.mark.skipif(os.geteuid() != 0, reason="sshd lets only its own user in unless it is root's"),
]


@dataclass(frozen=True, slots=True)
class Pair:
    """A bastion and the host behind it."""

    bastion: Sshd
    behind: Sshd
    home: Path

    def host(self, *, bastion_key: str = "", own_key: str = "") -> Host:
        jump = Login(
            port=self.bastion.port,
            key_file=str(self.bastion.user_key),
            fingerprint=bastion_key or self.bastion.fingerprint,
        )
        login = Login(
            port=self.behind.port,
            key_file=str(self.behind.user_key),
            fingerprint=own_key or self.behind.fingerprint,
            jump=Bastion(ADDRESS, jump),
        )
        return Host(ADDRESS, frozenset({Role.CONTROL_PLANE}), login)

    def ask(self, host: Host, script: str = "echo hello", stdin: Sequence[bytes] = ()) -> str:
        found = connect_all(Site("s", (host,)), Access(self.home, {}), parallel=1)
        (transport,) = found.transports.values()
        try:
            return transport.run(script, stdin=stdin, timeout=60).stdout
        finally:
            transport.close()


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    with running(tmp_path / "bastion") as bastion, running(tmp_path / "behind") as behind:
        yield Pair(bastion, behind, tmp_path)


def test_a_script_runs_behind_the_bastion_and_not_on_it(pair: Pair) -> None:
    """The host's sshd sees a connection from the bastion's address; the bastion starts no session."""
    assert pair.ask(pair.host(), "echo $SSH_CONNECTION").split()[3] == str(pair.behind.port)


def test_much_goes_through_whole(pair: Pair) -> None:
    chunks = [os.urandom(1 << 20) for _ in range(20)]
    digest = hashlib.sha256(b"".join(chunks)).hexdigest()
    assert pair.ask(pair.host(), "sha256sum", chunks).split()[0] == digest


def test_one_connection_to_the_bastion_serves_many_scripts(pair: Pair) -> None:
    found = connect_all(Site("s", (pair.host(),)), Access(pair.home, {}), parallel=4)
    try:
        (transport,) = found.transports.values()
        assert [transport.run("echo x", timeout=10).stdout for _ in (1, 2)] == ["x\n", "x\n"]
        assert len(pair.bastion.children()) == 1
    finally:
        for transport in found.transports.values():
            transport.close()


@pytest.mark.parametrize("which", ["bastion", "host"])
def test_the_keys_of_both_are_checked(pair: Pair, which: str) -> None:
    wrong = "SHA256:" + "A" * 43
    target = pair.host(bastion_key=wrong) if which == "bastion" else pair.host(own_key=wrong)
    with pytest.raises(BundlerError) as caught:
        pair.ask(target)
    assert caught.value.code is ExitCode.TRUST
    port = pair.bastion.port if which == "bastion" else pair.behind.port
    assert f":{port}" in str(caught.value.where)


@pytest.mark.parametrize("which", ["bastion", "host"])
def test_keys_that_nobody_knows_are_not_taken(pair: Pair, which: str) -> None:
    target = pair.host()
    jump = target.login.jump
    assert jump is not None
    if which == "bastion":
        login = replace(target.login, jump=replace(jump, login=replace(jump.login, fingerprint="")))
    else:
        login = replace(target.login, fingerprint="")
    with pytest.raises(BundlerError) as caught:
        pair.ask(replace(target, login=login))
    assert caught.value.code is ExitCode.TRUST
    assert "not known" in caught.value.what


def test_a_host_that_is_off_behind_the_bastion(pair: Pair) -> None:
    target = pair.host()
    began = time.monotonic()
    with pytest.raises(BundlerError, match="through the bastion") as caught:
        pair.ask(replace(target, login=replace(target.login, port=1)))
    assert caught.value.code is ExitCode.HOST
    assert time.monotonic() - began < 15


def test_a_bastion_that_forwards_nothing_says_what_to_allow(tmp_path: Path) -> None:
    options = ("AllowTcpForwarding no",)
    with running(tmp_path / "b", options=options) as bastion, running(tmp_path / "h") as behind:
        pair = Pair(bastion, behind, tmp_path)
        with pytest.raises(BundlerError) as caught:
            pair.ask(pair.host())
    assert "AllowTcpForwarding yes" in caught.value.fix


def test_the_clusterfile_names_it(tmp_path: Path) -> None:
    text = """\
apiVersion: bundler/v1
kind: Cluster
spec:
  ssh: {user: ops, jump: {host: bastion.shop, user: guest, port: 2222, pk: keys/b}}
  hosts:
  - {ips: [10.0.0.2], roles: [control-plane]}
  - {ips: [10.0.0.3], roles: [worker], ssh: {jump: {host: 10.9.9.9}}}
"""
    first, second = read(text, str(tmp_path / "site.yaml")).hosts
    jump = Login("guest", 2222, str(tmp_path / "keys/b"))
    assert first.login.jump == Bastion("bastion.shop", jump)
    assert second.login.jump == Bastion("10.9.9.9", Login())

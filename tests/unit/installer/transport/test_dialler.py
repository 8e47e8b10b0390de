"""Hosts are dialled one by one, also those that only the site's record names."""

from pathlib import Path

import pytest

from bundler.core.errors import BundlerError, ExitCode
from bundler.installer.site.model import Host, Login, PasswordEnv, Role
from bundler.installer.transport.connect import Access, dialler
from tests.unit.installer.plan import kit


def host(address: str, login: Login) -> Host:
    return Host(address, frozenset({Role.WORKER}), login)


def test_a_host_beyond_the_clusterfile_is_dialled_too(tmp_path: Path) -> None:
    """Nobody listens on port 1: how far it gets is what counts."""
    dial = dialler(kit.site(), Access(tmp_path, {}))
    with pytest.raises(BundlerError) as caught:
        dial(host("127.0.0.9", Login(port=1)))
    assert caught.value.code is ExitCode.HOST


def test_a_password_that_is_not_there_is_told_before_anything_is_dialled(tmp_path: Path) -> None:
    site = kit.site()
    broken = host("127.0.0.9", Login(password=PasswordEnv("NOT_SET")))
    with pytest.raises(BundlerError) as caught:
        dialler(type(site)("s", (*site.hosts, broken)), Access(tmp_path, {}))
    assert caught.value.code is ExitCode.NOT_FOUND

"""debian_root.py: which packages an image gets, and what of them is left out."""

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bundler.builder.kubefile.catalogue import default_catalogue

TOOLS = default_catalogue() / "tools"

PLANNED = """Inst libssl3 (3 Debian:12)
Inst redis-tools (7 Debian:12)
Inst adduser (3 Debian:12)
Inst perl (5 Debian:12)
Inst libonlyperl (1 Debian:12)
Inst redis-server (7 Debian:12)
Conf redis-server (7 Debian:12)
"""
DESCRIBED = """Package: libssl3
Version: 3

Package: redis-tools
Depends: adduser, libssl3 (>= 3), perl:any | perl-virtual

Package: adduser
Depends: perl

Package: perl
Depends: libonlyperl

Package: libonlyperl
Version: 1

Package: redis-server
Depends: redis-tools (= 7), notplanned | redis-tools
Pre-Depends: adduser
"""


@pytest.fixture
def debian_root(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.syspath_prepend(str(TOOLS))
    yield importlib.import_module("debian_root")  # the catalogue's tools are no package of ours
    for name in ("debian_root", "fetch_debian", "shared"):
        sys.modules.pop(name, None)


@pytest.fixture
def apt(debian_root: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    answers = {"apt-get": PLANNED, "apt-cache": DESCRIBED}
    monkeypatch.setattr(debian_root, "output", lambda program, *_, **__: answers[program])
    return SimpleNamespace(root=tmp_path)


def test_what_sets_packages_up_is_left_out_with_what_only_that_needs(debian_root: Any, apt: Any) -> None:
    assert debian_root.closure(apt, ("redis-server",), frozenset()) == [
        "libssl3",
        "redis-server",
        "redis-tools",
    ]


def test_what_the_base_has_is_not_taken_twice(debian_root: Any, apt: Any) -> None:
    found = debian_root.closure(apt, ("redis-server",), frozenset(debian_root.BASE))
    assert found == ["redis-server", "redis-tools"]


def test_what_is_named_comes_whoever_else_would_leave_it_out(debian_root: Any, apt: Any) -> None:
    assert "perl" in debian_root.closure(apt, ("redis-server", "perl"), frozenset())


def test_licences_stay_and_manuals_go(debian_root: Any, tmp_path: Path) -> None:
    for name in ("usr/share/man/man1/redis.1", "usr/share/doc/redis/copyright", "usr/share/doc/redis/NEWS"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    (tmp_path / "usr/share/doc/redis/examples").mkdir()
    (tmp_path / "usr/share/doc/redis-server").symlink_to("redis")
    debian_root._strip(tmp_path)
    left = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if not path.is_dir()}
    assert left == {"usr/share/doc/redis/copyright"}
    assert (tmp_path / "usr/share/doc/redis-server").is_symlink()
    assert not (tmp_path / "usr/share/doc/redis/examples").exists()


def test_users_have_the_numbers_that_charts_run_them_as(debian_root: Any, tmp_path: Path) -> None:
    debian_root._people(tmp_path, ("mysql:999",))
    assert "mysql:x:999:999::/nonexistent:/bin/sh\n" in (tmp_path / "etc/passwd").read_text()
    assert "mysql:x:999:\n" in (tmp_path / "etc/group").read_text()

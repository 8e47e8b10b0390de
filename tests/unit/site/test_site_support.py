"""A host that can't boot a site says why."""

import os
import shutil

import pytest

from bundler.core.errors import BundlerError, ExitCode
from tests.site import support


def test_without_root_the_reason_is_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert any("needs root" in reason for reason in support.reasons())


def test_missing_commands_are_named_by_their_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda command: None if command == "systemd-nspawn" else command)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert any("not installed: systemd-container (`make setup`" in reason for reason in support.reasons())


def test_all_reasons_come_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(support, "reasons", lambda: ("no root", "no nspawn"))
    with pytest.raises(BundlerError, match="no root; no nspawn") as caught:
        support.require_support()
    assert caught.value.code is ExitCode.UNSUPPORTED

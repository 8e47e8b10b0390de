"""The agent's request and its choice between install and upgrade; Helm itself is met on the real site."""

import io
import json
from typing import Any

import pytest

from bundler.installer.helm_agent import Request, deploy, main

REQUEST = Request("web", "/charts/web", "default", "/etc/kubernetes/admin.conf", 60)


class Recorder:
    """Stands for `helm_python.Config`: one release with a status, and what was asked."""

    def __init__(self, status: str) -> None:
        self.releases = [{"name": "web", "status": status}] if status else []
        self.asked: list[str] = []

    def list(self, *, all_states: bool, name_filter: str) -> list[dict[str, Any]]:
        assert all_states
        assert name_filter == "^web$"
        return self.releases

    def install(self, chart: str, name: str, **options: Any) -> dict[str, Any]:
        assert options == {"namespace": "default", "timeout": 60, "wait": "watcher", "create_namespace": True}
        self.asked.append(f"install {name} {chart}")
        return {}

    def upgrade(self, chart: str, name: str, **options: Any) -> dict[str, Any]:
        assert options == {"namespace": "default", "timeout": 60, "wait": "watcher"}
        self.asked.append(f"upgrade {name} {chart}")
        return {}

    def rollback(self, name: str, **_options: Any) -> None:
        self.asked.append(f"rollback {name}")

    def uninstall(self, name: str, **_options: Any) -> dict[str, Any]:
        self.asked.append(f"uninstall {name}")
        return {}


@pytest.mark.parametrize(
    ("status", "asked", "said"),
    [
        ("", ["install"], "installed"),
        ("uninstalled", ["install"], "installed"),
        ("deployed", ["upgrade"], "upgraded"),
        ("failed", ["upgrade"], "upgraded"),
        ("pending-install", ["uninstall", "install"], "installed"),
        ("pending-upgrade", ["rollback", "upgrade"], "upgraded"),
    ],
)
def test_deploy(status: str, asked: list[str], said: str) -> None:
    helm = Recorder(status)
    assert said in deploy(helm, REQUEST)
    assert [words.split(" ")[0] for words in helm.asked] == asked


def test_a_request_comes_back_as_it_was_written() -> None:
    text = json.dumps({name: getattr(REQUEST, name) for name in REQUEST.__slots__})
    assert Request.from_json(text.encode()) == REQUEST


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"release": "web"}',
        '{"release": 1, "chart": "c", "namespace": "n", "kubeconfig": "k", "timeout": 1}',
        '{"release": "", "chart": "c", "namespace": "n", "kubeconfig": "k", "timeout": 1}',
        '{"release": "r", "chart": "c", "namespace": "n", "kubeconfig": "k", "timeout": true}',
        '{"release": "r", "chart": "c", "namespace": "n", "kubeconfig": "k", "timeout": 1, "more": 1}',
    ],
)
def test_anything_else_is_no_request(text: str) -> None:
    stderr = io.StringIO()
    assert main(io.BytesIO(text.encode()), io.StringIO(), stderr) == 2
    assert "request can't be read" in stderr.getvalue()

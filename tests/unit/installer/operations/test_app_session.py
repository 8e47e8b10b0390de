"""How an app bundle reaches a cluster: by a process of its own with Helm in it, from here."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from bundler.core.errors import ExitCode
from bundler.core.index import App, AppKind, AppRole
from bundler.installer.cli.main import main
from bundler.installer.operations import app_session
from bundler.installer.plan.app_bundle import HERE
from bundler.installer.plan.app_cluster import Place
from bundler.installer.plan.contents import Contents
from bundler.installer.transport.local import LocalTransport
from tests.unit.installer.plan import kit


def test_what_the_cluster_says_is_read() -> None:
    told = {
        "version": "v1.37.2",
        "architectures": ["amd64", "amd64"],
        "classes": ["local"],
        "registry": 'host: "localhost:5001"\nhelp: "https://x.example"\n',
        "releases": [
            {
                "name": "db",
                "namespace": "data",
                "status": "deployed",
                "revision": 2,
                "chart_name": "db",
                "chart_version": "1.0.0+bundle.a",
                "history": [[1, "0.9.0+bundle.b"], [2, "1.0.0+bundle.a"]],
            }
        ],
    }
    seen = app_session._seen(json.loads(json.dumps(told)))
    assert (seen.version, seen.architectures, seen.registry) == (
        "v1.37.2",
        frozenset({"amd64"}),
        "localhost:5001",
    )
    assert seen.releases[0].before == (1, "0.9.0+bundle.b")


def test_yaml_beside_an_apps_own_commands_gets_the_new_names(tmp_path: Path) -> None:
    app = App("tool", AppKind.COMMANDS, AppRole.APP, "application/apps/tool")
    path = tmp_path / "apps/tool/job.yaml"
    path.parent.mkdir(parents=True)
    path.write_text("image: quay.io/a/b:1\n")
    where = Place("k", str(tmp_path), (), images={"quay.io/a/b:1": "r.example/quay.io/a/b:1"})
    app_session._relocate_files(Contents(kit.index(apps=(app,)), {}), where)
    assert path.read_text() == "image: r.example/quay.io/a/b:1\n"


@pytest.mark.parametrize("command", [["apply"], [], ["plan"], ["rollback"], ["delete", "--yes"]])
def test_the_kubeconfig_tells_these_commands_from_those_of_a_site(
    command: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BUNDLER_RUN_FILE", str(tmp_path / "x.run"))
    code = main([*command, "--kubeconfig", str(tmp_path / "absent")])
    assert code == ExitCode.INPUT
    assert "the kubeconfig can't be read" in capsys.readouterr().err


def test_a_step_runs_as_the_caller_with_the_callers_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BLOCKS_OWN", "mine")
    outcome = LocalTransport(HERE, as_caller=True).run('printf %s "$BLOCKS_OWN"', timeout=20)
    assert outcome.stdout == "mine"
    assert LocalTransport(HERE).run('printf %s "${BLOCKS_OWN-none}"', timeout=20).stdout == "none"


def test_this_program_is_started_again_as_it_was(tmp_path: Path) -> None:
    assert app_session._program(tmp_path)[-3:] == (sys.executable, "-m", "bundler.installer.cli.main")
    (tmp_path / "libhelm_c.so").write_bytes(b"")
    assert f"HELM_C_LIB={tmp_path}/libhelm_c.so" in app_session._program(tmp_path)

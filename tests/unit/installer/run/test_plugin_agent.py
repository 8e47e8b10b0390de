"""A plug-in's Python module, as the installer's own Python runs it on a host."""

import io
import json
from pathlib import Path

import pytest

from bundler.installer.run.plugin_agent import main

REQUEST = json.dumps({"name": "mark.py", "moment": "post-install", "data": "x"}).encode()


def agent(tmp_path: Path, text: str, request: bytes = REQUEST) -> tuple[int, str]:
    module = tmp_path / "mark.py"
    module.write_text(text)
    stderr = io.StringIO()
    return main([str(module)], io.BytesIO(request), stderr), stderr.getvalue()


def test_the_module_gets_the_request(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = "def run(plugin):\n    print(plugin['moment'], plugin['data'])\n"
    assert agent(tmp_path, text) == (0, "")
    assert capsys.readouterr().out == "post-install x\n"


@pytest.mark.parametrize(
    ("text", "status", "said"),
    [
        (
            "def run(plugin):\n    raise RuntimeError('no disk')\n",
            1,
            "plug-in mark.py: RuntimeError: no disk",
        ),
        ("def other(): pass\n", 2, "defines no function run(plugin)"),
        ("def run(:\n", 2, "plugin-agent:"),
    ],
)
def test_what_fails_says_so_without_a_traceback(tmp_path: Path, text: str, status: int, said: str) -> None:
    found, stderr = agent(tmp_path, text)
    assert found == status
    assert said in stderr
    assert "Traceback" not in stderr


def test_a_request_that_is_none(tmp_path: Path) -> None:
    assert agent(tmp_path, "def run(plugin): pass\n", b"{")[0] == 2
    assert main([], io.BytesIO(REQUEST), io.StringIO()) == 2

"""go_build.py compiles what is not kept, keeps each program at once, and says what a machine lacks."""

import importlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from bundler.builder.kubefile.catalogue import default_catalogue

TOOLS = default_catalogue() / "tools"
NAMES = ("go_build", "go_kept", "go_pace", "shared")
# A Go that writes down what it was asked and "compiles" to a file that says so; it fails at $FAIL.
GO = """#!/bin/sh
case $1 in
env) case "$*" in *EXPERIMENT*) printf '%s\\n\\n' "$FAKE_GO" ;; *) echo "$FAKE_GO" ;; esac ;;
build)
    for last; do :; done
    echo "$last $CGO_ENABLED $GOARCH $GOFLAGS" >>"$FAKE_LOG"
    [ "$last" != "${FAIL-}" ] || { echo "no such package" >&2; exit 1; }
    sleep "${SLOW-0}"
    while [ "$1" != -o ]; do shift; done
    echo "compiled $last with $(cat go.mod)" >"$2" ;;
esac
"""


@pytest.fixture
def tool(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Any]:
    """go_build, on a machine that has the fake Go and a cache of its own."""
    programs = tmp_path / "path"
    programs.mkdir()
    (programs / "go").write_text(GO)
    (programs / "go").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.setenv("FAKE_GO", "go1.26.8")
    monkeypatch.setenv("FAKE_LOG", str(tmp_path / "log"))
    monkeypatch.setenv("BUNDLER_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TARGETARCH", "amd64")
    monkeypatch.syspath_prepend(TOOLS)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    for name in NAMES:
        monkeypatch.delitem(sys.modules, name, raising=False)
    yield importlib.import_module("go_build")
    for name in NAMES:
        sys.modules.pop(name, None)


@pytest.fixture
def module(tmp_path: Path) -> Any:
    folder = tmp_path / "module"
    folder.mkdir()
    (folder / "go.mod").write_text("module x\n\ngo 1.26.0\n\nrequire example.org/tool v1.4.2\n")
    (folder / "go.sum").write_text("")
    return folder


def program(tool: ModuleType, module: Any, name: str, **more: Any) -> Any:
    return tool.Program(name, module, f"example.org/tool/{name}", 10, **more)


def asked(tmp_path: Path) -> list[str]:
    log = tmp_path / "log"
    return (
        [line.split()[0].rpartition("/")[2] for line in log.read_text().splitlines()] if log.exists() else []
    )


def test_what_was_compiled_once_is_not_compiled_again(
    tool: Any, module: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    both = [program(tool, module, "a"), program(tool, module, "b")]
    tool.build(both, tmp_path / "one")
    tool.build(both, tmp_path / "two")
    assert asked(tmp_path) == ["a", "b"]
    assert (tmp_path / "two/b").read_text() == (tmp_path / "one/b").read_text()
    assert (tmp_path / "two/b").stat().st_mode & 0o777 == 0o755
    assert "Compiling 2 programs with go1.26.8; 0 are kept already" in capsys.readouterr().out


def test_what_is_done_stays_when_the_next_one_fails(
    tool: Any, module: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = [program(tool, module, "a"), program(tool, module, "b")]
    monkeypatch.setenv("FAIL", "example.org/tool/b")
    with pytest.raises(Exception, match=r"go build example\.org/tool/b failed:\nno such package"):
        tool.build(both, tmp_path / "out")
    monkeypatch.delenv("FAIL")
    tool.build(both, tmp_path / "out")
    assert asked(tmp_path) == ["a", "b", "b"]
    assert not list((tmp_path / "cache/programs").glob(".new-*"))


@pytest.mark.parametrize(
    "change",
    [
        lambda case: (case.module / "go.sum").write_text("another sum\n"),
        lambda case: (case.module / "go.mod").write_text("module x\n\nrequire example.org/tool v1.4.3\n"),
        lambda case: case.monkeypatch.setenv("FAKE_GO", "go1.27.0"),
        lambda case: case.monkeypatch.setenv("TARGETARCH", "arm64"),
        lambda case: case.more.update(variables=(("main.version", "2"),)),
        lambda case: case.more.update(tags=("extra",)),
        lambda case: (case.module.parent / "main.go").write_text("package main // changed"),
    ],
    ids=["sum", "version", "go", "platform", "variables", "tags", "own source"],
)
def test_every_input_counts(
    tool: Any, module: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: Any
) -> None:
    source = tmp_path / "main.go"
    source.write_text("package main")
    case = SimpleNamespace(module=module, monkeypatch=monkeypatch, more={"sources": (source,)})
    tool.build([program(tool, module, "a", **case.more)], tmp_path / "out")
    change(case)
    tool.build([program(tool, module, "a", **case.more)], tmp_path / "out")
    assert asked(tmp_path) == ["a", "a"]


@pytest.mark.usefixtures("tool")
def test_two_builds_at_once_compile_each_program_once(
    module: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLOW", "0.2")
    script = (
        f"import sys; sys.path.insert(0, {str(TOOLS)!r}); sys.dont_write_bytecode = True\n"
        "import pathlib, go_build\n"
        f"module = pathlib.Path({str(module)!r})\n"
        "both = [go_build.Program(n, module, f'example.org/tool/{n}', 10) for n in 'ab']\n"
        "go_build.build(both, pathlib.Path(sys.argv[1]))\n"
    )
    builds = [subprocess.Popen([sys.executable, "-c", script, tmp_path / name]) for name in ("one", "two")]
    assert [build.wait(120) for build in builds] == [0, 0]
    assert sorted(asked(tmp_path)) == ["a", "b"]


def test_a_kept_program_that_was_damaged_is_compiled_again(tool: Any, module: Any, tmp_path: Path) -> None:
    one = [program(tool, module, "a")]
    tool.build(one, tmp_path / "out")
    (kept,) = (tmp_path / "cache/programs").glob("*/a")
    kept.write_text("half of it")
    tool.build(one, tmp_path / "out")
    assert asked(tmp_path) == ["a", "a"]
    assert "compiled" in (tmp_path / "out/a").read_text()


def test_what_nobody_asks_for_goes_after_two_months(tool: Any, module: Any, tmp_path: Path) -> None:
    tool.build([program(tool, module, "a")], tmp_path / "out")
    (old,) = (tmp_path / "cache/programs").glob("*/")
    month = 30 * 86400
    before = old.stat().st_mtime
    os.utime(old, (before - month, before - month))
    tool.build([program(tool, module, "b")], tmp_path / "out")
    assert old.exists()
    os.utime(old, (before - 3 * month, before - 3 * month))
    tool.build([program(tool, module, "b")], tmp_path / "out")
    assert not old.exists()


@pytest.mark.parametrize(("has", "told"), [("go1.19.8", "it has 1.19"), ("", "it has none")])
def test_a_machine_without_a_new_go_is_told_before_anything_is_done(
    tool: Any, module: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has: str, told: str
) -> None:
    monkeypatch.setenv("FAKE_GO", has)
    with pytest.raises(Exception, match=rf"Go 1.26 or newer; {told}. Fix: .*, or build FROM kubernetes"):
        tool.build([program(tool, module, "a")], tmp_path / "out", otherwise="build FROM kubernetes")
    assert asked(tmp_path) == []
    assert not (tmp_path / "cache").exists()


def test_the_users_settings_of_go_do_not_count(
    tool: Any, module: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOFLAGS", "-mod=vendor")
    monkeypatch.setenv("CGO_ENABLED", "1")
    tool.build([program(tool, module, "a")], tmp_path / "out")
    assert (tmp_path / "log").read_text() == "example.org/tool/a 0 amd64 -mod=readonly\n"


def test_versions_come_from_the_pin(tool: Any, module: Any) -> None:
    assert tool.module_version(module, "example.org/tool") == "v1.4.2"
    with pytest.raises(Exception, match=r"module/go\.mod does not require example\.org/other"):
        tool.module_version(module, "example.org/other")


@pytest.mark.usefixtures("tool")
def test_the_time_left_follows_the_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    pace = importlib.import_module("go_pace")
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    clock = pace.Clock(left=1880.0)
    clock.start(1080.0)
    assert clock.remaining() == "about 31 min left"
    clock.began -= 480.0  # eight minutes ago
    clock.stop()
    clock.start(800.0)
    assert clock.remaining() == "about 7 min left"  # a quick machine: half of what was planned
    clock.began -= 390.0
    assert clock.remaining() == "about 10 s left"

"""The wheel: what `pip install` of it gives works away from any checkout."""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tests.dist import ROOT, build
from tests.manpages import groups

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`bundler` out of the wheel, in an environment of its own with the dependencies of this one."""
    folder = tmp_path_factory.mktemp("dist")
    wheel = build(ROOT, folder / "sources", folder / "dist")
    subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True, timeout=300)
    python = folder / "venv" / "bin" / "python"
    install: list[str | Path] = [
        python,
        "-m",
        "pip",
        "install",
        "-qq",
        "--disable-pip-version-check",
        "--no-deps",
        "--no-index",
        wheel,
    ]
    subprocess.run(install, check=True, timeout=300)
    packages = next((folder / "venv" / "lib").glob("python*/site-packages"))
    packages.joinpath("dependencies.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    return folder / "venv" / "bin" / "bundler"


def run(program: Path, *words: str | Path, cwd: Path) -> str:
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(
        [program, *words], cwd=cwd, env=env, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_catalogue_comes_along(program: Path, tmp_path: Path) -> None:
    listed = run(program, "catalogue", "list", cwd=tmp_path)
    assert "kubernetes-source" in listed
    where = subprocess.run(
        [program.with_name("python"), "-c", "import bundler; print(bundler.__file__)"],
        cwd=tmp_path, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert str(program.parent.parent) in where  # not the checkout's


def test_a_kubefile_on_the_catalogue_lints(program: Path, tmp_path: Path) -> None:
    (tmp_path / "Kubefile").write_text("FROM kubernetes\nLABEL org.opencontainers.image.title=shop\n")
    run(program, "lint", tmp_path, cwd=tmp_path)


def test_every_file_of_the_checkout_is_in_it(program: Path) -> None:
    share = program.parent.parent / "share" / "bundler"
    for name in ("templates", "stubs"):
        here = {
            p.relative_to(ROOT)
            for p in (ROOT / name).rglob("*")
            if p.is_file() and "__pycache__" not in p.parts
        }
        there = {
            p.relative_to(share)
            for p in (share / name).rglob("*")
            if p.is_file() and "__pycache__" not in p.parts
        }
        assert here == there


@pytest.mark.parametrize("name", ["bundler", "product.run"])
def test_man_pages_name_every_command(program: Path, name: str) -> None:
    page = program.parent.parent / "share" / "man" / "man1" / f"{name}.1"
    text = page.read_text(encoding="utf-8")
    known = groups()[name].commands
    assert [word for word in known if f".SS {word}".replace("-", "\\-") not in text] == []
    checked = subprocess.run(
        ["man", "--warnings", "-l", page], capture_output=True, text=True, timeout=60, check=False
    )
    assert (checked.returncode, checked.stderr) == (0, "")

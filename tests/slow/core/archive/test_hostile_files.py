"""A corpus of hostile .runs: each is refused in a few clear lines with its exit code; nothing gets out."""

import contextlib
import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from bundler.core.archive import Bundle
from bundler.core.errors import BundlerError, ExitCode
from bundler.core.index_json import MAX_INDEX
from bundler.core.rooted import RootedPath
from tests.kits.archive import hostile_platforms
from tests.kits.archive.hostile_cases import BAD_PATHS, corpus
from tests.kits.archive.hostile_kit import (
    FILES,
    Base,
    Case,
    consume,
    is_clear,
    left_whole,
    make_base,
    make_universal,
    refusal,
    take_out,
)

CORPUS = corpus()
SECOND = hostile_platforms.corpus()


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("good") / "runtime.tar.gz"
    path.write_bytes(b"\x1f\x8b" + bytes(range(200)))
    return path


@pytest.fixture(scope="module")
def base(runtime: Path) -> Base:
    return make_base(runtime.with_name("good.run"), runtime)


@pytest.fixture(scope="module")
def universal(runtime: Path) -> Base:
    return make_universal(runtime.with_name("universal.run"), runtime)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where members are taken out to."""
    made = tmp_path / "site" / "out"
    made.mkdir(parents=True)
    return made


@pytest.mark.parametrize("kind", ["base", "universal"])
def test_the_good_file_is_taken(
    request: pytest.FixtureRequest, tmp_path: Path, folder: Path, kind: str
) -> None:
    """Else every refusal below would prove nothing; so would a kit that can't put a file together."""
    base: Base = request.getfixturevalue(kind)
    path = tmp_path / "good.run"
    path.write_bytes(base.data)
    consume(path, folder)
    found = [each for each in folder.rglob("*") if each.is_file()]
    assert {str(each.relative_to(folder)): each.read_bytes() for each in found} == FILES
    path.write_bytes(base.parts.index(base.parts.document).build())
    with Bundle.open(path) as bundle:
        bundle.check()
        assert bundle.signature() is None


def test_there_are_hundreds_and_each_has_its_name() -> None:
    assert len({case.name for case in CORPUS}) == len(CORPUS) > 700
    assert len({case.name for case in SECOND}) == len(SECOND) > 500


@pytest.mark.parametrize("case", CORPUS, ids=lambda case: case.name)
def test_a_hostile_file_is_refused(base: Base, tmp_path: Path, folder: Path, case: Case) -> None:
    _see_refused(base, tmp_path, folder, case)


@pytest.mark.parametrize("case", SECOND, ids=lambda case: case.name)
def test_a_hostile_second_platform_is_refused(
    universal: Base, tmp_path: Path, folder: Path, case: Case
) -> None:
    _see_refused(universal, tmp_path, folder, case)


def _see_refused(base: Base, tmp_path: Path, folder: Path, case: Case) -> None:
    path = tmp_path / "x.run"
    data = case.make(base)
    assert data != base.data
    path.write_bytes(data)
    error = refusal(path, folder)
    assert error is not None, "it was taken"
    assert error.code in case.codes, str(error)
    assert is_clear(str(error)), str(error)
    assert str(path) in str(error) or error.code in {ExitCode.TRUST, ExitCode.SPACE}
    assert {each.name for each in tmp_path.iterdir()} == {"x.run", "site"}
    assert [each.name for each in folder.parent.iterdir()] == ["out"]
    assert left_whole(folder)


@pytest.mark.parametrize(
    "case", [case for case in CORPUS if case.name.startswith("flip-archive-")], ids=lambda case: case.name
)
def test_without_a_check_each_member_is_right_or_refused(
    base: Base, tmp_path: Path, folder: Path, case: Case
) -> None:
    path = tmp_path / "x.run"
    path.write_bytes(case.make(base))
    # Whether anything is wrong at all is for `check` to tell: the bit may stand between the members.
    with contextlib.suppress(BundlerError), Bundle.open(path) as bundle:
        take_out(bundle, folder)
    assert left_whole(folder)


def test_an_index_of_64_mib_and_one_byte_is_not_read(base: Base, tmp_path: Path, folder: Path) -> None:
    path = tmp_path / "x.run"
    length = MAX_INDEX + 1
    parts = base.parts
    head = {name: parts.sections[name] for name in ("stub", "runtime", "archive")}
    path.write_bytes(type(parts)({**head, "index": bytes(length), "info": b"", "list": b""}).build())
    error = refusal(path, folder)
    assert error is not None
    assert (error.code, f"{length} bytes" in str(error)) == (ExitCode.INTEGRITY, True)


def test_indexes_of_64_mib_and_one_byte_together_are_not_read(
    universal: Base, tmp_path: Path, folder: Path
) -> None:
    path, half = tmp_path / "x.run", bytes(MAX_INDEX // 2)
    path.write_bytes(universal.parts.put(index=half + b"\0", **{universal.at: half}).build())
    error = refusal(path, folder)
    assert error is not None
    assert (error.code, f"{MAX_INDEX + 1} bytes" in str(error)) == (ExitCode.INTEGRITY, True)


_LIMITED = """
import json, resource, sys
from pathlib import Path
from tests.kits.archive.hostile_kit import refusal
folder = Path(sys.argv[1])
(folder / "out").mkdir()
told = {}
for path in sorted(folder.glob("*.run")):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    error = refusal(path, folder / "out")
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    told[path.stem] = [error and int(error.code), grown]
print(json.dumps(told))
"""


def test_bombs_cost_little_memory(base: Base, tmp_path: Path) -> None:
    kinds = ("bomb", "window", "segment", "many", "deep")
    bombs = [case for case in CORPUS if any(kind in case.name for kind in kinds)]
    assert len(bombs) > 10
    for case in bombs:
        (tmp_path / f"{case.name}.run").write_bytes(case.make(base))
    ended = subprocess.run(
        [sys.executable, "-c", _LIMITED, tmp_path],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CPU, (30, 30)),
    )
    told = json.loads(ended.stdout)
    assert {code for code, _ in told.values()} <= {ExitCode.INTEGRITY, ExitCode.SPACE}
    assert {name: grown for name, (_, grown) in told.items() if grown > 64 << 10} == {}


@pytest.mark.parametrize("path", [path for path in BAD_PATHS if "empty" not in path and "\ud800" not in path])
def test_no_writer_makes_such_a_file(path: str) -> None:
    """The builder refuses the names that the reader refuses."""
    with pytest.raises(BundlerError):
        RootedPath.parse(path)

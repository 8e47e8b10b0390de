"""The stub of a .run for several platforms, on machines of each; `uname` on PATH says what the machine is."""

import io
import json
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from bundler.core.archive import Bundle, Seal
from bundler.core.archive.seal import TEXT
from bundler.core.errors import ExitCode
from bundler.core.index import Index
from tests.kits.run_files import make_run, make_universal

pytestmark = pytest.mark.real

# busybox has a uname of its own, which it prefers to any on PATH; a function goes before that.
_FUNCTION = 'uname() { command sh "${PATH%%:*}/uname" "$@"; }; . "$0"'
SHELLS = {"dash": ["dash"], "bash": ["bash"], "ash": ["busybox", "ash", "-c", _FUNCTION]}
MACHINES = {"x86_64": "linux/amd64", "aarch64": "linux/arm64"}


@pytest.fixture(scope="module", params=SHELLS)
def shell(request: pytest.FixtureRequest) -> list[str]:
    return SHELLS[request.param]


@pytest.fixture
def product(tmp_path: Path) -> Path:
    path = tmp_path / "my product.run"
    make_universal(path)
    return path


@pytest.fixture
def place() -> Iterator[Path]:
    """A private TMPDIR that nobody else could change."""
    folder = Path(tempfile.mkdtemp(dir="/var/tmp"))
    yield folder
    shutil.rmtree(folder)


def machine(folder: Path, name: str, system: str = "Linux") -> str:
    """A PATH on which this machine is another one."""
    tools = folder / f"tools-{name}"
    tools.mkdir(exist_ok=True)
    told = (
        f'#!/bin/sh\ncase $1 in -m) echo "{name}" ;; -s) echo "{system}" ;; *) exec /bin/uname "$@" ;; esac\n'
    )
    (tools / "uname").write_text(told)
    (tools / "uname").chmod(0o755)
    return f"{tools}:/usr/local/bin:/usr/bin:/bin"


def call(
    command: list[str], *words: str | Path, path: str, place: Path | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*command, *map(str, words)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={"PATH": path, "TMPDIR": str(place or "/nonexistent")},
    )


def told(text: str) -> dict[str, str]:
    return dict(line.split(": ", 1) for line in text.splitlines())


@pytest.mark.parametrize("name", MACHINES)
def test_each_machine_starts_its_own_runtime(
    shell: list[str], product: Path, tmp_path: Path, place: Path, name: str
) -> None:
    ended = call(shell, product, "apply", path=machine(tmp_path, name), place=place)
    assert ended.returncode == 7, ended.stderr
    first = ended.stdout.splitlines()[0]
    assert first == ("of linux/arm64" if name == "aarch64" else "apply")
    with Bundle.open(product) as bundle:
        section = bundle.of(MACHINES[name]).own("runtime")
    assert [each.name.partition(".")[0] for each in (place / "bundler-0").iterdir()] == [section.digest.hex]


@pytest.mark.parametrize("name", MACHINES)
def test_answers_are_about_the_machine_that_asks(
    shell: list[str], product: Path, tmp_path: Path, name: str
) -> None:
    path = machine(tmp_path, name)
    info = told(call(shell, product, "--info", path=path).stdout)
    assert (info["platform"], info["platforms"]) == (MACHINES[name], "linux/amd64, linux/arm64")
    listing = call(shell, product, "--list", path=path).stdout
    assert ("root/bin/more" in listing) == (name == "aarch64")
    found = Index.from_json(call(shell, product, "--list", "--json", path=path).stdout.encode())
    assert found.platform == MACHINES[name]


@pytest.mark.parametrize("words", [("--platform", "linux/arm64"), ("--platform=linux/arm64",)])
def test_another_platform_can_be_asked_for(
    shell: list[str], product: Path, tmp_path: Path, words: tuple[str, ...]
) -> None:
    path = machine(tmp_path, "x86_64")
    assert told(call(shell, product, "--info", *words, path=path).stdout)["platform"] == "linux/arm64"
    assert "root/bin/more" in call(shell, product, *words, "--list", path=path).stdout
    shown = call(shell, product, *words, "--list", "--json", path=path).stdout
    assert json.loads(shown)["platform"] == "linux/arm64"


def test_a_platform_that_it_has_not_is_named(shell: list[str], product: Path, tmp_path: Path) -> None:
    ended = call(shell, product, "--info", "--platform", "linux/riscv64", path=machine(tmp_path, "x86_64"))
    assert ended.returncode == ExitCode.NOT_FOUND
    assert "there is nothing for linux/riscv64 in this file" in ended.stderr
    assert "name one of linux/amd64, linux/arm64" in ended.stderr


@pytest.mark.parametrize(("name", "system"), [("riscv64", "Linux"), ("*", "Linux"), ("x86_64", "Darwin")])
def test_a_machine_that_it_is_not_for_is_refused_and_may_look(
    shell: list[str], product: Path, tmp_path: Path, name: str, system: str
) -> None:
    path = machine(tmp_path, name, system)
    ended = call(shell, product, "apply", path=path)
    assert ended.returncode == ExitCode.UNSUPPORTED
    here = f"{system}/{'amd64' if name == 'x86_64' else name}"
    assert f"this file is for linux/amd64, linux/arm64, this machine is {here}" in ended.stderr
    assert told(call(shell, product, "--info", path=path).stdout)["platform"] == "linux/amd64"


def test_noexec_takes_out_what_was_asked_for(
    shell: list[str], product: Path, tmp_path: Path, place: Path
) -> None:
    path, target = machine(tmp_path, "x86_64"), tmp_path / "out"
    words = ("--noexec", "--platform", "linux/arm64", "--target", target)
    ended = call(shell, product, *words, path=path, place=place)
    called = ended.stdout.splitlines()[:6]
    assert called == ["extract", "*", "--platform", "linux/arm64", "--target", str(target)]
    ended = call(shell, product, "--platform", "linux/arm64", "apply", path=path, place=place)
    assert ended.returncode == ExitCode.USAGE
    assert "--platform is for --info, --list and --noexec" in ended.stderr


def test_check_verifies_every_section(shell: list[str], product: Path, tmp_path: Path) -> None:
    path = machine(tmp_path, "aarch64")
    ended = call(shell, product, "--check", path=path)
    assert ended.returncode == 0, ended.stderr
    with Bundle.open(product) as bundle:
        seal = bundle.seal
    assert ended.stdout.splitlines()[:-1] == [f"{each.name}: OK" for each in seal.sections]
    for section in seal.sections[6:]:
        data = product.read_bytes()
        spoiled = tmp_path / "spoiled.run"
        spoiled.write_bytes(
            data[: section.offset] + bytes([data[section.offset] ^ 1]) + data[section.offset + 1 :]
        )
        ended = call(shell, spoiled, "--check", path=path)
        assert (ended.returncode, f"damaged: {section.name}" in ended.stderr) == (ExitCode.INTEGRITY, True)


def test_a_damaged_runtime_is_started_on_none_of_its_machines(
    shell: list[str], product: Path, tmp_path: Path, place: Path
) -> None:
    with Bundle.open(product) as bundle:
        section = bundle.seal.section("runtime-linux-arm64!")
    data = bytearray(product.read_bytes())
    data[section.offset + 60] ^= 1
    product.write_bytes(data)
    ended = call(shell, product, "apply", path=machine(tmp_path, "aarch64"), place=place)
    assert ended.returncode == ExitCode.INTEGRITY
    assert call(shell, product, "apply", path=machine(tmp_path, "x86_64"), place=place).returncode == 7


def test_help_names_all_platforms(shell: list[str], product: Path, tmp_path: Path) -> None:
    ended = call(shell, product, "--help", path=machine(tmp_path, "x86_64"))
    assert ended.stdout.splitlines()[0] == "demo 1.0.0 for linux/amd64, linux/arm64"


def test_stock_tools_unpack_the_tree_of_each_platform(tmp_path: Path) -> None:
    """The one rule of docs/format.md: what is below platforms/ is laid over the rest."""
    product = tmp_path / "shop.run"
    seal = make_universal(product)
    unpacked = tmp_path / "unpacked"
    unpacked.mkdir()
    subprocess.run(
        [
            "sh",
            "-c",
            'dd if="$1" bs=65536 skip="$2" status=none | head -c "$3" | zstd -dc | tar xf - -C "$4"',
            "sh",
            product,
            str(seal.section("archive").offset // 65536),
            str(seal.section("archive").length),
            unpacked,
        ],
        check=True,
        timeout=60,
    )
    assert (unpacked / "root/bin/kubelet").read_bytes() == b"kubelet of amd64"
    subprocess.run(["cp", "-r", f"{unpacked}/platforms/linux-arm64/.", f"{unpacked}/"], check=True)
    with Bundle.open(product) as bundle:
        of = bundle.of("linux/arm64")
        for member in of.index.members:
            assert (unpacked / member.path).read_bytes() == b"".join(of.chunks(member))


def test_a_seal_of_one_platform_has_the_six_sections(tmp_path: Path) -> None:
    seal = make_run(tmp_path / "one.run")
    assert [each.name for each in seal.sections] == ["stub", "runtime", "archive", "index", "info", "list"]
    with Bundle.open(tmp_path / "one.run") as bundle:
        assert bundle.platforms == ("linux/amd64",)


def test_what_is_equal_is_in_the_archive_once(tmp_path: Path) -> None:
    product = tmp_path / "shop.run"
    seal = make_universal(product)
    assert len(seal.to_bytes()) == TEXT
    with tarfile.open(fileobj=_archive(product, seal)) as tar:
        assert tar.getnames() == [
            *(name for name in tar.getnames() if name.startswith("images/")),
            "root/etc/shop.conf",
            "root/bin/kubelet",
            "platforms/linux-arm64/root/bin/kubelet",
            "root/bin/more",
        ]


def _archive(path: Path, seal: Seal) -> io.BytesIO:
    section = seal.section("archive")
    data = path.read_bytes()[section.offset : section.end]
    return io.BytesIO(subprocess.run(["zstd", "-dc"], input=data, capture_output=True, check=True).stdout)

import gzip
import hashlib
import io
import os
import re
import shutil
import signal
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bundler.core.archive import Seal
from bundler.core.errors import ExitCode
from tests.kits.run_files import START, make_run
from tests.shellcheck import complaints

pytestmark = pytest.mark.real

SHELLS = {"dash": ["dash"], "bash": ["bash"], "ash": ["busybox", "ash"]}


@pytest.fixture(scope="module", params=SHELLS)
def shell(request: pytest.FixtureRequest) -> list[str]:
    command = SHELLS[request.param]
    assert shutil.which(command[0]), (
        f"apt-get install {'busybox-static' if request.param == 'ash' else request.param}"
    )
    return command


@pytest.fixture
def product(tmp_path: Path) -> Path:
    path = tmp_path / "my product.run"
    make_run(path)
    return path


def call(
    command: list[str], *arguments: str | Path, env: dict[str, str] | None = None, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*command, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=cwd,
        env={"PATH": os.environ["PATH"], "TMPDIR": "/nonexistent"} | (env or {}),
    )


@pytest.fixture
def private() -> Iterator[dict[str, str]]:
    """An environment whose TMPDIR is a private folder that nobody else could change."""
    folder = Path(tempfile.mkdtemp(dir="/var/tmp"))
    yield {"TMPDIR": str(folder)}
    shutil.rmtree(folder)


def test_info_says_what_it_is(shell: list[str], product: Path) -> None:
    told = call(shell, product, "--info")
    assert told.returncode == 0, told.stderr
    lines = dict(line.split(": ", 1) for line in told.stdout.splitlines())
    assert (lines["name"], lines["version"], lines["platform"]) == ("demo", "1.0.0", "linux/amd64")
    assert lines["kubernetes"] == "v1.20.2"
    assert lines["label maintainer"] == "me\\x1b[31m"  # no escape sequence reaches a terminal


def test_list_says_what_is_inside(shell: list[str], product: Path) -> None:
    told = call(shell, product, "--list")
    assert told.returncode == 0
    assert "docker.io/library/web:1" in told.stdout
    assert "root/bin/kubelet" in told.stdout


def test_version_needs_no_unpacking(shell: list[str], product: Path) -> None:
    assert call(shell, product, "--version").stdout == "demo 1.0.0\n"


def test_check_passes_a_good_file(shell: list[str], product: Path) -> None:
    told = call(shell, product, "--check")
    assert told.returncode == 0, told.stderr
    names = ("stub", "runtime", "archive", "index", "info", "list")
    assert [f"{name}: OK" for name in names] == told.stdout.splitlines()[:6]


def damage(path: Path, offset: int) -> None:
    data = bytearray(path.read_bytes())
    data[offset] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("name", ["runtime", "archive", "index", "info", "list"])
@pytest.mark.parametrize("gap", ["inside", "behind"])
def test_check_names_the_damaged_section(shell: list[str], tmp_path: Path, name: str, gap: str) -> None:
    path = tmp_path / "demo.run"
    section = make_run(path).section(name)
    damage(path, section.end - 1 if gap == "inside" else section.end)
    told = call(shell, path, "--check")
    assert told.returncode == ExitCode.INTEGRITY
    assert f"damaged: {name}" in told.stderr


def test_check_finds_a_broken_seal(shell: list[str], tmp_path: Path) -> None:
    path = tmp_path / "demo.run"
    seal = make_run(path)
    data = bytearray(path.read_bytes())
    data[seal.offset : seal.offset + 4096] = b"\n" * 4096
    path.write_bytes(data)
    assert call(shell, path, "--check").returncode == ExitCode.INTEGRITY
    make_run(path)
    damage(path, seal.file_size - 3)
    told = call(shell, path, "--check")
    assert told.returncode == ExitCode.INTEGRITY
    assert "signature" in told.stderr


def test_check_finds_a_truncated_file(shell: list[str], product: Path) -> None:
    with product.open("r+b") as file:
        file.truncate(product.stat().st_size - 1000)
    told = call(shell, product, "--check")
    assert told.returncode == ExitCode.INTEGRITY
    assert "not whole" in told.stderr


def test_anything_else_starts_the_installer(shell: list[str], product: Path, private: dict[str, str]) -> None:
    told = call(shell, product, "plan", "--clusterfile", "a b.yaml", env=private)
    assert told.returncode == 7, told.stderr
    line = re.search("^runtime (.*)$", told.stdout, re.MULTILINE)
    assert line is not None
    runtime = line[1]
    assert runtime.startswith(f"{private['TMPDIR']}/bundler-{os.getuid()}/")
    assert told.stdout.splitlines() == [
        "plan",
        "--clusterfile",
        "a b.yaml",
        f"run {product}",
        f"runtime {runtime}",
        f"argv0 {product}",
    ]
    assert Path(runtime).stat().st_mode & 0o777 == 0o700


def test_the_second_start_unpacks_nothing(shell: list[str], product: Path, private: dict[str, str]) -> None:
    call(shell, product, env=private)
    home = Path(private["TMPDIR"]) / f"bundler-{os.getuid()}"
    (before,) = home.iterdir()
    stamp = (before / "start").stat().st_ctime_ns
    assert call(shell, product, env=private).returncode == 7
    assert [path.name for path in home.iterdir()] == [before.name]
    assert (before / "start").stat().st_ctime_ns == stamp


def test_it_is_found_by_its_relative_name(shell: list[str], product: Path, private: dict[str, str]) -> None:
    told = call(shell, product.name, env=private, cwd=product.parent)
    assert f"run {product}\n" in told.stdout


def test_it_starts_by_itself(product: Path, private: dict[str, str]) -> None:
    assert call([str(product)], "--version").stdout == "demo 1.0.0\n"
    assert call([str(product)], env=private).returncode == 7


def test_a_pipe_is_refused(shell: list[str], product: Path) -> None:
    with product.open("rb") as stream:
        ended = subprocess.run(shell, stdin=stream, capture_output=True, text=True, timeout=20, check=False)
    assert ended.returncode == ExitCode.USAGE
    assert "not through a pipe" in ended.stderr


def test_another_architecture_is_refused(shell: list[str], tmp_path: Path) -> None:
    path = tmp_path / "demo.run"
    make_run(path, platform="linux/arm64")
    told = call(shell, path)
    assert told.returncode == ExitCode.UNSUPPORTED
    assert "this file is for linux/arm64, this machine is Linux/amd64" in told.stderr
    assert call(shell, path, "--info").returncode == 0  # looking is allowed anywhere


def test_a_damaged_runtime_is_not_started(shell: list[str], tmp_path: Path, private: dict[str, str]) -> None:
    path = tmp_path / "demo.run"
    damage(path, make_run(path).section("runtime").offset + 60)
    told = call(shell, path, env=private)
    assert told.returncode == ExitCode.INTEGRITY
    assert list((Path(private["TMPDIR"]) / f"bundler-{os.getuid()}").iterdir()) == []


@pytest.mark.parametrize("name", ["dash", "bash"])  # busybox's shell has the tools inside
def test_missing_tools_are_named(name: str, product: Path, tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    for tool in ("dd", "head", "cat", "ls", "id", "uname"):
        (tools / tool).symlink_to(str(shutil.which(tool)))
    told = call([str(shutil.which(name))], product, env={"PATH": str(tools)})
    assert told.returncode == ExitCode.UNSUPPORTED
    assert "gzip" in told.stderr
    assert "tar" in told.stderr


def test_a_planted_folder_is_not_trusted(shell: list[str], product: Path, private: dict[str, str]) -> None:
    planted = Path(private["TMPDIR"]) / f"bundler-{os.getuid()}"
    planted.mkdir()
    planted.chmod(0o777)
    told = call(shell, product, env=private)
    assert str(planted) not in told.stdout  # it went to the next place
    planted.rmdir()
    planted.symlink_to("/root")
    assert str(planted) not in call(shell, product, env=private).stdout


# Of the caller's environment: whatever it says, the file answers, and starts what is in it.
SETTINGS = (
    {"POSIXLY_CORRECT": "1"},
    {"_POSIX2_VERSION": "199209"},
    {"DF_BLOCK_SIZE": "human-readable", "GZIP": "-v", "LS_COLORS": "x", "COLUMNS": "1"},
    {"IFS": "e0/"},
    {"OPENSSL_CONF": "/nonexistent"},
    {"FUNCNEST": "3"},
    {"GLOBIGNORE": "*", "BASHOPTS": "nocasematch"},
    {"HOME": "relative", "XDG_CACHE_HOME": "-", "OLDPWD": "/etc"},
    {"PWD": "/nonexistent", "PS4": "$(touch /nowhere)", "ENV": "/nonexistent"},
    {"BASH_COMPAT": "3.1", "TMOUT": "1"},
    {"silent": "yes", "home": "/etc", "noexec": "1", "private": "yes", "made": "/etc", "fresh": "/etc"},
)


@pytest.mark.parametrize("settings", SETTINGS, ids="+".join)
def test_no_setting_in_the_environment_counts(
    shell: list[str], product: Path, private: dict[str, str], settings: dict[str, str]
) -> None:
    """`tail -c` of `_POSIX2_VERSION` read other files, so that damage in the gaps was passed over."""
    told = call(shell, product, "a", env=private | settings, cwd=Path("/"))
    assert (told.returncode, told.stdout.splitlines()[0], told.stderr) == (7, "a", "")
    data = bytearray(product.read_bytes())
    for question, said in (("--info", "signed by: no one"), ("--check", "every byte is as it was sealed")):
        told = call(shell, product, question, env=private | settings)
        assert (told.returncode, said in told.stdout, told.stderr) == (0, True, "")
    data[65535] = 1  # the last byte of the gap behind the stub
    product.write_bytes(data)
    assert call(shell, product, "--check", env=private | settings).returncode == ExitCode.INTEGRITY


FOLDERS = (
    *("with space", "ends ", "tab\t", "ünï", "-n", "-", "~", "x" * 200),
    *("a*b", "$(touch owned)", "a'b\"c", "bs\\n", "%s"),
)


@pytest.mark.parametrize("name", FOLDERS)
@pytest.mark.parametrize("relative", [True, False], ids=["relative", "whole"])
def test_a_folder_may_be_called_anything(
    shell: list[str],
    product: Path,
    private: dict[str, str],
    name: str,
    relative: bool,  # noqa: FBT001  (a test's case)
) -> None:
    folder = Path(private["TMPDIR"], name)
    folder.mkdir(mode=0o700)
    env = {"TMPDIR": name if relative else str(folder)}
    told = call(shell, product, "a", env=env, cwd=folder.parent)
    assert (told.returncode, told.stdout.splitlines()[0], told.stderr) == (7, "a", "")
    assert len(list(folder.glob("bundler-*/*/start"))) == 1
    told = call(shell, product, "--target", env["TMPDIR"], "b", cwd=folder.parent)
    assert (told.returncode, told.stdout.splitlines()[0], told.stderr) == (7, "b", "")
    assert {path.name for path in folder.parent.iterdir()} == {name}


@pytest.mark.parametrize("name", ["new\nline", "ends\n", "\n"])
def test_a_folder_with_a_line_break_is_refused_in_one_word(
    shell: list[str], product: Path, private: dict[str, str], name: str
) -> None:
    folder = Path(private["TMPDIR"], name)
    folder.mkdir(mode=0o700)
    told = call(shell, product, "--target", folder, "a")
    assert (told.returncode, "its name has a line break" in told.stderr) == (ExitCode.SPACE, True)
    assert "not set" not in told.stderr
    assert not list(folder.iterdir())


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a folder to somebody else")
def test_a_folder_of_somebody_else_is_not_trusted(
    shell: list[str], product: Path, private: dict[str, str]
) -> None:
    os.chown(private["TMPDIR"], 12345, 12345)
    told = call(shell, product, env=private)
    assert told.returncode == 7
    assert private["TMPDIR"] not in told.stdout
    os.chown(private["TMPDIR"], 0, 0)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can mount")
@pytest.mark.parametrize(
    ("option", "size", "code"), [("noexec", "64m", "UNSUPPORTED"), ("exec", "64k", "SPACE")]
)
def test_where_nothing_fits_it_says_why(
    shell: list[str], tmp_path: Path, option: str, size: str, code: str
) -> None:
    """In a mount namespace of its own, all places are on one bad file system."""
    path = tmp_path / "demo.run"
    make_run(path)
    script = (
        f"mount -t tmpfs -o size={size},{option} none /var/tmp && mount --bind /var/tmp /var/lib && "
        f'HOME=/var/lib TMPDIR=/var/tmp exec "$@"'
    )
    told = call(["unshare", "-m", "sh", "-c", script, "sh", *shell], path)
    assert told.returncode == ExitCode[code], told.stderr
    assert ("noexec" if option == "noexec" else "MiB are") in told.stderr
    assert "fix: " in told.stderr
    assert "TMPDIR=" in told.stderr


@pytest.mark.skipif(os.getuid() != 0, reason="only root can mount")
def test_it_starts_from_a_medium_that_is_read_only_and_noexec(
    shell: list[str], product: Path, private: dict[str, str]
) -> None:
    mount = 'mount -t tmpfs none /mnt && cp "$1" /mnt/x.run && mount -o remount,ro,noexec /mnt'
    script = f'{mount} && shift && exec "$@" /mnt/x.run'
    told = call(["unshare", "-m", "sh", "-c", script, "sh", str(product), *shell], env=private)
    assert told.returncode == 7, told.stderr


def test_what_a_killed_start_left_is_swept(shell: list[str], product: Path, private: dict[str, str]) -> None:
    home = Path(private["TMPDIR"]) / f"bundler-{os.getuid()}"
    host = os.uname().nodename if re.fullmatch("[A-Za-z0-9-]+", os.uname().nodename) else "host"
    home.mkdir(mode=0o700)
    left = [home / f".new.{host}.4194305", home / f"{'0' * 64}.{host}.an-earlier-boot"]  # above any pid
    for folder in left:
        folder.mkdir()
    assert call(shell, product, env=private).returncode == 7
    assert not any(folder.exists() for folder in left)
    assert len(list(home.iterdir())) == 1


def test_many_starts_at_once_agree(shell: list[str], product: Path, private: dict[str, str]) -> None:
    env = {"PATH": os.environ["PATH"]} | private
    starts = [
        subprocess.Popen(
            [*shell, str(product)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env
        )
        for _ in range(6)
    ]
    told = [start.communicate(timeout=60) for start in starts]
    assert [start.returncode for start in starts] == [7] * 6, told
    (only,) = (Path(private["TMPDIR"]) / f"bundler-{os.getuid()}").iterdir()
    assert sorted(path.name for path in only.iterdir()) == [".names", "start"]


@pytest.mark.parametrize("damage", ["empty folder", "only its start", "no start", "a file"])
def test_a_runtime_that_is_not_whole_is_unpacked_anew(
    shell: list[str], tmp_path: Path, private: dict[str, str], damage: str
) -> None:
    """An empty folder under its name gave 127 for ever; what cleans /var/tmp takes single old files away."""
    product = tmp_path / "demo.run"
    make_run(product, frozen=two_files(tmp_path / "two.tar.gz"))
    assert call(shell, product, env=private).returncode == 7
    (only,) = (Path(private["TMPDIR"]) / f"bundler-{os.getuid()}").iterdir()
    match damage:
        case "empty folder":
            shutil.rmtree(only)
            only.mkdir()
        case "only its start":
            (only / "_internal/lib.so").unlink()
        case "no start":
            (only / "start").unlink()
        case _:
            shutil.rmtree(only)
            only.write_text("")
    told = call(shell, product, env=private)
    assert (told.returncode, told.stderr) == (7, "")
    assert (only / "_internal/lib.so").read_bytes() == b"library"
    assert [path.name for path in only.parent.iterdir()] == [only.name]


def two_files(path: Path, library: bytes = b"library") -> Path:
    """A stand-in for the frozen installer with a part in a folder."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for name, data, mode in (("start", START.encode(), 0o755), ("_internal/lib.so", library, 0o644)):
            info = tarfile.TarInfo(name)
            info.mode, info.size = mode, len(data)
            tar.addfile(info, io.BytesIO(data))
    path.write_bytes(gzip.compress(raw.getvalue(), mtime=0))
    return path


def test_a_gzip_that_fails_at_the_end_is_noticed(
    shell: list[str], tmp_path: Path, private: dict[str, str]
) -> None:
    """Its output is whole for tar, but its checksum is wrong: only gzip's own status tells."""
    frozen = two_files(tmp_path / "two.tar.gz")
    frozen.write_bytes(frozen.read_bytes()[:-8] + b"\0" * 4 + frozen.read_bytes()[-4:])
    product = tmp_path / "demo.run"
    make_run(product, frozen=frozen)
    env = private | {"HOME": private["TMPDIR"]}
    told = call(shell, product, "--target", private["TMPDIR"], env=env)
    assert told.returncode == ExitCode.SPACE
    assert "run " not in told.stdout
    assert not list(Path(private["TMPDIR"]).rglob("start"))


def test_settings_for_tar_and_ls_in_the_environment_change_nothing(
    shell: list[str], product: Path, private: dict[str, str]
) -> None:
    settings = {
        "TAR_OPTIONS": "--exclude=start", "GZIP": "--best", "BLOCK_SIZE": "1M", "QUOTING_STYLE": "c",
        "CDPATH": "/:/usr", "TIME_STYLE": "full-iso", "BLOCKSIZE": "1M", "TAPE": "/dev/null",
    }  # fmt: skip
    told = call(shell, product, "a", env=private | settings)
    assert (told.returncode, told.stdout.splitlines()[0]) == (7, "a"), told.stderr
    assert call(shell, product, "--check", env=settings).returncode == 0


@pytest.fixture
def with_acl(private: dict[str, str]) -> Callable[..., None]:
    """Give TMPDIR an access control list by setfacl(1)."""
    if shutil.which("setfacl") is None:
        pytest.fail("apt-get install acl")
    folder = private["TMPDIR"]

    def change(*words: str) -> None:
        subprocess.run(["setfacl", *words, folder], check=True, timeout=20)

    return change


def test_a_folder_that_a_list_opens_to_another_user_is_not_used(
    shell: list[str], product: Path, private: dict[str, str], with_acl: Callable[..., None]
) -> None:
    """The bits of its group, which is root here, are those of the list's mask."""
    if shell[0] == "busybox":
        pytest.xfail("busybox's ls doesn't show that there is a list")
    with_acl("-m", "u:12345:rwx")
    told = call(shell, product, env=private)
    assert told.returncode == 7
    assert private["TMPDIR"] not in told.stdout


def test_a_default_list_opens_nothing_that_is_made_there(
    shell: list[str], product: Path, private: dict[str, str], with_acl: Callable[..., None]
) -> None:
    with_acl("-d", "-m", "u:12345:rwx,m:rwx")
    told = call(shell, product, env=private)
    assert (told.returncode, private["TMPDIR"] in told.stdout) == (7, True), told.stderr
    home = Path(private["TMPDIR"]) / f"bundler-{os.getuid()}"
    assert home.stat().st_mode & 0o777 == 0o700


def unpacking(
    shell: list[str], folder: Path, private: dict[str, str]
) -> tuple[subprocess.Popen[bytes], Path]:
    """A start that is unpacking a runtime of 300 MB, long enough to be ended; and where it does."""
    raw = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=raw, mode="wb", compresslevel=1) as packed,
        tarfile.open(fileobj=packed, mode="w") as tar,
    ):
        info = tarfile.TarInfo("app")
        info.size = 300_000_000
        with Path("/dev/zero").open("rb") as zeros:
            tar.addfile(info, zeros)
    frozen = folder / "large.tar.gz"
    frozen.write_bytes(raw.getvalue())
    path = folder / "demo.run"
    make_run(path, frozen=frozen)
    env = {"PATH": os.environ["PATH"]} | private
    start = subprocess.Popen([*shell, str(path)], env=env, stderr=subprocess.DEVNULL, start_new_session=True)
    home = Path(private["TMPDIR"]) / f"bundler-{os.getuid()}"
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and not list(home.glob(".new.*/.unpacked.*/app")):
        time.sleep(0.005)
    assert list(home.glob(".new.*/.unpacked.*/app"))
    return start, home


def test_an_interrupt_leaves_nothing(shell: list[str], tmp_path: Path, private: dict[str, str]) -> None:
    start, home = unpacking(shell, tmp_path, private)
    os.killpg(start.pid, signal.SIGINT)
    assert start.wait(20) == ExitCode.INTERRUPTED
    assert list(home.iterdir()) == []


def test_the_start_after_kill_9_cleans_up(shell: list[str], tmp_path: Path, private: dict[str, str]) -> None:
    start, home = unpacking(shell, tmp_path, private)
    os.killpg(start.pid, signal.SIGKILL)
    start.wait(20)
    (left,) = home.iterdir()
    assert left.name.startswith(".new.")
    make_run(tmp_path / "next.run")
    assert call(shell, tmp_path / "next.run", env=private).returncode == 7
    assert not left.exists()
    assert len(list(home.iterdir())) == 1


def sh(script: str) -> str:
    """What a user's shell prints for a documented command line."""
    ended = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert "tar:" not in ended.stderr
    return ended.stdout


def test_stock_tools_verify_and_open_it(product: Path) -> None:
    """The commands of docs/format.md."""
    info = dict(line.split(": ", 1) for line in call(["sh"], product, "--info").stdout.splitlines())
    text = sh(f"tail -c 8192 '{product}' | head -c 4096")
    seal = Seal.parse(text.encode(), file_size=product.stat().st_size)
    for section in seal.sections:
        cut = f"dd if='{product}' bs=65536 skip={section.offset // 65536} | head -c {section.length}"
        assert sh(f"{cut} | sha256sum").split()[0] == section.digest.hex
    archive = (
        f"dd if='{product}' iflag=skip_bytes,count_bytes bs=1M skip={info['archive offset']} "
        f"count={info['archive length']}"
    )
    assert sh(f"{archive} | sha256sum").split()[0] == info["archive sha256"]
    expected = ["root/bin/kubelet", "n" * 150]
    assert sh(f"{archive} | zstd -dc | tar t").splitlines()[1:] == expected
    assert sh(f"{archive} | zstd -dc | busybox tar t").splitlines()[1:] == expected


def test_a_large_file_answers_at_once(shell: list[str], tmp_path: Path) -> None:
    """20 GiB, made sparse: --info and --list must seek, not read."""
    path = tmp_path / "large.run"
    seal = make_run(path)
    grown = make_sparse(path, seal, 20 << 30)
    started = time.monotonic()
    assert "name: demo" in call(shell, grown, "--info").stdout
    assert "docker.io/library/web:1" in call(shell, grown, "--list").stdout
    assert time.monotonic() - started < 2


def make_sparse(path: Path, seal: Seal, more: int) -> Path:
    """Push everything behind the archive `more` bytes further away."""
    data = path.read_bytes()
    cut = seal.section("index").offset
    head, tail = data[:cut], data[cut:]
    stub = head[: seal.section("stub").length].decode()
    stub = stub.replace(f"file_size={seal.file_size}", f"file_size={seal.file_size + more}")
    for name in ("info", "list"):
        old = seal.section(name).offset
        stub = stub.replace(f"{name}_offset={old}", f"{name}_offset={old + more}")
    grown = path.with_name("grown.run")
    with grown.open("wb") as file:
        file.write(stub.encode().ljust(65536, b"\0") + head[65536:])
        file.seek(cut + more)
        file.write(tail)
    return grown


def test_the_stub_is_clean_for_shellcheck() -> None:
    assert complaints() == ""


def test_a_section_by_hand_has_the_digest_of_the_seal(product: Path) -> None:
    seal = make_run(product)
    data = product.read_bytes()
    for section in seal.sections:
        assert hashlib.sha256(data[section.offset : section.end]).hexdigest() == section.digest.hex

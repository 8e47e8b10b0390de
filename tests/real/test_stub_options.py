"""What users of self-extracting files expect of the options in front of a command, with each shell."""

import json
import os
import shlex
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bundler.core.archive.reader import Bundle
from bundler.core.errors import ExitCode
from tests.kits.run_files import START, make_run

pytestmark = pytest.mark.real

SHELLS = {"dash": ["dash"], "bash": ["bash"], "ash": ["busybox", "ash"]}


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest) -> list[str]:
    command = SHELLS[request.param]
    assert shutil.which(command[0]), f"apt-get install {command[0]}"
    return command


@pytest.fixture
def product(tmp_path: Path) -> Path:
    path = tmp_path / "my product.run"
    make_run(path)
    return path


@pytest.fixture
def private() -> Iterator[Path]:
    """A folder that nobody else could change: below /tmp everybody may write, but it is sticky."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        yield Path(folder)


def call(
    command: list[str], *arguments: str | Path, env: dict[str, str] | None = None, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*command, *map(str, arguments)],
        capture_output=True, text=True, timeout=60, check=False, cwd=cwd,
        env={"PATH": os.environ["PATH"], "TMPDIR": "/nonexistent"} | (env or {}),
    )  # fmt: skip


@pytest.mark.parametrize("word", ["--help", "-h"])
def test_help_is_told_without_unpacking(shell: list[str], product: Path, word: str) -> None:
    told = call(shell, product, word)
    assert told.returncode == 0, told.stderr
    looks = ["--info", "--list", "--json", "--check", "--version"]
    ways = ["--noexec", "--keep", "--target", "--quiet", "--accept", "--noprogress", "--nodiskspace"]
    for option in (*looks, *ways, "--clusterfile", "extract", "export", "serve", "push-images"):
        assert option in told.stdout, option
    assert max(map(len, told.stdout.splitlines())) <= 100


def test_list_as_json_is_the_index(shell: list[str], product: Path) -> None:
    told = call(shell, product, "--list", "--json")
    assert told.returncode == 0, told.stderr
    with Bundle.open(product) as bundle:
        assert told.stdout.encode() == bundle.index.to_json()
    assert json.loads(told.stdout)["images"][0]["name"] == "docker.io/library/web:1"


def test_info_tells_where_the_archive_is(shell: list[str], product: Path) -> None:
    lines = dict(line.split(": ", 1) for line in call(shell, product, "--info").stdout.splitlines())
    with Bundle.open(product) as bundle:
        archive = bundle.seal.section("archive")
    assert (int(lines["archive offset"]), int(lines["archive length"])) == (archive.offset, archive.length)


def test_info_names_the_key_that_signed(shell: list[str], product: Path, tmp_path: Path) -> None:
    assert "signed by: no one: this file is not signed\n" in call(shell, product, "--info").stdout
    for kind in ("ed25519", "rsa"):
        key = tmp_path / kind
        subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-f", str(key)], check=True, timeout=60)
        signed = tmp_path / f"{kind}.run"
        shutil.copyfile(product, signed)
        _sign(signed, key)
        listed = subprocess.run(
            ["ssh-keygen", "-l", "-f", f"{key}.pub"], check=True, capture_output=True, text=True, timeout=60
        )
        told = call(shell, signed, "--info")
        assert f"signed by: {listed.stdout.split()[1]} (" in told.stdout, told.stderr
        assert told.stderr == ""


def _sign(path: Path, key: Path) -> None:
    """With OpenSSH itself, over the seal's text, into the room behind it."""
    data = path.read_bytes()
    text = data[-8192:-4096].rstrip(b"\0")
    signed = subprocess.run(
        ["ssh-keygen", "-q", "-Y", "sign", "-n", "bundler", "-f", str(key)],
        input=text, capture_output=True, check=True, timeout=60,
    )  # fmt: skip
    path.write_bytes(data[:-4096] + signed.stdout.ljust(4096, b"\n"))


def test_a_closed_output_is_as_good_as_any(shell: list[str], product: Path, private: Path) -> None:
    """As cron and units of systemd start programs."""
    words = shlex.join([*shell, str(product), f"--target={private}", "plan"])
    done = subprocess.run(
        ["sh", "-c", f"{words} >&-"],
        capture_output=True, text=True, timeout=60, check=False, env={"PATH": os.environ["PATH"]},
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (7, "", "")


def test_quiet_says_nothing_of_what_is_right(shell: list[str], product: Path) -> None:
    told = call(shell, product, "--quiet", "--check")
    assert (told.returncode, told.stdout, told.stderr) == (0, "", "")
    with product.open("r+b") as file:
        file.seek(65536)
        file.write(b"X")
    told = call(shell, product, "--quiet", "--check")
    assert (told.returncode, told.stdout) == (ExitCode.INTEGRITY, "")
    assert "damaged: runtime" in told.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--info", "--list"], "two questions"),
        (["--check", "apply"], "nothing behind it"),
        (["--target"], "needs a folder"),
        (["--target", ""], "needs a folder"),
        (["--noexec", "apply"], "there is a command"),
    ],
)
def test_wrong_use_is_told(shell: list[str], product: Path, words: list[str], said: str) -> None:
    told = call(shell, product, *words)
    assert told.returncode == ExitCode.USAGE
    assert said in told.stderr


@pytest.mark.parametrize(
    ("given", "passed"),
    [
        (["--quiet", "--accept", "--noprogress", "--nodiskspace", "plan", "--json"], ["plan", "--json"]),
        (["--accept", "--", "--list"], ["--list"]),
        (["--", "--", "x"], ["--", "x"]),
        (["--clusterfile", "a b"], ["--clusterfile", "a b"]),
        (["--json"], ["--json"]),  # only --list knows it
        (["apply", "--quiet", "--"], ["apply", "--quiet", "--"]),  # behind a command they are the command's
    ],
)
def test_what_is_not_the_files_goes_to_the_command(
    shell: list[str], product: Path, private: Path, given: list[str], passed: list[str]
) -> None:
    told = call(shell, product, *given, env={"TMPDIR": str(private)})
    assert told.returncode == 7, told.stderr
    assert told.stdout.splitlines()[: len(passed)] == passed
    assert told.stdout.splitlines()[len(passed)].startswith("run ")


def test_target_is_used_and_leaves_nothing(shell: list[str], product: Path, private: Path) -> None:
    """A new folder goes again; one that was there stays, as it was."""
    for target in (private / "new one", private):
        told = call(shell, product, f"--target={target}", "x")
        assert told.returncode == 7, told.stderr
        assert f"runtime {target}/bundler-{os.getuid()}/" in told.stdout
        assert list(private.iterdir()) == []


def test_target_may_be_relative_and_kept(shell: list[str], product: Path, private: Path) -> None:
    told = call(shell, product, "--keep", "--target", "here", "x", cwd=private)
    assert told.returncode == 7, told.stderr
    (home,) = (private / "here").iterdir()
    (runtime,) = home.iterdir()
    assert sorted(path.name for path in runtime.iterdir()) == [".names", "start"]
    again = call(shell, product, "--keep", "--target", "here", "x", cwd=private)
    assert f"runtime {runtime}\n" in again.stdout


@pytest.mark.skipif(os.getuid() != 0, reason="only root can mount")
def test_a_target_that_is_not_fit_is_refused(shell: list[str], product: Path) -> None:
    script = 'mount -t tmpfs -o noexec none /mnt && exec "$@"'
    told = call(["unshare", "-m", "sh", "-c", script, "sh", *shell], product, "--target", "/mnt", "x")
    assert told.returncode == ExitCode.UNSUPPORTED, told.stderr
    assert "noexec" in told.stderr


def test_noexec_takes_everything_out(shell: list[str], product: Path, private: Path) -> None:
    """The command does the work; it is told where to."""
    env = {"TMPDIR": str(private)}
    told = call(shell, product, "--noexec", "--target", "out dir", cwd=private, env=env)
    assert told.stdout.splitlines()[:4] == ["extract", "*", "--target", f"{private}/out dir"]
    told = call(shell, product, "--noexec", cwd=private, env=env)
    assert told.stdout.splitlines()[3] == f"{private}/demo-1.0.0"


@pytest.mark.skipif(os.getuid() != 0, reason="only root can mount")
@pytest.mark.parametrize("option", [[], ["--nodiskspace"]])
def test_nodiskspace_asks_nobody_for_room(shell: list[str], product: Path, option: list[str]) -> None:
    """On a file system smaller than the margin, the stand-in for the installer fits all the same."""
    script = 'mount -t tmpfs -o size=64k none /var/tmp && mount --bind /var/tmp /var/lib && exec "$@"'
    told = call(["unshare", "-m", "sh", "-c", script, "sh", *shell], product, *option, "x")
    assert told.returncode == (7 if option else ExitCode.SPACE), told.stderr


@pytest.mark.skipif(os.getuid() != 0, reason="only root can mount")
def test_a_full_tmp_and_no_home_and_a_strict_umask_do_not_hinder(shell: list[str], product: Path) -> None:
    script = (
        "mount -t tmpfs -o size=16k none /tmp && { cat /dev/zero >/tmp/full; umask 077; "
        'unset HOME XDG_CACHE_HOME; TMPDIR=/tmp exec "$@"; }'
    )
    command = ["unshare", "-m", "sh", "-c", script, "sh", *shell]
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        moved = Path(folder) / "x.run"
        shutil.copy(product, moved)
        for words in (["--list"], ["--help"], ["--check"]):
            assert call(command, moved, *words).returncode == 0
        told = call(command, moved, "apply")
    assert told.returncode == 7, told.stderr
    assert "runtime /var/tmp/bundler-0/" in told.stdout


def test_a_home_that_does_not_exist_does_not_hinder(shell: list[str], product: Path, private: Path) -> None:
    env = {"HOME": "/nonexistent/home", "TMPDIR": str(private)}
    assert call(shell, product, "apply", env=env).returncode == 7
    assert not Path("/nonexistent").exists()


def slow_run(folder: Path) -> Path:
    """A .run whose installer waits until it is ended."""
    path = folder / "slow.run"
    make_run(path, start=START.replace("exit 7", "echo ready; sleep 20"))
    return path


def test_ctrl_c_takes_the_target_away(shell: list[str], tmp_path: Path, private: Path) -> None:
    path = slow_run(tmp_path)
    start = subprocess.Popen(
        [*shell, str(path), "--target", str(private), "x"],
        stdout=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    assert start.stdout is not None
    assert any("ready" in line for line in start.stdout)
    time.sleep(0.3)  # dash loses an interrupt that comes just when it starts a program, here `sleep`
    os.killpg(start.pid, signal.SIGINT)
    assert start.wait(20) == ExitCode.INTERRUPTED
    start.stdout.close()
    assert list(private.iterdir()) == []


def test_the_next_start_removes_what_kill_9_left(shell: list[str], tmp_path: Path, private: Path) -> None:
    path = slow_run(tmp_path)
    start = subprocess.Popen(
        [*shell, str(path), "--target", str(private), "x"],
        stdout=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    assert start.stdout is not None
    assert any("ready" in line for line in start.stdout)
    os.killpg(start.pid, signal.SIGKILL)
    start.wait(20)
    start.stdout.close()
    (home,) = private.iterdir()
    (fresh,) = home.iterdir()
    assert fresh.name.split(".")[1] == "new"
    (home / fresh.name.replace("new", "probe")).touch()  # or it was killed while it tried the place
    product = tmp_path / "next.run"
    make_run(product)
    assert call(shell, product, "--target", private, "x").returncode == 7
    assert list(private.iterdir()) == []


@pytest.mark.parametrize("words", [["--info"], ["--list"], ["--list", "--json"], ["--version"], ["--help"]])
def test_looking_takes_less_than_a_tenth_of_a_second(product: Path, words: list[str]) -> None:
    best = min(_seconds(product, words) for _ in range(5))
    assert best < 0.1


def _seconds(product: Path, words: list[str]) -> float:
    began = time.monotonic()
    assert call(["sh"], product, *words).returncode == 0
    return time.monotonic() - began

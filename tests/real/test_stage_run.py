import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

from bundler.builder.cache.store import Store
from bundler.builder.stage.process import run_command
from bundler.core.errors import BundlerError, ExitCode, Location
from bundler.core.oci import ARM64
from tests.kits.build_site import Site

if TYPE_CHECKING:
    from bundler.builder.tree.tree import File

pytestmark = pytest.mark.real


def test_run_changes_the_tree_and_only_the_tree(site: Site) -> None:
    site.write({"keep": "k", "change": "c", "gone": "g", "mode": "m"})
    before = site.build("FROM scratch\nCOPY . .\n").tree
    after = site.build(
        "FROM scratch\nCOPY . .\nRUN <<EOF\n"
        "echo new > change\nrm gone\nchmod +x mode\n"
        "mkdir -p d/e empty\necho x > d/e/x\nln -s ../keep d/link\nEOF\n"
    ).tree
    assert site.shown(after) == {
        "change": "new\n",
        "d/e/x": "x\n",
        "d/link": "-> ../keep",
        "keep": "k",
        "mode": "m",
    }
    assert cast("File", after.entries["mode"]).mode == 0o755
    assert after.entries["keep"] is not None
    assert site.shown(before)["change"] == "c"
    assert site.left_behind() == []


def test_a_command_cannot_hurt_the_store(site: Site) -> None:
    site.write({"a": "original"})
    site.build("FROM scratch\nCOPY a a\nRUN chmod 777 a && printf overwritten > a\n")
    assert site.shown(site.build("FROM scratch\nCOPY a a\n").tree) == {"a": "original"}


def counted(site: Site, text: str, **changes: Any) -> int:
    """Build, and tell how often the RUN really ran: it adds a byte to a file outside."""
    counter = site.context.parent / "counter"
    before = counter.stat().st_size if counter.exists() else 0
    site.build(text.replace("COUNT", f"printf x >> {counter}"), **changes)
    return counter.stat().st_size - before


def test_equal_inputs_run_once(site: Site) -> None:
    site.write({"a": "1"})
    text = "FROM scratch\nARG V=1\nCOPY a a\nRUN COUNT\n"
    assert counted(site, text) == 1
    assert counted(site, text) == 0
    os.utime(site.context / "a", (1, 1))
    assert counted(site, text) == 0
    assert counted(site, text.replace("RUN", "LABEL x=y\nRUN")) == 0
    assert counted(site, text, build_args={"V": "2"}) == 1
    assert counted(site, text, platform=ARM64) == 1
    assert counted(site, text + "# comment\n") == 0
    assert counted(site, text.replace("COUNT", "COUNT; true")) == 1
    site.write({"a": "2"})
    assert counted(site, text) == 1


def test_a_result_whose_files_are_gone_is_made_again(site: Site) -> None:
    text = "FROM scratch\nRUN echo made > f; COUNT\n"
    assert counted(site, text) == 1
    (file,) = site.build_context.store.root.glob("blobs/sha256/*/*")
    file.unlink()
    assert counted(site, text) == 1


def test_a_failed_command_is_not_kept(site: Site) -> None:
    text = "FROM scratch\nRUN COUNT; false\n"
    for _ in range(2):
        with pytest.raises(BundlerError):
            counted(site, text)
    assert (site.context.parent / "counter").read_text() == "xx"


def test_what_a_command_finds(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_OF_THE_MACHINE", "s")
    monkeypatch.setenv("BUNDLER_SETTING", "b")
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    old = os.umask(0o077)
    try:
        staged = site.build(
            'FROM scratch\nARG ONE=1\nENV TWO="2 2"\nRUN <<EOF\n'
            'printf "%s\\n" "$ONE" "$TWO" "$TARGETARCH" "$TARGETPLATFORM" "$ARCH" "$LC_ALL" "$TZ" > env\n'
            'printf "%s\\n" "${SECRET_OF_THE_MACHINE-none}" "$BUNDLER_SETTING" "$SOURCE_DATE_EPOCH" >> env\n'
            '[ "$BUNDLER_ROOT" = "$PWD" ] && [ -d "$TMPDIR" ] && [ -n "$HOME" ] && umask >> env\n'
            'echo gone > "$TMPDIR/x"\nEOF\n'
        )
    finally:
        os.umask(old)
    assert site.shown(staged.tree)["env"].splitlines() == [
        "1", "2 2", "amd64", "linux/amd64", "amd64", "C.UTF-8", "UTC", "none", "b", "315532800", "0022",
    ]  # fmt: skip
    assert list(staged.tree.entries) == ["env"]


@pytest.mark.parametrize(
    "name",
    ["BUNDLER_PASSPHRASE", "BUNDLER_REGISTRY_PASSWORD", "BASH_ENV", "ENV", "LD_PRELOAD", "PYTHONPATH", "TMP"],
)
def test_a_command_gets_no_secret_of_ours_and_nothing_that_steers_it(
    site: Site, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """The passphrase of the vendor's key passed to every RUN, of other vendors' bases and blocks, too."""
    monkeypatch.setenv(name, "/nowhere")
    staged = site.build(f'FROM scratch\nRUN printf "%s" "${{{name}-none}}" > env\n')
    assert site.shown(staged.tree)["env"] == "none"


def test_list_form_and_other_interpreters(site: Site) -> None:
    staged = site.build(
        'FROM scratch\nENV X=x\nRUN ["cp", "/dev/null", "$X"]\n'
        f"RUN <<EOF\n#!{sys.executable} -I\nopen('py', 'w').write('made by python')\nEOF\n"
        "RUN cat <<-end > here\n\t$X\n\tend\n"
    )
    assert site.shown(staged.tree) == {"$X": "", "here": "x\n", "py": "made by python"}


def test_a_shell_stops_at_the_first_failure(site: Site) -> None:
    with pytest.raises(BundlerError) as caught:
        site.build("FROM scratch\nRUN <<EOF\nfalse\ntouch after\nEOF\n")
    assert caught.value.code is ExitCode.BUILD


def test_a_failure_tells_line_command_output_and_log(site: Site, tmp_path: Path) -> None:
    with pytest.raises(BundlerError) as caught:
        site.build(
            "FROM scratch\n\nRUN for i in $(seq 30); do echo line $i; done; echo why >&2; exit 3\n",
            log_file=tmp_path / "build.log",
        )
    error = caught.value
    assert error.code is ExitCode.BUILD
    assert cast("Location", error.where).line == 3
    assert "for i in $(seq 30)" in error.what
    assert "status 3" in error.why
    assert error.why.splitlines()[-1].strip() == "why"
    assert "line 11\n" not in error.why
    assert "line 12\n" in error.why
    assert str(tmp_path / "build.log") in error.fix
    assert site.heard.logged[-31:] == [*(f"line {i}" for i in range(1, 31)), "why"]
    assert site.left_behind() == []


def test_a_killed_command_tells_the_signal(site: Site) -> None:
    with pytest.raises(BundlerError, match="SIGKILL"):
        site.build("FROM scratch\nRUN kill -9 $$\n")


def test_an_interpreter_that_is_missing_is_told(site: Site) -> None:
    with pytest.raises(BundlerError, match="/no/such/program: not found") as caught:
        site.build('FROM scratch\nRUN ["/no/such/program"]\n')
    assert caught.value.code is ExitCode.BUILD


def test_special_files_left_by_a_command_are_refused(site: Site) -> None:
    with pytest.raises(BundlerError, match="neither file, folder nor link") as caught:
        site.build("FROM scratch\nRUN mkfifo pipe\n")
    assert cast("Location", caught.value.where).line == 2


def test_a_name_that_is_no_text_is_refused(site: Site) -> None:
    with pytest.raises(BundlerError, match="not a path"):
        site.build("FROM scratch\nRUN touch \"$(printf 'a\\351')\"\n")
    assert site.left_behind() == []


def test_nothing_started_in_the_background_outlives_the_command(site: Site) -> None:
    started = time.monotonic()
    staged = site.build("FROM scratch\nRUN sleep 60 & echo $! > pid\n")
    assert time.monotonic() - started < 20
    _await_end(int(site.shown(staged.tree)["pid"]))


def test_a_command_that_waits_for_all_its_children_is_not_held_up(site: Site) -> None:
    lines = ("import os", "try:", " while 1: os.wait()", "except ChildProcessError:", " open('none', 'w')")
    script = "".join(f"{line}\n" for line in lines)
    staged = site.build(f"FROM scratch\nRUN <<EOF\n#!{sys.executable} -I\n{script}EOF\n")
    assert list(staged.tree.entries) == ["none"]


def test_a_command_has_no_standard_input(site: Site) -> None:
    assert site.shown(site.build("FROM scratch\nRUN cat > all; ls /proc/self/fd > fds\n").tree) == {
        "all": "",
        "fds": "0\n1\n2\n3\n",  # 3 is the folder that ls reads
    }


def test_output_without_line_ends_does_not_pile_up(tmp_path: Path) -> None:
    lines: list[str] = []
    ended = run_command(
        ["sh", "-c", "head -c 100000 /dev/zero | tr '\\0' a; printf 'b\\rc\\n'"],
        folder=tmp_path,
        env={"PATH": os.environ["PATH"]},
        on_line=lines.append,
    )
    assert ended.status == 0
    assert lines[-1] == "c"
    assert max(map(len, lines)) < 100_000
    assert sum(map(len, lines)) == 100_002


INTERRUPTED = """
import sys
from pathlib import Path
from bundler.builder.kubefile.catalogue import Catalogue
from tests.build_kit import evaluate
from bundler.builder.stage.build_context import BuildContext
from bundler.builder.cache.store import Store
from bundler.core.oci import AMD64

here = Path(sys.argv[1])
with Store(here / "cache") as store:
    try:
        evaluate(here / "Kubefile", here, BuildContext(store, None, Catalogue(here / "none"), AMD64))
    except KeyboardInterrupt:
        sys.exit(130)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_interrupted_and_killed_builds_leave_nothing_for_long(
    number: signal.Signals, tmp_path: Path, site: Site
) -> None:
    (tmp_path / "Kubefile").write_text(f"FROM scratch\nRUN echo $$ > {tmp_path}/pid; exec sleep 120\n")
    build = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED, str(tmp_path)], cwd=Path(__file__).parents[2]
    )
    pid = int(_awaited(tmp_path / "pid"))
    build.send_signal(number)
    status = build.wait(timeout=30)
    if number is signal.SIGINT:
        assert status == 130
        _await_end(pid)  # killed before the build ended; whoever inherits it may take a moment to reap it
        assert list((tmp_path / "cache" / "temp").iterdir()) == []
    else:
        _await_end(pid)
        type(site.build_context.store)(tmp_path / "cache").close()  # the next start sweeps
        assert list((tmp_path / "cache" / "temp").iterdir()) == []


def _await_end(pid: int | str) -> None:
    for _ in range(100):
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return
        except FileNotFoundError:
            return
        time.sleep(0.05)
    pytest.fail(f"process {pid} is still there")


def _awaited(path: Path) -> str:
    for _ in range(200):
        if path.exists() and (text := path.read_text().strip()):
            return text
        time.sleep(0.05)
    pytest.fail(f"{path} did not appear")


def test_two_builds_at_once_do_a_run_once(site: Site) -> None:
    outside = site.context.parent
    until = f"for i in $(seq 300); do [ -e {outside}/waiting ] && break; sleep 0.1; done"
    command = f"{until}; printf x >> {outside}/counter; echo done > made"
    site.write({"Kubefile": f"FROM scratch\nRUN {command}\n"})
    script = (
        "import sys\nfrom pathlib import Path\n"
        "from bundler.builder.net.fetch import Fetcher\n"
        "from bundler.builder.kubefile.catalogue import Catalogue\n"
        "from tests.build_kit import evaluate\n"
        "from bundler.builder.stage.build_context import BuildContext\n"
        "from bundler.builder.cache.store import Store\n"
        "from bundler.core.oci import AMD64\n"
        "context, root = map(Path, sys.argv[1:])\n"
        "class Told:\n"
        "    def say(self, line):\n"
        "        print(line)\n"
        "        if 'another build' in line:\n            (context.parent / 'waiting').touch()\n"
        "    log = say\n"
        "with Store(root) as store:\n"
        "    tools = BuildContext(store, Fetcher(store), Catalogue(context), AMD64,"
        " progress=Told())\n"
        "    print(evaluate(context / 'Kubefile', context, tools).tree.digest)\n"
    )
    argv: list[str | Path] = [sys.executable, "-c", script, site.context, site.context.parent / "shared"]
    both = [subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    told = [process.communicate(timeout=60)[0].splitlines() for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert (site.context.parent / "counter").read_text() == "x"
    assert told[0][-1] == told[1][-1]
    waited = [lines for lines in told if any("another build is running it" in line for line in lines)]
    assert len(waited) == 1, told
    assert any("done by the other build" in line for line in waited[0])


def test_a_run_whose_builder_was_killed_is_done_by_the_one_that_waits(site: Site) -> None:
    holder = (
        "import sys, time\nfrom pathlib import Path\nfrom bundler.builder.cache.store import Store\n"
        "with Store(Path(sys.argv[1])).alone('run', 'k'):\n"
        "    print('held', flush=True)\n    time.sleep(60)\n"
    )
    argv: list[str | Path] = [sys.executable, "-c", holder, site.context.parent / "shared"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        waited: list[bool] = []

        def kill() -> None:
            waited.append(True)
            process.kill()

        with Store(site.context.parent / "shared") as store:
            with store.alone("run", "k", kill):
                assert waited == [True]
            with store.alone("run", "k", lambda: waited.append(False)):
                assert waited == [True], "what was let go is free"

"""`bundler lint` reads the build context: what `make` refuses without a network, it refuses, too."""

import gzip
import http.server
import json
import os
import re
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from bundler.builder.cli import app as cli
from tests.kits.command import bundler, case

pytestmark = pytest.mark.real

RULE = re.compile(r"^(?:error|warning): (\S+?): .*\[([a-z-]+)\]$", re.MULTILINE)
ADVICE = {"no-checksum", "add-archive", "plain-http", "out-of-support"}
F = "FROM scratch\n"
CHART = {"c/Chart.yaml": "apiVersion: v2\nname: c\nversion: 1.0.0\n"}
POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: a, image: a/b:1}]}\n"


Call = Callable[..., tuple[int, str]]
Lint = Callable[..., tuple[int, list[Any]]]


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """The command line in this process: a process for each of so many would take minutes."""
    monkeypatch.setenv("BUNDLER_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(signal, "signal", lambda *_: None)  # the test's own process keeps its handlers

    def call(*words: object) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["bundler", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return int(ended.value.code or 0), capsys.readouterr().out

    return call


@pytest.fixture
def lint(tmp_path: Path, call: Call, monkeypatch: pytest.MonkeyPatch) -> Lint:
    """Lint a Kubefile beside files: the exit code, and place and rule of each finding."""

    def lint(kubefile: str, files: Mapping[str, str] | None = None, *words: object) -> tuple[int, list[Any]]:
        folder = tmp_path / "ctx"
        for name, text in {"Kubefile": kubefile, **(files or {})}.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)
        monkeypatch.chdir(folder)
        code, out = call("lint", ".", *words)
        assert not (tmp_path / "cache").exists()  # nothing is kept
        return code, [found for found in RULE.findall(out) if found[1] not in ADVICE]

    return lint


REFUSED = [
    (
        "COPY gone x/\nADD gone.tgz y/\n",
        {},
        [("Kubefile:2:6", "source-not-found"), ("Kubefile:3:5", "source-not-found")],
    ),
    ("COPY ../up x/\n", {}, [("Kubefile:2:6", "source-outside")]),
    (
        "IMAGE docker-archive:a.tar oci:folder\n",
        {},
        [("Kubefile:2:7", "source-not-found"), ("Kubefile:2:28", "source-not-found")],
    ),
    ("COPY a ../x\n", {"a": ""}, [("Kubefile:2:8", "bad-path")]),
    ("COPY a b x\n", {"a": "", "b": ""}, [("Kubefile:2:6", "needs-folder")]),
    ("COPY a x\nCOPY a x/y\n", {"a": ""}, [("Kubefile:3:6", "path-conflict")]),
    ("ADD --unpack a x\n", {"a": "no tar"}, [("Kubefile:2:14", "refused")]),
    (f"ADD --checksum=sha256:{'0' * 64} a x\n", {"a": ""}, [("Kubefile:2:88", "refused")]),
    ("APP x local://x\nLAUNCH x\n", {"x/a.bin": "", "x/b.yaml": ""}, [("Kubefile:2:5", "app-kind-unknown")]),
    ("APP C local://c\n", {**CHART, "c/templates/a.yaml": ""}, [("Kubefile:2:5", "bad-app-name")]),
    (
        "APP --values=v.yaml c local://c\n",
        {**CHART, "c/templates/a.yaml": ""},
        [("Kubefile:2:5", "source-not-found")],
    ),
    (
        "APP --values=v.yaml c local://c\n",
        {**CHART, "c/templates/a.yaml": "", "v.yaml": "a: ["},
        [("v.yaml:2:1", "yaml-syntax")],
    ),
    (
        "APP c local://c\n",
        {
            "c/Chart.yaml": CHART["c/Chart.yaml"] + "dependencies: [{name: d, version: 1.0.0}]\n",
            "c/templates/a.yaml": "",
        },
        [("Kubefile:2:5", "source-not-found")],
    ),
    (
        "APP c local://c\n",
        {**CHART, "c/templates/a.yaml": "{{ nothing }}"},
        [("application/apps/c", "chart")],
    ),
    ("COPY m manifests\n", {"m/a.yaml": "a: [\n"}, None),
    (
        "COPY m manifests\n",
        {"m/a.yaml": POD.replace("a/b:1", "a/B@:1")},
        [("manifests/a.yaml:4:38", "image-name")],
    ),
    ("LABEL org.opencontainers.image.version='1 0'\n", {}, [("Kubefile", "refused")]),
    ("LABEL io.kubernetes.version=latest\n", {}, [("Kubefile", "refused")]),
    (
        "KUBEVERSION >=1.30\nLABEL io.kubernetes.version=v1.20.2\n",
        {},
        [("Kubefile:2:13", "kube-version-unfit")],
    ),
]


@pytest.mark.parametrize(("lines", "files", "told"), REFUSED)
def test_what_make_refuses_is_refused(
    lines: str,
    files: Mapping[str, str] | None,
    told: list[Any] | None,
    lint: Lint,
    call: Call,
    tmp_path: Path,
) -> None:
    code, found = lint(F + lines, files)
    assert code == 3
    assert told is None or found == told
    runtime = tmp_path / "runtime.tar.gz"
    runtime.write_bytes(gzip.compress(bytes(10240), mtime=0))
    made, _ = call("make", ".", "--offline", "--runtime", runtime, "-q")
    assert made not in {0, 2}  # else the table would ask for too much


NOT_JUDGED = [
    # what a RUN may make, mend or take away
    ("RUN mkdir x\nCOPY a b x\n", {"a": "", "b": ""}),
    ("COPY m manifests\nRUN rm -r manifests\n", {"m/a.yaml": "a: [\n"}),
    ("APP x local://x\nRUN rm application/apps/x/a.bin\nLAUNCH x\n", {"x/a.bin": "", "x/b.yaml": ""}),
    # what is elsewhere
    ("APP x https://h.invalid/x.tgz\nLAUNCH x\n", {}),
    (
        "APP c local://c\nLAUNCH c\n",
        {
            "c/Chart.yaml": CHART["c/Chart.yaml"]
            + "dependencies: [{name: d, version: 1.0.0, repository: https://h.invalid}]\n",
            "c/templates/a.yaml": "{{ nothing }}",
        },
    ),
    ("ADD https://h.invalid/x.tar x/\nCOPY a b x\n", {"a": "", "b": ""}),
    # what a --build-arg will say
    ("ARG V\nCOPY a-$V x\n", {}),
    ("ARG V\nENV W=x-$V\nCOPY $W x\n", {}),
    ("ARG V\nENV W=${V:?why}\nCOPY $W x\n", {}),
]


@pytest.mark.parametrize(("lines", "files"), NOT_JUDGED)
def test_what_cannot_be_known_yet_is_not_judged(
    lines: str, files: Mapping[str, str] | None, lint: Lint
) -> None:
    code, found = lint(F + lines, files)
    assert (code, found) == (0, [])


def test_arguments_count_as_they_do_for_make(lint: Lint) -> None:
    text = "ARG BASE\nFROM $BASE\nARG V\nCOPY a-$V-$TARGETARCH x\n"
    assert lint(text) == (0, [])
    given = ("--build-arg", "BASE=scratch", "--build-arg", "V=1", "--platform", "linux/arm64")
    assert lint(text, {}, *given) == (3, [("Kubefile:4:6", "source-not-found")])
    assert lint(text, {"a-1-arm64": ""}, *given) == (0, [])
    assert lint(text, {}, "--build-arg", "X=1", *given)[0] == 3


def test_what_is_missing_is_told_with_all_else_that_is_wrong(lint: Lint) -> None:
    files = {**CHART, "c/templates/a.yaml": "{{ nothing }}"}
    code, found = lint(F + "COPY gone x\nAPP c local://c\n", files)
    assert (code, [rule for _, rule in found]) == (3, ["source-not-found", "chart"])


def test_no_run_runs_and_nobody_is_asked(lint: Lint, tmp_path: Path) -> None:
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    host = f"127.0.0.1:{server.server_address[1]}"
    try:
        code, _ = lint(
            F + f"RUN touch {tmp_path}/ran\nADD http://{host}/a b\nIMAGE {host}/a/b:1\n"
            f"APP c chart+http://{host}/c:1.0.0\nAPP d oci://{host}/d:1\n"
        )
    finally:
        server.shutdown()
        server.server_close()
    assert (code, asked, (tmp_path / "ran").exists()) == (0, [], False)


def test_a_special_file_in_a_copied_folder_is_named(lint: Lint, tmp_path: Path) -> None:
    (tmp_path / "ctx/run").mkdir(parents=True)
    os.mkfifo(tmp_path / "ctx/run/pipe")
    assert lint(F + "COPY run etc/\n") == (3, [("Kubefile:2:6", "source-special")])


def test_sarif_knows_the_rules_of_charts_and_manifests(tmp_path: Path) -> None:
    folder = case("chart-needs-values", tmp_path)
    said = bundler(folder, "lint", ".", "--format", "sarif", cache=tmp_path / "cache")
    (run,) = json.loads(said.out)["runs"]
    (result,) = run["results"]
    assert result["ruleId"] == "chart"
    assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == "chart"


@pytest.mark.parametrize(
    ("name", "code", "says"),
    [
        ("lint-missing-file", 3, "4 errors, 1 warning"),
        ("lint-from-image", 3, "[from-unsupported]"),
        ("app-upper-case", 0, "0 errors, 0 warnings"),
        ("title-with-blank", 0, "0 errors, 0 warnings"),
        ("chart-needs-values", 3, "fix: give the values it needs with APP --values=FILE"),
        ("yaml-bool-keys", 0, "0 errors, 0 warnings"),
        (
            "lint-cmd-hint",
            0,
            (
                r"""fix: write CMDS ["kubectl apply -f a", "kubectl patch x -p '{\"a\":1}'", "kubectl patch"""
                r""" y -p '{\"a\":1}'"] at the end, in their place"""
            ),
        ),
    ],
)
def test_inputs_of_the_field(name: str, code: int, says: str, tmp_path: Path) -> None:
    said = bundler(case(name, tmp_path), "lint", ".", cache=tmp_path / "cache")
    assert (said.code, says in said.out) == (code, True), said.out


def test_lint_and_make_agree_about_an_image_as_base(tmp_path: Path) -> None:
    folder = case("lint-from-image", tmp_path)
    made = bundler(folder, "make", ".", "-o", "x.run", cache=tmp_path / "cache")
    assert (made.code, "an image can't be a base" in made.err) == (14, True)


def test_make_tells_all_missing_sources_before_it_does_anything(tmp_path: Path) -> None:
    folder = case("lint-missing-file", tmp_path)
    made = bundler(folder, "lock", ".", cache=tmp_path / "cache")
    assert (made.code, made.text.count("[source-not-found]")) == (4, 4)


def _runtime(folder: Path) -> Path:
    path = folder / "runtime.tar.gz"
    path.write_bytes(gzip.compress(bytes(10240), mtime=0))
    return path


def test_a_title_with_blanks_makes_a_name_without(tmp_path: Path) -> None:
    folder = case("title-with-blank", tmp_path)
    made = bundler(folder, "make", ".", "--runtime", _runtime(tmp_path), cache=tmp_path / "cache")
    assert (made.code, (folder / "My-Shop.run").is_file()) == (0, True)
    shown = bundler(folder, "inspect", "My-Shop.run", cache=tmp_path / "cache").out
    assert "name: My-Shop\n" in shown
    assert "org.opencontainers.image.title: My Shop\n" in shown

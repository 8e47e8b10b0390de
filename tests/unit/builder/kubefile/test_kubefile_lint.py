import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bundler.builder.kubefile import parser
from bundler.builder.kubefile.catalogue import Catalogue, default_catalogue
from bundler.builder.kubefile.instructions import Cmds
from bundler.builder.kubefile.lint import Report, check, lint
from bundler.builder.kubefile.render import as_json, as_sarif, as_text
from bundler.builder.kubefile.rules import RULES
from bundler.builder.kubefile.source import Finding, Severity
from bundler.core.errors import BundlerError, ExitCode, Location, Problem
from tests.unit.builder.kubefile.sealer_style import SEALER_STYLE

DOC = Path(__file__).parents[4] / "docs" / "kubefile.md"
SUM = "sha256:" + "a" * 64


@pytest.fixture
def catalogue(tmp_path: Path) -> Any:
    base = tmp_path / "catalog" / "base" / "Kubefile"
    base.parent.mkdir(parents=True)
    base.write_text("FROM scratch\nENV BASE_ENV=1\nCNI net local://net\nAPP dns local://dns\n")
    return Catalogue(tmp_path / "catalog")


def linted(text: Any, tmp_path: Path, catalogue: Any) -> Any:
    path = tmp_path / "ctx" / "Kubefile"
    path.parent.mkdir(exist_ok=True)
    (tmp_path / "standing").mkdir(exist_ok=True)
    (tmp_path / "standing/Kubefile").write_text("FROM base\n")
    (tmp_path / "torn.run").write_bytes(b"#!/bin/sh\n")
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return lint(path, catalogue, name="Kubefile")


F = "FROM scratch\n"

# text, then what is told of it: rule, severity, line, column
TABLE = [
    (b"FROM scratch\nENV A=\xff\n", [("not-utf8", "error", 2, 1)]),
    (b"\0", [("not-utf8", "error", 1, 1)]),
    ("# " + "x" * (4 << 20), [("too-large", "error", 1, 1)]),
    ("# escape=`\n" + F, [("escape-directive", "error", 1, 1)]),
    (F + "RUN a \\\n\n b\n", [("empty-continuation", "warning", 3, 1)]),
    (F + "RUN a \\\n", [("dangling-continuation", "warning", 2, 1)]),
    (F + "RUN <<EOF\na\n", [("unclosed-heredoc", "error", 2, 5)]),
    (F + "ENV A='b\n", [("unclosed-quote", "error", 2, 7)]),
    (F + "COPY ${A/b/c} d\n", [("bad-expansion", "error", 2, 6)]),
    (F + "COPY a b # why\n", [("trailing-comment", "error", 2, 10)]),
    (F + "COPPY a b\n", [("unknown-instruction", "error", 2, 1)]),
    (F + "WORKDIR /x\n", [("unsupported-instruction", "error", 2, 1)]),
    (F + "COPY --foo=1 a b\n", [("unknown-flag", "error", 2, 6)]),
    (F + "COPY --chown=a:b c d\n", [("unsupported-flag", "error", 2, 6)]),
    (F + "RUN --mount=type=cache,target=/x make\n", [("unsupported-flag", "error", 2, 5)]),
    (F + "COPY --chmod=u+x a b\n", [("bad-flag", "error", 2, 6)]),
    (
        F + "ADD --checksum=sha256:12 https://h/f d\n",
        [("bad-flag", "error", 2, 5), ("no-checksum", "warning", 2, 26)],
    ),
    (F + "ADD --checksum a b\n", [("bad-flag", "error", 2, 5)]),
    (F + f"ADD --checksum={SUM} a b c/\n", [("bad-flag", "error", 2, 5)]),
    (F + "COPY a\n", [("missing-argument", "error", 2, 1)]),
    (F + "RUN\n", [("missing-argument", "error", 2, 1)]),
    ("FROM scratch base\n", [("extra-argument", "error", 1, 14)]),
    (F + "ENV A=1 B\n", [("bad-assignment", "error", 2, 9)]),
    (F + "ENV 1A=1\n", [("bad-assignment", "error", 2, 5)]),
    (
        F + "ENV PATH=/x LD_PRELOAD=/y.so\n",
        [("bad-assignment", "error", 2, 5), ("bad-assignment", "error", 2, 13)],
    ),
    (F + "CMDS ['a']\n", [("bad-json", "error", 2, 7)]),
    (F + "CMDS kubectl apply\n", [("bad-json", "error", 2, 6)]),
    (F + 'APP a local://a\nAPPCMDS a ["b", 1]\n', [("bad-json", "error", 3, 11)]),
    (F + "APP we,b local://web\n", [("bad-app-name", "error", 2, 5)]),
    (F + "APP web web/\n", [("bad-source", "error", 2, 9)]),
    (F + 'APP web "oci://h.example/web:>=1.2 <2"\n', []),
    (F + "COPY https://h/f x\n", [("bad-source", "error", 2, 6)]),
    (F + "IMAGE containers-storage:x\n", [("bad-image", "error", 2, 7)]),
    (F + "IMAGE a;b\n", [("bad-image", "error", 2, 7)]),
    (F + "IMAGE oci://registry.example/charts/shop:1\n", [("bad-image", "error", 2, 7)]),
    (F + "IMAGE chart+https://charts.example/shop:1\n", [("bad-image", "error", 2, 7)]),
    (F + "IMAGE https://charts.example/shop-1.tgz\n", [("bad-image", "error", 2, 7)]),
    (F + "PACKAGE bookworm a\n", [("bad-suite", "error", 2, 9)]),
    (F + "PACKAGE debian:12 a\n", [("bad-suite", "error", 2, 9)]),
    (F + "PACKAGE alma:9 a\n", [("unknown-distribution", "error", 2, 9)]),
    (F + "KUBEVERSION newer than 1.20\n", [("bad-kube-version", "error", 2, 13)]),
    (F + "ENV A b\n", [("old-env-form", "warning", 2, 5)]),
    (F + "MAINTAINER me\n", [("maintainer-old", "warning", 2, 1)]),
    ("FROM scratch AS a\n", [("stage-name", "warning", 1, 14)]),
    ("", [("no-from", "error", 1, 1)]),
    ("RUN a\n" + F, [("no-from", "error", 1, 1)]),
    (F + F, [("from-twice", "error", 2, 1)]),
    ("FROM bsae\n", [("from-unknown", "error", 1, 6)]),
    ("FROM ./nothing\n", [("from-unknown", "error", 1, 6)]),
    ("FROM kubernetes:v1.20\n", [("from-unsupported", "error", 1, 6)]),
    ("FROM other.run\n", [("from-unknown", "error", 1, 6)]),
    ("FROM ../torn.run\n", [("from-damaged", "error", 1, 6)]),
    ("FROM .\n", [("from-cycle", "error", 1, 6)]),
    (F + "APP a local://a\nLAUNCH a\nENV X=1\n", [("launch-not-last", "error", 3, 1)]),
    (F + "APP a local://a\nLAUNCH a\nLAUNCH a\n", [("launch-twice", "error", 4, 1)]),
    (
        F + "APP a local://a\nCMD x\nLAUNCH a\n",
        [("cmd-old-form", "warning", 3, 1), ("launch-and-cmds", "error", 3, 1)],
    ),
    (F + "APP web local://a\nLAUNCH wbe\n", [("launch-unknown-app", "error", 3, 8)]),
    (
        F + "CNI a local://a\nCNI b local://b\nAPP c local://c\nLAUNCH c\n",
        [("launch-plugin-choice", "error", 5, 8)],
    ),
    (F + "INCLUDE $A\n", [("include-variable", "error", 2, 9)]),
    (F + "INCLUDE bsae\n", [("include-unknown", "error", 2, 9)]),
    (F + "INCLUDE .\n", [("include-cycle", "error", 2, 9)]),
    ("FROM base\nRUN a\nINCLUDE base\n", [("include-place", "error", 3, 1)]),
    (F + "INCLUDE ../standing\n", [("include-base", "error", 2, 9)]),
    (F + "CMD kubectl get\n", [("cmd-old-form", "warning", 2, 1)]),
    (F + "APP a local://a\nAPP a local://b\n", [("app-twice", "warning", 3, 5)]),
    (F + 'APPCMDS a ["b"]\n', [("app-unknown", "error", 2, 9)]),
    (F + "APPENV a B=1\n", [("app-unknown", "error", 2, 8)]),
    (F + "ADD https://h/f x\n", [("no-checksum", "warning", 2, 5)]),
    (F + f"ADD --checksum={SUM} http://h/f x\n", [("plain-http", "warning", 2, 5 + 11 + len(SUM) + 1)]),
    (F + "COPY helm /usr/bin\n", [("host-path", "warning", 2, 11)]),
    (F + "ADD a.tar.gz x/\n", [("add-archive", "warning", 2, 5)]),
    (F + "COPY $VERSON x\n", [("undefined-variable", "warning", 2, 6)]),
    (F + "ENV TAG=1\nIMAGE a/b:$(TAG)\n", [("parenthesised-variable", "warning", 3, 7)]),
    (F + 'ENV tag=1\nCMDS ["helm install a:$(tag)"]\n', [("parenthesised-variable", "warning", 3, 1)]),
    (F + "RUN curl $(URL)\n", [("parenthesised-variable", "warning", 2, 1)]),
    (
        F + 'APP a local://a\nAPPCMDS a ["sh", "$(ROLE)"]\n',
        [("parenthesised-variable", "warning", 3, 1)],
    ),
    (F + "RUN date=$(date) && echo $(hostname -f) \\$(NAME)\n", []),
    (F + "LABEL io.kubernetes.version=v1.20.2\n", [("out-of-support", "warning", 2, 29)]),
    (F + "ENV DB_PASSWORD=hunter2\n", [("secret-in-kubefile", "warning", 2, 5)]),
]


@pytest.mark.parametrize(
    ("text", "told"), TABLE, ids=lambda value: value[0][0] if value and isinstance(value, list) else ""
)
def test_a_fault_is_told_once_with_its_place(text: Any, told: Any, tmp_path: Path, catalogue: Any) -> None:
    found = [
        (f.problem.rule, f.severity.value, f.problem.location.line, f.problem.location.column)
        for f in linted(text, tmp_path, catalogue).findings
    ]
    assert sorted(found) == sorted(told)


# Told only while building, tested with `evaluate`.
AT_BUILD = {
    "include-app",
    "include-port",
    "chart-dependencies",
    "chart-values",
    "bad-platform",
    "from-platform",
    "kube-version-unfit",
    "unused-build-arg",
    "app-kind-unknown",
    "app-kustomize",
    "source-not-found",
    "source-outside",
    "source-special",
    "needs-folder",
    "path-conflict",
    "bad-path",
    "bad-archive",
}


def test_every_rule_stands_in_the_table() -> None:
    assert {rule for _, told in TABLE for rule, *_ in told} | AT_BUILD == set(RULES)


GOOD = [
    "ARG V=1\nFROM scratch\nARG V\nENV A=$V\nCOPY a-${V} b/\n",
    'FROM base\nCOPY a-$BASE_ENV x\nAPPENV dns A=1\nLAUNCH ["dns"]\n',
    "FROM scratch\nCOPY ${ARCH} $TARGETARCH/${TARGETVARIANT}\n",
    'FROM scratch\nCNI a local://a\nCNI b local://b\nLAUNCH ["b"]\n',
    'FROM scratch\nENV DB_PASSWORD=""\n',
    "FROM scratch\nENV X=${Y:-z}\n",
    "FROM base\nAPP net local://net\n",
    f"FROM scratch\nADD --unpack --checksum={SUM} https://h/f.tgz x/\n",
]


@pytest.mark.parametrize("text", GOOD)
def test_nothing_is_told_of_a_good_kubefile(text: Any, tmp_path: Path, catalogue: Any) -> None:
    assert as_text(linted(text, tmp_path, catalogue)) == "0 errors, 0 warnings\n"


def test_an_unreadable_base_hides_which_apps_there_are(tmp_path: Path, catalogue: Any) -> None:
    report = linted('FROM kubernetes:v1\nLAUNCH ["anything"]\n', tmp_path, catalogue)
    assert [f.problem.rule for f in report.findings] == ["from-unsupported"]


def test_a_cycle_through_another_file_is_found(tmp_path: Path, catalogue: Any) -> None:
    other = tmp_path / "ctx" / "other"
    other.mkdir(parents=True)
    (other / "Kubefile").write_text("FROM ..\n")
    report = linted("FROM other\n", tmp_path, catalogue)
    assert report.errors == ()  # told when it is built; what counts here is that linting ends


def test_the_catalogue_is_found_beside_the_package_and_lints_clean() -> None:
    catalogue = Catalogue(default_catalogue())
    assert catalogue.names()
    for name in catalogue.names():
        report = lint(catalogue.root / name / "Kubefile", catalogue)
        assert as_text(report).splitlines()[-1].startswith("0 errors"), as_text(report)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(sorted(parser._PARSERS)),
            st.sampled_from(
                [
                    "scratch",
                    "a local://a",
                    "a b",
                    "$A",
                    "${A:-b}",
                    '["a"]',
                    "A=$B",
                    "<<E\nE",
                    ">=1",
                    "debian:x a",
                ]
            ),
        ),
        max_size=6,
    )
)
def test_lint_says_something_of_any_order_of_lines(lines: Any) -> None:
    text = "".join(f"{keyword} {rest}\n" for keyword, rest in lines)
    reading = parser.read(text, "Kubefile")
    nowhere = Catalogue(Path("/nonexistent"))
    for finding in check(reading.kubefile, nowhere, Path("/nonexistent/Kubefile")):
        assert finding.problem.rule in RULES
        assert finding.problem.location.line >= 1


def test_a_missing_kubefile_is_told_without_traceback(tmp_path: Path, catalogue: Any) -> None:
    with pytest.raises(BundlerError) as caught:
        lint(tmp_path / "none", catalogue)
    assert caught.value.code is ExitCode.NOT_FOUND


def test_text_shows_line_caret_and_fix(tmp_path: Path, catalogue: Any) -> None:
    report = linted("FROM scratch\nCOPPY a b\nCMD x\n", tmp_path, catalogue)
    assert as_text(report) == (
        "error: Kubefile:2:1: unknown instruction COPPY [unknown-instruction]\n"
        "    COPPY a b\n"
        "    ^\n"
        "  fix: did you mean COPY?\n"
        "warning: Kubefile:3:1: CMD is an old form [cmd-old-form]\n"
        "    CMD x\n"
        "    ^\n"
        '  fix: write CMDS ["x"] at the end, in its place\n'
        "1 error, 1 warning\n"
    )


@pytest.mark.parametrize(
    ("lines", "listed"),
    [
        ("""CMD ["kubectl apply -f a", "kubectl patch x -p '{\\"a\\":1}'"]""", None),
        ("CMD kubectl patch y -p '{\"a\":1}'\nCMD ü", ["kubectl patch y -p '{\"a\":1}'", "ü"]),
        ('CMD one\nCMD ["two", "three"]\nCMDS ["four"]', ["one", "two", "three", "four"]),
    ],
)
def test_the_hint_for_old_commands_can_be_taken_over_as_it_is(
    lines: str, listed: Any, tmp_path: Path, catalogue: Any
) -> None:
    before = parser.parse(F + lines, "Kubefile")
    first, *others = linted(F + lines, tmp_path, catalogue).findings
    line = first.problem.hint.removeprefix("write ").rpartition(" at the end")[0]
    report = linted(F + line + "\n", tmp_path, catalogue)
    assert as_text(report) == "0 errors, 0 warnings\n"
    (cmds,) = parser.parse(F + line, "Kubefile").instructions[1:]
    assert isinstance(cmds, Cmds)
    old = [one for one in before.instructions[1:] if isinstance(one, Cmds)]
    assert len(old) == len(before.instructions) - 1
    assert list(cmds.lines) == [text for one in old for text in one.lines]
    assert listed is None or list(cmds.lines) == listed
    assert all(other.problem.hint == "it belongs into the one CMDS, see line 2" for other in others)


def test_a_chart_in_image_is_told_to_be_an_app(tmp_path: Path, catalogue: Any) -> None:
    (finding,) = linted(F + "IMAGE oci://registry.example/charts/shop:1\n", tmp_path, catalogue).findings
    assert "APP NAME oci://registry.example/charts/shop:1" in finding.problem.hint


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("ENV TAG=1\nIMAGE a/b:$(TAG)\n", "write ${TAG}"),
        ("RUN curl $(URL)\n", "write ${URL}, and define it with ENV URL=…"),
    ],
)
def test_a_variable_in_parentheses_is_told_how_to_be_written(
    text: str, hint: str, tmp_path: Path, catalogue: Any
) -> None:
    (finding,) = linted(F + text, tmp_path, catalogue).findings
    assert finding.problem.hint == hint


def test_json_says_the_same(tmp_path: Path, catalogue: Any) -> None:
    (row,) = json.loads(as_json(linted("FROM scratch\nCOPPY a b\n", tmp_path, catalogue)))
    assert row == {
        "rule": "unknown-instruction",
        "severity": "error",
        "file": "Kubefile",
        "line": 2,
        "column": 1,
        "message": "unknown instruction COPPY",
        "hint": "did you mean COPY?",
        "text": "COPPY a b",
    }


def test_sarif_has_what_code_scanning_asks_for(tmp_path: Path, catalogue: Any) -> None:
    document = json.loads(as_sarif(linted("FROM scratch\nCOPPY a b\n", tmp_path, catalogue), "1.2.3"))
    assert document["version"] == "2.1.0"
    (run,) = document["runs"]
    driver = run["tool"]["driver"]
    assert (driver["version"], len(driver["rules"])) == ("1.2.3", len(RULES))
    (result,) = run["results"]
    assert driver["rules"][result["ruleIndex"]]["id"] == result["ruleId"] == "unknown-instruction"
    assert result["level"] == "error"
    (place,) = result["locations"]
    assert place["physicalLocation"] == {
        "artifactLocation": {"uri": "Kubefile"},
        "region": {"startLine": 2, "startColumn": 1},
    }


def test_sarif_names_a_file_as_a_uri() -> None:
    report = Report(
        (Finding(Problem(Location("my site/ä#1%/Kubefile", 1, 1), "no-from", "x"), Severity.ERROR),)
    )
    (result,) = json.loads(as_sarif(report, "1"))["runs"][0]["results"]
    uri = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert uri == "my%20site/%C3%A4%231%25/Kubefile"


@pytest.mark.parametrize(("before", "behind"), [(0, 5000), (5000, 0), (5000, 5000), (70, 70)])
def test_of_a_long_line_only_what_is_around_the_place_is_shown(
    tmp_path: Path, catalogue: Any, before: int, behind: int
) -> None:
    line = f"IMAGE a{'/a' * (before // 2)} # {'b' * behind}"
    found = linted(f"FROM scratch\n{line}\n", tmp_path, catalogue).errors
    (finding,) = [each for each in found if each.problem.rule == "trailing-comment"]
    _, shown, caret, *_ = str(finding.problem).split("\n")
    assert len(shown) < 180
    assert shown[len(caret) - 1 :].startswith("# ")


def test_nothing_that_a_terminal_obeys_is_shown(tmp_path: Path, catalogue: Any) -> None:
    text = "FROM scratch\nCOP\x1b]0;x\x07Y a\u202e b\n\tLAUCNH\tx\n"
    shown = as_text(linted(text, tmp_path, catalogue))
    assert all(char.isprintable() or char in "\n\t" for char in shown)
    assert "\n    \tLAUCNH\tx\n    \t^\n" in shown


def test_every_rule_is_documented_as_it_is() -> None:
    text = DOC.read_text()
    for rule in RULES.values():
        severity = "warning" if rule.warning else "error"
        assert f"| `{rule.id}` | {severity} | {rule.text} |" in text


def test_the_documented_example_is_without_fault(tmp_path: Path) -> None:
    example = DOC.read_text().split("```dockerfile\n")[1].split("```")[0]
    base = tmp_path / "catalog" / "kubernetes-source" / "Kubefile"
    base.parent.mkdir(parents=True)
    base.write_text("FROM scratch\n")
    report = linted(example, tmp_path, Catalogue(tmp_path / "catalog"))
    assert as_text(report) == "0 errors, 0 warnings\n"


# Told of them, and each with what to write instead; nothing here stops a build but the base.
ADVICE = {"cmd-old-form", "maintainer-old", "no-checksum", "add-archive"}


@pytest.mark.parametrize("name", sorted(SEALER_STYLE))
def test_kubefiles_in_the_style_of_sealers_own_lint_as_they_stand(
    name: Any, tmp_path: Path, catalogue: Any
) -> None:
    report = linted(SEALER_STYLE[name], tmp_path, catalogue)
    assert {finding.problem.rule for finding in report.errors} <= {"from-unsupported"}
    assert {finding.problem.rule for finding in report.findings} <= ADVICE | {"from-unsupported"}
    assert all(finding.problem.hint for finding in report.findings)


def test_flags_behind_the_name_of_an_app_are_told_as_such(tmp_path: Path, catalogue: Any) -> None:
    (finding,) = linted("FROM scratch\nAPP web --namespace=db local://web\n", tmp_path, catalogue).findings
    assert (finding.problem.rule, finding.problem.location.column) == ("bad-source", 9)
    assert "APP --namespace=db web" in finding.problem.hint


def test_a_version_that_a_variable_gives_is_not_judged_by_its_text(tmp_path: Path, catalogue: Any) -> None:
    text = 'FROM scratch\nARG V=1.0.0\nAPP web oci://h.example/web:$V\nAPP db "oci://h.example/db:${V}"\n'
    assert "bad-source" not in {one.problem.rule for one in linted(text, tmp_path, catalogue).findings}


@pytest.mark.parametrize(
    ("commands", "hint"),
    [
        ('CMD ["sh", "-c", "echo $HOME"]', """write CMDS ["sh -c 'echo $HOME'"] at the end, in its place"""),
        ('CMD ["kubectl get x", "ls"]', 'write CMDS ["kubectl get x", "ls"] at the end, in its place'),
        ("CMD []", "remove it: it runs nothing"),
    ],
)
def test_the_hint_for_an_old_cmd_can_be_taken_over(
    commands: str, hint: str, tmp_path: Path, catalogue: Any
) -> None:
    found = linted(f"FROM scratch\n{commands}\n", tmp_path, catalogue).findings
    assert [one.problem.hint for one in found if one.problem.rule == "cmd-old-form"] == [hint]

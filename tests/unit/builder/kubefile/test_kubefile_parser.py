import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bundler.builder.kubefile import parser
from bundler.builder.kubefile.instructions import (
    Add,
    App,
    AppCmds,
    AppEnv,
    Arg,
    Cmds,
    Copy,
    Env,
    From,
    Image,
    KubeVersion,
    Label,
    Launch,
    Package,
    Run,
)
from bundler.builder.kubefile.parser import parse, read
from bundler.builder.kubefile.source import Severity
from bundler.core.errors import Problems
from bundler.core.index import AppRole
from bundler.core.versions import valid_range
from tests.unit.builder.kubefile.sealer_style import SEALER_STYLE


def one(text: Any) -> Any:
    """The only instruction of a text."""
    (instruction,) = parse(text, "Kubefile").instructions
    return instruction


def texts(words: Any) -> Any:
    return [word.text for word in words]


def pairs(instruction: Any) -> Any:
    return [(pair.name.text, pair.value.text if pair.value else None) for pair in instruction.values]


def test_from_with_platform() -> None:
    made = one("FROM --platform=linux/arm64 kubernetes-source")
    assert isinstance(made, From)
    assert (made.base.text, made.platform and made.platform.text) == ("kubernetes-source", "linux/arm64")


def test_instructions_are_read_in_any_case() -> None:
    assert isinstance(one("from scratch"), From)


def test_arg_with_and_without_default() -> None:
    made = one('ARG A B=2 C="three 3"')
    assert isinstance(made, Arg)
    assert pairs(made) == [("A", None), ("B", "2"), ("C", '"three 3"')]


def test_env_in_both_forms() -> None:
    assert pairs(one('ENV A=1 B="two words" C=a\\ b')) == [("A", "1"), ("B", '"two words"'), ("C", "a\\ b")]
    old = one("ENV PATH_TO   a b  c")
    assert isinstance(old, Env)
    assert pairs(old) == [("PATH_TO", "a b  c")]


def test_label_with_quoted_name() -> None:
    made = one('LABEL "a.b/c"="d e" f=g')
    assert isinstance(made, Label)
    assert pairs(made) == [('"a.b/c"', '"d e"'), ("f", "g")]


def test_maintainer_is_a_label() -> None:
    assert pairs(one("MAINTAINER O'Hara $X")) == [("maintainer", "'O'\\''Hara $X'")]


def test_copy_in_plain_and_list_form() -> None:
    made = one("COPY --chmod=0755 a b c/")
    assert isinstance(made, Copy)
    assert (texts(made.sources), made.destination.text, made.mode) == (["a", "b"], "c/", 0o755)
    assert texts(one('COPY ["a b", "c"]').sources) == ["a b"]


def test_quotes_in_a_list_are_no_quotes_of_the_shell() -> None:
    assert texts(one('COPY ["it\'s", "c"]').sources) == ["it\\'s"]


def test_copy_of_a_heredoc() -> None:
    made = one("COPY <<motd etc/motd\nhello\nmotd\n")
    assert (made.sources, made.heredocs[0].body, made.destination.text) == ((), "hello\n", "etc/motd")


def test_add_with_all_flags() -> None:
    digest = "sha256:" + "a" * 64
    made = one(f"ADD --checksum={digest} --chmod=755 --unpack https://h/f.tgz bin/")
    assert isinstance(made, Add)
    assert (made.checksum and made.checksum.text, made.mode, made.unpack) == (digest, 0o755, True)


@pytest.mark.parametrize(
    ("text", "script", "argv"),
    [
        ("RUN a && b", "a && b\n", ()),
        ('RUN ["a", "$X"]', "", ("a", "$X")),
        ("RUN [ -f x ] && y", "[ -f x ] && y\n", ()),
        ("RUN <<EOF\na\nb\nEOF\n", "a\nb\n", ()),
        ("RUN <<EOF\n#!/usr/bin/python3\nprint()\nEOF\n", "#!/usr/bin/python3\nprint()\n", ()),
        ("RUN cat <<EOF >x\n$A\nEOF\n", "cat <<EOF >x\n$A\nEOF\n", ()),
        ("RUN a \\\n  && b\n", "a   && b\n", ()),
    ],
)
def test_run(text: str, script: str, argv: Any) -> None:
    made = one(text)
    assert isinstance(made, Run)
    assert (made.script, made.argv) == (script, argv)


def test_run_of_a_script_is_named_by_its_first_command() -> None:
    assert one("RUN <<EOF\n# why\nmake all\nmake install\nEOF\n").text == "make all …"


@pytest.mark.parametrize(
    ("keyword", "role"), [("APP", AppRole.APP), ("CNI", AppRole.CNI), ("CSI", AppRole.CSI)]
)
def test_apps_and_plug_ins(keyword: str, role: Any) -> None:
    made = one(f"{keyword} web local://web https://h/x.yaml")
    assert isinstance(made, App)
    assert (made.name.text, texts(made.sources), made.role) == (
        "web",
        ["local://web", "https://h/x.yaml"],
        role,
    )


@pytest.mark.parametrize(
    ("listed", "commands"),
    [
        ('["helm", "install", "x", "."]', (("helm", "install", "x", "."),)),
        ('["kubectl apply -f a"]', (("sh", "-c", "kubectl apply -f a"),)),
        ('["kubectl apply -f a", "echo b"]', (("sh", "-c", "kubectl apply -f a"), ("sh", "-c", "echo b"))),
        ('["sh", "-c", "a && b"]', (("sh", "-c", "a && b"),)),
    ],
)
def test_app_commands_as_sealer_documents_and_as_it_uses_them(listed: str, commands: Any) -> None:
    made = one(f"APPCMDS web {listed}")
    assert isinstance(made, AppCmds)
    assert made.commands == commands


def test_app_env() -> None:
    made = one('APPENV web A=1 B="2 3"')
    assert isinstance(made, AppEnv)
    assert pairs(made) == [("A", "1"), ("B", '"2 3"')]


def test_launch_in_both_forms() -> None:
    assert isinstance(one('LAUNCH ["a", "b"]'), Launch)
    assert texts(one('LAUNCH ["a", "b"]').names) == texts(one("LAUNCH a b").names) == ["a", "b"]


def test_cmds_and_the_old_cmd() -> None:
    made = one('CMDS ["kubectl apply -f x", "echo $HOME"]')
    assert isinstance(made, Cmds)
    assert (made.lines, made.old) == (("kubectl apply -f x", "echo $HOME"), False)
    old = one("CMD kubectl apply -f x --server-side")
    assert (old.lines, old.old) == (("kubectl apply -f x --server-side",), True)


def test_kube_version_image_package() -> None:
    assert isinstance(one("KUBEVERSION 1.22 - 1.24"), KubeVersion)
    image = one("IMAGE nginx:1.27 docker-archive:a.tar:x:1 oci:dir docker://quay.io/a@sha256:" + "0" * 64)
    assert isinstance(image, Image)
    assert len(image.references) == 4
    package = one("PACKAGE debian:bookworm a b")
    assert isinstance(package, Package)
    assert (package.suite.text, texts(package.names)) == ("debian:bookworm", ["a", "b"])


@pytest.mark.parametrize(
    "text",
    [
        ">=1.20",
        ">=1.20 <1.30",
        ">= 1.20, < 1.30",
        "1.22 - 1.24",
        "~1.20 || ^1.24.1",
        "v1.20.2",
        "1.x",
        "!=1.2",
    ],
)
def test_ranges_of_versions(text: str) -> None:
    assert valid_range(text)


@pytest.mark.parametrize(
    "text", ["", "1.2.3.4", ">", "a", "1.20 -", ">=1.20 and <1.30", "1.20 ||", "1 " * 200]
)
def test_no_ranges_of_versions(text: str) -> None:
    assert not valid_range(text)


def test_a_hostile_range_takes_no_time() -> None:
    started = time.process_time()
    assert not valid_range("1  " * 80 + "!")
    assert not valid_range("1.1.1-" * 40 + "!")
    assert time.process_time() - started < 1


def test_all_errors_come_at_once_with_line_and_caret() -> None:
    with pytest.raises(Problems) as caught:
        parse("FROM scratch\nCOPPY a b\nCOPY --chmdo=1 a b\n  RUNN x\n", "Kubefile")
    assert str(caught.value).splitlines() == [
        "Kubefile:2:1: unknown instruction COPPY [unknown-instruction]",
        "    COPPY a b",
        "    ^",
        "  fix: did you mean COPY?",
        "Kubefile:3:6: COPY has no flag --chmdo [unknown-flag]",
        "    COPY --chmdo=1 a b",
        "         ^",
        "  fix: did you mean --chmod?",
        "Kubefile:4:3: unknown instruction RUNN [unknown-instruction]",
        "      RUNN x",
        "      ^",
        "  fix: did you mean RUN?",
        "3 problems found",
    ]


def test_bytes_that_are_no_text_are_refused_at_their_line() -> None:
    with pytest.raises(Problems) as caught:
        parse(b"FROM scratch\nRUN \xff\n", "Kubefile")
    assert [(p.rule, p.location.line) for p in caught.value.problems] == [("not-utf8", 2)]


KEYWORDS = st.sampled_from(sorted(parser._PARSERS))
PIECES = st.one_of(
    st.text(max_size=12),
    st.sampled_from(
        [
            '["a"]',
            "[",
            "<<EOF",
            "EOF",
            "\n",
            "\\\n",
            "--chmod=",
            "--x",
            "a=b",
            "'",
            '"',
            "${",
            "# c",
            "local://",
        ]
    ),
)
LINES = st.builds(lambda key, rest: f"{key} {' '.join(rest)}\n", KEYWORDS, st.lists(PIECES, max_size=5))


@given(st.one_of(st.text(), st.lists(LINES, max_size=6).map("".join), st.binary()))
def test_any_text_is_understood_or_refused_with_places(text: Any) -> None:
    try:
        reading = read(text, "K")
    except Problems:
        return
    for finding in reading.findings:
        where = finding.problem.location
        assert 1 <= where.line <= max(1, len(reading.kubefile.source.lines))
        assert where.column >= 1
    assert reading.kubefile.instructions is not None


@pytest.mark.parametrize("line", ["LAUNCH [{}]", "CMDS [{}]", "APPCMDS web [{}]"])
def test_a_number_too_long_to_read_is_no_list_of_strings(line: str) -> None:
    (finding,) = (f for f in read(line.format("9" * 5000), "K").findings if f.problem.rule == "bad-json")
    assert "not a list of strings" in finding.problem.message


@pytest.mark.parametrize("name", sorted(SEALER_STYLE))
def test_kubefiles_in_the_style_of_sealers_own_parse(name: Any) -> None:
    reading = read(SEALER_STYLE[name], "Kubefile")
    assert [f.problem for f in reading.findings if f.severity is Severity.ERROR] == []
    lines = [line for line in SEALER_STYLE[name].lower().splitlines() if not line.startswith((" ", "#"))]
    assert len(reading.kubefile.instructions) == len([line for line in lines if line])

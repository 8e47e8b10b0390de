from typing import Any

from bundler.builder.kubefile.lexer import logical_lines, shell_words
from bundler.builder.kubefile.source import Findings, read_source


def lex(text: Any) -> Any:
    findings = Findings(read_source(text, "Kubefile"))
    return logical_lines(findings), [(f.problem.rule, f.problem.location.line) for f in findings.found]


def test_a_continued_line_keeps_every_place() -> None:
    (line,), _ = lex("COPY a \\\n   b \\\n\tc d\n")
    assert line.text == "COPY a    b \tc d"
    places = {word: str(line.at(offset)) for offset, word in shell_words(line.text)}
    assert places == {
        "COPY": "Kubefile:1:1",
        "a": "Kubefile:1:6",
        "b": "Kubefile:2:4",
        "c": "Kubefile:3:2",
        "d": "Kubefile:3:4",
    }


def test_comments_vanish_also_inside_a_continued_line() -> None:
    lines, found = lex("# first\nRUN a \\\n  # between\n  && b\n  # last\n")
    assert [line.text for line in lines] == ["RUN a   && b"]
    assert found == []


def test_a_hash_inside_a_line_is_no_comment() -> None:
    (line,), _ = lex("RUN echo '#1' # still the shell's\n")
    assert line.text == "RUN echo '#1' # still the shell's"


def test_an_empty_line_in_a_continued_one_is_told() -> None:
    lines, found = lex("RUN a \\\n\n  b\n")
    assert [line.text for line in lines] == ["RUN a   b"]
    assert found == [("empty-continuation", 2)]


def test_a_file_that_ends_in_a_backslash_is_told() -> None:
    lines, found = lex("FROM scratch\nRUN a \\")
    assert lines[1].text == "RUN a"
    assert found == [("dangling-continuation", 2)]


def test_blanks_behind_the_backslash_continue_too() -> None:
    (line,), _ = lex("RUN a \\  \nb\n")
    assert line.text == "RUN a b"


def test_windows_line_ends_and_byte_order_mark() -> None:
    lines, _ = lex(b"\xef\xbb\xbfFROM scratch\r\nRUN a \\\r\n b\r\n")
    assert [line.text for line in lines] == ["FROM scratch", "RUN a  b"]


def test_a_heredoc_takes_lines_up_to_its_name() -> None:
    (line, after), _ = lex("RUN <<EOF\n# kept\n\n  EOF\nEOF\nRUN b\n")
    assert line.heredocs[0].body == "# kept\n\n  EOF\n"
    assert after.text == "RUN b"


def test_two_heredocs_follow_one_another() -> None:
    (line,), _ = lex("COPY <<one <<'two' etc/\n1\none\n2\ntwo\n")
    assert [(h.name, h.body, h.quoted) for h in line.heredocs] == [
        ("one", "1\n", False),
        ("two", "2\n", True),
    ]


def test_a_dash_takes_leading_tabs_off() -> None:
    (line,), _ = lex("RUN <<-X\n\ta\n\t\tb\n\tX\n")
    assert line.heredocs[0].body == "a\nb\n"
    assert line.heredocs[0].tail == "\ta\n\t\tb\n\tX\n"


def test_a_heredoc_without_end_is_told_and_takes_the_rest() -> None:
    (line,), found = lex("RUN <<EOF\na\nRUN b\n")
    assert line.heredocs[0].body == "a\nRUN b\n"
    assert found == [("unclosed-heredoc", 1)]


def test_only_words_that_begin_with_two_angles_open_heredocs() -> None:
    lines, _ = lex("RUN echo $((1<<2)) '<<EOF' a<<b\nRUN c\nENV X=<<EOF\n")
    assert all(not line.heredocs for line in lines)
    assert len(lines) == 3


def test_another_escape_character_is_refused() -> None:
    _, found = lex("# syntax=docker/dockerfile:1\n# escape=`\nFROM scratch\n")
    assert found == [("escape-directive", 2)]


def test_words_keep_their_quotes_and_blanks_inside() -> None:
    text = r"""a "b c" 'd "e' f\ g h="i j" """
    assert [word for _, word in shell_words(text)] == ["a", '"b c"', "'d \"e'", r"f\ g", 'h="i j"']

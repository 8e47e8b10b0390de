"""The part of Go's templates that `.tmpl` files use; what stands beside is refused with its line."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bundler.core.gotemplate import TemplateError, Value, render

VARIABLES: dict[str, Value] = {"A": "1", "EMPTY": "", "LIST": "x;y", "ITEMS": ("p", "q"), "YES": True}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain { } text", "plain { } text"),
        ("a: {{ .A }}", "a: 1"),
        ("{{.A}}{{/* said */}}", "1"),
        ("x\n{{- .A -}}\n y", "x1y"),
        ("{{ if .A }}yes{{ else }}no{{ end }}", "yes"),
        ("{{ if .EMPTY }}yes{{ else }}no{{ end }}", "no"),
        ("{{ if .UNSET }}yes{{ end }}-", "-"),
        ('{{ if eq .A "2" }}a{{ else if eq .A "1" "3" }}b{{ else }}c{{ end }}', "b"),
        ('{{ if and (eq .A "1") (not .EMPTY) }}both{{ end }}', "both"),
        ('{{ if or .EMPTY .A }}one{{ end }}{{ if ne .A "1" }}x{{ end }}', "one"),
        ("{{ range .LIST }}[{{ . }}]{{ end }}", "[x][y]"),
        ('{{ range .ITEMS }}{{ if eq . "q" }}{{ .A }}{{ . }}{{ end }}{{ end }}', "1q"),
        ("{{ range .EMPTY }}x{{ else }}none{{ end }}", "none"),
        (
            '{{ .UNSET | default "d" | quote }} {{ default "e" .EMPTY }} {{ "Q" | lower | upper | trim }}',
            '"d" e Q',
        ),
        ("{{ .YES }}", "true"),
    ],
)
def test_rendered(text: str, expected: str) -> None:
    assert render(text, VARIABLES) == expected


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("\n{{ .UNSET }}", 2, "set nowhere"),
        ("{{ if .A }}", 1, "has no end"),
        ("\n\n{{ end }}", 3, "end without"),
        ("{{ else }}", 1, "else without"),
        ("{{ if .A }}{{ else }}{{ else }}{{ end }}", 1, "else without"),
        ("{{ $x := .A }}", 1, "not understood"),
        ('{{ template "x" }}', 1, "not understood"),
        ("{{ .A | b64enc }}", 1, "no function"),
        ("{{ .ITEMS }}", 1, "range"),
        ("{{ . }}", 1, "inside range"),
        ("{{ }}", 1, "empty"),
        ("{{ (.A }}", 1, "not closed"),
    ],
)
def test_refused_with_its_line(text: str, line: int, said: str) -> None:
    with pytest.raises(TemplateError, match=said) as caught:
        render(text, VARIABLES)
    assert caught.value.line == line


@given(st.text(alphabet='{}-. |"()ifelsendrangeqAB\n', max_size=60))
def test_any_text_is_rendered_or_refused(text: str) -> None:
    with contextlib.suppress(TemplateError):
        assert isinstance(render(text, VARIABLES), str)

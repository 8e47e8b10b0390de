"""Whatever a string holds, it is text on the page."""

from html.parser import HTMLParser

import pytest

from bundler.core.markup import Markup, element, page, table, together

EVIL = (
    "<script>alert(1)</script>",
    "</style><script>x</script>",
    "<img src=x onerror=alert(1)>",
    '"><svg onload=alert(1)>',
    "'onmouseover='x",
    "&lt;b&gt;",
    "]]><!--",
    "\x1b[31m\u202eevil\x00",
    "\ud800",
)


class Tags(HTMLParser):
    """All tags and attributes of a page."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.names: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.names += [name for name, _ in attrs]

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize("evil", EVIL)
def test_no_string_becomes_markup(evil: str) -> None:
    made = page(evil, "", element("p", evil, class_=evil), table((evil,), [(evil,)]), together(evil))
    plain = page("x", "", element("p", "x", class_="x"), table(("x",), [("x",)]), together("x"))
    seen, wanted = Tags(made), Tags(plain)
    assert (seen.tags, seen.names) == (wanted.tags, wanted.names)
    assert "\x1b" not in made
    assert "\u202e" not in made
    made.encode("utf-8")


def test_text_is_shown_as_it_is() -> None:
    assert "a < b & c" in Tags(page("t", "", element("p", "a < b & c"))).text


def test_attributes_and_empty_elements() -> None:
    assert element("rect", class_="a b", stroke_width=2) == Markup('<rect class="a b" stroke-width="2"/>')
    assert element("p", "x", 3) == Markup("<p>x3</p>")
    assert table(("a",), []) == Markup("")


def test_a_page_fetches_and_runs_nothing() -> None:
    made = page("t", "p { color: red }")
    assert "default-src &#x27;none&#x27;; style-src &#x27;unsafe-inline&#x27;" in made
    assert "p { color: red }" in made

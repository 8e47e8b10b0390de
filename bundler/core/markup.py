"""HTML and SVG made of parts: text is escaped where it is inserted, so no string becomes markup."""

import html
from dataclasses import dataclass
from typing import Final

from bundler.core.terminal import plain

# A page that fetches nothing and runs nothing, whatever got into it.
_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
_STYLE: Final = """
:root { color-scheme: light }
body { font: 14px/1.45 system-ui, sans-serif; color: #111; background: #fff }
body { max-width: 1060px; margin: 2em auto; padding: 0 1em }
h1 { font-size: 1.5em; margin: 0 }
h2 { font-size: 1.1em; margin: 2em 0 .5em; break-after: avoid }
.ok { color: #15803d }
.bad, .error { color: #b91c1c }
.warning { color: #a16207 }
table { border-collapse: collapse; width: 100% }
td, th { text-align: left; vertical-align: top; padding: .2em .8em .2em 0; border-bottom: 1px solid #ddd }
td { overflow-wrap: anywhere }
thead { display: table-header-group }
tr { break-inside: avoid }
pre { white-space: pre-wrap; overflow-wrap: anywhere; background: #f4f4f5; padding: .6em; font-size: 12px }
svg { width: 100%; height: auto }
svg text { font: 8px system-ui, sans-serif; fill: #333 }
* { print-color-adjust: exact; -webkit-print-color-adjust: exact }
@media print { body { max-width: none; margin: 0; font-size: 11px } }
"""
_EMPTY: Final = frozenset({"br", "rect", "line", "meta", "col"})


@dataclass(frozen=True, slots=True)
class Markup:
    """Text that is markup already: only `element` and `page` make it."""

    text: str


Content = Markup | str | int


def element(name: str, *inside: Content, **attributes: str | float) -> Markup:
    """An element. attributes: `class_` for `class`, `stroke_width` for `stroke-width`; values are escaped."""
    words = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{html.escape(plain(str(value)))}"'
        for key, value in attributes.items()
    )
    if name in _EMPTY and not inside:
        return Markup(f"<{name}{words}/>")
    return Markup(f"<{name}{words}>{''.join(map(_text, inside))}</{name}>")


def together(*parts: Content) -> Markup:
    """Several, one behind the other."""
    return Markup("".join(map(_text, parts)))


def table(heads: tuple[str, ...], rows: list[tuple[Content, ...]], **attributes: str) -> Markup:
    """A table with a head; nothing where there is no row."""
    if not rows:
        return Markup("")
    head = element("tr", *(element("th", each) for each in heads))
    body = (element("tr", *(element("td", each) for each in row)) for row in rows)
    return element("table", element("thead", head), element("tbody", *body), **attributes)


def page(title: str, style: str, *parts: Content) -> str:
    """A whole document that prints well. style: more CSS of our own, never anybody else's."""
    head = element(
        "head",
        Markup('<meta charset="utf-8"/>'),
        Markup(f'<meta http-equiv="Content-Security-Policy" content="{html.escape(_POLICY)}"/>'),
        Markup('<meta name="viewport" content="width=device-width, initial-scale=1"/>'),
        element("title", title),
        Markup(f"<style>{_STYLE}{style}</style>"),
    )
    return f'<!DOCTYPE html>\n<html lang="en">{head.text}{element("body", *parts).text}</html>\n'


def _text(part: Content) -> str:
    return part.text if isinstance(part, Markup) else html.escape(plain(str(part)))

"""The catalogue as one static HTML page: no script, no other file. Pure."""

from collections.abc import Sequence
from html import escape

from bundler.builder.catalogue.entry import Entry
from bundler.builder.catalogue.listing import size, usage

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem; color: #222 }
body { padding: 0 1rem }
table { border-collapse: collapse; width: 100% }
th, td { border-bottom: 1px solid #ddd; padding: .4rem .6rem; text-align: left; vertical-align: top }
td.size { text-align: right; white-space: nowrap }
code { background: #f3f3f3; padding: .1rem .3rem }
small { color: #666 }
@media print { body { margin: 0 } }
"""
_COLUMNS = ("Entry", "Version", "Size", "Needs", "Gives", "Ready when", "Tested")


def page(entries: Sequence[Entry]) -> str:
    """The page's text."""
    head = "".join(f"<th>{name}</th>" for name in _COLUMNS)
    rows = "\n".join(map(_row, entries))
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>Catalogue</title>'
        f"<style>{_STYLE}</style></head>\n<body><h1>Catalogue</h1>\n"
        f"<table><thead><tr>{head}</tr></thead><tbody>\n{rows}\n</tbody></table></body></html>\n"
    )


def _row(entry: Entry) -> str:
    name = (
        f'<a id="{escape(entry.name)}"></a><b>{escape(entry.name)}</b> {escape(entry.title)}'
        f"<br><code>{escape(usage(entry))}</code> <small>{escape(entry.licence)}</small>"
    )
    texts = (
        escape(entry.version),
        "",
        escape(", ".join(entry.needs) or "-"),
        escape(", ".join(entry.gives) or "-"),
        escape(entry.ready),
        escape(entry.tested.value),
    )
    cells = [f"<td>{text}</td>" for text in texts]
    cells[1] = f'<td class="size">{escape(size(entry))}</td>'
    return f"<tr><td>{name}</td>{''.join(cells)}</tr>"

"""`bundler catalogue`: which ready Kubefiles there are, and what each needs and gives."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from bundler.builder.catalogue.entry import Entry
    from bundler.builder.kubefile.catalogue import Catalogue

app = typer.Typer(help="List, search and show the catalogue's entries.", no_args_is_help=True)

Words = Annotated[list[str], typer.Argument(metavar="WORD...", help="All of these must be found.")]
Name = Annotated[str, typer.Argument(metavar="NAME", help="An entry.")]
AsJson = Annotated[bool, typer.Option("--json", help="As JSON.")]
AsMarkdown = Annotated[bool, typer.Option("--markdown", help="As a table for documentation.")]
Page = Annotated[Path, typer.Option("-o", "--output", metavar="FILE.html", help="The page to write.")]


@app.command("list")
def list_command(*, as_json: AsJson = False, as_markdown: AsMarkdown = False) -> None:
    """List all entries."""
    from bundler.builder.catalogue import listing  # noqa: PLC0415  (--help does without)

    found = _entries()
    if as_json:
        typer.echo(json.dumps([entry.model_dump(mode="json") for entry in found], indent=2))
    else:
        typer.echo(listing.markdown(found) if as_markdown else listing.table(found), nl=False)


@app.command("search")
def search_command(words: Words) -> None:
    """List the entries that match every word."""
    from bundler.builder.catalogue import listing  # noqa: PLC0415  (as above)

    typer.echo(listing.table(listing.matching(_entries(), words)), nl=False)


@app.command("show")
def show_command(name: Name) -> None:
    """Show one entry in full, with its README."""
    from bundler.builder.catalogue import compose, listing  # noqa: PLC0415  (as above)

    catalogue = _catalogue()
    entry = compose.entry_of(name, catalogue)
    readme = catalogue.root / name / "README.md"
    typer.echo(listing.shown(entry, readme.read_text(encoding="utf-8") if readme.is_file() else ""), nl=False)


@app.command("html")
def html_command(*, output: Page = Path("catalogue.html")) -> None:
    """Write the catalogue as one static HTML page."""
    from bundler.builder.catalogue.page import page  # noqa: PLC0415  (as above)

    output.write_text(page(_entries()), encoding="utf-8")
    typer.echo(output)


@app.command("schema")
def schema_command() -> None:
    """Print the JSON Schema of entry.yaml, for editors."""
    from bundler.builder.catalogue.entry import Entry  # noqa: PLC0415  (as above)

    typer.echo(json.dumps(Entry.model_json_schema(), indent=2))


def _catalogue() -> "Catalogue":
    from bundler.builder.kubefile.catalogue import Catalogue, default_catalogue  # noqa: PLC0415  (as above)

    return Catalogue(default_catalogue())


def _entries() -> "tuple[Entry, ...]":
    from bundler.builder.catalogue.entry import entries  # noqa: PLC0415  (as above)

    return entries(_catalogue())

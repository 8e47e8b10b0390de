"""The commands that need the bundle's content only: they start without what a site needs, twice as fast."""

from typing import TYPE_CHECKING

from bundler.installer.cli.typer_app import invoke, new_app, run_file

if TYPE_CHECKING:
    import typer


def register(app: "typer.Typer", only: str = "") -> None:
    """Add all of them; only: what one command needs, so that the others are not loaded."""
    if only in {"", "extract", "export"}:
        from bundler.installer.cli.handout_commands import register as handout  # noqa: PLC0415  (see above)

        handout(app, run_file)
    if only in {"", "push-images"}:
        from bundler.installer.cli.push_commands import register as push  # noqa: PLC0415  (as above)

        push(app, run_file)
    if only in {"", "serve"}:
        from bundler.installer.cli.serve_commands import register as serve  # noqa: PLC0415  (as above)

        serve(app, run_file)


def run(words: list[str]) -> int:
    """Run the one of them that the words begin with; its exit code. Raises BundlerError."""
    app = new_app()
    app.callback()(
        lambda: None
    )  # so that the first word stays a command's name, even where there is only one
    register(app, only=words[0])
    return invoke(app, words)

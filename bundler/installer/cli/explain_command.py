"""`./product.run explain ID`: what an error means and what to do, on a site without internet."""

from typing import Annotated

import typer

Id = Annotated[
    str,
    typer.Argument(
        metavar="[ID]", help="An error id such as BND-QUORUM, or an exit code; lists all if omitted."
    ),
]


def explain_command(error: Id = "") -> None:
    """Explain an error id or exit code: what it means, why it happens, what to do."""
    from bundler.core.explain import answer  # noqa: PLC0415  (only needed here)

    typer.echo(answer(error))


def register(app: typer.Typer) -> None:
    """Add it."""
    app.command("explain")(explain_command)

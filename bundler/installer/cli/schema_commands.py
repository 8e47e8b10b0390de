"""The command that prints the Clusterfile's schema for editors; it needs no site and no bundle."""

import json
import sys

import typer


def register(app: typer.Typer) -> None:
    """Add it."""

    @app.command("schema")
    def schema_command() -> None:
        """Print the Clusterfile's JSON Schema, for an editor that checks while you type."""
        from bundler.installer.site.clusterfile.json_schema import json_schema  # noqa: PLC0415  (pydantic)

        sys.stdout.write(f"{json.dumps(json_schema(), indent=2, sort_keys=True)}\n")

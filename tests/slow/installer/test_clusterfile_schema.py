"""The JSON Schema for editors: what is read fits it, and what is refused as misspelt does not."""

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from typer.testing import CliRunner

from bundler.core.errors import Problems
from bundler.installer.cli.commands import app
from bundler.installer.site.clusterfile.json_schema import json_schema
from bundler.installer.site.clusterfile.read import read
from tests.unit.installer.test_clusterfile import SAVED, SEALER, SMALL
from tests.unit.installer.test_clusterfile_kinds import APPS, CONFIG, MIXED, PLUGIN

DOCS = Path(__file__).parents[3] / "docs" / "clusterfile.md"
VALIDATOR: Any = jsonschema.Draft202012Validator(json_schema())


def documents(text: str) -> list[Any]:
    return [each for each in yaml.safe_load_all(text) if each is not None]


def errors(text: str) -> list[str]:
    return [error.message for each in documents(text) for error in VALIDATOR.iter_errors(each)]


def examples() -> list[str]:
    """The pages' examples that begin with an apiVersion."""
    blocks = re.findall(r"```yaml\n(.*?)```", DOCS.read_text(), re.DOTALL)
    return [block for block in blocks if block.startswith("apiVersion")]


def test_it_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(json_schema())


@pytest.mark.parametrize(
    "text", [SMALL, SEALER, SAVED, SMALL + CONFIG, SMALL + PLUGIN, SMALL + APPS, SMALL + MIXED]
)
def test_what_is_read_fits(text: str) -> None:
    read(text, "site.yaml")
    assert errors(text) == []


@pytest.mark.parametrize("text", examples())
def test_every_example_of_the_page_fits_and_is_read(text: str) -> None:
    assert errors(text) == []
    whole = text if "kind: Cluster" in text.split("---", maxsplit=1)[0] else f"{SMALL}---\n{text}"
    assert read(whole, "site.yaml").hosts


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("hosts:", "hots:"), ("roles:", "role:"), ("kind: Cluster", "kind: Clutser"),
        ("bundler/v1", "bundler/v9"), ("spec:", "spec:\n  ssh: {prot: 22}"), ("spec:", "spec:\n  dns: 5"),
    ],
)  # fmt: skip
def test_what_is_misspelt_fits_neither(old: str, new: str) -> None:
    text = SMALL.replace(old, new, 1)
    assert errors(text)
    with pytest.raises(Problems):
        read(text, "site.yaml")


def test_the_command_prints_it() -> None:
    said = CliRunner().invoke(app, ["schema"])
    assert said.exit_code == 0
    assert json.loads(said.stdout) == json.loads(json.dumps(json_schema()))

"""What the tests of several sites share: one .run."""

import os
from pathlib import Path

import pytest

from tests.site import product


@pytest.fixture(scope="session")
def run_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's .run, made by `bundler make`; BUNDLER_DEMO_RUN names one that was made already."""
    if made := os.environ.get("BUNDLER_DEMO_RUN"):
        return Path(made)
    output = tmp_path_factory.mktemp("dist") / "demo.run"
    product.make(output, quiet=True)
    return output

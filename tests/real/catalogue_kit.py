"""The catalogue's Kubernetes, as a build leaves it in the cache, and its images unpacked as by a runtime."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bundler.builder.cache.store import Store
from bundler.builder.kubefile.catalogue import Catalogue, default_catalogue
from bundler.builder.net.fetch import Fetcher
from bundler.builder.stage.build_context import BuildContext
from bundler.builder.stage.state import Staged
from bundler.builder.tree.checkout import check_out
from bundler.core.oci import AMD64
from tests.build_kit import evaluate

_TOOLS = ("go", "gcc", "pkg-config", "apt-get", "zstd", "skopeo")
_REF_NAME = "org.opencontainers.image.ref.name"


def missing() -> str:
    """What this machine lacks for building the catalogue, "" when it has all."""
    lacks = [tool for tool in _TOOLS if shutil.which(tool) is None]
    return f"not installed: {', '.join(lacks)}" if lacks else ""


@contextmanager
def built(name: str, folder: Path, **build_args: str) -> Iterator[Staged]:
    """Build a catalogue entry with the user's own cache (minutes the first time) and check its tree out."""
    with Store() as store, Fetcher(store) as fetcher:
        catalogue = Catalogue(default_catalogue())
        kubefile = catalogue.root / name / "Kubefile"
        staged = evaluate(
            kubefile,
            kubefile.parent,
            BuildContext(store, fetcher, catalogue, AMD64, build_args=build_args),
        )
        check_out(staged.tree, store, folder)
        yield staged


def names(layout: Path) -> list[str]:
    """The images of a layout, sorted."""
    return sorted(one["annotations"][_REF_NAME] for one in _read(layout / "index.json")["manifests"])


def unpack(layout: Path, name: str, folder: Path) -> Path:
    """Put an image's layers over one another in a folder."""
    folder.mkdir(parents=True)
    (entry,) = [
        one for one in _read(layout / "index.json")["manifests"] if one["annotations"][_REF_NAME] == name
    ]
    for layer in _read(_blob(layout, entry["digest"]))["layers"]:
        subprocess.run(
            ["tar", "--zstd", "-xf", _blob(layout, layer["digest"]), "-C", folder], check=True, timeout=120
        )
    return folder


def _blob(layout: Path, digest: str) -> Path:
    return layout / "blobs/sha256" / digest.removeprefix("sha256:")


def _read(path: Path) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = json.loads(path.read_bytes())
    return found

"""Measure a cold pull beside skopeo's: the payload's images from a registry on loopback into one OCI layout.

    python -m tests.bench.pull [--runs N]

Both start with an empty disk and end with the same images in one OCI layout, all bytes verified.
"""

import argparse
import json
import os
import shutil
import sys
from functools import partial
from pathlib import Path
from statistics import median

from bundler.builder.cache.store import Store
from bundler.builder.images.layout import lay_out
from bundler.builder.images.resolve import resolve_images
from bundler.builder.net.registry_logins import Keychain
from bundler.builder.oci.client import RegistryOptions
from bundler.builder.oci.model import ImageRequest, Silent
from bundler.core.oci import Platform
from bundler.core.reference import Reference
from tests.bench.kit import Job, lacking, measured, scratch, show, title
from tests.bench.payload import default_folder, payload
from tests.real.registry_kit import running

_SKOPEO = ("skopeo", "--insecure-policy")
_AGAIN = "ours"  # the word with which this program starts itself to be measured


def names(layout: Path) -> list[str]:
    """The images' names in an OCI layout."""
    index = json.loads((layout / "index.json").read_bytes())
    return [entry["annotations"]["org.opencontainers.image.ref.name"] for entry in index["manifests"]]


def ours(host: str, images: list[str], folder: Path) -> None:
    """Pull into a new store, and lay the images out in a folder (links to the store's files)."""
    with Store(folder / "cache") as store:
        found = resolve_images(
            [ImageRequest(Reference.parse(f"{host}/{image}")) for image in images],
            store=store,
            platform=Platform("linux", "amd64"),
            registries=RegistryOptions(frozenset({host}), Keychain()),
            progress=Silent(),
        )
        for file in lay_out(found, store).files:
            path = folder / "layout" / file.path
            path.parent.mkdir(parents=True, exist_ok=True)
            os.link(store.path(file.blob.digest), path)


def measure(runs: int) -> None:
    """Fill a registry, and let the two pull in turn."""
    layout = payload(default_folder())
    with scratch() as folder, running(folder / "registry") as registry:
        images = []
        for name in names(layout):
            short = name.partition("/")[2]
            registry.push(layout, name, short)
            images.append(short)
        out = folder / "out"
        copies = " && ".join(
            f"{' '.join(_SKOPEO)} copy --quiet --all --src-tls-verify=false docker://{registry.host}/{image} "
            f"oci:{out}/skopeo:{image.replace('/', '-').replace(':', '-')}"
            for image in images
        )
        mine: tuple[str | Path, ...] = (
            sys.executable,
            "-m",
            "tests.bench.pull",
            _AGAIN,
            registry.host,
            out,
            *images,
        )
        jobs = {
            "bundler, start of Python included": Job(mine, partial(_empty, out), "≤ 1.1 times skopeo's"),
            "`skopeo copy --all`, one image after another": Job(("sh", "-c", copies), partial(_empty, out)),
        }
        title("A cold pull of the payload from a registry on loopback into one OCI layout")
        costs = measured(jobs, runs)
        show(jobs, costs)
        ours, theirs = (median(cost.wall for cost in each) for each in costs.values())
        sys.stdout.write(f"{ours / theirs:.2f} times skopeo's.\n")


def _empty(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()


def main() -> int:
    """Entry point."""
    if sys.argv[1:2] == [_AGAIN]:
        ours(sys.argv[2], sys.argv[4:], Path(sys.argv[3]))
        return 0
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs
    if lacking("docker-registry", "skopeo"):
        return 2
    measure(runs)
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Image archives as `bundler lint` sees them: read as a build reads them, and thrown away."""

import os
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from bundler.builder.build.glance import Glance
from bundler.builder.images.resolve import check_local
from bundler.builder.images.staged import take_images
from bundler.builder.oci.model import ImageRequest, LocalSource, Transport
from bundler.builder.tree.tree import Tree
from bundler.core.errors import BundlerError, ExitCode
from bundler.core.oci import Platform

_ON_DISK: Final = "/var/tmp"  # noqa: S108  (images are large, and /tmp is often memory; the folder is our own)


def check_archives(requests: Iterable[ImageRequest], tree: Tree, seen: Glance, platform: Platform) -> Tree:
    """The tree without the archives below `images/`, which a build takes out of it.

    seen: where the tree's files lie. Raises Problems about archives that a build would refuse. What doesn't
    fit onto the disk here is not judged.
    """
    there = tuple(one for one in requests if _is_there(one))
    folder = os.environ.get("TMPDIR") or (_ON_DISK if Path(_ON_DISK).is_dir() else None)
    with TemporaryDirectory(dir=folder) as place:
        store = Glance(Path(place), seen.noted)
        try:
            supplied, left = take_images(tree, store, platform)
            check_local(there, store=store, platform=platform, supplied=supplied)
        except BundlerError as error:
            if error.code is not ExitCode.SPACE:
                raise
            return tree
    return left


def _is_there(request: ImageRequest) -> bool:
    """A missing file is reported by its line; Docker's daemon is not the build context."""
    source = request.source
    return (
        isinstance(source, LocalSource)
        and source.transport is not Transport.DOCKER_DAEMON
        and source.path.exists()
    )

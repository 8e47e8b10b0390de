"""Whether a bundle has what its LABEL io.kubernetes.via promises to sites that are several minors behind."""

from collections.abc import Collection, Mapping
from pathlib import Path

from bundler.core.errors import BundlerError, ExitCode
from bundler.core.kubernetes_via import VIA_LABEL, via, via_faults

_TREE = "root/"


def check_via(
    labels: Mapping[str, str],
    kubernetes: str,
    paths: Collection[str],
    images: Collection[str],
    kubefile: Path,
) -> None:
    """paths: of members, the tree's below `root/`. Raises BundlerError (INPUT) with all that is missing."""
    tree = {path.removeprefix(_TREE) for path in paths if path.startswith(_TREE)}
    if faults := tuple(via_faults(via(labels), kubernetes, tree, images)):
        raise BundlerError(
            "the bundle lacks what it needs on the way to its Kubernetes",
            where=f"{kubefile}, LABEL {VIA_LABEL}",
            why="; ".join(faults),
            code=ExitCode.INPUT,
            fix="add it with ADD or COPY, and IMAGE; or take the version out of the label",
        )

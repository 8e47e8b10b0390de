"""What is inside an OS package: a .deb or an .rpm, told by its first bytes."""

from collections.abc import Iterable
from dataclasses import replace
from itertools import chain
from pathlib import Path

from bundler.builder.lib.decompress import BrokenError
from bundler.builder.sbom.layer import Layer, Paths, scan
from bundler.builder.sbom.model import DOC, Copyright, Finds, Gap
from bundler.builder.sbom.readers import deb, rpmfile


def scan_package(chunks: Iterable[bytes], *, limit: int, scratch: Path) -> Layer:
    """Read a package's files as `scan` reads a layer. Raises what `chunks` raises."""
    source = iter(chunks)
    first = next(source, b"")
    whole = chain([first], source)
    if not rpmfile.is_rpm(first):
        return scan(deb.data_tar(whole), limit=limit, scratch=scratch)
    try:
        made = rpmfile.rpm_file(whole)
    except BrokenError as error:
        for _ in whole:  # only at its end is a blob's digest compared
            pass
        return Layer(Finds((), (Gap("", str(error)),)), Paths.of(()))
    layer = scan(made.payload, limit=limit, scratch=scratch, read=rpmfile.cpio_entries)
    if not made.licence:
        return layer
    # An rpm states its licence in its header; it is reported as a .deb's own file of it would be.
    stated = Copyright(f"{DOC}{made.name}/copyright", (made.licence,))
    return replace(layer, finds=Finds((*layer.finds.facts, stated), layer.finds.gaps))

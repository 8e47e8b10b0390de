"""What a build goes by when it looks for images, and what it tells of them afterwards."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from bundler.builder.discovery.finds import Discovery
from bundler.builder.discovery.rules import FILE, ImageRules
from bundler.builder.lib.resources import resource
from bundler.builder.oci.model import ImageRequest, ResolvedImage


def rules_for(context: Path, ignored: tuple[str, ...]) -> ImageRules:
    """What everybody knows of operators, what the build context adds, and the patterns of the options.

    Raises BundlerError and Problems for a rule file that can't be read.
    """
    own = context / FILE
    added = ImageRules.read(own) if own.is_file() else ImageRules()
    return ImageRules.read(resource("templates") / FILE) + added + ImageRules(ignore=ignored)


def remarks(
    found: Discovery, asked: Iterable[ImageRequest], images: Iterable[ResolvedImage], kubefile: Path
) -> Iterator[str]:
    """What may be missing, and which IMAGE lines of this Kubefile (not of its bases) nothing uses."""
    images = tuple(images)
    yield from (f"warning: {problem}" for problem in found.left_out(images))
    if tests := found.only_tests(images):
        yield f"note: left out, as only `helm test` would use it: {', '.join(map(str, tests))}"
    for request in found.unused(asked):
        if request.location is not None and request.location.file == str(kubefile):
            yield f"note: {request.location}: nothing in the bundle was seen to use {request.source}"

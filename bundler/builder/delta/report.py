"""What making a bundle smaller came to, for people. Pure."""

from collections.abc import Iterator

from bundler.builder.delta.changes import FOLDER
from bundler.builder.delta.model import Shrunk
from bundler.core.words import counted, sized


def saving(shrunk: Shrunk, layers: int) -> tuple[str, ...]:
    """Lines for the summary; layers: bytes of the layers without their gzip, compressed anew."""
    return tuple(_saving(shrunk, layers))


def _saving(shrunk: Shrunk, layers: int) -> Iterator[str]:
    own = {layer.packed.digest for layer in shrunk.layers}
    others = [each for each in shrunk.derived if each.content.blob.digest not in own]
    if shrunk.base is not None:
        data = [each for each in shrunk.contents if each.path.startswith(f"{FOLDER}/")]
        left, fresh = sum(each.content.blob.size for each in others), sum(each.blob.size for each in data)
        yield (
            f"rests on {shrunk.base.name} {shrunk.base.version}: {counted(len(others), 'content')} "
            f"({sized(left)}) come out of it, with {sized(fresh)} of changes"
        )
        if shrunk.borrow:
            yield "its installer is that of its base; --with-installer puts it in"
    if shrunk.layers:
        before = sum(layer.packed.size for layer in shrunk.layers)
        yield (
            f"{counted(len(shrunk.layers), 'layer')} recompressed: {sized(before)} became {sized(layers)} "
            f"({1 - layers / before:.0%} saved)"
        )
    if shrunk.stubborn:
        size = sum(each.blob.size for each in shrunk.stubborn)
        yield (
            f"left as before: {counted(len(shrunk.stubborn), 'content')} ({sized(size)}), "
            "whose compression can't be made again bit for bit"
        )

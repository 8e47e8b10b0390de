from dataclasses import replace

from bundler.builder.cache.partial import Blob
from bundler.builder.delta.model import Derived, Layer, Shrunk
from bundler.builder.delta.report import saving
from bundler.builder.model.spec import SpecContent
from bundler.core.archive.recipes import Needed, Recipe
from bundler.core.digest import Digest

GZIP, RAW, SAME = (Blob(Digest.of(name), size) for name, size in ((b"g", 1000), (b"r", 3000), (b"s", 5000)))
SHRUNK = Shrunk(
    contents=(
        SpecContent("delta/x", Blob(Digest.of(b"d"), 70)),
        SpecContent("root/a", Blob(Digest.of(b"a"), 9)),
    ),
    layers=(Layer("layers/g", RAW, GZIP),),
    derived=(
        Derived(SpecContent("images/g", GZIP), Recipe(())),
        Derived(SpecContent("images/s", SAME), Recipe(())),
    ),
    stubborn=(SpecContent("images/t", Blob(Digest.of(b"t"), 400)),),
    base=Needed("shop", "1.0", Digest.of(b"seal")),
    borrow=True,
)


def test_a_whole_bundle_tells_nothing() -> None:
    assert saving(Shrunk(), 0) == ()


def test_it_tells_what_was_left_out_and_what_was_saved() -> None:
    assert saving(SHRUNK, 750) == (
        "rests on shop 1.0: 1 content (4.9 KiB) come out of it, with 70 B of changes",
        "its installer is that of its base; --with-installer puts it in",
        "1 layer recompressed: 1000 B became 750 B (25% saved)",
        "left as before: 1 content (400 B), whose compression can't be made again bit for bit",
    )


def test_without_a_base_only_layers_are_told() -> None:
    assert len(saving(replace(SHRUNK, base=None, stubborn=()), 750)) == 1

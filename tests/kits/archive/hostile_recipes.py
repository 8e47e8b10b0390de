"""The corpus for recipes: a file whose members are made out of others, and recipes that lie."""

import gzip
import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final

import zstandard

from bundler.core.archive import BundleWriter
from bundler.core.archive.deflate import Gzip
from bundler.core.archive.recipes import MAX_DICTIONARY, MAX_PATCHED, Patch, Range, Recipe, RecipeSource
from bundler.core.archive.seal import RECIPES
from bundler.core.digest import Digest
from tests.kits.archive.bundles import STUB, meta
from tests.kits.archive.hostile_kit import Base, Case, Parts

NOTE: Final = b"a note, a note, a note\n" * 40
LAYER: Final = b"".join(b"line %d\n" % number for number in range(4000))
MADE: Final = {
    "root/patched": LAYER[:500] + b"something new" + LAYER[700:9000],
    "root/range": LAYER[100:20_000],
    "root/note.gz": gzip.compress(NOTE, 9, mtime=0),
}
_OWN: Final = {"layers/one": LAYER, "layers/note": NOTE}

Edit = Callable[[Any], object]


def make_derived(target: Path, runtime: Path) -> Base:
    """Write a good .run whose files are all made by recipes."""
    known = zstandard.ZstdCompressionDict(LAYER[:9000], dict_type=zstandard.DICT_TYPE_RAWCONTENT)
    frame = zstandard.ZstdCompressor(dict_data=known).compress(MADE["root/patched"])
    layer, note, data = RecipeSource("layers/one"), RecipeSource("layers/note"), RecipeSource("delta/patched")
    patch = Patch(Range(data, 0, len(frame)), (Range(layer, 0, 9000),), len(MADE["root/patched"]))
    recipes = {
        "root/patched": Recipe((patch,)),
        "root/range": Recipe((Range(layer, 100, 19_900),)),
        "root/note.gz": Recipe((Range(note, 0, len(NOTE)),), Gzip(MADE["root/note.gz"][:10], 9, 8, 0)),
    }
    with BundleWriter(target, stub=STUB, runtime=runtime) as writer:
        for path, content in {**_OWN, "delta/patched": frame}.items():
            writer.add(path, [content], size=len(content), digest=Digest.of(content))
        for path, recipe in recipes.items():
            writer.derive(path, recipe, size=len(MADE[path]), digest=Digest.of(MADE[path]))
        seal = writer.finish(meta(commands=("true",)))
    return Base(target.read_bytes(), seal)


def corpus() -> tuple[Case, ...]:
    """All of them; names are unique."""
    return (*_flips(), *_sections(), *_lies())


def _flips() -> Iterator[Case]:
    for step in range(40):
        yield Case(f"flip-{step}", partial(_flip, step=step))


def _flip(base: Base, *, step: int) -> bytes:
    section = base.seal.section(RECIPES)
    return base.flipped(section.offset + (section.length - 1) * step // 39, step % 8)


def _sections() -> Iterator[Case]:
    for name, data in {"nothing": b"", "no-json": b"{", "list": b"[]\n", "zeros": bytes(100)}.items():
        yield Case(f"section-{name}", lambda base, data=data: base.parts.put(**{RECIPES: data}).build())
    yield Case("section-missing", lambda base: _without(base.parts).build())


def _without(parts: Parts) -> Parts:
    kept = {name: data for name, data in parts.sections.items() if name != RECIPES}
    return Parts(kept, parts.head)


def _lies() -> Iterator[Case]:
    for name, edit in _edits():
        yield Case(f"lie-{name}", partial(_edited, edit=edit))


def _edited(base: Base, *, edit: Edit) -> bytes:
    document = json.loads(base.parts.sections[RECIPES])
    edit(document)
    text = json.dumps(document, sort_keys=True, separators=(",", ":")).encode() + b"\n"
    return base.parts.put(**{RECIPES: text}).build()


def _edits() -> Iterator[tuple[str, Edit]]:
    def piece(path: str, number: int = 0) -> Callable[[Any], Any]:
        return lambda document: document["members"][path]["pieces"][number]

    taken, patch = piece("root/range"), piece("root/patched")
    for start in (0, 101, 12_000, 1 << 40, -1, 2**63):
        yield f"start-{start}", lambda it, start=start: taken(it).update(start=start)
    for length in (0, 1, 19_899, 19_901, 1 << 40, -1, 2**63):
        yield f"length-{length}", lambda it, length=length: taken(it).update(length=length)
    for path in ("", "/etc/passwd", "../../etc/passwd", "root/range", "root/patched", "layers/two", "layers"):
        yield f"path-{path}", lambda it, path=path: taken(it).update(path=path)
    yield "of-a-base-that-is-not-named", lambda it: taken(it).update({"in": "base"})
    yield "inflates-what-is-no-gzip", lambda it: taken(it).update(inflate=True)
    yield "twice", lambda it: it["members"]["root/range"]["pieces"].append(taken(it))
    yield "nothing", lambda it: it["members"]["root/range"].update(pieces=[])
    for length in (0, 1, 1 << 20, MAX_PATCHED + 1, 2**62):
        yield f"patch-of-{length}", lambda it, length=length: patch(it).update(length=length)
    for start in (1, 10, 1 << 30):
        yield f"patch-from-{start}", lambda it, start=start: patch(it)["data"].update(start=start)
    yield "patch-of-no-frame", lambda it: patch(it)["data"].update(path="layers/one")
    yield "patch-over-nothing", lambda it: patch(it).update(over=[])
    yield "patch-over-other", lambda it: patch(it)["over"][0].update(start=1)
    yield "patch-over-much", lambda it: patch(it)["over"][0].update(length=MAX_DICTIONARY + 1)
    yield "patch-over-much-in-all", lambda it: patch(it).update(over=patch(it)["over"] * 4000)
    note = "root/note.gz"
    for field, value in (("level", 1), ("strategy", 2), ("header", "1f8b"), ("header", "")):
        yield f"gzip-{field}-{value}", lambda it, f=field, v=value: it["members"][note]["gzip"].update({f: v})
    yield "gzip-gone", lambda it: it["members"][note].update(gzip=None)
    yield "member-gone", lambda it: it["members"].pop("root/range")
    yield "member-more", lambda it: it["members"].update({"root/more": it["members"]["root/range"]})
    yield "member-has-a-frame", lambda it: it["members"].update({"layers/note": it["members"]["root/range"]})
    digest = str(Digest.of(b"x"))
    yield "installer-of-nobody", lambda it: it.update(runtime={"digest": digest, "size": 5})
    base = {"contents": {}, "name": "old", "seal": digest, "version": "1"}
    lent = {"digest": digest, "size": 5}
    yield "installer-that-is-there", lambda it: it.update(base=base, runtime=lent)


def lengthy(base: Base) -> bytes:
    """A derived member that says to have a frame as well."""
    document = base.parts.document
    for member in document["members"]:
        if member["path"] == "root/range":
            member.update(offset=0, length=20)
    return base.parts.index(document).build()

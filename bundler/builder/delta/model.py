"""What a bundle is written of once it was made smaller: contents, layers without their gzip, recipes."""

from dataclasses import dataclass

from bundler.builder.cache.partial import Blob
from bundler.builder.model.spec import BundleSpec, SpecContent
from bundler.core.archive.recipes import Needed, Recipe


@dataclass(frozen=True, slots=True)
class Layer:
    """A gzip file that goes in as what it unpacks to, at `path`; packed: the file as it is in the store."""

    path: str
    content: Blob
    packed: Blob


@dataclass(frozen=True, slots=True)
class Derived:
    """A content that isn't in the archive, and how it is made."""

    content: SpecContent
    recipe: Recipe


@dataclass(frozen=True, slots=True)
class Shrunk:
    """All that is written, or a part of it.

    stubborn: contents that might be smaller, but are packed in a way that can't be made again bit for bit.
    base: what the recipes may take from besides; None where they need no other. borrow: leave the installer
    out, as the base has the same.
    """

    contents: tuple[SpecContent, ...] = ()
    layers: tuple[Layer, ...] = ()
    derived: tuple[Derived, ...] = ()
    stubborn: tuple[SpecContent, ...] = ()
    base: Needed | None = None
    borrow: bool = False

    @property
    def size(self) -> int:
        """Bytes of all that goes into the archive, unpacked."""
        return sum(each.blob.size for each in self.contents) + sum(each.content.size for each in self.layers)

    @classmethod
    def whole(cls, spec: BundleSpec) -> "Shrunk":
        """Everything as it is."""
        return cls(spec.contents)

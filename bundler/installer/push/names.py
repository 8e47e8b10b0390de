"""Where images go in a registry that is not theirs."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from bundler.core.errors import BundlerError, ExitCode
from bundler.core.index import Image
from bundler.core.reference import Reference


@dataclass(frozen=True, slots=True)
class Destination:
    """A registry, `HOST` or `HOST:PORT`, and the path below which everything goes, "" for none."""

    registry: str
    prefix: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `REGISTRY[/PREFIX]`. Raises BundlerError (USAGE)."""
        registry, _, prefix = text.removesuffix("/").partition("/")
        try:
            known = Reference(registry, prefix or "x", tag="x")
        except BundlerError as error:
            raise BundlerError(
                f"not a registry: {text[:200]!r}",
                why=error.why,
                code=ExitCode.USAGE,
                fix="write HOST[:PORT][/PREFIX] without https://, for example harbor.example/library",
            ) from None
        return cls(known.registry, prefix)


@dataclass(frozen=True, slots=True)
class Placed:
    """An image and its name in the destination; `wanted` is its tag, else its digest."""

    image: Image
    repository: str
    wanted: str


def place(images: Iterable[Image], destination: Destination, *, flatten: bool) -> tuple[Placed, ...]:
    """Name each image: `PREFIX/quay.io/a/b:1`, or `PREFIX/a/b:1` where names are flattened.

    Raises BundlerError (INPUT) when two images would get one name.
    """
    placed: dict[tuple[str, str], Placed] = {}
    for image in images:
        reference = Reference.parse(image.name)
        repository = _repository(reference, destination.prefix, flatten=flatten)
        wanted = reference.tag if reference.tag is not None else str(image.digest)
        found = placed.setdefault((repository, wanted), Placed(image, repository, wanted))
        if found.image.digest != image.digest:
            raise BundlerError(
                f"{found.image.name} and {image.name} would both be {repository}:{wanted}",
                code=ExitCode.INPUT,
                fix="leave --flatten out, or use two prefixes",
            )
    return tuple(placed.values())


def _repository(reference: Reference, prefix: str, *, flatten: bool) -> str:
    """A registry's name as part of a path: a colon can't stand there, capitals neither."""
    origin = re.sub(r"[^a-z0-9.]+", "-", reference.registry.lower()).strip("-")
    parts = (prefix, "" if flatten else origin, reference.repository)
    return "/".join(part for part in parts if part)

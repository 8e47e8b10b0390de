"""A Kubefile out of names: `bundler make kubernetes mysql redis` needs none of its own."""

from collections.abc import Sequence
from pathlib import Path

from bundler.builder.catalogue.entry import Entry, Kind, read_entry, unmet
from bundler.builder.kubefile.catalogue import Catalogue
from bundler.builder.kubefile.source import did_you_mean
from bundler.core.errors import BundlerError, ExitCode


def kubefile_text(names: Sequence[str], title: str, catalogue: Catalogue) -> str:
    """The Kubefile that these entries make together: one base at the most, then blocks, in their order.

    title: of the product. Raises BundlerError (USAGE) for names that don't go together, (NOT_FOUND) for
    those that are unknown.
    """
    found = [entry_of(name, catalogue) for name in names]
    bases = [entry.name for entry in found if entry.kind is not Kind.BLOCK]
    blocks = [entry.name for entry in found if entry.kind is Kind.BLOCK]
    if len(bases) > 1:
        raise BundlerError(
            f"{' and '.join(bases)} can't be in one bundle",
            why="each brings a cluster or a whole product of its own",
            code=ExitCode.USAGE,
            fix="name one of them, then blocks: bundler catalogue list",
        )
    version = next(entry.version for entry in found)
    lines = [
        f"FROM {bases[0] if bases else 'scratch'}",
        f"LABEL org.opencontainers.image.title={title} org.opencontainers.image.version={version}",
        *([f"INCLUDE {' '.join(blocks)}"] if blocks else []),
    ]
    return "".join(f"{line}\n" for line in lines)


def entry_of(name: str, catalogue: Catalogue) -> Entry:
    """The entry of that name. Raises BundlerError (NOT_FOUND)."""
    known = catalogue.names()
    entry = read_entry(catalogue.root / name) if name in known else None
    if entry is None:
        raise BundlerError(
            f"the catalogue has no entry {name}",
            code=ExitCode.NOT_FOUND,
            fix=did_you_mean(name, known) or "bundler catalogue list shows all",
        )
    return entry


def advice(names: Sequence[str], catalogue: Catalogue) -> tuple[str, ...]:
    """What the entries need and none of them gives, as warnings; an app bundle needs a cluster on site."""
    found = [entry_of(name, catalogue) for name in names]
    alone = all(entry.kind is Kind.BLOCK for entry in found)
    return tuple(
        f"{' and '.join(who)} need{'s' if len(who) == 1 else ''} {word} and no block provides it"
        for word, who in unmet(found)
        if not (alone and word == "kubernetes")
    )


def written(names: Sequence[str], title: str, catalogue: Catalogue, folder: Path) -> Path:
    """The Kubefile as a file below `folder`; two calls with the same names give the same file."""
    place = folder / "-".join(names)
    place.mkdir(parents=True, exist_ok=True)
    path = place / "Kubefile"
    path.write_text(kubefile_text(names, title, catalogue), encoding="utf-8")
    return path

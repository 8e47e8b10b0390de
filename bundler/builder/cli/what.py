"""What `bundler make` is asked to make: a folder with a Kubefile, or entries of the catalogue by name."""

from dataclasses import dataclass
from pathlib import Path

from bundler.builder.cache.store import default_root
from bundler.builder.catalogue.compose import advice, entry_of, written
from bundler.builder.cli.options import context_of, kubefile_of
from bundler.builder.kubefile.catalogue import Catalogue
from bundler.core.errors import BundlerError, ExitCode


@dataclass(frozen=True, slots=True)
class BuildSource:
    """The Kubefile, its build context, and what is to be said about the choice of blocks."""

    kubefile: Path
    context: Path
    warnings: tuple[str, ...] = ()


def source_of(
    words: list[str], file: Path | None, output: Path | None, catalogue: Catalogue, cache: Path | None
) -> BuildSource:
    """Where the Kubefile is; one made of names lies in the cache.

    A folder or file of that name goes before an entry. Raises BundlerError (USAGE, NOT_FOUND).
    """
    if len(words) <= 1:
        place = Path(words[0]) if words else Path()
        if place.exists() or file is not None or place.name not in catalogue.names() or len(place.parts) > 1:
            return BuildSource(kubefile_of(place, file), context_of(place))
        folder = catalogue.root / words[0]
        return BuildSource(folder / "Kubefile", folder, advice(words, catalogue))
    if file is not None:
        raise BundlerError(
            "-f names a Kubefile, and so do the names of entries",
            code=ExitCode.USAGE,
            fix="leave -f out, or write INCLUDE into that Kubefile",
        )
    for word in words:
        entry_of(word, catalogue)
    title = output.name.removesuffix(".run") if output is not None else "-".join(words)
    kubefile = written(words, title, catalogue, (cache or default_root()) / "composed")
    return BuildSource(kubefile, kubefile.parent, advice(words, catalogue))

"""What a catalogue entry says of itself: `entry.yaml` beside its Kubefile."""

from collections.abc import Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bundler.builder.kubefile.catalogue import Catalogue
from bundler.core.errors import BundlerError, ExitCode, Location, Problem, Problems
from bundler.core.yamldoc import Document, load_all, suggest

FILE: Final = "entry.yaml"
_MOST: Final = 1 << 20  # bytes

Line = Annotated[str, Field(min_length=1, max_length=200)]


class Kind(StrEnum):
    """What an entry is for."""

    BASE = "base"  # brings a cluster; others are FROM it
    BLOCK = "block"  # brings apps; others INCLUDE it
    EXAMPLE = "example"


class Tested(StrEnum):
    """How an entry was tried."""

    MACHINES = "machines"  # run on real machines, by the project's own tests
    CONTRACT = "contract"  # linted and rendered; its content is not available where the tests run


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True)  # version: 8.4


class Nodes(_Strict):
    """What an entry needs of the hosts; the bundle brings it, nothing is installed from a network on site."""

    packages: tuple[Line, ...] = ()
    modules: tuple[Line, ...] = ()
    sysctls: tuple[Line, ...] = ()


class Entry(_Strict):
    """One entry.

    size: MiB that it adds to a bundle, about; 0 where it was never built here. seconds: from the beginning of
    its installation until it was ready, where it was run; 0 elsewhere. needs, gives: words that
    other entries use: `kubernetes`, `storage`, `mysql:3306`. ports: of the hosts.
    """

    name: str = ""  # its folder's
    kind: Kind
    title: Line
    version: Line
    licence: Line
    home: Line
    size: int = Field(default=0, ge=0, description="MiB")
    seconds: int = Field(default=0, ge=0, description="until it was ready, on the project's test machines")
    needs: tuple[Line, ...] = ()
    gives: tuple[Line, ...] = ()
    ports: tuple[Annotated[int, Field(gt=0, lt=65536)], ...] = ()
    storage: str = ""
    ready: Line
    backup: Line
    tested: Tested
    pins: str = Field(default="", description="where digests and checksums come from")
    nodes: Nodes = Nodes()


def read_entry(folder: Path) -> Entry | None:
    """The entry of a folder, None where it has no entry.yaml. Raises Problems, BundlerError (INPUT)."""
    path = folder / FILE
    if not path.is_file():
        return None
    if path.stat().st_size > _MOST:
        raise BundlerError("the entry is larger than 1 MiB", where=path, code=ExitCode.INPUT)
    documents = load_all(path.read_bytes(), str(path))
    if len(documents) != 1 or not isinstance(documents[0].data, dict):
        raise Problems((Problem(Location(str(path)), "entry", "an entry is one mapping"),))
    document = documents[0]
    try:
        return Entry.model_validate({**document.data, "name": folder.name})
    except ValidationError as error:
        raise Problems(tuple(_problem(document, each) for each in error.errors())) from None


def entries(catalogue: Catalogue) -> tuple[Entry, ...]:
    """All entries that have an entry.yaml, by name. Raises as `read_entry`."""
    found = (read_entry(catalogue.root / name) for name in catalogue.names())
    return tuple(entry for entry in found if entry is not None)


def taken_twice(blocks: Sequence[Entry]) -> Iterator[tuple[int, Entry, Entry]]:
    """Ports that two blocks take."""
    owners: dict[int, Entry] = {}
    for block in blocks:
        for port in block.ports:
            if port in owners:
                yield port, owners[port], block
            owners.setdefault(port, block)


def unmet(chosen: Sequence[Entry]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """What the chosen entries need and none of them gives, each with who needs it."""
    given = {_bare(word) for entry in chosen for word in (*entry.gives, entry.name)}
    lacking: dict[str, list[str]] = {}
    for entry in chosen:
        for word in entry.needs:
            if _bare(word) not in given:
                lacking.setdefault(word, []).append(entry.name)
    return tuple((word, tuple(names)) for word, names in lacking.items())


def _bare(word: str) -> str:
    """`mysql:3306` is met by who gives mysql."""
    return word.partition(":")[0]


def _problem(document: Document, error: Any) -> Problem:
    path = [part for part in error["loc"] if isinstance(part, str | int)]
    match error["type"]:
        case "extra_forbidden":
            hint = suggest(path[-1], [name for name in Entry.model_fields if name != "name"])
            return document.problem(path, "entry", f"unknown field {path[-1]}", hint=hint, key=True)
        case "missing":
            return document.problem(path[:-1], "entry", f"{path[-1]} is missing", key=True)
        case _:
            return document.problem(path, "entry", str(error["msg"]))

"""The blocks that a Kubefile includes: Kubefiles FROM scratch, carried out before its own lines."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from bundler.builder.catalogue.entry import read_entry, taken_twice
from bundler.builder.kubefile.catalogue import Catalogue, KubefileBase, Scratch
from bundler.builder.kubefile.instructions import From, Include, Instruction
from bundler.builder.kubefile.source import KubefileText
from bundler.builder.kubefile.words import Word
from bundler.core.errors import Problems

MAX_DEPTH = 8


def block_files(
    instructions: tuple[Instruction, ...], source: KubefileText, folder: Path, catalogue: Catalogue
) -> Iterator[tuple[Word, KubefileBase]]:
    """The Kubefiles that INCLUDE lines name; folder: where the including file lies.

    Raises Problems for a name that is no Kubefile.
    """
    for instruction in instructions:
        if isinstance(instruction, Include):
            for word in instruction.names:
                yield word, _found(word, source, folder, catalogue)


def _found(word: Word, source: KubefileText, folder: Path, catalogue: Catalogue) -> KubefileBase:
    match catalogue.base(word.text, folder):
        case KubefileBase() as found:
            return found
        case other:
            hint = getattr(other, "hint", "") or "name a catalogue entry or a folder with a Kubefile"
            message = f"there is no block {word.text}"
            raise Problems((source.problem(word.location, "include-unknown", message, hint),))


def check_block(
    start: Instruction, word: Word, source: KubefileText, value: Callable[[Word], str], catalogue: Catalogue
) -> None:
    """See that a block stands on nothing; source: of the file that includes it. Raises Problems."""
    if isinstance(start, From) and catalogue.base(value(start.base), Path()) == Scratch():
        return
    message = f"the block {word.text} is not FROM scratch"
    hint = f"write FROM {word.text} for a base; blocks bring apps, images and packages only"
    raise Problems((source.problem(word.location, "include-base", message, hint),))


def check_ports(folders: Sequence[Path], word: Word, source: KubefileText) -> None:
    """See that no two blocks take the same port of the hosts, as far as their entry.yaml says.

    word: the last of them, where it is included. Raises Problems.
    """
    for port, one, other in taken_twice([entry for each in folders if (entry := read_entry(each))]):
        message = f"the blocks {one.name} and {other.name} both take port {port} of the hosts"
        raise Problems((source.problem(word.location, "include-port", message, "leave one of them out"),))


def refuse_circle(word: Word, source: KubefileText, path: Path, above: tuple[Path, ...]) -> None:
    """Raises Problems for a block that leads back to itself."""
    if path in above or len(above) > MAX_DEPTH:
        message = f"INCLUDE {word.text} leads back to a file that includes this one"
        raise Problems((source.problem(word.location, "include-cycle", message),))

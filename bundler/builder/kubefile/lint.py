"""All that can be told about a Kubefile without building it: parse errors, faults between lines, advice."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from bundler.builder.kubefile.catalogue import (
    Catalogue,
    ImageBase,
    KubefileBase,
    RegistryBase,
    RunBase,
    UnknownBase,
)
from bundler.builder.kubefile.instructions import (
    Add,
    App,
    Arg,
    Copy,
    Env,
    From,
    Include,
    Instruction,
    Kubefile,
    Label,
)
from bundler.builder.kubefile.launching import check_apps, check_end
from bundler.builder.kubefile.parser import Reading, read
from bundler.builder.kubefile.runfile import read_run
from bundler.builder.kubefile.source import Finding, Findings, Severity
from bundler.builder.kubefile.support import out_of_support
from bundler.builder.kubefile.variables import check_variables
from bundler.builder.kubefile.words import Word, expand, variables
from bundler.core.errors import BundlerError, ExitCode, Problems
from bundler.core.index import AppRole

_MAX_BASES = 32
_DOWNLOADS = ("http://", "https://", "oci://", "chart+")
_HOST_PROGRAMS = re.compile(r"/?usr/(?:local/)?s?bin(?:/|$)")
_ARCHIVES = (".tar", ".tar.gz", ".tgz", ".tar.xz", ".tar.bz2", ".tar.zst", ".txz")


@dataclass(frozen=True, slots=True)
class Report:
    """What `bundler lint` says, sorted by place."""

    findings: tuple[Finding, ...]

    @property
    def errors(self) -> tuple[Finding, ...]:
        """Those that would stop a build."""
        return tuple(f for f in self.findings if f.severity is Severity.ERROR)


@dataclass(frozen=True, slots=True)
class Inherited:
    """What the bases of a Kubefile bring, as far as their text tells.

    apps: name → role. complete: false where a base can't be read, so that a name may exist all the same.
    ended: what is out of support, in words.
    """

    apps: Mapping[str, AppRole]
    env: frozenset[str]
    complete: bool = True
    ended: tuple[str, ...] = ()


def lint(path: Path, catalogue: Catalogue, *, name: str | None = None) -> Report:
    """Read one Kubefile and its bases' definitions, and tell all problems of the file itself.

    name: how messages call the file, the path as given otherwise. Faults of the text are in the report, never
    raised. Raises BundlerError (NOT_FOUND) when the file can't be read.
    """
    text = read_kubefile(path)
    shown = name or str(path)
    try:
        reading = read(text, shown)
    except Problems as refused:
        return Report(tuple(Finding(problem, Severity.ERROR) for problem in refused.problems))
    found = (*reading.findings, *check(reading.kubefile, catalogue, path.resolve()))
    return Report(tuple(sorted(found, key=lambda finding: finding.problem)))


def read_kubefile(path: Path) -> bytes:
    """The file's bytes. Raises BundlerError (NOT_FOUND)."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise BundlerError(
            "the Kubefile can't be read",
            where=path,
            why=error.strerror or str(error),
            code=ExitCode.NOT_FOUND,
            fix="name the folder that holds a Kubefile, or the file with -f",
        ) from error


def check(kubefile: Kubefile, catalogue: Catalogue, path: Path) -> tuple[Finding, ...]:
    """What is wrong between the lines of a file that parses; `path` is its absolute path."""
    findings = Findings(kubefile.source)
    inherited = _check_from(kubefile, catalogue, path, findings)
    inherited = _with_blocks(inherited, kubefile, catalogue, path, findings)
    check_apps(kubefile.instructions, inherited.apps if inherited.complete else None, findings)
    check_end(kubefile.instructions, findings)
    for instruction in kubefile.instructions:
        if isinstance(instruction, Add | App):
            _check_downloads(instruction, findings)
        if isinstance(instruction, Add | Copy):
            _check_destination(instruction.destination, findings)
    for each in out_of_support(kubefile.instructions, datetime.now(UTC).date()):
        findings.add(each.where, "out-of-support", str(each), "take a newer one")
    check_variables(kubefile.instructions, inherited.env if inherited.complete else None, findings)
    return tuple(findings.found)


def _check_destination(word: Word, findings: Findings) -> None:
    if _HOST_PROGRAMS.match(word.text):
        message = f"{word.text} is a folder of the bundle, which no host looks into for programs"
        findings.add(word.location, "host-path", message, "write bin/")


def _check_from(kubefile: Kubefile, catalogue: Catalogue, path: Path, findings: Findings) -> Inherited:
    bases = [instruction for instruction in kubefile.instructions if isinstance(instruction, From)]
    first = next((i for i in kubefile.instructions if not isinstance(i, Arg)), None)
    if not isinstance(first, From):
        where = first.location if first else kubefile.source.end()
        findings.add(
            where, "no-from", "FROM must come first", "begin with FROM scratch or FROM kubernetes-source"
        )
    for extra in bases[1:]:
        hint = "one bundle has one base; make the other one a base of the base"
        findings.add(extra.location, "from-twice", "there is a FROM already", hint)
    if not bases:
        return Inherited({}, frozenset())
    word = _base_word(kubefile.instructions)
    inherited = _inherited(word, catalogue, path, (path,), findings.add)
    for ended in inherited.ended:
        findings.add(word.location, "out-of-support", f"{word.text}: {ended}", "take a newer base")
    return inherited


def _inherited(
    word: Word, catalogue: Catalogue, path: Path, chain: tuple[Path, ...], fault: Callable[..., None]
) -> Inherited:
    """What the base brings; `fault` tells about FROM's word only, the base is linted on its own."""
    complete = False
    if "$" in word.text:
        return Inherited({}, frozenset(), complete=complete)
    match catalogue.base(word.text, path.parent):
        case KubefileBase() as base if base.path in chain:
            fault(word.location, "from-cycle", f"FROM {word.text} leads back to this file")
            complete = True
        case KubefileBase() as base if len(chain) < _MAX_BASES:
            return _of_base(base, catalogue, (*chain, base.path))
        case RunBase(run):
            return _of_run(run, word, fault)
        case RegistryBase():
            pass  # no registry is asked for a lint
        case UnknownBase(hint):
            fault(word.location, "from-unknown", f"there is no {word.text}", hint)
        case ImageBase(hint):
            fault(word.location, "from-unsupported", f"{word.text} is an image, no bundle", hint)
        case _:
            complete = True
    return Inherited({}, frozenset(), complete=complete)


def _with_blocks(
    inherited: Inherited, kubefile: Kubefile, catalogue: Catalogue, path: Path, findings: Findings
) -> Inherited:
    """What the included blocks bring besides; they must stand where nothing was done yet."""
    early = True
    for instruction in kubefile.instructions:
        match instruction:
            case Include(names=names):
                if not early:
                    hint = "move it up, right behind FROM"
                    findings.add(instruction.location, "include-place", "INCLUDE comes too late", hint)
                for word in names:
                    inherited = _with_block(inherited, word, catalogue, path, findings)
            case Arg() | From() | Label():
                pass
            case _:
                early = False
    return inherited


def _with_block(
    inherited: Inherited, word: Word, catalogue: Catalogue, path: Path, findings: Findings
) -> Inherited:
    match catalogue.base(word.text, path.parent):
        case KubefileBase() as base if base.path != path:
            block = _of_base(base, catalogue, (path, base.path))
            if not _stands_on_nothing(base):
                hint = f"write FROM {word.text} for a base; blocks bring apps, images and packages only"
                findings.add(
                    word.location, "include-base", f"the block {word.text} is not FROM scratch", hint
                )
            return Inherited(
                {**inherited.apps, **block.apps},
                inherited.env | block.env,
                inherited.complete and block.complete,
                inherited.ended,
            )
        case KubefileBase():
            findings.add(word.location, "include-cycle", f"INCLUDE {word.text} leads back to this file")
        case other:
            hint = getattr(other, "hint", "") or "name a catalogue entry or a folder with a Kubefile"
            findings.add(word.location, "include-unknown", f"there is no block {word.text}", hint)
    return replace(inherited, complete=False)


def _stands_on_nothing(block: KubefileBase) -> bool:
    """Whether a block is FROM scratch; one that can't be read is reported when it is linted itself."""
    try:
        instructions = read(read_kubefile(block.path), str(block.path)).kubefile.instructions
    except BundlerError:
        return True
    return not any(isinstance(i, From) for i in instructions) or _base_word(instructions).text == "scratch"


def _of_run(path: Path, word: Word, fault: Callable[..., None]) -> Inherited:
    try:
        run = read_run(path)
    except BundlerError as error:
        fault(word.location, "from-damaged", f"{word.text}: {error.what} ({error.why})", error.fix)
        return Inherited({}, frozenset(), complete=False)
    return Inherited(run.apps, frozenset(run.index.env))


def _base_word(instructions: tuple[Instruction, ...]) -> Word:
    """FROM's word, with the defaults of the ARGs before it put in; unchanged where one has none."""
    defaults: dict[str, str] = {}
    for instruction in instructions:
        match instruction:
            case Arg(values=values):
                defaults.update({pair.name.text: pair.value.text for pair in values if pair.value})
            case From(base=base) if variables(base.text) <= defaults.keys():
                return Word(expand(base.text, defaults.get), base.location)
            case From(base=base):
                return base
            case _:
                break
    return next(i.base for i in instructions if isinstance(i, From))


def _of_base(base: KubefileBase, catalogue: Catalogue, chain: tuple[Path, ...]) -> Inherited:
    try:
        reading: Reading = read(read_kubefile(base.path), str(base.path))
    except BundlerError:
        return Inherited({}, frozenset(), complete=False)
    instructions = reading.kubefile.instructions
    above = Inherited({}, frozenset())
    if any(isinstance(i, From) for i in instructions):
        above = _inherited(_base_word(instructions), catalogue, base.path, chain, lambda *_: None)
    own = {i.name.text: i.role for i in instructions if isinstance(i, App)}
    env = {pair.name.text for i in instructions if isinstance(i, Env) for pair in i.values}
    ended = tuple(map(str, out_of_support(instructions, datetime.now(UTC).date())))
    return Inherited({**above.apps, **own}, above.env | env, above.complete, above.ended + ended)


def _check_downloads(instruction: Add | App, findings: Findings) -> None:
    for word in instruction.sources:
        if word.text.startswith(("http://", "chart+http://")):
            findings.add(word.location, "plain-http", "this is fetched without TLS", "write https://")
        if word.text.startswith(_DOWNLOADS) and "@sha256:" not in word.text and instruction.checksum is None:
            hint = "add --checksum=sha256:… in front of the name"
            findings.add(word.location, "no-checksum", "nothing says what this download must be", hint)
    for word in _packed(instruction):
        hint = "add --unpack to unpack it; leave it as it is to ship the archive"
        findings.add(word.location, "add-archive", "this archive is copied as it is", hint)


def _packed(instruction: Add | App) -> Iterator[Word]:
    """Local archives that Docker's ADD would unpack."""
    if isinstance(instruction, Add) and not instruction.unpack:
        for word in instruction.sources:
            if word.text.endswith(_ARCHIVES) and "://" not in word.text:
                yield word

"""A Kubefile and all it is FROM, read and checked before anything is done."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bundler.builder.kubefile.catalogue import (
    Base,
    Catalogue,
    ImageBase,
    KubefileBase,
    RegistryBase,
    RunBase,
    Scratch,
    UnknownBase,
)
from bundler.builder.kubefile.instructions import Arg, From, Instruction, Kubefile
from bundler.builder.kubefile.lint import check, read_kubefile
from bundler.builder.kubefile.parser import read
from bundler.builder.kubefile.runfile import Bases, RunFile, is_for, read_run
from bundler.builder.kubefile.scope import Scope, platform_variables
from bundler.builder.kubefile.source import Finding, Severity, did_you_mean, raise_errors
from bundler.builder.stage.blocks import block_files, check_block, check_ports, refuse_circle
from bundler.builder.stage.diagnostics import blamed
from bundler.core.errors import BundlerError, ExitCode, Problems
from bundler.core.oci import Platform

MAX_BASES = 32
_OF_THE_BASE = frozenset({"from-damaged", "from-unsupported"})


@dataclass(frozen=True, slots=True)
class Loaded:
    """One Kubefile of the chain; `scope`: what its ARGs before FROM say; `rest`: from FROM on.

    base: the .run that it is FROM, None where it is FROM anything else; in_registry: a base that `with_base`
    brings, None where there is none or it was brought. blocks: what it includes, each carried out before it;
    block: the name by which it was included itself.
    """

    path: Path
    context: Path
    kubefile: Kubefile
    scope: Scope
    rest: tuple[Instruction, ...]
    warnings: tuple[Finding, ...]
    base: RunFile | None = None
    in_registry: RegistryBase | None = None
    blocks: tuple["Loaded", ...] = ()
    block: str = ""


def load_chain(
    path: Path,
    context: Path,
    catalogue: Catalogue,
    *,
    platform: Platform,
    build_args: Mapping[str, str],
) -> tuple[Loaded, ...]:
    """The Kubefile at `path` last, its bases before it, the one FROM scratch or FROM a .run first.

    No registry is asked: `with_base` brings a base that lies in one.
    Raises Problems with all errors of the first file that has any, BundlerError (NOT_FOUND) for a file that
    isn't there, (UNSUPPORTED) for a base that can't be read, (INPUT) for a cycle or an unknown
    --build-arg, (INTEGRITY) for a .run that is damaged.
    """
    chain: list[Loaded] = []
    at: KubefileBase | None = KubefileBase(path.resolve())
    shown = str(path)
    while at is not None:
        loaded = _load(at.path, context if not chain else at.context, shown, catalogue, platform, build_args)
        chain.insert(0, loaded)
        base = _base(loaded, catalogue, frozenset(link.path for link in chain))
        at = base if isinstance(base, KubefileBase) else None
        shown = str(at.path) if at else ""
        match base:
            case RunBase():
                chain[0] = replace(loaded, base=_run(loaded, base, platform))
            case RegistryBase():
                chain[0] = replace(loaded, in_registry=base)
            case _:
                pass
    files = tuple(
        replace(link, blocks=_blocks(link, catalogue, platform, build_args, (link.path,))) for link in chain
    )
    _check_build_args([*all_files(files)], build_args)
    return files


def all_files(chain: Sequence[Loaded]) -> Iterator[Loaded]:
    """All Kubefiles of a chain, in the order in which they are carried out."""
    for loaded in chain:
        yield from loaded.blocks
        yield loaded


def _blocks(
    loaded: Loaded,
    catalogue: Catalogue,
    platform: Platform,
    build_args: Mapping[str, str],
    above: tuple[Path, ...],
) -> tuple[Loaded, ...]:
    """What a file includes, in order, each once, what a block includes before it."""
    found: dict[Path, Loaded] = {}
    source = loaded.kubefile.source
    for word, base in block_files(loaded.rest, source, loaded.path.parent, catalogue):
        refuse_circle(word, source, base.path, above)
        block = replace(
            _load(base.path, base.context, str(base.path), catalogue, platform, build_args), block=word.text
        )
        check_block(block.rest[0], word, source, block.scope.value, catalogue)
        for inner in _blocks(block, catalogue, platform, build_args, (*above, base.path)):
            found.setdefault(inner.path, inner)
        found.setdefault(base.path, block)
        check_ports([each.path.parent for each in found.values()], word, source)
    return tuple(found.values())


def with_base(chain: tuple[Loaded, ...], bases: Bases, platform: Platform) -> tuple[Loaded, ...]:
    """The chain with the base that lies in a registry, if it has one. Raises as `load_chain` does."""
    first = chain[0]
    if first.in_registry is None:
        return chain
    brought = _run(first, first.in_registry, platform, bases)
    return (replace(first, base=brought, in_registry=None), *chain[1:])


def _load(
    path: Path,
    context: Path,
    shown: str,
    catalogue: Catalogue,
    platform: Platform,
    build_args: Mapping[str, str],
) -> Loaded:
    reading = read(read_kubefile(path), shown)
    findings = (*reading.findings, *check(reading.kubefile, catalogue, path))
    # what is wrong with the base itself is told by `_run` and `_base`, with the exit code that this has
    raise_errors(finding for finding in findings if finding.problem.rule not in _OF_THE_BASE)
    warnings = tuple(finding for finding in findings if finding.severity is Severity.WARNING)
    scope = Scope(reading.kubefile.source, platform_variables(platform), build_args)
    instructions = reading.kubefile.instructions
    number = 0
    while isinstance(arg := instructions[number], Arg):
        scope = scope.with_arg(arg)
        number += 1
    _check_platform(arg, scope, platform)
    return Loaded(path, context, reading.kubefile, scope, instructions[number:], warnings)


def _check_platform(start: Instruction, scope: Scope, platform: Platform) -> None:
    """FROM --platform can't ask for another platform than the whole bundle's."""
    if not isinstance(start, From) or start.platform is None or scope.value(start.platform) == str(platform):
        return
    message = f"the bundle is made for {platform}"
    hint = f"leave --platform out, or run bundler make --platform {scope.value(start.platform)}"
    raise Problems((scope.source.problem(start.platform.location, "bad-platform", message, hint),))


def _start(loaded: Loaded) -> From:
    start = loaded.rest[0]
    if not isinstance(start, From):
        raise TypeError("the lint rules let a Kubefile without FROM pass")
    return start


def _run(
    loaded: Loaded, base: RunBase | RegistryBase, platform: Platform, bases: Bases | None = None
) -> RunFile:
    """The .run, which must be for the bundle's platform; bases: needed for one in a registry."""
    where, source = _start(loaded).base.location, loaded.kubefile.source
    with blamed(source, where, "from-damaged", missing="from-unknown"):
        match base:
            case RunBase(path):
                run = read_run(path, platform)
            case RegistryBase(ref):
                if bases is None:
                    raise TypeError("a base in a registry needs somebody to bring it")
                run = bases.find(ref, platform)
    if is_for(run.index, platform):
        return run
    message = f"{run.name} is for {', '.join(run.platforms)}, the bundle is made for {platform}"
    hint = f"make it for {platform}; $TARGETARCH in its name chooses one of several"
    raise Problems((source.problem(where, "from-platform", message, hint),))


def _base(loaded: Loaded, catalogue: Catalogue, seen: frozenset[Path]) -> Base:
    start = _start(loaded)
    text = loaded.scope.value(start.base)
    where, source = start.base.location, loaded.kubefile.source
    match catalogue.base(text, loaded.path.parent):
        case Scratch() | RunBase() | RegistryBase() as base:
            return base
        case KubefileBase() as base if base.path not in seen and len(seen) < MAX_BASES:
            return base
        case KubefileBase():
            problem = source.problem(
                where, "from-cycle", f"FROM {text} leads back to a file that needs this one"
            )
        case UnknownBase(hint):
            problem = source.problem(where, "from-unknown", f"there is no {text}", hint)
        case ImageBase(hint):
            raise BundlerError(
                f"FROM {text}: an image can't be a base", where=where, code=ExitCode.UNSUPPORTED, fix=hint
            )
    raise Problems((problem,))


def _check_build_args(chain: Sequence[Loaded], build_args: Mapping[str, str]) -> None:
    """Every --build-arg must be asked for by an ARG of some file, else it is a slip of the pen."""
    declared = {
        pair.name.text
        for loaded in chain
        for instruction in loaded.kubefile.instructions
        if isinstance(instruction, Arg)
        for pair in instruction.values
    }
    for name in build_args:
        if name not in declared:
            raise BundlerError(
                f"no ARG is called {name} [unused-build-arg]",
                where="--build-arg",
                code=ExitCode.INPUT,
                fix=did_you_mean(name, tuple(declared)) or f"add ARG {name} to the Kubefile",
            )

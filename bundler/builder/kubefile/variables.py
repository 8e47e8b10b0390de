"""Lint rules about variables: used but never defined, and secrets given a value."""

import re
from collections.abc import Iterator

from bundler.builder.kubefile.instructions import (
    Add,
    App,
    AppCmds,
    AppEnv,
    Arg,
    Assignment,
    Cmds,
    Copy,
    Env,
    From,
    Image,
    Instruction,
    KubeVersion,
    Label,
    Package,
    Run,
)
from bundler.builder.kubefile.scope import PREDEFINED
from bundler.builder.kubefile.source import Findings, did_you_mean
from bundler.builder.kubefile.words import Word, variables
from bundler.core.errors import Location

_SECRET = re.compile(
    r"(?:^|_)(?:PASSWORD|PASSWD|TOKEN|SECRET|APIKEY|API_KEY|PRIVATE_KEY)(?:_|$)", re.IGNORECASE
)
_PARENTHESES = re.compile(r"(?<!\\)\$\(([A-Za-z_][A-Za-z0-9_]*)\)")
_CAPITALS = re.compile(r"[A-Z][A-Z0-9_]*")


def check_variables(
    instructions: tuple[Instruction, ...], inherited: frozenset[str] | None, findings: Findings
) -> None:
    """Note undefined variables and secrets.

    inherited: names of the base's ENV, None where they can't be known.
    """
    known = set(PREDEFINED)
    closed = True
    for instruction in instructions:
        for word in words_of(instruction):
            if closed:
                _check_word(word, known, findings)
        _check_parentheses(instruction, known, findings)
        match instruction:
            case From():
                known = set(PREDEFINED) | (inherited or set())
                closed = inherited is not None
            case Arg(values=values) | Env(values=values):
                known |= {pair.name.text for pair in values}
            case _:
                pass
        if isinstance(instruction, Env | AppEnv):
            _check_secrets(instruction.values, findings)


def _check_word(word: Word, known: set[str], findings: Findings) -> None:
    for name in sorted(variables(word.text) - known):
        hint = did_you_mean(name, tuple(known)) or f"define it with ARG {name}"
        findings.add(word.location, "undefined-variable", f"{name} is not defined here", hint)


def _check_parentheses(instruction: Instruction, known: set[str], findings: Findings) -> None:
    """`$(NAME)` is how sealos and make write a variable; a shell takes it for a command."""
    for place, text in _texts(instruction):
        for name in dict.fromkeys(_PARENTHESES.findall(text)):
            if name in known or _CAPITALS.fullmatch(name):
                message = (
                    f"$({name}) is no variable: a shell runs it as a command, elsewhere it stays as it is"
                )
                hint = f"write ${{{name}}}" + ("" if name in known else f", and define it with ENV {name}=…")
                findings.add(place, "parenthesised-variable", message, hint)


def _texts(instruction: Instruction) -> Iterator[tuple[Location, str]]:
    """All that an instruction says, for a shell and for us."""
    match instruction:
        case Run(location=location, script=script, argv=argv):
            yield location, "\n".join((script, *argv))
        case Cmds(location=location, lines=lines):
            yield location, "\n".join(lines)
        case AppCmds(location=location, commands=commands):
            yield location, "\n".join(word for command in commands for word in command)
        case _:
            yield from ((word.location, word.text) for word in words_of(instruction))


def _check_secrets(values: tuple[Assignment, ...], findings: Findings) -> None:
    for pair in values:
        if pair.value and pair.value.text.strip("\"'") and _SECRET.search(pair.name.text):
            hint = "give it on site, in the Clusterfile's env"
            message = f"{pair.name.text} looks like a secret, and the bundle shows it"
            findings.add(pair.name.location, "secret-in-kubefile", message, hint)


def words_of(instruction: Instruction) -> Iterator[Word]:
    """The words of an instruction in which variables are expanded."""
    match instruction:
        case From(base=base, platform=platform):
            yield base
            if platform:
                yield platform
        case Arg(values=values) | Env(values=values) | Label(values=values) | AppEnv(values=values):
            yield from (pair.value for pair in values if pair.value)
        case Copy() | Add():
            yield from (*instruction.sources, instruction.destination)
        case App(sources=sources, namespace=namespace):
            yield from (*sources, *((namespace,) if namespace else ()))
        case Image(references=references):
            yield from references
        case KubeVersion(range=range_):
            yield range_
        case Package(suite=suite, names=names):
            yield from (suite, *names)
        case _:
            return

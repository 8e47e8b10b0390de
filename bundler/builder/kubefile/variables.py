"""Lint rules about variables: used but never defined, and secrets given a value."""

import re
from collections.abc import Iterator

from bundler.builder.kubefile.instructions import (
    Add,
    App,
    AppEnv,
    Arg,
    Assignment,
    Copy,
    Env,
    From,
    Image,
    Instruction,
    KubeVersion,
    Label,
    Package,
)
from bundler.builder.kubefile.scope import PREDEFINED
from bundler.builder.kubefile.source import Findings, did_you_mean
from bundler.builder.kubefile.words import Word, variables

_SECRET = re.compile(
    r"(?:^|_)(?:PASSWORD|PASSWD|TOKEN|SECRET|APIKEY|API_KEY|PRIVATE_KEY)(?:_|$)", re.IGNORECASE
)


def check_variables(
    instructions: tuple[Instruction, ...], inherited: frozenset[str] | None, findings: Findings
) -> None:
    """Note undefined variables and secrets.

    inherited: names of the base's ENV, None where they can't be known.
    """
    known = set(PREDEFINED)
    closed = True
    for instruction in instructions:
        for word in _words(instruction):
            if closed:
                _check_word(word, known, findings)
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
        findings.add(word.location, "undefined-variable", f"nothing defines {name} here", hint)


def _check_secrets(values: tuple[Assignment, ...], findings: Findings) -> None:
    for pair in values:
        if pair.value and pair.value.text.strip("\"'") and _SECRET.search(pair.name.text):
            hint = "give it on site, in the Clusterfile's env"
            message = f"{pair.name.text} looks like a secret, and the bundle shows it"
            findings.add(pair.name.location, "secret-in-kubefile", message, hint)


def _words(instruction: Instruction) -> Iterator[Word]:
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

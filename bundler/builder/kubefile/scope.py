"""Which variables hold at a line: ARG, ENV and what the platform predefines, as in a Dockerfile."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from bundler.builder.kubefile.instructions import Arg, Assignment
from bundler.builder.kubefile.lexer import Heredoc
from bundler.builder.kubefile.source import KubefileText
from bundler.builder.kubefile.words import ExpansionError, Word, expand, expand_body
from bundler.core.errors import Location, Problems
from bundler.core.oci import Platform

_EMPTY: Mapping[str, str] = MappingProxyType({})
PREDEFINED = ("ARCH", "TARGETARCH", "TARGETOS", "TARGETPLATFORM", "TARGETVARIANT")


def platform_variables(platform: Platform) -> Mapping[str, str]:
    """What `linux/arm64/v8` predefines; ARCH is Sealer's name of TARGETARCH."""
    return {
        "ARCH": platform.architecture,
        "TARGETARCH": platform.architecture,
        "TARGETOS": platform.os,
        "TARGETPLATFORM": str(platform),
        "TARGETVARIANT": platform.variant,
    }


@dataclass(frozen=True, slots=True)
class Scope:
    """The variables at one line. ENV wins over ARG, ARG over what is predefined."""

    source: KubefileText
    predefined: Mapping[str, str]
    build_args: Mapping[str, str]
    before_from: Mapping[str, str] = field(default_factory=lambda: _EMPTY)  # ARG before FROM
    args: Mapping[str, str] = field(default_factory=lambda: _EMPTY)
    env: Mapping[str, str] = field(default_factory=lambda: _EMPTY)

    def lookup(self, name: str) -> str | None:
        """The value of a variable, None where nothing defines it."""
        for layer in (self.env, self.args, self.predefined):
            if name in layer:
                return layer[name]
        return None

    def value(self, word: Word) -> str:
        """The word's value. Raises Problems (bad-expansion)."""
        try:
            return expand(word.text, self.lookup)
        except ExpansionError as error:
            where = word.location
            place = Location(where.file, where.line, where.column + error.offset)
            problem = self.source.problem(
                place, error.rule, str(error), "set it with --build-arg, ARG or ENV"
            )
            raise Problems((problem,)) from error

    def body(self, heredoc: Heredoc) -> str:
        """A heredoc's text, expanded unless its name is quoted. Raises Problems (bad-expansion)."""
        if heredoc.quoted:
            return heredoc.body
        try:
            return expand_body(heredoc.body, self.lookup)
        except ExpansionError as error:
            hint = f"quote the name to leave variables alone: <<'{heredoc.name}'"
            raise Problems((self.source.problem(heredoc.location, error.rule, str(error), hint),)) from error

    def pairs(self, values: tuple[Assignment, ...]) -> dict[str, str]:
        """The values of NAME=value…, all looked up before any of them is set."""
        return {self.value(pair.name): self.value(pair.value) for pair in values if pair.value is not None}

    def with_env(self, values: Mapping[str, str]) -> "Scope":
        """The scope after ENV."""
        return replace(self, env={**self.env, **values})

    def with_arg(self, arg: Arg) -> "Scope":
        """The scope after ARG: --build-arg wins over the default; a bare name is taken from before FROM."""
        scope = self
        for pair in arg.values:
            name = pair.name.text
            if name in self.build_args:
                given: str | None = self.build_args[name]
            elif pair.value is not None:
                given = scope.value(pair.value)
            else:
                given = self.before_from.get(name)
            if given is not None:
                scope = replace(scope, args={**scope.args, name: given})
        return scope

    def after_from(self, env: Mapping[str, str]) -> "Scope":
        """The scope behind FROM: the base's ENV holds, ARGs have to be named again."""
        return replace(self, before_from=self.args, args=_EMPTY, env=dict(env))

    def for_commands(self) -> dict[str, str]:
        """What a RUN finds in its environment."""
        return {**self.predefined, **self.args, **self.env}

"""What a Kubefile says, as frozen data: one class an instruction, places kept for messages."""

from dataclasses import dataclass

from bundler.builder.kubefile.lexer import Heredoc
from bundler.builder.kubefile.source import KubefileText
from bundler.builder.kubefile.words import Word
from bundler.core.errors import Location
from bundler.core.index import AppRole


@dataclass(frozen=True, slots=True)
class Assignment:
    """NAME=value; `value` is None for `ARG NAME`."""

    name: Word
    value: Word | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Instruction:
    location: Location


@dataclass(frozen=True, slots=True, kw_only=True)
class From(_Instruction):
    """FROM [--platform=P] base."""

    base: Word
    platform: Word | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Include(_Instruction):
    """INCLUDE name…: blocks, each a Kubefile FROM scratch, laid over what stands above."""

    names: tuple[Word, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Arg(_Instruction):
    """ARG NAME[=default]…; before FROM, its values are for FROM."""

    values: tuple[Assignment, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Env(_Instruction):
    """ENV NAME=value…, for RUN and, on site, for every app."""

    values: tuple[Assignment, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Label(_Instruction):
    """LABEL name=value…, MAINTAINER included (as label `maintainer`)."""

    values: tuple[Assignment, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy(_Instruction):
    """COPY [--chmod=MODE] source… destination; sources may be heredocs."""

    sources: tuple[Word, ...]
    heredocs: tuple[Heredoc, ...]
    destination: Word
    mode: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Add(_Instruction):
    """ADD, as COPY but sources may be URLs; `unpack`: tar archives are unpacked into the destination."""

    sources: tuple[Word, ...]
    heredocs: tuple[Heredoc, ...]
    destination: Word
    mode: int | None = None
    checksum: Word | None = None
    unpack: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Run(_Instruction):
    """RUN: `argv` in list form, else a `script` for `sh -e`; one with `#!` has its own interpreter.

    text: the command on one line, for people.
    """

    text: str
    script: str = ""
    argv: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class App(_Instruction):
    """APP, CNI or CSI: a name and the sources of its files.

    values: files put over a chart's values. also: sets of values that are only looked through for images.
    namespace: where it is installed. privileged: its pods may do what Pod Security's baseline forbids.
    """

    name: Word
    sources: tuple[Word, ...]
    role: AppRole
    checksum: Word | None = None
    values: Word | None = None
    also: Word | None = None
    namespace: Word | None = None
    privileged: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AppCmds(_Instruction):
    """APPCMDS name [...]: argv's, run one after the other in the app's folder."""

    name: Word
    commands: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AppEnv(_Instruction):
    """APPENV name NAME=value…: over ENV, for this app only."""

    name: Word
    values: tuple[Assignment, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class KubeVersion(_Instruction):
    """KUBEVERSION range."""

    range: Word


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch(_Instruction):
    """LAUNCH: names of apps, in order."""

    names: tuple[Word, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cmds(_Instruction):
    """CMDS [...] or, with `old`, one CMD: shell command lines."""

    lines: tuple[str, ...]
    old: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Image(_Instruction):
    """`IMAGE [--with-signatures] reference…`."""

    references: tuple[Word, ...]
    signatures: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Package(_Instruction):
    """`PACKAGE suite name…`."""

    suite: Word
    names: tuple[Word, ...]


Instruction = (
    From
    | Include
    | Arg
    | Env
    | Label
    | Copy
    | Add
    | Run
    | App
    | AppCmds
    | AppEnv
    | KubeVersion
    | Launch
    | Cmds
    | Image
    | Package
)


@dataclass(frozen=True, slots=True)
class Kubefile:
    """A whole file; `source` is kept so that later faults can show the line."""

    source: KubefileText
    instructions: tuple[Instruction, ...]

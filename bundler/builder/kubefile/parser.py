"""Text → Kubefile. All errors of the file are reported at once."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from bundler.builder.kubefile import parse_apps, parse_files
from bundler.builder.kubefile.arguments import Reader, Statement, assignment, statement
from bundler.builder.kubefile.instructions import (
    Arg,
    Assignment,
    Env,
    From,
    Include,
    Instruction,
    Kubefile,
    KubeVersion,
    Label,
    Package,
)
from bundler.builder.kubefile.lexer import logical_lines
from bundler.builder.kubefile.source import Finding, Findings, did_you_mean, raise_errors, read_source
from bundler.builder.kubefile.words import Word
from bundler.core.errors import BundlerError, ExitCode
from bundler.core.suite import Suite
from bundler.core.versions import RANGE_HINT, valid_range

# What Dockerfiles have and a bundle can't: the reason is the hint.
_MEANINGLESS = MappingProxyType(
    {
        "ENTRYPOINT": "name what is launched with LAUNCH",
        "EXPOSE": "ports belong to a Service in an app's manifest",
        "HEALTHCHECK": "probes belong to an app's manifest",
        "ONBUILD": "put the instructions into a Kubefile that others are FROM",
        "SHELL": "RUN uses sh; begin a heredoc with #! for another interpreter",
        "STOPSIGNAL": "containers are described in an app's manifest",
        "USER": "RUN runs as the user who builds; on site everything belongs to root",
        "VOLUME": "volumes belong to an app's manifest",
        "WORKDIR": "RUN starts in the bundle's root; write `cd FOLDER` there",
    }
)


@dataclass(frozen=True, slots=True)
class Reading:
    """What was understood of a file and everything that is to be said about it."""

    kubefile: Kubefile
    findings: tuple[Finding, ...]


def parse(text: str | bytes, file: str) -> Kubefile:
    """The instructions of a Kubefile; `file` is its name in messages. Raises Problems with all errors."""
    reading = read(text, file)
    raise_errors(reading.findings)
    return reading.kubefile


def read(text: str | bytes, file: str) -> Reading:
    """As `parse`, but faults are returned beside what could be understood.

    Raises Problems only for what is no text at all.
    """
    findings = Findings(read_source(text, file))
    statements = [statement(line) for line in logical_lines(findings)]
    instructions = [made for stated in statements if (made := _instruction(stated, findings)) is not None]
    return Reading(Kubefile(findings.source, tuple(instructions)), tuple(findings.found))


def _instruction(stated: Statement, findings: Findings) -> Instruction | None:
    reader = Reader(stated, findings)
    if (parser := _PARSERS.get(stated.keyword)) is not None:
        return parser(reader)
    if (reason := _MEANINGLESS.get(stated.keyword)) is not None:
        message = f"{stated.keyword} means nothing in a bundle"
        reader.fault(stated.location, "unsupported-instruction", message, reason)
        return None
    hint = did_you_mean(stated.keyword, tuple(_PARSERS)) or "see docs/kubefile.md for the instructions"
    reader.fault(stated.location, "unknown-instruction", f"unknown instruction {stated.keyword[:40]}", hint)
    return None


def _from(reader: Reader) -> From | None:
    reader.check_flags(("platform",), {})
    words = reader.words()
    if not words:
        reader.missing("a base", "FROM scratch, FROM kubernetes-source or FROM ./folder")
        return None
    match [word.text.upper() for word in words[1:]]:
        case []:
            pass
        case ["AS", _]:
            reader.fault(words[1].location, "stage-name", "there is one stage only, its name has no effect")
        case _:
            reader.fault(
                words[1].location, "extra-argument", "FROM takes one base", "remove the rest of the line"
            )
    return From(location=reader.stated.location, base=words[0], platform=reader.flag("platform"))


def _include(reader: Reader) -> Include | None:
    reader.check_flags((), {})
    words = reader.words()
    if not words:
        reader.missing("a block", "INCLUDE mysql redis")
        return None
    for word in words:
        if "$" in word.text:
            hint = "write the block's name; ARG and ENV can't choose it"
            reader.fault(word.location, "include-variable", f"{word.text} is no fixed name", hint)
            return None
    return Include(location=reader.stated.location, names=words)


def _arg(reader: Reader) -> Arg | None:
    reader.check_flags((), {})
    words = reader.words()
    if not words:
        reader.missing("a name", "ARG NAME or ARG NAME=default")
        return None
    values = [assignment(word) or Assignment(word, None) for word in words]
    return Arg(location=reader.stated.location, values=reader.variables(values))


def _env(reader: Reader) -> Env | None:
    values = _pairs(reader, "ENV NAME=value")
    return Env(location=reader.stated.location, values=reader.variables(values)) if values else None


def _label(reader: Reader) -> Label | None:
    values = _pairs(reader, "LABEL name=value")
    return Label(location=reader.stated.location, values=values) if values else None


def _maintainer(reader: Reader) -> Label | None:
    reader.check_flags((), {})
    if not reader.stated.rest.strip():
        reader.missing("a name", "LABEL maintainer=NAME")
        return None
    hint = "write LABEL maintainer=…"
    reader.fault(reader.stated.location, "maintainer-old", "MAINTAINER is an old form", hint)
    name = Word("maintainer", reader.stated.location)
    value = Word(_single_quoted(reader.stated.rest.strip()), reader.stated.at(0))
    return Label(location=reader.stated.location, values=(Assignment(name, value),))


def _single_quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def _pairs(reader: Reader, example: str) -> tuple[Assignment, ...]:
    """NAME=value… or the old `NAME rest of the line`."""
    reader.check_flags((), {})
    words = reader.words()
    if not words or (len(words) == 1 and "=" not in words[0].text):
        reader.missing("NAME=value", example)
        return ()
    if "=" not in words[0].text:
        return (_old_pair(reader, words),)
    return reader.assignments(words)


def _old_pair(reader: Reader, words: tuple[Word, ...]) -> Assignment:
    message = (
        f"{reader.stated.keyword} without `=` takes the rest of the line as the value of {words[0].text}"
    )
    reader.fault(
        words[0].location, "old-env-form", message, f"write {reader.stated.keyword} {words[0].text}=…"
    )
    start = reader.stated.rest.index(words[0].text) + len(words[0].text)
    value = reader.stated.rest[start:]
    indent = len(value) - len(value.lstrip())
    return Assignment(words[0], Word(value.strip(), reader.stated.at(start + indent)))


def _kube_version(reader: Reader) -> KubeVersion | None:
    reader.check_flags((), {})
    text = reader.stated.rest.strip().strip("\"'")
    where = reader.stated.at(0)
    if not text:
        reader.missing("a range", "KUBEVERSION >=1.20 <1.30")
        return None
    if "$" not in text and not valid_range(text):
        reader.fault(where, "bad-kube-version", f"not a range of versions: {text}", RANGE_HINT)
        return None
    return KubeVersion(location=reader.stated.location, range=Word(text, where))


def _package(reader: Reader) -> Package | None:
    reader.check_flags((), {})
    words = reader.words()
    if len(words) < 2:
        reader.missing("a suite and names", "PACKAGE debian:bookworm containerd")
        return None
    if "$" not in words[0].text:
        try:
            Suite.parse(words[0].text)
        except BundlerError as error:
            rule = "unknown-distribution" if error.code is ExitCode.UNSUPPORTED else "bad-suite"
            reader.fault(words[0].location, rule, error.what, error.fix)
            return None
    return Package(location=reader.stated.location, suite=words[0], names=words[1:])


_PARSERS: Mapping[str, Callable[[Reader], Instruction | None]] = MappingProxyType(
    {
        "FROM": _from,
        "INCLUDE": _include,
        "ARG": _arg,
        "ENV": _env,
        "LABEL": _label,
        "MAINTAINER": _maintainer,
        "COPY": parse_files.copy,
        "ADD": parse_files.add,
        "RUN": parse_files.run,
        "IMAGE": parse_files.image,
        "APP": parse_apps.app,
        "CNI": parse_apps.app,
        "CSI": parse_apps.app,
        "APPCMDS": parse_apps.app_cmds,
        "APPENV": parse_apps.app_env,
        "LAUNCH": parse_apps.launch,
        "CMDS": parse_apps.cmds,
        "CMD": parse_apps.cmd,
        "KUBEVERSION": _kube_version,
        "PACKAGE": _package,
    }
)

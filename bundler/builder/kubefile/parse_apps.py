"""The instructions about apps: APP, CNI, CSI, APPCMDS, APPENV, LAUNCH, CMDS, CMD."""

import re
import shlex

from bundler.builder.kubefile.arguments import Reader
from bundler.builder.kubefile.instructions import App, AppCmds, AppEnv, Cmds, Launch
from bundler.builder.kubefile.parse_files import checksum, switch
from bundler.builder.kubefile.words import ExpansionError, Word, expand
from bundler.core.chart_reference import SCHEMES as CHART_SCHEMES
from bundler.core.chart_reference import ChartReference
from bundler.core.errors import BundlerError
from bundler.core.index import NAMESPACE, AppRole

_ROLES = {"APP": AppRole.APP, "CNI": AppRole.CNI, "CSI": AppRole.CSI}
_APP_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,51}[A-Za-z0-9])?")  # 53: what Helm allows
_SCHEMES = ("local://", "https://", "http://", *CHART_SCHEMES)


def app(reader: Reader) -> App | None:
    """APP|CNI|CSI, with flags, a name and sources."""
    keyword = reader.stated.keyword
    reader.check_flags(("checksum", "values", "also-values", "namespace", "privileged"), {})
    words = reader.words()
    if len(words) < 2:
        reader.missing("a name and its files", f"{keyword} name local://folder")
        return None
    for word in words[1:]:
        if "$" not in word.text and not _unquoted(word).startswith(_SCHEMES):
            hint = f"write local://{word.text}, or an https:// address"
            if word.text.startswith("--"):
                hint = f"flags stand in front of the name: {keyword} {word.text} {words[0].text} …"
            reader.fault(word.location, "bad-source", f"not a source of an app: {word.text}", hint)
        _check_chart(word, reader)
    if not _good_name(words[0], reader):
        return None
    sum_flag = checksum(reader)
    if sum_flag is not None and len(words) != 2:
        reader.fault(
            sum_flag.location, "bad-flag", "--checksum belongs to one source", "give the app one source"
        )
    return App(
        location=reader.stated.location,
        name=words[0],
        sources=words[1:],
        role=_ROLES[keyword],
        checksum=sum_flag,
        values=reader.flag("values"),
        also=reader.flag("also-values"),
        namespace=_namespace(reader),
        privileged=switch(reader, "privileged"),
    )


def _namespace(reader: Reader) -> Word | None:
    """--namespace; a variable in it is looked at when it is expanded."""
    word = reader.flag("namespace")
    if word is not None and "$" not in word.text and not NAMESPACE.fullmatch(word.text):
        hint = "lower-case letters, digits and `-`, at most 63"
        reader.fault(word.location, "bad-flag", f"not a namespace: {word.text[:80]}", hint)
    return word


def _unquoted(word: Word) -> str:
    """The word as it is meant; quotes that don't fit are told of where it is expanded."""
    try:
        return expand(word.text, lambda _: "")
    except ExpansionError:
        return word.text


def _check_chart(word: Word, reader: Reader) -> None:
    """A chart's reference, where no variable has to be put in first."""
    text = _unquoted(word)
    if "$" in word.text or not text.startswith(CHART_SCHEMES):
        return
    try:
        ChartReference.parse(text)
    except BundlerError as error:
        reader.fault(word.location, "bad-source", f"{error.what}: {error.why}", error.fix)


def app_cmds(reader: Reader) -> AppCmds | None:
    """APPCMDS name ["program", "argument"] or ["command line", …]."""
    example = 'APPCMDS name ["kubectl apply -f app.yaml"]'
    reader.check_flags((), {})
    named = re.match(r"\s*(\S+)\s+(?=\S)", reader.stated.rest)
    if named is None:
        reader.missing("a name and a list", example)
        return None
    name = Word(named[1], reader.stated.at(named.start(1)))
    listed = reader.json_strings(named.end())
    if listed is None:
        reader.bad_json(named.end(), example)
        return None
    if not _good_name(name, reader):
        return None
    if not listed or not listed[0].strip():
        reader.fault(reader.stated.at(named.end()), "bad-json", "the list is empty", f"write {example}")
        return None
    return AppCmds(location=reader.stated.location, name=name, commands=as_commands(listed))


def as_commands(listed: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    """The list as argv's.

    Sealer documents ["program", "argument"] and uses ["whole command line", …]: when the first string has a
    blank, each is a command line for the shell, else the list is one argv.
    """
    if any(char.isspace() for char in listed[0].strip()):
        return tuple(("sh", "-c", line) for line in listed)
    return (listed,)


def app_env(reader: Reader) -> AppEnv | None:
    """`APPENV name NAME=value…`."""
    reader.check_flags((), {})
    words = reader.words()
    if len(words) < 2:
        reader.missing("an app's name and NAME=value", "APPENV name NAME=value")
        return None
    values = reader.variables(reader.assignments(words[1:]))
    if not _good_name(words[0], reader):
        return None
    return AppEnv(location=reader.stated.location, name=words[0], values=values)


def launch(reader: Reader) -> Launch | None:
    """LAUNCH ["a", "b"] or LAUNCH a b."""
    reader.check_flags((), {})
    if reader.stated.rest.lstrip().startswith("[") and reader.json_strings() is None:
        reader.bad_json(0, 'LAUNCH ["app"]')
        return None
    words = reader.words()
    if not words:
        reader.missing("an app's name", 'LAUNCH ["app"]')
        return None
    return Launch(location=reader.stated.location, names=words)


def cmds(reader: Reader) -> Cmds | None:
    """CMDS ["command line", …]."""
    reader.check_flags((), {})
    if not reader.stated.rest.strip():
        reader.missing("a list of commands", 'CMDS ["kubectl apply -f etc/app.yaml"]')
        return None
    listed = reader.json_strings()
    if not listed:
        reader.bad_json(0, 'CMDS ["kubectl apply -f etc/app.yaml"]')
        return None
    return Cmds(location=reader.stated.location, lines=listed)


def cmd(reader: Reader) -> Cmds | None:
    """CMD command line: the old form, several add up; a list is taken as CMDS takes it."""
    text = reader.stated.line.text[len("CMD") :].strip()
    if not text:
        reader.missing("a command", 'CMDS ["kubectl apply -f etc/app.yaml"]')
        return None
    listed = reader.json_strings() if text.startswith("[") else None
    lines = (text,) if listed is None else _as_lines(listed)
    return Cmds(location=reader.stated.location, lines=lines, old=True)


def _as_lines(listed: tuple[str, ...]) -> tuple[str, ...]:
    """A CMD's list; one as Docker has it, `["sh", "-c", "…"]`, is one command: no line begins with a dash."""
    if any(line.startswith("-") for line in listed[1:]):
        return (shlex.join(listed),)
    return listed


def _good_name(word: Word, reader: Reader) -> bool:
    if _APP_NAME.fullmatch(word.text):
        return True
    hint = "letters, digits, `-`, `.` and `_`, at most 53"
    reader.fault(word.location, "bad-app-name", f"not a name for an app: {word.text[:80]}", hint)
    return False

"""What shell commands apply: `kubectl apply -f`, `helm install`, and which scripts they call. Pure.

A shell is not understood, only its plain lines: words, quotes, variables with a known value, `cd`, here
documents. Where a path can't be told, that is said.
"""

import posixpath
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

_SEPARATORS = "();<>|&\n"
_HEREDOC = re.compile(r"<<-?[ \t]*([\"']?)(\w+)\1([^\n]*)\n(.*?)^[ \t]*\2[ \t]*$", re.DOTALL | re.MULTILINE)
_HERE = re.compile(r"\$\([^()]*\b(?:dirname|pwd)\b[^()]*\)|\$\{?PWD\}?|\$\{BASH_SOURCE[^}]*\}")
_SEALOS = re.compile(r"\$\((\w+)\)")  # how Sealos writes variables; no shell would find such a command
_VARIABLE = re.compile(r"\$(?:(\w+)|\{(\w+)(?::?-([^{}]*))?\})")
_ASSIGNMENT = re.compile(r"([A-Za-z_]\w*)=(.*)", re.DOTALL)
_BEFORE = frozenset(
    [
        "if",
        "then",
        "else",
        "elif",
        "do",
        "while",
        "until",
        "!",
        "{",
        "sudo",
        "exec",
        "time",
        "nohup",
        "env",
        "export",
    ]
)
_SHELLS = frozenset(["sh", "bash", "dash", "ash", "source", "."])
_KUBECTL_VERBS = frozenset(["apply", "create", "replace"])
_HELM_VERBS = frozenset(["install", "upgrade", "template"])
_KUSTOMIZE_VALUED = frozenset(
    ["-o", "--output", "-e", "--env", "--helm-command", "--load-restrictor", "--network-name", "--mount"]
)
_HELM_SETS = ("--set-json", "--set", "--set-string", "--set-literal")  # in the order in which Helm takes them
_HELM_VALUED = re.compile(  # flags whose value may be the next word
    r"-[fnosla]|--(values|set(-\w+)?|namespace|name|version|repo|(wait-)?timeout|kubeconfig|kube-context|output"
    r"|description|post-renderer|(ca|cert|key)-file|username|password|history-max|name-template|keyring|labels"
    r"|(registry|repository)-(config|cache)|show-only|api-versions|kube-version)"
)


@dataclass(frozen=True, slots=True)
class Applied:
    """A file or folder that kubectl applies; as all paths here, seen from the bundle's root."""

    path: str
    recursive: bool = False


@dataclass(frozen=True, slots=True)
class Kustomized:
    """A folder that `kubectl apply -k` builds."""

    path: str


@dataclass(frozen=True, slots=True)
class Inline:
    """Manifests that stand in the script itself."""

    text: str


@dataclass(frozen=True, slots=True)
class Installed:
    """A chart that Helm installs. values: files; sets: flag and text, in Helm's order."""

    chart: str
    release: str = ""
    namespace: str = ""
    values: tuple[str, ...] = ()
    sets: tuple[tuple[str, str], ...] = ()

    @property
    def shown(self) -> str:
        """For a message: `-f a.yaml --set b=c`."""
        files = (f"-f {posixpath.basename(path)}" for path in self.values)
        return " ".join((*files, *(f"{flag} {text.partition('=')[0]}=…" for flag, text in self.sets)))


@dataclass(frozen=True, slots=True)
class Called:
    """A script that is run, in the folder `inside`."""

    path: str
    inside: str


Action = Applied | Kustomized | Inline | Installed | Called


@dataclass(slots=True)
class _Shell:
    """Where a script is at: its folder, its variables."""

    folder: str
    variables: dict[str, str] = field(default_factory=dict)

    def path(self, text: str) -> str:
        return posixpath.normpath(posixpath.join(self.folder, text))


def actions_in(text: str, folder: str, variables: Mapping[str, str]) -> Iterator[Action]:
    """What a script does, in order; folder: where it runs, seen from the bundle's root."""
    shell = _Shell(folder, dict(variables))
    plain = _SEALOS.sub(r"${\1}", _HERE.sub(".", text.replace("\\\n", " ")))
    for found in _HEREDOC.finditer(plain):
        yield Inline(found[4])
    plain = _HEREDOC.sub(lambda found: f"{found[3]}\n", plain)
    for words in _commands(plain):
        yield from _carried_out([part for word in words for part in _parts(word, shell)], shell)


def _commands(text: str) -> Iterator[list[str]]:
    """The words of each command."""
    lines = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    for part in (lines, *lines.splitlines()):
        try:
            words = _words(part)
        except ValueError:  # quotes that don't close
            if part is lines:
                continue
            words = part.split()
        command: list[str] = []
        for word in words:
            if word and set(word) <= set(_SEPARATORS):
                yield command
                command = []
            else:
                command.append(word)
        yield command
        if part is lines:
            return


def _words(text: str) -> list[str]:
    lexer = shlex.shlex(text, posix=True, punctuation_chars=_SEPARATORS)
    lexer.whitespace, lexer.whitespace_split, lexer.commenters = " \t\r", True, ""
    return list(lexer)


def _parts(word: str, shell: _Shell) -> list[str]:
    """A word with its variables put in; one that is a variable alone may be several words, or none."""
    text = _filled(word, shell)
    if not _VARIABLE.fullmatch(word) or text == word:
        return [text]
    try:
        return shlex.split(text)
    except ValueError:
        return text.split()


def _filled(word: str, shell: _Shell) -> str:
    def value(found: re.Match[str]) -> str:
        name = found[1] or found[2]
        return shell.variables.get(name, found[3] if found[3] is not None else found[0])

    return _VARIABLE.sub(value, word)


def _carried_out(words: list[str], shell: _Shell) -> Iterator[Action]:
    while words and (words[0] in _BEFORE or _ASSIGNMENT.fullmatch(words[0])):
        if found := _ASSIGNMENT.fullmatch(words[0]):
            shell.variables[found[1]] = found[2]
        words = words[1:]
    if not words:
        return
    match posixpath.basename(words[0]):
        case "cd" if len(words) > 1:
            shell.folder = shell.path(words[1])
        case "kubectl" | "k3s" | "oc":
            yield from _kubectl(words[1:], shell)
        case "kustomize" if words[1:2] == ["build"]:
            yield from _kustomize(words[2:], shell)
        case "helm" | "helm3":
            yield from _helm(words[1:], shell)
        case program if program in _SHELLS:
            yield from _script(words[1:], shell)
        case program if program.endswith(".sh"):
            yield Called(shell.path(words[0]), shell.folder)


def _script(words: list[str], shell: _Shell) -> Iterator[Action]:
    for number, word in enumerate(words):
        if word.startswith("-") and "c" in word and not word.startswith("--") and number + 1 < len(words):
            yield from actions_in(words[number + 1], shell.folder, shell.variables)
            return
        if not word.startswith("-"):
            yield Called(shell.path(word), shell.folder)
            return


def _kubectl(words: list[str], shell: _Shell) -> Iterator[Action]:
    if words[:1] == ["kustomize"]:
        yield from _kustomize(words[1:], shell)
    if not _KUBECTL_VERBS & set(words):
        return
    recursive = any(re.fullmatch(r"-\w*R\w*|--recursive(=true)?", word) for word in words)
    for flag, text in _flags(words, re.compile(r"-\w*[fk]|--filename|--kustomize")):
        for path in filter(None, text.split(",")):
            if path == "-":
                continue
            if flag.endswith("k") or flag == "--kustomize":
                yield Kustomized(_place(path, shell))
            else:
                yield Applied(_place(path, shell), recursive)


def _kustomize(words: list[str], shell: _Shell) -> Iterator[Action]:
    """`kubectl kustomize FOLDER` and `kustomize build FOLDER`; the output goes to `kubectl apply -f -`."""
    for number, word in enumerate(words):
        if not word.startswith("-") and (number == 0 or words[number - 1] not in _KUSTOMIZE_VALUED):
            yield Kustomized(_place(word, shell))
            return
    yield Kustomized(_place(".", shell))


def _place(path: str, shell: _Shell) -> str:
    return path if "://" in path else shell.path(path)


def _flags(words: Sequence[str], wanted: re.Pattern[str]) -> Iterator[tuple[str, str]]:
    """Flag and value of `-f x`, `-fx`, `--flag x` and `--flag=x`."""
    for number, word in enumerate(words):
        name, equals, value = word.partition("=")
        if wanted.fullmatch(name):
            yield name, value if equals else words[number + 1] if number + 1 < len(words) else ""
        elif re.match(r"-[fk][^-=]", word):
            yield word[:2], word[2:]


def _helm(words: list[str], shell: _Shell) -> Iterator[Action]:
    verb = next((number for number, word in enumerate(words) if word in _HELM_VERBS), None)
    if verb is None:
        return
    flags: list[tuple[str, str]] = []
    named: list[str] = []
    rest = iter((*words[:verb], *words[verb + 1 :]))
    for word in rest:
        name, equals, value = word.partition("=")
        if word.startswith("-"):
            flags.append((name, value if equals else next(rest, "") if _HELM_VALUED.fullmatch(name) else ""))
        else:
            named.append(word)
    if not named:
        return
    files = [
        path
        for flag, text in flags
        if flag in {"-f", "--values"}
        for path in text.split(",")
        if "://" not in path
    ]
    sets = [(flag, text) for kind in _HELM_SETS for flag, text in flags if flag == kind]
    given = dict(flags)
    yield Installed(
        _place(named[-1], shell),
        named[0] if len(named) > 1 else given.get("--name", ""),
        given.get("-n") or given.get("--namespace", ""),
        tuple(shell.path(path) for path in files),
        tuple(sets),
    )

"""`.kubeignore`: what of the build context is never copied, by the rules of `.dockerignore`."""

import re
from dataclasses import dataclass

NAME = ".kubeignore"
_MAX_WILDCARDS = 32  # a pattern with more is a mistake, and could take for ever to match


@dataclass(frozen=True, slots=True)
class Ignore:
    """Patterns in order: (expression over a path, does it bring back); the last match decides."""

    rules: tuple[tuple[re.Pattern[str], bool], ...] = ()

    @classmethod
    def parse(cls, text: str) -> "Ignore":
        """One pattern a line; `#` comments, `!` brings back, `**` spans folders; bad ones match nothing."""
        rules = []
        for line in text.splitlines():
            pattern = line.strip()
            if not pattern or pattern.startswith("#"):
                continue
            negated = pattern.startswith("!")
            parts = [part for part in pattern.removeprefix("!").strip().split("/") if part not in {"", "."}]
            if parts and ".." not in parts and pattern.count("*") <= _MAX_WILDCARDS:
                rules.append((re.compile(_expression(parts) + "(?:/.*)?", re.DOTALL), negated))
        return cls(tuple(rules))

    def excludes(self, path: str) -> bool:
        """Whether a path, relative to the context, is left out; a folder with all that is in it."""
        excluded = False
        for expression, negated in self.rules:
            if excluded == negated and expression.fullmatch(path):
                excluded = not negated
        return excluded

    @property
    def can_prune(self) -> bool:
        """Whether an excluded folder needn't be looked into, as nothing in it can be brought back."""
        return not any(negated for _, negated in self.rules)


def _expression(parts: list[str]) -> str:
    out = ""
    for number, part in enumerate(parts):
        last = number == len(parts) - 1
        if part == "**":
            out += ".*" if last else "(?:.*/)?"
        else:
            out += component(part) + ("" if last else "/")
    return out


def component(pattern: str) -> str:
    """One part of a path with `*`, `?`, `[a-z]` and `\\x`, as Go's filepath.Match has it."""
    out = ""
    at = 0
    while at < len(pattern):
        char = pattern[at]
        at += 1
        match char:
            case "*":
                out += "" if out.endswith("[^/]*") else "[^/]*"
            case "?":
                out += "[^/]"
            case "[" if (end := pattern.find("]", at + 1)) > 0:
                out += _choice(pattern[at:end])
                at = end + 1
            case "\\" if at < len(pattern):
                out += re.escape(pattern[at])
                at += 1
            case _:
                out += re.escape(char)
    return out


def _choice(body: str) -> str:
    negated = body.startswith("^")
    inner = re.sub(r"([\\\[\]&~|^])", r"\\\1", body[1:] if negated else body)
    try:
        re.compile(f"[{inner}]")
    except re.error:
        return re.escape(f"[{body}]")  # a range the wrong way round: taken literally
    return f"(?!/)[{'^' if negated else ''}{inner}]"


def has_wildcard(text: str) -> bool:
    """Whether a source names several files by a pattern."""
    return any(char in text for char in "*?[")

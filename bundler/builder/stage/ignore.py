"""`.kubeignore`, else `.dockerignore`: what of the build context is never copied, by the latter's rules."""

import re
from dataclasses import dataclass

NAME = ".kubeignore"
DOCKERS = ".dockerignore"  # read where there is no .kubeignore


@dataclass(frozen=True, slots=True)
class Rule:
    """One pattern, part by part; None stands for `**`. `back`: it began with `!` and brings things back."""

    parts: tuple[re.Pattern[str] | None, ...]
    back: bool

    def matches(self, names: list[str]) -> bool:
        """Whether the pattern names this path or a folder above it.

        All ways through the pattern are walked at once, so that time grows with its length times the path's.
        """
        at = self._skipped({0})
        for name in names:
            at = self._skipped({next_ for here in at if (next_ := self._after(here, name)) is not None})
            if len(self.parts) in at:
                return True
        return False

    def _after(self, here: int, name: str) -> int | None:
        if here == len(self.parts):
            return None
        part = self.parts[here]
        if part is None:
            return here if here < len(self.parts) - 1 else here + 1
        return here + 1 if part.fullmatch(name) else None

    def _skipped(self, at: set[int]) -> set[int]:
        """With what lies behind a `**`, which may stand for nothing unless it is the end."""
        found = set(at)
        for here in sorted(at):
            step = here
            while step < len(self.parts) - 1 and self.parts[step] is None:
                step += 1
                found.add(step)
        return found


@dataclass(frozen=True, slots=True)
class Ignore:
    """Rules in order; the last one that matches decides. name: the file's, "" where there is none."""

    rules: tuple[Rule, ...] = ()
    name: str = ""

    @classmethod
    def parse(cls, text: str, name: str = NAME) -> "Ignore":
        """One pattern a line; `#` comments, `!` brings back, `**` spans folders; bad ones match nothing."""
        rules = []
        for line in text.splitlines():
            pattern = line.strip()
            if not pattern or pattern.startswith("#"):
                continue
            parts = [part for part in pattern.removeprefix("!").strip().split("/") if part not in {"", "."}]
            if parts and ".." not in parts:
                compiled = (None if part == "**" else component(part) for part in parts)
                rules.append(Rule(tuple(compiled), pattern.startswith("!")))
        return cls(tuple(rules), name)

    def excludes(self, path: str) -> bool:
        """Whether a path, relative to the context, is left out; a folder with all that is in it."""
        names = path.split("/")
        excluded = False
        for rule in self.rules:
            if excluded == rule.back and rule.matches(names):
                excluded = not rule.back
        return excluded

    @property
    def can_prune(self) -> bool:
        """Whether an excluded folder needn't be looked into, as nothing in it can be brought back."""
        return not any(rule.back for rule in self.rules)


def component(pattern: str) -> re.Pattern[str]:
    r"""One part of a path with `*`, `?`, `[a-z]` and `\x`, as Go's filepath.Match has it."""
    pieces = [""]  # what stands between the stars
    at = 0
    while at < len(pattern):
        char = pattern[at]
        at += 1
        match char:
            case "*":
                pieces.append("")
            case "?":
                pieces[-1] += "."
            case "[" if (end := pattern.find("]", at + 1)) > 0:
                pieces[-1] += _choice(pattern[at:end])
                at = end + 1
            case "\\" if at < len(pattern):
                pieces[-1] += re.escape(pattern[at])
                at += 1
            case _:
                pieces[-1] += re.escape(char)
    if len(pieces) == 1:
        return re.compile(pieces[0], re.DOTALL)
    first, *middle, last = pieces
    # The first place where a piece between two stars fits is as good as any later one: no going back.
    between = "".join(f"(?>.*?{piece})" for piece in middle if piece)
    return re.compile(f"{first}{between}.*{last}", re.DOTALL)


def _choice(body: str) -> str:
    negated = body.startswith("^")
    inner = re.sub(r"([\\\[\]&~|^])", r"\\\1", body[1:] if negated else body)
    try:
        re.compile(f"[{inner}]")
    except re.error:
        return re.escape(f"[{body}]")  # a range the wrong way round: taken literally
    return f"[{'^' if negated else ''}{inner}]"


def has_wildcard(text: str) -> bool:
    """Whether a source names several files by a pattern."""
    return any(char in text for char in "*?[")

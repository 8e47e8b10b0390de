"""Secrets out of what hosts print: those that this site is known to have, and whatever looks like one. Pure.

Every pattern is bounded, since hosts write the text: no text makes it take longer than its length allows.
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from bundler.installer.run.redaction import count_known, redact

_NAMED: Final = re.compile(
    r"passw(?:or)?d$|passphrase$|auth_pass$|secret$|token$|credentials?$|(?:api|private|certificate)[-_]?key$|key-data$",
    re.IGNORECASE,
)
_VARIABLE: Final = re.compile(r"PASS|PWD|SECRET|TOKEN|KEY|CRED|AUTH|DSN")
_ANY: Final = re.compile("")
_KEY_END: Final = re.compile(r"-----END [A-Z ]{0,30}PRIVATE KEY-----")
_BASE64: Final = re.compile(r"[A-Za-z0-9+/=]{1,100}")
_STRING: Final = r'(?:[^"\\\n]|\\.){1,20000}'
_STARS: Final = "***"
_WORD: Final = r"(?!(?:true|false|null|none)\b)"  # says whether, not what


@dataclass(frozen=True, slots=True)
class _Look:
    """How a kind of secret looks. Groups: what stays before it, a name that has to fit, what stays behind."""

    kind: str
    pattern: re.Pattern[str]
    named: re.Pattern[str] = _ANY


_LOOKS: Final = (
    _Look(
        "private key",
        re.compile(
            r"()()-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----(?:[^-]|-(?!-{4})){0,20000}"
            r"(?:-----END [A-Z ]{0,30}PRIVATE KEY-----)?()"
        ),
    ),
    _Look("bearer token", re.compile(r"()()eyJ[\w-]{8,4000}\.eyJ[\w-]{8,8000}\.[\w-]{8,4000}()")),
    _Look("bootstrap token", re.compile(r"()()(?<![\w.-])[a-z0-9]{6}\.[a-z0-9]{16}(?![\w.-])()")),
    _Look(
        "login",
        re.compile(
            r"(authorization[\"']?[:=] {0,4}[\"']?(?:basic|bearer) {1,4})()[\w.+/=~-]{1,8000}()",
            re.IGNORECASE,
        ),
    ),
    _Look("login in a URL", re.compile(r"(://[^\s/:@\"']{1,100}:)()[^\s/@\"'*]{1,200}(@)")),
    _Look("value in JSON", re.compile(rf'("([\w./-]{{1,80}})" {{0,4}}: {{0,4}}"){_STRING}(")'), _NAMED),
    _Look(
        "variable",
        re.compile(r"(name: {0,4}[\"']?([\w.-]{1,120})[\"']?\n {0,60}value: {0,4})[^\n]{1,20000}()"),
        _VARIABLE,
    ),
    _Look(
        "variable",
        re.compile(rf'("name": {{0,2}}"([\w.-]{{1,120}})", {{0,2}}"value": {{0,2}}"){_STRING}(")'),
        _VARIABLE,
    ),
    _Look(
        "named value",
        re.compile(
            r"(^[ \t-]{0,80}[\"']?([\w./-]{1,100})[\"']? {0,4}[:=] {0,4})"
            rf"{_WORD}[^\s{{\[|>&*][^\n]{{0,20000}}()",
            re.MULTILINE,
        ),
        _NAMED,
    ),
    _Look("option", re.compile(rf"(--([\w-]{{1,80}})[= ]){_WORD}[^\s*-]\S{{0,2000}}()"), _NAMED),
    _Look(
        "option", re.compile(r"(- [\"']?--([\w-]{1,80})[\"']?\n {0,40}- )(?!\*\*\*)[^\n]{1,2000}()"), _NAMED
    ),
)


@dataclass(frozen=True, slots=True)
class Masked:
    """A text without secrets, and how many of which kind were in it."""

    text: str
    counts: Mapping[str, int]


def masked(text: str, known: frozenset[str]) -> Masked:
    """known: the site's own secrets, each in every form in which it may stand."""
    counts: Counter[str] = Counter()
    if found := count_known(text, known):
        counts["of this site"] = found
        text = redact(text, known)
    for look in _LOOKS:
        text = look.pattern.sub(_hider(look, counts), text)
    text = _without_ends(text, counts)
    return Masked(text, dict(counts))


def _hider(look: _Look, counts: Counter[str]) -> Callable[[re.Match[str]], str]:
    def hide(found: re.Match[str]) -> str:
        if not look.named.search(found[2]) or found[0] == (clean := f"{found[1]}{_STARS}{found[3]}"):
            return found[0]
        counts[look.kind] += 1
        return clean

    return hide


def _without_ends(text: str, counts: Counter[str]) -> str:
    """Of a key whose beginning was cut away, the lines before its end go, too."""
    pieces, begun = list[str](), 0
    for end in _KEY_END.finditer(text):
        start = end.start()
        while start > begun:
            above = text.rfind("\n", begun, start - 1) + 1 or begun
            if not _BASE64.fullmatch(text, above, start - 1):
                break
            start = above
        pieces += [text[begun:start], _STARS]
        begun = end.end()
        counts["end of a private key"] += 1
    return "".join((*pieces, text[begun:]))

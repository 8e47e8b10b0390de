"""Secrets out of what hosts print: those that this site is known to have, and whatever looks like one. Pure.

Every pattern is bounded, since hosts write the text: no text makes it take longer than its length allows.
"""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from bundler.installer.run.redaction import count_known, redact

_NAMES: Final = "passw(?:or)?d|passphrase|auth_pass|secret|token|credential"
_TELLING: Final = rf"(?:{_NAMES}|(?:api|private|certificate)[-_]?key|key-data)"
_VARIABLE: Final = r"[\w.-]{0,60}(?:PASS|PWD|SECRET|TOKEN|KEY|CRED|AUTH|DSN)[\w.-]{0,60}"
_KEY_END: Final = r"-----END [A-Z ]{0,30}PRIVATE KEY-----"
_STRING: Final = r'(?!\*\*\*")(?:[^"\\\n]|\\.){1,20000}'
_LOGIN: Final = r"(authorization[\"']?[:=] {0,4}[\"']?(?:basic|bearer) {1,4})[\w.+/=~-]{1,8000}()"
_STARS: Final = "***"

# By what is written into the index: each with what stays before the secret, and behind it.
_PATTERNS: Final[Mapping[str, re.Pattern[str]]] = {
    "private key": re.compile(
        rf"()-----BEGIN [A-Z ]{{0,30}}PRIVATE KEY-----(?:[^-]|-(?!-{{4}})){{0,20000}}(?:{_KEY_END})?()"
    ),
    "end of a private key": re.compile(
        rf"()(?:^[A-Za-z0-9+/=]{{1,76}}\n){{1,400}}{_KEY_END}()", re.MULTILINE
    ),
    "bearer token": re.compile(r"()eyJ[\w-]{8,4000}\.eyJ[\w-]{8,8000}\.[\w-]{8,4000}()"),
    "bootstrap token": re.compile(r"()(?<![\w.-])[a-z0-9]{6}\.[a-z0-9]{16}(?![\w.-])()"),
    "login": re.compile(_LOGIN, re.IGNORECASE),
    "login in a URL": re.compile(r"(://[^\s/:@\"']{1,100}:)[^\s/@\"'*]{1,200}(@)"),
    "value in JSON": re.compile(
        rf'("[\w./-]{{0,60}}{_TELLING}[\w./-]{{0,20}}" {{0,4}}: {{0,4}}"){_STRING}(")', re.IGNORECASE
    ),
    "variable": re.compile(
        rf"(name: {{0,4}}[\"']?{_VARIABLE}[\"']?\n {{0,60}}value: {{0,4}})(?!\*\*\*)[^\n]{{1,20000}}()"
    ),
    "variable in JSON": re.compile(rf'("name": {{0,2}}"{_VARIABLE}", {{0,2}}"value": {{0,2}}"){_STRING}(")'),
    "named value": re.compile(
        rf"(^[ \t-]{{0,80}}[\"']?[\w./-]{{0,60}}{_TELLING}[\"']? {{0,4}}[:=] {{0,4}})"
        r"[^\s{\[|>&*][^\n]{0,20000}()",
        re.IGNORECASE | re.MULTILINE,
    ),
    "option": re.compile(rf"(--[\w-]{{0,40}}{_TELLING}[= ])[^\s*-][^\s]{{0,2000}}()", re.IGNORECASE),
}


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
    for name, pattern in _PATTERNS.items():
        text, number = pattern.subn(_hide, text)
        counts[name] += number
    return Masked(text, {name: number for name, number in counts.items() if number})


def _hide(found: re.Match[str]) -> str:
    return f"{found[1]}{_STARS}{found[2]}"

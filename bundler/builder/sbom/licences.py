"""Licences as packages state them, turned into SPDX's words where that is certain. Pure."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

# The identifiers of SPDX's list that packages use; others stay as they are stated.
_LIST = """
    0BSD AFL-2.1 AFL-3.0 AGPL-3.0-only AGPL-3.0-or-later Apache-1.1 Apache-2.0 APSL-2.0 Artistic-1.0
    Artistic-1.0-Perl Artistic-2.0 BlueOak-1.0.0 BSD-1-Clause BSD-2-Clause BSD-3-Clause BSD-4-Clause
    BSD-4-Clause-UC BSL-1.0 bzip2-1.0.6 CC-BY-3.0 CC-BY-4.0 CC-BY-SA-3.0 CC-BY-SA-4.0 CC0-1.0 CDDL-1.0
    CDDL-1.1 CPL-1.0 curl EPL-1.0 EPL-2.0 EUPL-1.2 FSFAP FSFUL FSFULLR FTL GFDL-1.1-or-later GFDL-1.2-only
    GFDL-1.2-or-later GFDL-1.3-only GFDL-1.3-or-later GPL-1.0-only GPL-1.0-or-later GPL-2.0-only
    GPL-2.0-or-later GPL-3.0-only GPL-3.0-or-later HPND ICU IJG ISC LGPL-2.0-only LGPL-2.0-or-later
    LGPL-2.1-only LGPL-2.1-or-later LGPL-3.0-only LGPL-3.0-or-later Libpng libpng-2.0 LPPL-1.3c MIT MIT-0
    MIT-CMU MPL-1.1 MPL-2.0 MS-PL NCSA OFL-1.1 OLDAP-2.8 OpenSSL PHP-3.01 PostgreSQL PSF-2.0 Python-2.0 Ruby
    SGI-B-2.0 Sleepycat SMLNJ SSH-OpenSSH TCL TCP-wrappers Unicode-DFS-2016 Unicode-TOU Unlicense UPL-1.0 Vim
    W3C WTFPL X11 Zlib zlib-acknowledgement ZPL-2.1
"""
IDENTIFIERS = frozenset(_LIST.split())
EXCEPTIONS = frozenset(
    {
        "Autoconf-exception-2.0",
        "Autoconf-exception-3.0",
        "Bison-exception-2.2",
        "Classpath-exception-2.0",
        "GCC-exception-2.0",
        "GCC-exception-3.1",
        "Libtool-exception",
        "Linux-syscall-note",
        "LLVM-exception",
    }
)
_KNOWN = {name.lower(): name for name in IDENTIFIERS}
_OTHER_NAMES = {
    "expat": "MIT",  # Debian's name of it; others that say MIT may mean another text
    "mit license": "MIT",
    "apache software license": "",  # the classifier doesn't say which
    "apache license 2.0": "Apache-2.0",
    "apache license, version 2.0": "Apache-2.0",
    "artistic": "Artistic-1.0-Perl",
    "cc0": "CC0-1.0",
    "isc license (iscl)": "ISC",
    "isc license": "ISC",
    "mozilla public license 2.0 (mpl 2.0)": "MPL-2.0",
    "python software foundation license": "PSF-2.0",
    "the unlicense (unlicense)": "Unlicense",
    "zlib/libpng license": "Zlib",
    "psf": "PSF-2.0",
}
# GPL-2, GPL-2+, LGPL-2.1+, GFDL-1.3+ as Debian writes them; GPL-2.0, GPL-2.0+ as SPDX did
_GNU = re.compile(r"(A?GPL|LGPL|GFDL)-(\d)(?:\.(\d))?(?:\.0)?(\+)?", re.IGNORECASE)
_WORD = re.compile(r"\(|\)|[^\s()]+")
_MOST = 200  # characters of a name


@dataclass(frozen=True, slots=True, order=True)
class Licence:
    """`expression`: in SPDX's words, "" where it has none for it; `stated`: as the package says it."""

    stated: str
    expression: str = ""

    @property
    def simple(self) -> bool:
        """Whether it is one identifier of SPDX's list."""
        return self.expression in IDENTIFIERS

    @property
    def reference(self) -> str:
        """The name that SPDX documents give to a licence of their own: `LicenseRef-…`."""
        readable = re.sub(r"[^A-Za-z0-9.-]+", "-", self.stated).strip("-")[:40]
        return f"LicenseRef-{readable}-{sha256(self.stated.encode()).hexdigest()[:8]}"


def licence(stated: str) -> Licence:
    """A statement, understood where it can be."""
    text = " ".join(stated.split())[:_MOST]
    return Licence(text, _identifier(text) or _expression(text))


def combined(licences: Iterable[Licence]) -> str:
    """All of them at once as an SPDX expression; "" for none."""
    parts = [each.expression or each.reference for each in licences]
    if len(parts) > 1:
        parts = [f"({part})" if " " in part else part for part in parts]
    return " AND ".join(dict.fromkeys(parts))


def _identifier(text: str) -> str:
    lowered = text.lower()
    if lowered in _KNOWN:
        return _KNOWN[lowered]
    if lowered in _OTHER_NAMES:
        return _OTHER_NAMES[lowered]
    if found := _GNU.fullmatch(text):
        family, major, minor, later = found.groups()
        name = f"{family.upper()}-{major}.{minor or 0}-{'or-later' if later else 'only'}"
        return name if name in IDENTIFIERS else ""
    return ""


def _expression(text: str) -> str:
    """A whole expression: names joined by AND, OR, WITH and brackets. "" when any of it is unknown."""
    words: list[str] = []
    depth = 0
    want_name = True
    for word in _WORD.findall(text):
        match word.upper():
            case "(" if want_name:
                depth += 1
                words.append("(")
            case ")" if not want_name and depth:
                depth -= 1
                words.append(")")
            case ("AND" | "OR") as operator if not want_name:
                words.append(operator)
                want_name = True
            case "WITH" if not want_name and words[-1] in IDENTIFIERS:
                words.append("WITH")
                want_name = True
            case _ if want_name:
                name = _operand(word, after=words[-1:])
                if not name:
                    return ""
                words.append(name)
                want_name = False
            case _:
                return ""
    if want_name or depth:
        return ""
    return " ".join(words).replace("( ", "(").replace(" )", ")")


def _operand(word: str, *, after: list[str]) -> str:
    if after == ["WITH"]:
        return word if word in EXCEPTIONS else ""
    return _identifier(word)

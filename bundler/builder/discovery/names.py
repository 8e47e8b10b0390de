"""How texts name images: the forms of a name, and the words that call something an image. Pure.

A name is *full* with a registry and a tag or digest, *short* with a tag or digest alone. A short name says
too little to be told from other texts, so it counts where a key, a variable or a flag is called image.
"""

import re
from collections.abc import Iterator

LONGEST = 400  # characters; a name has at most 255, a tag 128
_PART = r"[a-z0-9]+(?:[._-]+[a-z0-9]+)*"
_TAG = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}"
_DIGEST = r"@sha256:[0-9a-f]{64}"
_TAG_OR_DIGEST = rf"(?::{_TAG}(?:{_DIGEST})?|{_DIGEST})"
# A registry is a domain, or anything with a port: `registry:5000`, an address.
_REGISTRY = r"(?:(?:[a-z0-9-]+\.)+[a-z]{2,}|[a-z0-9-]+(?:\.[a-z0-9-]+)*:[0-9]{1,5})"
_PATH = rf"{_PART}(?:/{_PART})*"
_FULL = re.compile(rf"{_REGISTRY}/{_PATH}{_TAG_OR_DIGEST}")
_BARE = re.compile(rf"{_REGISTRY}/{_PATH}")
_PLAIN = re.compile(_PATH)
_FILE = re.compile(r"\.(?:png|svg|jpe?g|gif|ico|webp|img|iso|qcow2|raw|tar|tgz|gz)$")  # other images
_SHORT = re.compile(rf"{_PATH}{_TAG_OR_DIGEST}")
_VERSIONED = re.compile(rf"{_PART}(?:/{_PART})+(?::v?[0-9]+\.[0-9][A-Za-z0-9_.-]*(?:{_DIGEST})?|{_DIGEST})")
_HOST_AND_PORT = re.compile(r"[^/]*\.[^/]*:[0-9]+|[^/]*:[0-9]{4,5}")
# Within a longer text a name is set off: nothing before it that would make it a part of something else.
_WITHIN = re.compile(rf"(?:(?<![\w.@:/%$+-])(?:docker://)?|oci://)({_FULL.pattern})(?![\w/@:])")
# `docker run acme/db:2.0`: a path and a version, which is no port.
_SHORT_WITHIN = re.compile(
    rf"(?<![\w.@:/%$+-])({_PART}(?:/{_PART})+(?::(?![0-9]{{4,5}}\b)v?[0-9][A-Za-z0-9_.-]*|{_DIGEST}))(?![\w/@:])"
)
_IMG = re.compile(r"(?:^|[^a-z])img(?:$|[^a-z])|[a-z]Img(?:$|[^a-z])|IMG(?:$|[^A-Z])")
_CALLED_LAST = re.compile(r"(?:.*[a-z0-9._/-])?(?:[iI]mage|IMAGE)|.*_IMAGE")
_SIMPLE = re.compile(r"(?!(?:true|false|yes|off|always|never|default|enabled|disabled)$)[a-z][a-z0-9-]{2,}")
# `NAME_IMAGE=x`, `--side-image x`, `image: "x"`, `"image":"x"`, `helper_image = "x"`, `<image>x</image>`,
# CUE's `image: *"x" | string`.
_CALLED_WITHIN = re.compile(
    r"(?:(?P<flag>-[\w.-]*)|(?P<key>[\w./-]*))(?P<word>[iI]mage|IMAGE)(?P<rest>[\w.-]*)[\"']?"
    rf"(?:\s*[:=]\s*|>|(?(flag)[ \t]+|(?!)))\*?[\"']?(?:docker://)?(?P<name>{_FULL.pattern}|{_SHORT.pattern})"
    r"(?![\w/@:])"
)
# `spark.kubernetes.container.image  x`: a line of Java's properties with blanks for `=`.
_PROPERTY = re.compile(
    rf"^[ \t]*(?P<word>[\w-]+(?:\.[\w-]+)*\.[\w-]*[iI]mage)[ \t]+"
    rf"(?P<name>{_FULL.pattern}|{_SHORT.pattern})[ \t]*$",
    re.MULTILINE,
)
_NOT_CALLED = re.compile(
    r"image[_-]?(?:pull|registry|repository|repo\b|tag|stream|prefix|size|digest|id\b|policy|secret|mirror|cache|gc|host)",
    re.IGNORECASE,
)
_LABELS = ("kubernetes.io/", "k8s.io/")  # names of labels, but for registry.k8s.io and such
_REGISTRIES = ("registry.k8s.io/", "gcr.k8s.io/", "quay.k8s.io/")
_PLACEHOLDERS = re.compile(
    r"auto|placeholder|replace([-_]?me)?|change[-_]?me|todo|tbd|none|null|unset|unused|dummy|overridden"
    r"|(container|your|my)?[-_]?image",
    re.IGNORECASE,
)
_BLANK = re.compile(
    r"[A-Z][A-Z0-9]*(?:[_-][A-Z0-9]+)*(?::[A-Z][A-Z0-9_-]*)?|<[^<>]*>|ko://\S+|\S*__[A-Z]\w*__\S*|[/:@]+"
)

_PARTIAL = re.compile(r"[^\s:]\S*[:@]|[/:@]\S+")


def called_image(word: str) -> bool:
    """Whether a key, a variable or a flag says that it holds an image."""
    return "image" in word.lower() and not _NOT_CALLED.search(word)


def is_image(word: str, text: str) -> bool:
    """Whether a text, under this key, variable or flag, surely is an image."""
    if len(text) > LONGEST or not called_image(word):
        return False
    if _HOST_AND_PORT.fullmatch(text):
        return False
    return (_SHORT.fullmatch(text) or _FULL.fullmatch(text)) is not None


def is_untagged(word: str, text: str) -> bool:
    """Whether a text, under this key, is a name that means `latest`: with a registry, or with a path."""
    if not called_image(word) or len(text) > LONGEST or _FILE.search(text):
        return False
    return is_bare(text) or ("/" in text and _PLAIN.fullmatch(text) is not None)


def may_be_image(word: str, text: str) -> bool:
    """Whether a text, under this key, may be one: `img: acme/db:2`, and `image: nginx`, which is `latest`."""
    if len(text) > LONGEST or _HOST_AND_PORT.fullmatch(text) or is_placeholder(text):
        return False
    if _IMG.search(word):
        return _SHORT.fullmatch(text) is not None and not _FILE.search(text)
    return called_image(word) and _CALLED_LAST.fullmatch(word) is not None and is_simple(text)


def is_simple(value: object) -> bool:
    """Whether a value is one plain word: `nginx`."""
    return isinstance(value, str) and _SIMPLE.fullmatch(value) is not None


def names_listed(word: str, text: str) -> list[str]:
    """The names of a list in one text, `acme/a:1,acme/b:2`, under a key called image; [] for all else."""
    parts = [part for part in re.split(r"[\s,;|]+", text) if part]
    if len(parts) < 2 or not all(is_image(word, part) and ("/" in part) for part in parts):
        return []
    return parts


def is_bare_short(text: str) -> bool:
    """Whether a name has neither registry nor path: `redis:7`."""
    return "/" not in text


def is_full(text: str) -> bool:
    """Whether a text is a name with registry, and with tag or digest."""
    return len(text) <= LONGEST and _FULL.fullmatch(text) is not None and not _is_label(text)


def is_bare(text: str) -> bool:
    """Whether a text is a registry and a path, without tag or digest."""
    return len(text) <= LONGEST and _BARE.fullmatch(text) is not None and not _is_label(text)


def looks_like_image(text: str) -> bool:
    """Whether a text may be an image wherever it stands: a full name, or a path with a version."""
    return is_full(text) or (len(text) <= LONGEST and _VERSIONED.fullmatch(text) is not None)


def is_placeholder(text: str) -> bool:
    """Whether a text holds the place of an image that somebody puts in later, as Istio does for `auto`."""
    return (_PLACEHOLDERS.fullmatch(text) or _BLANK.fullmatch(text)) is not None


def lacks_a_part(text: str) -> bool:
    """Whether a piece that a value gives is not there: `acme/db:`, `:2.0`, `/db:2.0`."""
    return _PARTIAL.fullmatch(text) is not None


def full_within(text: str) -> Iterator[tuple[int, str]]:
    """The full names in a longer text, each with where it begins."""
    for found in _WITHIN.finditer(text):
        name = found[1].rstrip(".-")
        if is_full(name):
            yield found.start(1), name


def short_within(text: str) -> Iterator[tuple[int, str]]:
    """Paths with a version in a longer text, as commands have them; a text alone says too little."""
    for found in _SHORT_WITHIN.finditer(text):
        if found[1] != text.strip() and not _in_comment(text, found.start()):
            yield found.start(1), found[1].rstrip(".-")


def called_within(text: str) -> Iterator[tuple[int, str]]:
    """The names in a longer text that stand behind a key, variable or flag called image; not in comments."""
    for found in _CALLED_WITHIN.finditer(text):
        word = (found["flag"] or found["key"] or "") + found["word"] + found["rest"]
        name = found["name"].rstrip(".-")
        if is_image(word, name) and not _in_comment(text, found.start()):
            yield found.start("name"), name
    for found in _PROPERTY.finditer(text):
        if is_image(found["word"], found["name"]):
            yield found.start("name"), found["name"]


def _in_comment(text: str, start: int) -> bool:
    line = text[text.rfind("\n", 0, start) + 1 : start].lstrip()
    return line.startswith(("#", "//", ";"))


def _is_label(text: str) -> bool:
    host = text.partition("/")[0] + "/"
    return host.endswith(_LABELS) and not host.startswith(_REGISTRIES)

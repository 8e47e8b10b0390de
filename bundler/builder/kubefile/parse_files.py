"""The instructions that bring content: COPY, ADD, RUN, IMAGE."""

import re

from bundler.builder.kubefile.arguments import Reader
from bundler.builder.kubefile.instructions import Add, Copy, Image, Run
from bundler.builder.kubefile.lexer import Heredoc
from bundler.builder.kubefile.words import Word
from bundler.core.digest import Digest
from bundler.core.errors import BundlerError

_OWNERS = "leave it out: on site everything belongs to root"
_NO_STAGES = "a Kubefile has one stage; use FROM for a base, IMAGE for container images"
_REFUSED_COPY = {
    "chown": _OWNERS,
    "from": _NO_STAGES,
    "link": "leave it out: there are no layers",
    "parents": "name the folder in the destination",
    "exclude": "write it into .kubeignore",
}
_SUMS = ("sha256:https://", "sha256:http://", "sha256:file://")
_REFUSED_ADD = _REFUSED_COPY | {"keep-git-dir": "clone in a RUN"}
_REFUSED_RUN = {
    "mount": "RUN sees the bundle's root only; use $TMPDIR for what is not to be kept",
    "network": "RUN has the network of the build machine",
    "security": "RUN runs as the user who builds",
}
_TRANSPORTS = ("docker-archive:", "oci-archive:", "oci:", "docker-daemon:", "docker://")
_LATER_TRANSPORTS = ("containers-storage:", "dir:", "sif:", "ostree:")
_ELSEWHERE = ("oci://", "chart+", "https://", "http://")
_REFERENCE = re.compile(r"[A-Za-z0-9\[][A-Za-z0-9._\-/:@\[\]]*")


def copy(reader: Reader) -> Copy | None:
    """COPY [--chmod=MODE] source… destination."""
    reader.check_flags(("chmod",), _REFUSED_COPY)
    parts = _sources(reader)
    if parts is None:
        return None
    sources, heredocs, destination = parts
    for word in sources:
        if word.text.startswith(("https://", "http://")):
            reader.fault(word.location, "bad-source", "COPY takes files of the build context", "write ADD")
    return Copy(
        location=reader.stated.location,
        sources=sources,
        heredocs=heredocs,
        destination=destination,
        mode=reader.mode(),
    )


def add(reader: Reader) -> Add | None:
    """ADD [--checksum=D] [--chmod=MODE] [--unpack] source… destination."""
    reader.check_flags(("chmod", "checksum", "unpack"), _REFUSED_ADD)
    parts = _sources(reader)
    if parts is None:
        return None
    sources, heredocs, destination = parts
    sum_flag = checksum(reader)
    if sum_flag is not None and len(sources) != 1:
        reader.fault(
            sum_flag.location, "bad-flag", "--checksum belongs to one source", "write one ADD for each source"
        )
    return Add(
        location=reader.stated.location,
        sources=sources,
        heredocs=heredocs,
        destination=destination,
        mode=reader.mode(),
        checksum=sum_flag,
        unpack=switch(reader, "unpack"),
    )


def checksum(reader: Reader) -> Word | None:
    """--checksum=sha256:<hex> or sha256:URL; a variable in it is looked at when it is expanded."""
    word = reader.flag("checksum")
    if word is None or "$" in word.text or word.text.startswith(_SUMS):
        return word
    try:
        Digest.parse(word.text)
    except BundlerError as error:
        hint = "write --checksum=sha256:<64 hex digits>, or sha256:https://… for a file of checksums"
        reader.fault(word.location, "bad-flag", error.what, hint)
        return None
    return word


def switch(reader: Reader, name: str) -> bool:
    """A flag that is on or off."""
    word = reader.stated.flags.get(name)
    if word is None:
        return False
    if word.text not in {"", "true", "false"}:
        reader.fault(word.location, "bad-flag", f"--{name} is on or off", f"write --{name}")
    return word.text != "false"


def _sources(reader: Reader) -> tuple[tuple[Word, ...], tuple[Heredoc, ...], Word] | None:
    words = reader.words()
    heredocs = reader.stated.heredocs
    opened = {heredoc.location for heredoc in heredocs}
    sources = tuple(word for word in words[:-1] if word.location not in opened)
    if len(words) < 2 or (words[-1].location in opened):
        reader.missing("a source and a destination", f"{reader.stated.keyword} source… destination")
        return None
    return sources, heredocs, words[-1]


def run(reader: Reader) -> Run | None:
    """RUN command, RUN ["list"], RUN <<EOF."""
    reader.check_flags((), _REFUSED_RUN)
    stated = reader.stated
    text = stated.rest.strip()
    if not text:
        reader.missing("a command", "RUN command")
        return None
    if text.startswith("[") and (argv := _argv(text, reader)) is not None:
        if not argv:
            reader.fault(stated.at(0), "bad-json", "the list is empty", 'write RUN ["program", "argument"]')
            return None
        return Run(location=stated.location, text=text, argv=argv)
    if len(stated.heredocs) == 1 and _only_heredoc(text):
        body = stated.heredocs[0].body
        return Run(location=stated.location, text=_first_line(body) or text, script=body)
    script = text + "\n" + "".join(heredoc.tail for heredoc in stated.heredocs)
    return Run(location=stated.location, text=text, script=script)


def _argv(text: str, reader: Reader) -> tuple[str, ...] | None:
    """The list form, its variables left alone: no shell, no expansion, as in a Dockerfile."""
    listed = reader.json_strings()
    if listed is None and re.match(r'\[\s*".*"\s*\]$', text, re.DOTALL):
        reader.bad_json(0, 'RUN ["program", "argument"]')
    return listed


def _first_line(body: str) -> str:
    """The first command of a script, for people; dots when there are more."""
    lines = [line.strip() for line in body.splitlines() if line.strip() and not line.strip().startswith("#")]
    return lines[0] + (" …" if len(lines) > 1 else "") if lines else ""


def _only_heredoc(text: str) -> bool:
    return len(text.split()) == 1


def image(reader: Reader) -> Image | None:
    """`IMAGE [--with-signatures] reference…`."""
    reader.check_flags(
        ("with-signatures",), {"platform": "the bundle's platform decides: bundler make --platform"}
    )
    words = reader.words()
    if not words:
        reader.missing("a reference", "IMAGE docker.io/library/nginx:1.27")
        return None
    return Image(
        location=reader.stated.location,
        references=tuple(w for w in words if _good_image(w, reader)),
        signatures=switch(reader, "with-signatures"),
    )


def _good_image(word: Word, reader: Reader) -> bool:
    if word.text.startswith(_LATER_TRANSPORTS):
        kind = word.text.partition(":")[0]
        hint = "save it first: docker save -o image.tar NAME, then IMAGE docker-archive:image.tar"
        reader.fault(word.location, "bad-image", f"{kind}: is not supported yet", hint)
        return False
    if word.text.startswith(_ELSEWHERE):
        hint = (
            f"a chart is an app: APP NAME {word.text}, which brings its images, too; "
            "an image is named without https:// or oci://"
        )
        reader.fault(word.location, "bad-image", f"this names a chart or a file: {word.text}", hint)
        return False
    if "$" in word.text or word.text.startswith(_TRANSPORTS) or _REFERENCE.fullmatch(word.text):
        return True
    hint = (
        "write NAME:TAG, NAME@sha256:…, docker-archive:FILE, oci-archive:FILE, oci:FOLDER, docker-daemon:NAME"
    )
    reader.fault(word.location, "bad-image", f"not an image: {word.text}", hint)
    return False

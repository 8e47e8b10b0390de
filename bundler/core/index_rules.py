"""What must hold between the parts of an index, for its writer and for the reader who doubts it."""

import re
from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from itertools import pairwise

from bundler.core.digest import Digest
from bundler.core.errors import BundlerError
from bundler.core.index import NAMESPACE, App, Image, Index, Member, OsPackage
from bundler.core.index_names import name_faults
from bundler.core.rooted import RootedPath

# These three are written into the stub, the seal and folder names, so they hold nothing that a shell could
# take for more than a word.
_HEADING = {
    "name": re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}"),
    "version": re.compile(r"[A-Za-z0-9][A-Za-z0-9._+~-]{0,127}"),
    "platform": re.compile(r"[a-z0-9]{1,20}/[a-z0-9]{1,20}(/[a-z0-9]{1,20})?"),
}
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")  # the OCI distribution specification's


def faults(index: Index, *, archive_length: int, made: AbstractSet[str] = frozenset()) -> Iterator[str]:
    """Everything wrong with an index whose archive has `archive_length` bytes; nothing when it is right.

    made: paths of members that recipes make, and that so have no frame.
    """
    yield from _heading(index)
    yield from name_faults(index)
    yield from _paths(index.members)
    for member in index.members:
        if not 0 <= member.mode <= 0o777:
            yield f"member {member.path!r} has mode {member.mode:o}"
    yield from _places([member for member in index.members if member.path not in made], archive_length)
    yield from _placeless(member for member in index.members if member.path in made)
    yield from _repeated("image", (image.name for image in index.images))
    for image in index.images:
        yield from _image(image, index)
    yield from _apps(index)
    for package in index.packages:
        yield from _package(package, index)


def heading_fault(what: str, value: str) -> str:
    """What is wrong with a bundle's name, version or platform; "" where nothing is."""
    form = _HEADING[what]
    return "" if form.fullmatch(value) else f"the {what} {value[:140]!r} does not match {form.pattern}"


def _heading(index: Index) -> Iterator[str]:
    values = (("name", index.name), ("version", index.version), ("platform", index.platform))
    yield from (fault for what, value in values if (fault := heading_fault(what, value)))


def _paths(members: tuple[Member, ...]) -> Iterator[str]:
    paths = {member.path for member in members}
    if len(paths) != len(members):
        yield from _repeated("member", (member.path for member in members))
    for path in paths:
        if fault := _path_fault(path):
            yield fault
        elif folder := next((parent for parent in _parents(path) if parent in paths), None):
            yield f"{folder!r} is a file, and {path!r} needs it to be a folder"


def _path_fault(path: str) -> str:
    try:
        RootedPath.parse(path)
    except BundlerError as error:
        return f"{error.what}: {error.why}"
    return ""


def _parents(path: str) -> Iterator[str]:
    """The folders above a path, nearest first."""
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path


def _places(members: Sequence[Member], archive_length: int) -> Iterator[str]:
    """Frames stand in the archive in the index's order, inside it and apart from each other."""
    for member in members:
        if member.length == 0 or member.offset + member.length > archive_length:
            yield f"member {member.path!r} lies outside of the archive"
    for before, after in pairwise(members):
        if before.offset + before.length > after.offset:
            yield f"members {before.path!r} and {after.path!r} overlap or are out of order"


def _placeless(members: Iterable[Member]) -> Iterator[str]:
    for member in members:
        if member.offset or member.length:
            yield f"member {member.path!r} has a place, and a recipe that makes it"


def _image(image: Image, index: Index) -> Iterator[str]:
    if image.digest not in image.manifests:
        yield f"image {image.name!r}: its digest is not among its manifests"
    for one in image.attached:
        if one.digest not in one.manifests or not _TAG.fullmatch(one.tag):
            yield f"image {image.name!r}: {one.tag[:140]!r} is not what is kept beside it"
    for digest in image.digests:
        if not _blob_is_there(digest, index):
            yield f"image {image.name!r}: no member holds its blob {digest}"


def _blob_is_there(digest: Digest, index: Index) -> bool:
    member = index.member(f"images/blobs/sha256/{digest.hex}")
    return member is not None and member.digest == digest


def _apps(index: Index) -> Iterator[str]:
    yield from _repeated("app", (app.name for app in index.apps))
    yield from (fault for app in index.apps if (fault := _app_fault(app)))
    known = {app.name for app in index.apps}
    yield from (f"LAUNCH names {name!r}, which is no app" for name in index.launch if name not in known)


def _app_fault(app: App) -> str:
    if any(len(command) == 0 for command in app.commands):
        return f"app {app.name!r} has an empty command"
    if app.namespace and not NAMESPACE.fullmatch(app.namespace):
        return f"app {app.name!r} is for {app.namespace[:80]!r}, which is no namespace"
    return _path_fault(app.path)


def _package(package: OsPackage, index: Index) -> Iterator[str]:
    if index.member(package.path) is None:
        yield f"package {package.name!r}: no member is at {package.path!r}"


def _repeated(what: str, names: Iterable[str]) -> Iterator[str]:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            yield f"{what} {name!r} occurs twice"
        seen.add(name)

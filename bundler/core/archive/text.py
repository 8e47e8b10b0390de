"""What `--info` and `--list` print, written when the bundle is made so that a shell can show it at once."""

from collections.abc import Iterable, Iterator, Sequence

from bundler.core.archive.recipes import Needed
from bundler.core.archive.seal import Section
from bundler.core.index import FORMAT, App, Image, Index, OsPackage
from bundler.core.terminal import tame
from bundler.core.words import counted, sized


def info(
    index: Index,
    archive: Section,
    index_section: Section,
    platforms: Sequence[str] = (),
    base: Needed | None = None,
) -> str:
    """Name, version, platform and contents; one `key: value` a line.

    platforms: all that the file is for, where they are several. base: the bundle that this one rests on.
    """
    content = sum(member.size for member in index.members)
    suites = ", ".join(sorted({package.suite for package in index.packages}))
    pairs: list[tuple[str, object]] = [
        ("name", index.name),
        ("version", index.version),
        ("platform", index.platform),
        *((("platforms", ", ".join(platforms)),) if len(platforms) > 1 else ()),
        *((("rests on", rests_on(base)),) if base else ()),
        ("kubernetes", index.kubernetes or "none"),
        ("launches", ", ".join(index.launch) or counted(len(index.commands), "command")),
        ("apps", len(index.apps)),
        ("images", len(index.images)),
        ("packages", f"{len(index.packages)} ({suites})" if suites else 0),
        ("files", len(index.members)),
        ("content", f"{content} bytes ({sized(content)})"),
        ("format", FORMAT),
        ("archive offset", archive.offset),
        ("archive length", archive.length),
        ("archive sha256", archive.digest.hex),
        ("index offset", index_section.offset),
        ("index length", index_section.length),
        ("index sha256", index_section.digest.hex),
    ]
    pairs += [(f"label {key}", value) for key, value in sorted(index.labels.items())]
    return _lines(f"{key}: {value}" for key, value in pairs)


def rests_on(base: Needed) -> str:
    """The bundle that a delta needs: name, version, and its seal's digest, which no other one has."""
    return f"{base.name} {base.version}, seal {base.seal}"


def listing(index: Index, base: Needed | None = None) -> str:
    """Everything inside, by kind, with sizes. base: as `info` has it."""
    return _lines(_listing(index, base))


def _listing(index: Index, base: Needed | None) -> Iterator[str]:
    yield f"{index.name} {index.version} ({index.platform})"
    if base is not None:
        yield f"this file has only what changed; it rests on {rests_on(base)}"
    yield from _part("apps", (_app(app) for app in index.apps))
    yield from _part("images", (_image(image, index) for image in index.images))
    yield from _part("packages", (_package(package) for package in index.packages))
    own = {package.path for package in index.packages}
    files = (each for each in index.members if each.path not in own and not each.path.startswith("images/"))
    yield from _part("files", (f"{sized(each.size):>9}  {each.path}" for each in files))


def _part(title: str, lines: Iterable[str]) -> Iterator[str]:
    found = [f"  {line}" for line in lines]
    if found:
        yield ""
        yield f"{title} ({len(found)}):"
        yield from found


def _app(app: App) -> str:
    namespace = f"  namespace {app.namespace}" if app.namespace else ""
    return f"{app.name}  {app.kind}  {app.path}{namespace}{'  privileged' if app.privileged else ''}"


def _image(image: Image, index: Index) -> str:
    blobs = (index.member(f"images/blobs/sha256/{digest.hex}") for digest in image.digests)
    size = sum(blob.size for blob in blobs if blob is not None)
    return f"{sized(size):>9}  {image.name}  {image.digest}"


def _package(package: OsPackage) -> str:
    why = "" if package.requested else "  (needed by others)"
    return f"{package.suite}  {package.name} {package.version} {package.architecture}{why}"


def _lines(lines: Iterable[str]) -> str:
    """One line each, without anything that a terminal would obey."""
    return "".join(f"{tame(line)}\n" for line in lines)

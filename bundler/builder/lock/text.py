"""The lock's text: JSON with a line for each fact, sorted, so that two versions of it can be compared."""

import json
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeVar

from bundler.builder.lock.model import (
    FORM,
    ChartPin,
    FilePin,
    ImagePin,
    Inputs,
    KubefilePin,
    Lock,
    PackagePin,
    RangePin,
    SuitePin,
)
from bundler.builder.packages.closure import SuiteIndex
from bundler.core.archive.newfile import NewFile
from bundler.core.digest import Digest
from bundler.core.errors import BundlerError, ExitCode
from bundler.core.index_json import Fields, parse, read_digest, read_text, refuse


class _Dataclass(Protocol):
    __dataclass_fields__: ClassVar[dict[str, Any]]


def dumps(lock: Lock) -> bytes:
    """The text; equal locks give equal bytes."""
    document = {"lock": FORM, "platforms": {name: _plain(each) for name, each in lock.platforms.items()}}
    text = json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False)
    return text.encode() + b"\n"


def loads(data: bytes, where: object) -> Lock:
    """Read what `dumps` wrote. Raises BundlerError (INPUT), and (UNSUPPORTED) for a newer form."""
    try:
        return _lock(parse(data))
    except BundlerError as error:
        if error.code is not ExitCode.INTEGRITY:
            raise
        raise BundlerError(
            "the lock can't be read",
            where=where,
            why=error.why,
            code=ExitCode.INPUT,
            fix="after a merge, keep one side of it, otherwise remove it; "
            "then run `bundler lock` to rewrite it",
        ) from error


def read(path: Path) -> tuple[Lock, Digest] | None:
    """The lock and its digest, None where there is none. Raises BundlerError as `loads` does."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise BundlerError(
            "the lock can't be read", where=path, why=str(error), code=ExitCode.INPUT
        ) from error
    return loads(data, path), Digest.of(data)


def write(lock: Lock, path: Path) -> None:
    """Put the lock in its place, whole or not at all. Raises BundlerError (USAGE, SPACE)."""
    try:
        with NewFile(path) as out:
            out.write(dumps(lock))
            out.commit(0o666)
    except BundlerError as error:
        raise BundlerError(
            "can't write the lock", where=path, why=error.why or error.what, code=error.code
        ) from error


def _plain(value: object) -> object:
    match value:
        case Digest():
            return str(value)
        case tuple():
            return [_plain(entry) for entry in value]
        case (
            Inputs() | KubefilePin() | FilePin() | ChartPin() | RangePin() | ImagePin() | PackagePin()
            | SuitePin() | SuiteIndex()
        ):  # fmt: skip
            return {name: _plain(getattr(value, name)) for name in _keys(type(value))}
        case _:
            return value


def _keys(kind: type[_Dataclass]) -> frozenset[str]:
    return frozenset(entry.name for entry in fields(kind))


def _lock(value: object) -> Lock:
    if isinstance(value, dict) and type(value.get("lock")) is int and value["lock"] > FORM:
        raise BundlerError(
            f"the lock has form {value['lock']}, this bundler reads up to {FORM}",
            code=ExitCode.UNSUPPORTED,
            fix="use the bundler that wrote it, or a newer one",
        )
    top = Fields.of("lock", value, frozenset({"lock", "platforms"}))
    platforms = top.values["platforms"]
    if not isinstance(platforms, dict):
        refuse("lock.platforms is not an object")
    return Lock({name: _inputs(name, each) for name, each in platforms.items()})


def _inputs(where: str, value: object) -> Inputs:
    given = Fields.of(where, value, _keys(Inputs))
    return Inputs(
        kubefiles=given.many("kubefiles", _reader(KubefilePin, _kubefile)),
        files=given.many("files", _reader(FilePin, _file)),
        charts=given.many("charts", _reader(ChartPin, _chart)),
        ranges=given.many("ranges", _reader(RangePin, _range)),
        images=given.many("images", _reader(ImagePin, _image)),
        suites=given.many("suites", _reader(SuitePin, _suite)),
    )


_T = TypeVar("_T", bound=_Dataclass)


def _reader(kind: type[_T], made: Callable[[Fields], _T]) -> Callable[[str, object], _T]:
    return lambda where, value: made(Fields.of(where, value, _keys(kind)))


def _why(given: Fields) -> tuple[str, ...]:
    return given.many("why", read_text)


def _kubefile(given: Fields) -> KubefilePin:
    manifest = str(given.digest("manifest")) if given.text("manifest") else ""
    return KubefilePin(given.text("base"), given.digest("digest"), _why(given), manifest)


def _file(given: Fields) -> FilePin:
    return FilePin(given.text("url"), given.digest("digest"), given.number("size"), _why(given))


def _chart(given: Fields) -> ChartPin:
    return ChartPin(
        reference=given.text("reference"),
        digest=given.digest("digest"),
        size=given.number("size"),
        url=given.text("url"),
        manifest=given.text("manifest"),
        why=_why(given),
    )


def _range(given: Fields) -> RangePin:
    return RangePin(given.text("range"), given.text("version"), _why(given))


def _image(given: Fields) -> ImagePin:
    return ImagePin(
        reference=given.text("reference"),
        source=given.text("source"),
        digest=given.digest("digest"),
        manifest=given.digest("manifest"),
        why=_why(given),
        attached=given.many("attached", _read_attached),
        signatures=given.truth("signatures"),
    )


def _read_attached(where: str, value: object) -> str:
    text = read_text(where, value)
    read_digest(where, text.partition(" ")[2])
    return text


def _suite(given: Fields) -> SuitePin:
    return SuitePin(
        suite=given.text("suite"),
        requested=given.many("requested", read_text),
        indexes=given.many("indexes", _reader(SuiteIndex, _index)),
        packages=given.many("packages", _reader(PackagePin, _package)),
    )


def _index(given: Fields) -> SuiteIndex:
    return SuiteIndex(given.text("suite"), given.digest("digest"))


def _package(given: Fields) -> PackagePin:
    return PackagePin(
        suite=given.text("suite"),
        package=given.text("package"),
        version=given.text("version"),
        architecture=given.text("architecture"),
        archive=given.text("archive"),
        path=given.text("path"),
        digest=given.digest("digest"),
        size=given.number("size"),
        requested=given.truth("requested"),
        why=_why(given),
    )


def missing(path: Path) -> BundlerError:
    """There is no lock, and one is needed."""
    return BundlerError("there is no lock", where=path, code=ExitCode.INPUT, fix="`bundler lock` makes one")

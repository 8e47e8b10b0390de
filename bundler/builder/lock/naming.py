"""What a person means by a name: an image without its registry, a file by its last part. Pure."""

import difflib
from collections.abc import Iterator
from urllib.parse import unquote, urlsplit

from bundler.builder.kubefile.runfile import REGISTRY
from bundler.builder.lock.model import FilePin, ImagePin, Inputs, KubefilePin, PackagePin, Pin, SuitePin
from bundler.core.errors import BundlerError, ExitCode
from bundler.core.reference import Reference


def matching(inputs: Inputs, name: str) -> tuple[tuple[str, Pin], ...]:
    """The pins that a name stands for, each with its kind. Raises BundlerError (NOT_FOUND) for none."""
    every = [(kind, pin) for kind, kind_pins in inputs.kinds() for pin in kind_pins]
    found = tuple((kind, pin) for kind, pin in every if name in called(pin) or _same_image(name, pin))
    if found:
        return found
    close = difflib.get_close_matches(name, [each for _, pin in every for each in called(pin)], 3, 0.6)
    raise BundlerError(
        f"nothing of that name is locked: {name}",
        code=ExitCode.NOT_FOUND,
        fix=f"did you mean {' or '.join(close)}?" if close else "`bundler why` without a name lists all",
    )


def called(pin: Pin) -> frozenset[str]:
    """All names that people may have for it."""
    return frozenset({pin.name, *_short(pin)})


def _short(pin: Pin) -> Iterator[str]:
    match pin:
        case FilePin():
            yield unquote(urlsplit(pin.url).path).rpartition("/")[2]
        case ImagePin():
            yield from _image(pin.reference)
        case PackagePin():
            yield from (pin.package, f"{pin.package}={pin.version}")
        case KubefilePin() if pin.base.startswith(REGISTRY):
            yield from _image(pin.base.removeprefix(REGISTRY))
        case SuitePin() | KubefilePin():
            return
        case _:
            yield pin.name.rpartition("/")[2].partition(":")[0]


def _image(text: str) -> Iterator[str]:
    """Less and less of it: without the tag, without the registry, the last part alone."""
    for whole in (text, text.partition("@")[0]):
        yield whole
        yield whole.partition("/")[2]
        yield whole.rpartition("/")[2]
    name = Reference.parse(text).name
    yield from (name, name.partition("/")[2], name.rpartition("/")[2])


def _same_image(text: str, pin: Pin) -> bool:
    """`nginx:1.27` is docker.io/library/nginx:1.27."""
    if not isinstance(pin, ImagePin):
        return False
    try:
        return str(Reference.parse(text)) == pin.reference
    except BundlerError:
        return False

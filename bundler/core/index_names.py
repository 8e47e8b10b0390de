"""Which names an index may hold. They become paths on hosts, words of scripts and arguments of apt and Helm.

The builder's own rules are as strict; these are for an index that another program has written.
"""

import re
from collections.abc import Iterator
from typing import Final

from bundler.core.errors import BundlerError
from bundler.core.index import App, AppKind, Image, Index, OsPackage
from bundler.core.reference import Reference

# Neither begins like an option, nor holds anything that a shell or a path could take for more than a word.
_APP: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,51}[A-Za-z0-9])?")  # 53: what Helm allows
_RELEASE: Final = re.compile(r"[a-z0-9._-]*")
_PACKAGE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9+._-]{0,199}")  # Debian Policy 5.6.1, and what rpm takes
_SUITE: Final = re.compile(r"[a-z][a-z0-9]{0,39}:[a-z0-9][a-z0-9.-]{0,39}")
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_KUBERNETES: Final = re.compile(r"(?:v?\d{1,6}\.\d{1,6}\.\d{1,6}[0-9A-Za-z.+_~-]{0,80})?")


def name_faults(index: Index) -> Iterator[str]:
    """Each name in the index that can't be one."""
    yield from _unlike("the version of Kubernetes", index.kubernetes, _KUBERNETES)
    for name in index.env:
        yield from _unlike("variable", name, _VARIABLE)
    for app in index.apps:
        yield from _app(app)
    for image in index.images:
        yield from _image(image)
    for package in index.packages:
        yield from _package(package)


def _app(app: App) -> Iterator[str]:
    yield from _unlike("app", app.name, _APP)
    if app.kind is AppKind.HELM:
        yield from _unlike("Helm release", app.name, _RELEASE)
    for name in app.env:
        yield from _unlike(f"app {app.name[:60]!r}: variable", name, _VARIABLE)


def _image(image: Image) -> Iterator[str]:
    try:
        full = str(Reference.parse(image.name))
    except BundlerError as error:
        yield f"{error.what}: {error.why}"
        return
    if full != image.name:
        yield f"image {image.name!r} is not called by its full name, {full!r}"


def _package(package: OsPackage) -> Iterator[str]:
    yield from _unlike("package", package.name, _PACKAGE)
    yield from _unlike(f"package {package.name[:60]!r}: suite", package.suite, _SUITE)
    if not package.path.startswith("packages/"):
        yield f"package {package.name[:60]!r} is at {package.path[:140]!r}, not below packages/"


def _unlike(what: str, text: str, form: re.Pattern[str]) -> Iterator[str]:
    if not form.fullmatch(text):
        yield f"{what} {text[:140]!r} does not match {form.pattern}"

"""What is frozen into an installer, by the notices in it (builder/runtime/notices.py writes them)."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

from bundler.builder.lib.decompress import BrokenError, most_scanned, unpacked
from bundler.builder.lib.tarstream import Kind as Shape
from bundler.builder.lib.tarstream import entries
from bundler.builder.sbom.model import Finds, Gap, Kind, Package, Packages
from bundler.builder.sbom.readers import manifests, stanzas
from bundler.core.digest import read_chunks

# By the start of the source package's name: those whose copyright file isn't in the form that can be read.
_KNOWN: Final = (
    ("glibc", "LGPL-2.1-or-later"),
    ("gcc-", "GPL-3.0-or-later WITH GCC-exception-3.1"),
    ("python3", "PSF-2.0"),
)
_NOTICES: Final = "_internal/notices/"
_MOST: Final = 4 << 20  # bytes of one notice
_MOST_ALL: Final = 64 << 20


def frozen_packages(runtime: Path) -> Finds:
    """The packages in a frozen installer; a gap where it doesn't tell, as one made by an older bundler."""
    try:
        with runtime.open("rb") as file:
            limit = most_scanned(runtime.stat().st_size)
            notices = dict(_notices(unpacked(read_chunks(file), limit=limit)))
        packages = tuple(sorted(_packages(notices)))
    except (BrokenError, ValueError, LookupError, TypeError, AttributeError) as error:
        return Finds((), (Gap("", f"the frozen installer can't be read: {error}"),))
    if not packages:
        return Finds((), (Gap("", "the frozen installer doesn't tell what is in it"),))
    return Finds((Packages("", packages),))


def _notices(chunks: Iterable[bytes]) -> Iterator[tuple[str, bytes]]:
    total = 0
    for entry in entries(chunks):
        if entry.kind is Shape.FILE and entry.path.startswith(_NOTICES):
            data = entry.content.read(_MOST)
            total += len(data)
            if total > _MOST_ALL:
                raise BrokenError(f"its notices have more than {_MOST_ALL} bytes")
            yield entry.path.removeprefix(_NOTICES), data


def _packages(notices: dict[str, bytes]) -> Iterator[Package]:
    system, version = stanzas.os_release(notices.get("os-release", b""))
    distro = "-".join(part for part in (system, version) if part)
    for path, data in notices.items():
        match path.split("/"):
            case ["deb", name, "status"]:
                stated = stanzas.copyright_licences(notices.get(f"deb/{name}/copyright", b""))
                for each in stanzas.dpkg(data):
                    yield replace(each, licences=stated or _known(each.source or each.name), distro=distro)
            case ["pypi", _, "METADATA"]:
                yield from manifests.python(data)
            case ["crates.json"]:
                for name, told in json.loads(data).items():
                    crate, _, number = name.partition(" ")
                    licences = (str(told["licence"]),) if told["licence"] else ()
                    yield Package(Kind.CARGO, crate, number, licences=licences)
            case ["linked.json"]:
                for name, told in json.loads(data).items():
                    yield Package(Kind.GENERIC, name, str(told["version"]), licences=(str(told["licence"]),))


def _known(source: str) -> tuple[str, ...]:
    return tuple(licence for start, licence in _KNOWN if source.startswith(start))

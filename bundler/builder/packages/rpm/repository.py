"""The repository that the site's dnf reads: rpm metadata over the packages' own headers.

Equal packages give equal bytes. It carries no signature: its digests stand in the bundle's index, and the
installer checks them on arrival. The form is createrepo_c's, whose library makes the entries.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self
from xml.sax.saxutils import quoteattr

import createrepo_c

from bundler.builder.packages.closure import PackageFile
from bundler.core.errors import BundlerError, ExitCode

PRIMARY: Final = "repodata/primary.xml"
_FILELISTS: Final = "repodata/filelists.xml"
_COMMON: Final = "http://linux.duke.edu/metadata/common"
_RPM: Final = "http://linux.duke.edu/metadata/rpm"


@dataclass(frozen=True, slots=True)
class RpmEntry:
    """What the metadata says of one package: its elements of primary.xml and filelists.xml."""

    primary: str
    filelists: str

    @classmethod
    def read(cls, path: Path, package: PackageFile) -> Self:
        """Read the package's header. Raises BundlerError (INTEGRITY) for what is no package."""
        try:
            header = createrepo_c.package_from_rpm(
                str(path),
                checksum_type=createrepo_c.SHA256,
                location_href=file_name(package),
                location_base=None,
                changelog_limit=0,
            )
        except (OSError, createrepo_c.CreaterepoCError) as error:
            raise _damaged(package, str(error)) from error
        own = f"{header.name}-{header.version}-{header.release}.{header.arch}.rpm"
        if own != file_name(package):
            raise _damaged(package, f"it is {own}")
        header.time_file = header.time_build  # the file's own time is that of the cache
        return cls(createrepo_c.xml_dump_primary(header), createrepo_c.xml_dump_filelists(header))

    @classmethod
    def from_json(cls, text: bytes) -> Self:
        """What `to_json` gave."""
        return cls(*json.loads(text))

    def to_json(self) -> bytes:
        """For the cache."""
        return json.dumps([self.primary, self.filelists]).encode()


def _damaged(package: PackageFile, why: str) -> BundlerError:
    return BundlerError(
        "this is not the rpm package that the metadata tells of",
        where=file_name(package),
        why=why,
        code=ExitCode.INTEGRITY,
        fix="the mirror is damaged; name another one with baseurl",
    )


def file_name(package: PackageFile) -> str:
    """A package's name in the repository; the epoch is left out, as rpm itself does."""
    return f"{package.name}-{package.version.rpartition(':')[2]}.{package.architecture}.rpm"


def repodata(entries: Iterable[RpmEntry]) -> Mapping[str, bytes]:
    """The files of a repository over these packages, by name; in the order that they are given."""
    several = tuple(entries)
    primary = _document("metadata", _COMMON, [each.primary for each in several])
    filelists = _document(
        "filelists", "http://linux.duke.edu/metadata/filelists", [e.filelists for e in several]
    )
    files = {PRIMARY: primary, _FILELISTS: filelists}
    return {**files, "repodata/repomd.xml": _repomd(files)}


def needed_by(primary: bytes) -> Mapping[str, tuple[str, ...]]:
    """By package of a primary.xml, the packages that need it."""
    packages: list[createrepo_c.Package] = []
    elements = primary.decode().partition("<metadata")[2].partition(">")[2].rpartition("</metadata>")[0]
    createrepo_c.xml_parse_primary_snippet(elements, pkgcb=packages.append)
    providers: dict[str, set[str]] = {}
    for each in packages:
        for name in (
            *(entry[0] for entry in each.provides),
            *(folder + file for _, folder, file in each.files),
        ):
            providers.setdefault(name, set()).add(each.name)
    needs: dict[str, set[str]] = {}
    for each in packages:
        for entry in each.requires:
            for provider in providers.get(entry[0], ()):
                needs.setdefault(provider, set()).add(each.name)
    return {name: tuple(sorted(by - {name})) for name, by in needs.items()}


def _document(root: str, namespace: str, elements: list[str]) -> bytes:
    rpm = f" xmlns:rpm={quoteattr(_RPM)}" if root == "metadata" else ""
    head = f'<{root} xmlns={quoteattr(namespace)}{rpm} packages="{len(elements)}">'
    return "\n".join(['<?xml version="1.0" encoding="UTF-8"?>', head, *elements, f"</{root}>", ""]).encode()


def _repomd(files: Mapping[str, bytes]) -> bytes:
    return "\n".join(
        [
            '<?xml version="1.0" encoding="UTF-8"?>',
            f'<repomd xmlns="http://linux.duke.edu/metadata/repo" xmlns:rpm={quoteattr(_RPM)}>',
            "<revision>0</revision>",
            *(_record(name, data) for name, data in sorted(files.items())),
            "</repomd>",
            "",
        ]
    ).encode()


def _record(name: str, data: bytes) -> str:
    digest = hashlib.sha256(data).hexdigest()
    kind = name.rpartition("/")[2].removesuffix(".xml")
    return (
        f'<data type="{kind}"><checksum type="sha256">{digest}</checksum>'
        f'<open-checksum type="sha256">{digest}</open-checksum><location href={quoteattr(name)}/>'
        f"<timestamp>0</timestamp><size>{len(data)}</size><open-size>{len(data)}</open-size></data>"
    )

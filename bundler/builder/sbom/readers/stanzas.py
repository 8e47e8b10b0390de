"""Package databases made of stanzas: dpkg's and apk's, and Debian's copyright files. Pure."""

import re
from collections.abc import Iterator

from bundler.builder.sbom.model import Kind, Package

# deb822: `Name: value`, more lines of it indented; an empty line ends the stanza.
_DPKG = re.compile(r"^(Package|Version|Architecture|Source|Status): *(.*)$", re.MULTILINE)
_APK = re.compile(r"^([PVALo]):(.*)$", re.MULTILINE)
_LICENCE = re.compile(r"^License: *(\S.*)$", re.MULTILINE)
_FORMAT = re.compile(r"^Format(-Specification)?: *https?://[^\s]*(copyright-format|dep5?)", re.MULTILINE)
_EMPTY_LINE = re.compile(r"\n[ \t]*\n")


def dpkg(data: bytes) -> tuple[Package, ...]:
    """/var/lib/dpkg/status, or a file of status.d as distroless images have it; what is installed of it."""
    found = (_deb(dict(_DPKG.findall(stanza))) for stanza in _stanzas(data))
    return tuple(package for package in found if package is not None)


def _deb(fields: dict[str, str]) -> Package | None:
    name, version = fields.get("Package", "").strip(), fields.get("Version", "").strip()
    status = fields.get("Status", "install ok installed").split()
    if not name or not version or status[-1:] in (["not-installed"], ["config-files"]):
        return None
    source = fields.get("Source", "").partition(" ")[0]
    return Package(
        Kind.DEB,
        name,
        version,
        architecture=fields.get("Architecture", "").strip(),
        source="" if source == name else source,
    )


def apk(data: bytes) -> tuple[Package, ...]:
    """/lib/apk/db/installed."""
    found = []
    for stanza in _stanzas(data):
        fields = {key: value.strip() for key, value in _APK.findall(stanza)}
        if not fields.get("P") or not fields.get("V"):
            continue
        origin = fields.get("o", "")
        found.append(
            Package(
                Kind.APK,
                fields["P"],
                fields["V"],
                architecture=fields.get("A", ""),
                licences=(fields["L"],) if fields.get("L") else (),
                source="" if origin == fields["P"] else origin,
            )
        )
    return tuple(found)


def copyright_licences(data: bytes) -> tuple[str, ...]:
    """The short names in a machine-readable copyright file (DEP-5), sorted; nothing of one in prose."""
    text = data.decode(errors="replace")
    if not _FORMAT.search(text[:4096]):
        return ()
    return tuple(sorted({name.strip() for name in _LICENCE.findall(text)}))


def os_release(data: bytes) -> tuple[str, str]:
    """(ID, VERSION_ID) of os-release(5), "" for what it doesn't say."""
    fields: dict[str, str] = {}
    for line in data.decode(errors="replace").splitlines():
        key, equals, value = line.strip().partition("=")
        if equals:
            fields[key] = value.strip("\"'")
    return fields.get("ID", ""), fields.get("VERSION_ID", "")


def _stanzas(data: bytes) -> Iterator[str]:
    return (stanza for stanza in _EMPTY_LINE.split(data.decode(errors="replace").strip()) if stanza)

"""Package URLs (the purl specification): one name for a package in every tool. Pure."""

from collections.abc import Mapping
from urllib.parse import quote

from bundler.builder.sbom.model import OF_THE_SYSTEM, Kind, Package
from bundler.core.index import OsPackage
from bundler.core.suite import Family, Suite, vendor_of


def purl(
    kind: str,
    name: str,
    version: str = "",
    *,
    namespace: str = "",
    qualifiers: Mapping[str, str] | None = None,
) -> str:
    """`pkg:KIND/NAMESPACE/NAME@VERSION?QUALIFIERS`; parts encoded, qualifiers sorted, empty ones left out."""
    path = "/".join([*(_encoded(part) for part in namespace.split("/") if part), _encoded(name)])
    pairs = sorted((key, value) for key, value in (qualifiers or {}).items() if value)
    text = f"pkg:{kind}/{path}"
    if version:
        text += f"@{_encoded(version)}"
    if pairs:
        text += "?" + "&".join(f"{key}={_encoded(value, also='/')}" for key, value in pairs)
    return text


def of_package(package: Package) -> str:
    """The URL of a package that was found; a system's package has its distribution for a namespace."""
    if package.kind not in OF_THE_SYSTEM:
        return purl(package.kind, package.name, package.version, namespace=package.namespace)
    vendor = vendor_of(package.distro.partition("-")[0])
    return _of_system(
        package.kind, vendor, package.name, package.version, package.architecture, package.distro
    )


def of_os_package(package: OsPackage) -> str:
    """The URL of a package that the bundle brings; Debian's family names a release by its codename alone."""
    suite = Suite.parse(package.suite)
    match suite.known.family:
        case Family.DEB:
            kind, distro = Kind.DEB, suite.release
        case Family.RPM:
            kind, distro = Kind.RPM, f"{suite.distribution}-{suite.release}"
    return _of_system(kind, suite.known.vendor, package.name, package.version, package.architecture, distro)


def _of_system(kind: Kind, vendor: str, name: str, version: str, architecture: str, distro: str) -> str:
    qualifiers = {"arch": architecture, "distro": distro}
    if kind is Kind.RPM and ":" in version:
        qualifiers["epoch"], _, version = version.partition(":")
    return purl(kind, name, version, namespace=vendor, qualifiers=qualifiers)


def _encoded(text: str, *, also: str = "") -> str:
    return quote(text, safe=f":{also}")

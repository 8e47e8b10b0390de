"""Package URLs (the purl specification): one name for a package in every tool. Pure."""

from collections.abc import Mapping
from urllib.parse import quote

from bundler.builder.sbom.model import OF_THE_SYSTEM, Kind, Package


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
    version = package.version
    qualifiers = {"arch": package.architecture, "distro": package.distro}
    if package.kind is Kind.RPM and ":" in version:
        qualifiers["epoch"], _, version = version.partition(":")
    return purl(
        package.kind,
        package.name,
        version,
        namespace=package.distro.partition("-")[0],
        qualifiers=qualifiers,
    )


def _encoded(text: str, *, also: str = "") -> str:
    return quote(text, safe=f":{also}")

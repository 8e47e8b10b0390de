"""How a registry is called where it is a part of a repository's name: in the site's registry, by `serve`."""

import ipaddress


def store_name(registry: str) -> str:
    """A registry's name as the first part of a path that knows no colons and no brackets.

    No host name has an underscore, and none starts with `ipv6-`, so different names stay different.
    """
    host, port = _split_port(registry.lower())
    if host.startswith("["):
        address = ipaddress.IPv6Address(host.strip("[]")).exploded
        host = f"ipv6-{address.replace(':', '-')}"
    return f"{host}__{port}" if port else host


def _split_port(registry: str) -> tuple[str, str]:
    if registry.endswith("]"):
        return registry, ""
    host, colon, port = registry.rpartition(":")
    return (host, port) if colon else (registry, "")

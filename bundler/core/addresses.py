"""IP addresses as other texts hold them."""


def in_url(address: str) -> str:
    """The address as it stands before a port: IPv6 in brackets (RFC 3986)."""
    return f"[{address}]" if ":" in address else address


def is_v6(address: str) -> bool:
    """Whether an address, or a subnet, is of IPv6."""
    return ":" in address

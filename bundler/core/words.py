"""Counts as people say them."""


def counted(count: int, one: str) -> str:
    """`1 step`, `23 steps`, `1,500 steps`, `no step`."""
    if count == 0:
        return f"no {one}"
    return f"{count:,} {one}{'s' if count != 1 else ''}"

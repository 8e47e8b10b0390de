"""What the archive's tests share."""

from collections.abc import Callable
from typing import Any

from bundler.core.archive import Seal
from bundler.core.index import Index

STUB = (
    "#!/bin/sh\n# @NAME@ @VERSION@ @PLATFORM@ @RUNTIME_OFFSET@ @RUNTIME_LENGTH@ @RUNTIME_KIB@\n"
    "# @RUNTIME_SHA256@\nexit 0\n"
)

Make = Callable[..., Seal]


def meta(**changes: Any) -> Index:
    plain: dict[str, object] = {
        "name": "demo",
        "version": "1.0.0",
        "platform": "linux/amd64",
        "kubernetes": "",
        "labels": {},
        "env": {},
        "apps": (),
        "launch": (),
        "commands": (),
        "images": (),
        "packages": (),
        "members": (),
    }
    return Index(**(plain | changes))  # type: ignore[arg-type]  # names and types are those of Index

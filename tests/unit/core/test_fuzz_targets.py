"""The promises that `make fuzz` holds the readers to, on its seeds and on what it has found."""

import json
from collections.abc import Iterator

import pytest

from bundler.core.oci import OCI_CONFIG, OCI_MANIFEST
from tests.fuzz.targets import TARGETS

_COLOURS = "\x1b[31m"
_DIGEST = f"sha256:{'a' * 64}"


def _manifest(**changes: object) -> bytes:
    config = {"mediaType": OCI_CONFIG, "digest": _DIGEST, "size": 1}
    return json.dumps({"schemaVersion": 2, "config": config, "layers": []} | changes).encode()


def _layer(media_type: str) -> dict[str, object]:
    return {"mediaType": media_type, "digest": _DIGEST, "size": 1}


# Each once broke a promise: words of a registry that reached the terminal as they were.
FOUND = {
    "manifest": (
        _manifest(config=_layer(_COLOURS)),
        _manifest(mediaType=_COLOURS),
        _manifest(mediaType=OCI_MANIFEST + _COLOURS),
        _manifest(layers=[_layer(f"foreign{_COLOURS}")]),
        json.dumps({"os": _COLOURS, "architecture": "amd64", "rootfs": {"diff_ids": []}}).encode(),
    ),
}


def _inputs() -> Iterator[tuple[str, bytes]]:
    for name, target in TARGETS.items():
        for data in (*target.seeds(), *FOUND.get(name, ())):
            yield name, data
            for step in range(1, 8):  # cut, and with a byte of noise inside
                at = len(data) * step // 8
                yield name, data[:at]
                yield name, data[:at] + b"\xff" + data[at + 1 :]


@pytest.mark.parametrize("name", TARGETS)
def test_the_readers_keep_their_promises(name: str) -> None:
    inputs = [data for target, data in _inputs() if target == name]
    assert len(inputs) >= 40
    for data in inputs:
        TARGETS[name].check(data)

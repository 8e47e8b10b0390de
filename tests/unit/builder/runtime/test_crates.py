"""Rust crates in wheels are found by the wheel's own document and by the paths in its compiled modules."""

import importlib.metadata
import json
from pathlib import Path

import pytest

from bundler.builder.runtime.crates import crates_json, crates_of

RUST = b"\0/rustc/0123abcd/library/core/src/str.rs\0"


def wheel(folder: Path, files: dict[str, bytes]) -> importlib.metadata.Distribution:
    about = "w-1.0.dist-info"
    files = {f"{about}/METADATA": b"Metadata-Version: 2.1\nName: W\nVersion: 1.0\n", **files}
    files[f"{about}/RECORD"] = "".join(f"{name},,\n" for name in files).encode()
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return importlib.metadata.Distribution.at(folder / about)


def document(*components: object) -> bytes:
    return json.dumps({"bomFormat": "CycloneDX", "components": list(components)}).encode()


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (RUST + b"x/registry/src/index-1949/base64-0.22.1/src/lib.rs/a/b", {"base64 0.22.1"}),
        (RUST + b"/r/num-bigint-dig-0.8.4/src/l.rs/x", {"num-bigint-dig 0.8.4"}),
        (RUST + b"/r/der-0.8.0-rc.1/src/x.rs/r/pem-1.0.0/src/y", {"der 0.8.0-rc.1", "pem 1.0.0"}),
        (RUST + b"\\\\r\\\\wasi-0.11.0+wasi-snapshot\\src\\lib.rs", {"wasi 0.11.0+wasi-snapshot"}),
        (b"/tmp/openssl-3.0.1/src/x.c", set()),  # no Rust
        (RUST + b"/a/b-1/src/x /c-1.2/src/x", set()),
        (b"", set()),
    ],
)  # fmt: skip
def test_by_the_paths_in_a_module(tmp_path: Path, content: bytes, found: set[str]) -> None:
    assert set(crates_of(wheel(tmp_path, {"w/_rust.abi3.so": content}))) == found


def test_by_the_wheels_own_document_with_licences(tmp_path: Path) -> None:
    told = document(
        {"purl": "pkg:cargo/pem@4.0.0", "licenses": [{"license": {"id": "MIT"}}]},
        {"purl": "pkg:cargo/syn@2.0.1", "licenses": [{"expression": "MIT OR Apache-2.0"}]},
        {"purl": "pkg:cargo/own@1.0.0?download_url=file://own"},
        {"purl": "pkg:generic/openssl@4.0.3"},
    )
    files = {"w-1.0.dist-info/sboms/x.cyclonedx.json": told, "w/m.so": RUST + b"/pem-4.0.0/src/l"}
    found = crates_of(wheel(tmp_path, files))
    assert found == {"pem 4.0.0": "MIT", "syn 2.0.1": "MIT OR Apache-2.0"}


@pytest.mark.parametrize("bad", [b"{", b"[]", b'{"components": 3}', b'{"components": [1]}'])
def test_a_broken_document_leaves_what_the_modules_show(tmp_path: Path, bad: bytes) -> None:
    files = {"w-1.0.dist-info/sboms/x.json": bad, "w/m.so": RUST + b"/pem-4.0.0/src/l"}
    assert crates_of(wheel(tmp_path, files)) == {"pem 4.0.0": ""}


@pytest.mark.parametrize(("name", "crate"), [("cryptography", "pyo3"), ("bcrypt", "bcrypt-pbkdf")])
def test_of_the_wheels_that_the_installer_has(name: str, crate: str) -> None:
    found = json.loads(crates_json([importlib.metadata.distribution(name)]))
    assert any(one.startswith(f"{crate} ") and told["within"] == [name] for one, told in found.items())

"""Fixtures of tests about `.run` files: one that is written, and the frozen installer in it."""

import gzip
import io
import tarfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from bundler.core.archive import BundleWriter, Seal
from bundler.core.digest import Digest
from bundler.core.index import Index
from tests.kits.archive.bundles import STUB, Make, meta


@pytest.fixture
def runtime(tmp_path: Path) -> Path:
    """A frozen installer of one file."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as tar:
        tar.addfile(tarfile.TarInfo("app"))
    path = tmp_path / "runtime.tar.gz"
    path.write_bytes(gzip.compress(raw.getvalue(), mtime=0))
    return path


@pytest.fixture
def make(tmp_path: Path, runtime: Path) -> Make:
    """Writes a .run at tmp_path/demo.run that holds `files`."""

    def run(
        files: Mapping[str, bytes],
        *,
        compressed: bool | None = None,
        index: Index | None = None,
        **options: object,
    ) -> Seal:
        target = tmp_path / "demo.run"
        with BundleWriter(target, stub=STUB, runtime=runtime, **options) as writer:  # type: ignore[arg-type]  # its own
            for path, data in files.items():
                writer.add(path, [data], size=len(data), digest=Digest.of(data), compressed=compressed)
            return writer.finish(index or meta())

    return run

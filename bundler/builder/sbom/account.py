"""What a build calls: the bills of materials and the provenance of a bundle, as members of it."""

import json
import os
from dataclasses import replace
from hashlib import file_digest
from pathlib import Path

from bundler import __version__
from bundler.builder.cache.store import Blob, Store
from bundler.builder.lib.progress import Progress
from bundler.builder.model.spec import BundleSpec, SpecContent
from bundler.builder.sbom.model import CYCLONEDX, FORM, PROVENANCE, SPDX
from bundler.core.digest import Digest
from bundler.core.errors import BundlerError, ExitCode
from bundler.core.index import canonical

_KIND = "sbom"
_LATEST = 253402300799  # seconds; the end of the year 9999


def accounted(
    spec: BundleSpec,
    store: Store,
    *,
    runtime: Path,
    progress: Progress,
    lock: Digest | None = None,
    created: int | None = None,
) -> BundleSpec:
    """The spec with its bills and its provenance among the contents.

    runtime: the frozen installer. lock: the digest of the Kubefile.lock that the build followed, if it did.
    created: what the bills give as their date, seconds since the epoch (`source_date`).
    Raises BundlerError (INTEGRITY, NOT_FOUND, SPACE).
    """
    with runtime.open("rb") as stream:
        installer = Digest(file_digest(stream, "sha256").hexdigest())
    key = _key(spec, installer, lock, created)
    documents = _recalled(store, key)
    if documents is None:
        from bundler.builder.sbom.compose import composed  # noqa: PLC0415  (a warm build needs no reader)

        written = composed(spec, store, installer, runtime, progress, lock=lock, created=created)
        documents = tuple(
            SpecContent(path, store.add((text,), digest=None, size=None, name=path)) for path, text in written
        )
        store.remember(
            _KIND, key, json.dumps([json.loads(each.blob.to_json()) for each in documents]).encode()
        )
    contents = sorted((*spec.contents, *documents), key=lambda content: content.path)
    return replace(spec, contents=tuple(contents))


def source_date() -> int | None:
    """$SOURCE_DATE_EPOCH (reproducible-builds.org), None where it isn't set. Raises BundlerError (USAGE)."""
    text = os.environ.get("SOURCE_DATE_EPOCH", "")
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 12 and int(text) <= _LATEST):
        raise BundlerError(
            f"SOURCE_DATE_EPOCH is no time: {text[:40]!r}",
            code=ExitCode.USAGE,
            fix="set it to whole seconds since 1970, as `git log -1 --format=%ct` prints them",
        )
    return int(text)


def _key(spec: BundleSpec, installer: Digest, lock: Digest | None, created: int | None) -> str:
    """Names everything that the documents are made of."""
    contents = [[each.path, each.blob.digest.hex, each.blob.size, each.mode] for each in spec.contents]
    base = [spec.base.name, spec.base.version, spec.base.seal.hex] if spec.base else []
    made_by = [__version__, FORM, installer.hex, lock.hex if lock else "", created, base]
    return Digest.of(canonical([made_by, spec.index().to_json().decode(), contents])).hex


def _recalled(store: Store, key: str) -> tuple[SpecContent, ...] | None:
    """The documents of an earlier build of the same contents, if the store still has them all."""
    known = store.recall(_KIND, key)
    if known is None:
        return None
    blobs = [Blob(Digest(hex_digest), size) for hex_digest, size in json.loads(known)]
    if any(store.find(blob.digest, blob.size) is None for blob in blobs):
        return None
    paths = (CYCLONEDX, SPDX, PROVENANCE)
    return tuple(SpecContent(path, blob) for path, blob in zip(paths, blobs, strict=True))

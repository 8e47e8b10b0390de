"""Where a bundle comes from: an in-toto Statement v1 with SLSA's provenance v1. Pure.

It says what went in and what did the work, and nothing that differs from one build to the next: no time, no
host, no path. So it is not signed on its own: the bundle's seal covers it.
"""

from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Any

from bundler.builder.model.spec import BundleSpec
from bundler.builder.sbom.bill import Bill, Part, Sort
from bundler.core.digest import Digest
from bundler.core.index import canonical

STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "https://slsa.dev/provenance/v1"
BUILD_TYPE = "urn:bundler:kubefile:1"
BUILDER = "urn:bundler:builder"
LOCK = "Kubefile.lock"


def provenance(
    spec: BundleSpec, bill: Bill, documents: Mapping[str, Digest], *, version: str, lock: Digest | None
) -> bytes:
    """The statement about all members and `documents`: the bills' digests by their paths.

    version: bundler's. lock: the digest of the Kubefile.lock that the build followed, if it did.
    """
    members = {content.path: content.blob.digest for content in spec.contents} | dict(documents)
    statement = {
        "_type": STATEMENT,
        "subject": [_named(f"{spec.identity.name}-{spec.identity.version}", listing_digest(members))],
        "predicateType": PREDICATE,
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": _parameters(spec, lock),
                "internalParameters": {},
                "resolvedDependencies": list(_dependencies(spec, bill, lock)),
            },
            "runDetails": {"builder": {"id": BUILDER, "version": {"bundler": version}}},
        },
    }
    return canonical(statement) + b"\n"


def listing_digest(members: Mapping[str, Digest]) -> Digest:
    """The digest of what `sha256sum` would write about these files, sorted by path (LC_ALL=C)."""
    lines = sorted((path.encode(), digest.hex.encode()) for path, digest in members.items())
    return Digest(sha256(b"".join(b"%s  %s\n" % (digest, path) for path, digest in lines)).hexdigest())


def _parameters(spec: BundleSpec, lock: Digest | None) -> dict[str, Any]:
    parameters: dict[str, Any] = {
        "name": spec.identity.name,
        "version": spec.identity.version,
        "platform": spec.platform,
    }
    return parameters | {"lock": {"sha256": lock.hex}} if lock else parameters


def _dependencies(spec: BundleSpec, bill: Bill, lock: Digest | None) -> Iterator[dict[str, Any]]:
    """The lock; the base's seal; the files together; images, OS packages and the installer one by one."""
    if lock is not None:
        yield _named(LOCK, lock)
    if spec.base is not None:
        yield _named(f"{spec.base.name} {spec.base.version}", spec.base.seal)
    bundled = {package.path for package in spec.packages}
    files = {
        content.path: content.blob.digest
        for content in spec.contents
        if not content.path.startswith("images/") and content.path not in bundled
    }
    yield _named("files", listing_digest(files))
    for part in bill.parts:
        if part.digest is not None and part.sort is not Sort.FILE:
            yield _of_part(part, part.digest)


def _of_part(part: Part, digest: Digest) -> dict[str, Any]:
    told = _named(part.name if part.sort is Sort.IMAGE else f"{part.name} {part.version}", digest)
    return told | {"uri": part.purl} if part.purl else told


def _named(name: str, digest: Digest) -> dict[str, Any]:
    return {"name": name, "digest": {"sha256": digest.hex}}

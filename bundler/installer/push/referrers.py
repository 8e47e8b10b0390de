"""What the bundle has beside its images, signatures and the like, into the registry's repositories.

Cosign's tags go as they are. What refers to a manifest is listed by a registry that has the referrers API of
the distribution specification 1.1; for one that hasn't, it is listed in an index under the tag `sha256-HEX`,
as that specification says, beside whatever stands there already.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from bundler.core.digest import Digest
from bundler.core.errors import BundlerError, ExitCode
from bundler.core.index import Attached, canonical
from bundler.core.oci import OCI_INDEX, ManifestIndex, parse_any
from bundler.core.pushing import Said
from bundler.installer.push.names import Placed
from bundler.installer.push.registry import RegistryClient

_SUBJECT: Final = "sha256-"  # in front of what a tag stands in for

Read = Callable[[Digest], bytes]  # a manifest of the bundle


@dataclass(frozen=True, slots=True)
class Beside:
    """One thing that is kept beside an image, in the same repository."""

    repository: str
    one: Attached

    @property
    def subject(self) -> Digest | None:
        """The manifest that the tag stands in for; None for a tag that is only a tag, such as cosign's."""
        hexdigits = self.one.tag.removeprefix(_SUBJECT)
        return Digest(hexdigits) if len(hexdigits) == 64 and hexdigits != self.one.tag else None

    @property
    def referrers(self) -> tuple[Digest, ...]:
        """Manifests that refer to the subject: all but the index that lists them."""
        return tuple(digest for digest in self.one.manifests if digest != self.one.digest)


def beside(placed: Iterable[Placed]) -> tuple[Beside, ...]:
    """All that the images have beside them, each once in each repository."""
    found = (Beside(each.repository, one) for each in placed for one in each.image.attached)
    return tuple(dict.fromkeys(found))


def is_there(it: Beside, registry: RegistryClient) -> bool:
    """Whether the registry has it, with all its parts."""
    subject = it.subject
    if subject is None:
        return registry.manifest_digest(it.repository, it.one.tag) == str(it.one.digest)
    missing = set(it.referrers) - _listed(registry.referrers(it.repository, subject))
    return not missing or missing <= _listed(registry.listing(it.repository, it.one.tag))


def put(it: Beside, registry: RegistryClient, read: Read) -> None:
    """Put its manifests; their blobs are there. Raises BundlerError (NETWORK, TRUST, INTEGRITY)."""
    subject = it.subject
    if subject is None:
        for digest in reversed(it.one.manifests):
            wanted = it.one.tag if digest == it.one.digest else str(digest)
            _put(it.repository, wanted, read(digest), registry)
        return
    said = [_put(it.repository, str(digest), read(digest), registry) for digest in it.referrers]
    if all(each.subject == str(subject) for each in said):
        return  # the registry lists them itself
    known = registry.listing(it.repository, it.one.tag)
    if (index := stand_in(read(it.one.digest), known)) is not None:
        _put(it.repository, it.one.tag, index, registry)


def stand_in(own: bytes, known: bytes | None) -> bytes | None:
    """The index to put in place of `known`, so that it lists what `own` lists, too; None where it does."""
    if known is None or not _is_index(known):
        return own
    there = _listed(known)
    missing = [entry for entry in json.loads(own)["manifests"] if Digest.parse(entry["digest"]) not in there]
    if not missing:
        return None
    document = json.loads(known)
    return canonical({**document, "manifests": [*document["manifests"], *missing]})


def _put(repository: str, wanted: str, data: bytes, registry: RegistryClient) -> Said:
    media_type = parse_any(data, "", wanted).media_type
    said = registry.put_manifest(repository, wanted, data, media_type)
    if said is None:
        raise BundlerError(
            "the registry refuses what is kept beside an image",
            where=f"{registry.host}/{repository}:{wanted}",
            why=f"its type is {media_type}",
            code=ExitCode.NETWORK,
            fix="check whether it accepts OCI artifacts; --without-signatures leaves them out",
        )
    return said


def _is_index(data: bytes) -> bool:
    try:
        return isinstance(parse_any(data, OCI_INDEX, ""), ManifestIndex)
    except BundlerError:
        return False


def _listed(data: bytes | None) -> set[Digest]:
    """What an index of a stranger lists; nothing where it is none."""
    if data is None:
        return set()
    try:
        index = parse_any(data, OCI_INDEX, "")
    except BundlerError:
        return set()
    return {entry.digest for entry in index.manifests} if isinstance(index, ManifestIndex) else set()

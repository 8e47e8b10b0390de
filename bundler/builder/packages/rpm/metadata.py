"""A repository's metadata: repomd.xml, whose signature is checked, and what it names by digest."""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import createrepo_c

from bundler.builder.cache.disk import space_told
from bundler.builder.cache.store import Blob
from bundler.builder.lib.decompress import BrokenError, unpacked
from bundler.builder.net.http import display
from bundler.builder.packages.rpm.modules import Modules, read_modules
from bundler.builder.packages.rpm.repofile import RpmRepository
from bundler.builder.packages.rpm.trust import check_index, keyring_of
from bundler.builder.packages.source import Means
from bundler.core.digest import Digest
from bundler.core.errors import BundlerError, ExitCode

_MOST_REPOMD: Final = 4 << 20  # bytes
_MOST_UNPACKED: Final = 4 << 30  # bytes; all file lists of Fedora have 1 GiB
_MOST_MODULES: Final = 256 << 20
_INDEX: Final = "repodata/repomd.xml"


@dataclass(frozen=True, slots=True)
class Metadata:
    """What one repository has. index: of its repomd.xml. primary, filelists: XML files, unpacked."""

    repository: RpmRepository
    index: Digest
    primary: Path
    filelists: Path | None = None
    modules: Modules = field(default_factory=Modules)


def read_metadata(repository: RpmRepository, means: Means, folder: Path) -> Metadata:
    """Fetch it into `folder`, which is empty. Raises BundlerError.

    NOT_FOUND, NETWORK, TRUST, INTEGRITY, UNSUPPORTED, SPACE.
    """
    index = _index(repository, means, folder)
    records = _records(repository, means.store.path(index.digest))
    if "primary" not in records:
        raise _damaged(repository, "it names no primary metadata")
    paths = {
        kind: _unpacked(repository, means, records[kind], folder / f"{kind}.xml", most)
        for kind, most in (
            ("primary", _MOST_UNPACKED),
            ("filelists", _MOST_UNPACKED),
            ("modules", _MOST_MODULES),
        )
        if kind in records
    }
    modules = read_modules(paths["modules"].read_text()) if "modules" in paths else Modules()
    return Metadata(repository, index.digest, paths["primary"], paths.get("filelists"), modules)


def key_files(repository: RpmRepository, means: Means) -> tuple[tuple[str, bytes], ...]:
    """The repository's keys, each with its name for messages. Raises BundlerError."""
    return tuple((key, _key(key, means)) for key in repository.keys)


def _key(key: str, means: Means) -> bytes:
    if key.startswith("https://"):
        blob = means.fetcher.fetch(key)
        return b"".join(means.store.chunks(blob, name=key))
    try:
        return Path(key).read_bytes()
    except OSError as error:
        fix = "check gpgkey in the file of repositories"
        raise BundlerError(
            "can't read a key", where=key, why=str(error), code=ExitCode.NOT_FOUND, fix=fix
        ) from error


def _index(repository: RpmRepository, means: Means, folder: Path) -> Blob:
    """repomd.xml, whose signature is checked where it must have one."""
    index = means.fetcher.fetch(repository.base + _INDEX)
    if index.size > _MOST_REPOMD:
        raise _damaged(repository, f"its repomd.xml has {index.size} bytes")
    if repository.signed_index:
        try:
            signature = means.fetcher.fetch(f"{repository.base}{_INDEX}.asc")
        except BundlerError as error:
            if error.code is not ExitCode.NOT_FOUND:
                raise
            raise BundlerError(
                f"the metadata of the repository {repository.name} is not signed",
                where=f"{repository.shown}{_INDEX}.asc",
                code=ExitCode.TRUST,
                fix="write repo_gpgcheck=0 into its section to rely on its packages' own signatures",
            ) from error
        keyring = folder / "keyring.gpg"
        keyring.write_bytes(keyring_of(key_files(repository, means)))
        store = means.store
        check_index(repository.name, store.path(index.digest), store.path(signature.digest), keyring)
    return index


def _records(repository: RpmRepository, path: Path) -> dict[str, createrepo_c.RepomdRecord]:
    try:
        return {record.type: record for record in createrepo_c.Repomd(str(path)).records}
    except (OSError, createrepo_c.CreaterepoCError) as error:
        raise _damaged(repository, str(error)) from error


def _unpacked(
    repository: RpmRepository, means: Means, record: createrepo_c.RepomdRecord, target: Path, most: int
) -> Path:
    checksum = Digest(record.checksum) if record.checksum_type == "sha256" else None
    address = repository.base + record.location_href
    if record.checksum_type not in {"sha256", "sha512"}:
        raise BundlerError(
            f"the metadata of the repository {repository.name} is checked with {record.checksum_type}",
            where=display(address),
            code=ExitCode.UNSUPPORTED,
            fix="recreate it with `createrepo_c --checksum sha256`",
        )
    blob = means.fetcher.fetch(address, checksum, size=record.size or None)
    if checksum is None and _sha512(means, blob, display(address)) != record.checksum:
        raise BundlerError(
            "the metadata is not what its repomd.xml says",
            where=display(address),
            code=ExitCode.INTEGRITY,
            fix="run it again; the mirror may be in the middle of an update",
        )
    try:
        with space_told(target.parent, display(address), None), target.open("wb") as file:
            for piece in unpacked(means.store.chunks(blob, name=display(address)), limit=most):
                file.write(piece)
    except BrokenError as error:
        raise _damaged(repository, str(error)) from error
    return target


def _sha512(means: Means, blob: Blob, name: str) -> str:
    digest = hashlib.sha512()
    for chunk in means.store.chunks(blob, name=name):
        digest.update(chunk)
    return digest.hexdigest()


def _damaged(repository: RpmRepository, why: str) -> BundlerError:
    return BundlerError(
        f"the metadata of the repository {repository.name} can't be read",
        where=repository.shown,
        why=why,
        code=ExitCode.INTEGRITY,
        fix="check baseurl; the mirror may be damaged",
    )

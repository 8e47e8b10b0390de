"""Images that lie on this machine: which reader for which kind of file or folder."""

from bundler.builder.cache.store import Store
from bundler.builder.images.daemon import read_daemon
from bundler.builder.images.docker_archive import read_docker
from bundler.builder.images.files import Archive, FolderFiles, open_tar
from bundler.builder.images.oci_layout import read_layout
from bundler.builder.oci.model import LocalSource, ResolvedImage, Transport
from bundler.core.errors import BundlerError, ExitCode
from bundler.core.oci import Platform


def read_local(source: LocalSource, store: Store, platform: Platform) -> tuple[ResolvedImage, ...]:
    """Bring the images of an archive or layout into the store, verified.

    Raises BundlerError: (NOT_FOUND) for a missing file or name, or another platform, (INTEGRITY) for contents
    that contradict their digests, (INPUT) for an image that has no usable name.
    """
    match source.transport:
        case Transport.DOCKER_ARCHIVE:
            archive = Archive(open_tar(source.path, store, source), source, store, platform)
            return read_docker(archive, source.wanted)
        case Transport.OCI_ARCHIVE:
            archive = Archive(open_tar(source.path, store, source), source, store, platform)
            return read_layout(archive, source.wanted)
        case Transport.DOCKER_DAEMON:
            return read_daemon(source, store, platform)
        case Transport.OCI:
            archive = Archive(FolderFiles(source.path), source, store, platform)
            return read_layout(archive, source.wanted)


def read_any(archive: Archive) -> tuple[ResolvedImage, ...]:
    """All images of an archive; what is in it tells its kind. Raises BundlerError as `read_local` does."""
    if archive.files.size("oci-layout") is not None:
        return read_layout(archive, "")
    if archive.files.size("manifest.json") is not None:
        return read_docker(archive, "")
    raise BundlerError(
        "it holds no container images",
        where=archive.where,
        why="it has neither an oci-layout nor a manifest.json",
        fix="put archives of `docker save` or `skopeo copy … oci-archive:` there, and other files elsewhere",
        code=ExitCode.INPUT,
    )

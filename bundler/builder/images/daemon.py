"""Images of the Docker on this machine, asked for over its socket (Docker Engine API, `/images/NAME/get`).

What comes is what `docker save` writes, and is read as such. An image that came before is known by its id, so
Docker isn't asked to pack it again.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn
from urllib.parse import quote

from bundler.builder.cache.disk import space_told
from bundler.builder.cache.store import Blob, Store
from bundler.builder.images.docker_archive import read_docker
from bundler.builder.images.files import Archive, TarFiles
from bundler.builder.net.http import READ_TIMEOUT
from bundler.builder.oci.model import LocalSource, ResolvedImage
from bundler.core.digest import Digest
from bundler.core.errors import BundlerError, ExitCode
from bundler.core.oci import Descriptor, Manifest, Platform, parse_manifest
from bundler.core.reference import Reference

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bundler.builder.net.http import Client

_SOCKET = "/var/run/docker.sock"
_KIND = "docker-image"  # kind of record: what an image of Docker became
_MAX_ANSWER = 4 << 20  # bytes of what Docker tells about an image


def read_daemon(
    source: LocalSource, store: Store, platform: Platform, environment: Mapping[str, str] = os.environ
) -> tuple[ResolvedImage, ...]:
    """Bring the image `source.wanted` into the store.

    environment: DOCKER_HOST says where Docker listens, a `unix://` address.
    Raises BundlerError: (NOT_FOUND) where Docker has no such image, or one for another platform, (NETWORK)
    where it doesn't answer, (UNSUPPORTED) for a Docker on another machine, (INTEGRITY), (SPACE).
    """
    import httpx2  # noqa: PLC0415  (loaded by who uses the network)

    name = Reference.parse(source.wanted)
    with _client(environment, source) as client:
        try:
            identity = _identity(client, name, source)
            if (known := _remembered(identity, name, platform, store)) is not None:
                return (known,)
            with store.scratch() as folder:
                path = _saved(client, name, folder / "image.tar", source)
                images = read_docker(Archive(TarFiles(path, source), source, store, platform), str(name))
        except httpx2.HTTPError as error:
            _no_answer(source, str(error) or type(error).__name__)
    for image in images:
        store.remember(
            _KIND, _key(identity, name, platform), f"{image.root.size} {image.root.digest}".encode()
        )
    return images


def _client(environment: Mapping[str, str], source: LocalSource) -> Client:
    import httpx2  # noqa: PLC0415  (loaded by who uses the network)

    host = environment.get("DOCKER_HOST") or f"unix://{_SOCKET}"
    scheme, _, path = host.partition("://")
    if scheme != "unix":
        raise BundlerError(
            "Docker on another machine can't be asked",
            where=source,
            why=f"DOCKER_HOST is {scheme}://…",
            fix="save the image there: docker save -o image.tar NAME, and take docker-archive:image.tar",
            code=ExitCode.UNSUPPORTED,
        )
    if not Path(path).is_socket():
        _no_answer(source, f"there is no socket {path}")
    timeout = httpx2.Timeout(READ_TIMEOUT * 5, connect=10.0)  # Docker packs a large image before it answers
    return httpx2.Client(transport=httpx2.HTTPTransport(uds=path), base_url="http://docker", timeout=timeout)


def _identity(client: Client, name: Reference, source: LocalSource) -> str:
    """The image's id: what is under the name now."""
    answer = client.get(f"/images/{_asked(name)}/json")
    if answer.status_code == 404:
        raise BundlerError(
            "Docker has no such image",
            where=source,
            why=f"asked for {name}",
            fix="build or pull it, or name one that `docker images` lists",
            code=ExitCode.NOT_FOUND,
        )
    try:
        identity = answer.json()["Id"] if answer.is_success and len(answer.content) < _MAX_ANSWER else None
    except (ValueError, KeyError, TypeError):
        identity = None
    if not isinstance(identity, str):
        _no_answer(source, f"it answers HTTP {answer.status_code} {answer.text[:200]!r}")
    return identity


def _saved(client: Client, name: Reference, path: Path, source: LocalSource) -> Path:
    with client.stream("GET", f"/images/{_asked(name)}/get") as answer:
        if answer.status_code != 200:
            _no_answer(source, f"it answers HTTP {answer.status_code}")
        with path.open("wb") as out, space_told(path.parent, f"the image {name}", None):
            for chunk in answer.iter_raw():
                out.write(chunk)
    return path


def _asked(name: Reference) -> str:
    """As Docker keeps it: images of its own registry without `docker.io/library`."""
    return quote(str(name).removeprefix("docker.io/").removeprefix("library/"), safe="/:@")


def _key(identity: str, name: Reference, platform: Platform) -> str:
    return f"{identity} {name} {platform}"


def _remembered(identity: str, name: Reference, platform: Platform, store: Store) -> ResolvedImage | None:
    """What the same image became before, if all of it is still there."""
    record = store.recall(_KIND, _key(identity, name, platform))
    if record is None:
        return None
    size, _, digest = record.decode().partition(" ")
    root = Blob(Digest.parse(digest), int(size))
    if store.find(root.digest, root.size) is None:
        return None
    manifest = parse_manifest(b"".join(store.chunks(root, name=str(name))), "", name)
    if not isinstance(manifest, Manifest):
        return None
    parts = (manifest.config, *manifest.layers)
    if any(store.find(part.digest, part.size) is None for part in parts):
        return None
    top = Descriptor(manifest.media_type, root.digest, root.size)
    return ResolvedImage(name, top, (top,), parts)


def _no_answer(source: LocalSource, why: str) -> NoReturn:
    raise BundlerError(
        "Docker doesn't answer",
        where=source,
        why=why,
        fix="check that it is running and that you may use its socket (DOCKER_HOST names another one)",
        code=ExitCode.NETWORK,
    )

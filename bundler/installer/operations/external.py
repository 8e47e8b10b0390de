"""Filling somebody else's registry before any host is changed: pushed, then every digest asked for."""

import tempfile
from collections.abc import Callable
from pathlib import Path

from bundler.core.archive.reader import Bundle
from bundler.core.errors import BundlerError, ExitCode
from bundler.core.words import counted
from bundler.installer.handout.images import offered
from bundler.installer.push.http import Client
from bundler.installer.push.names import Destination, place
from bundler.installer.push.push import lacking, push
from bundler.installer.push.registry import Login, RegistryClient
from bundler.installer.site.model import ExternalRegistry


def fill(
    bundle: Bundle, external: ExternalRegistry, tell: Callable[[str], None], *, plain: bool = False
) -> None:
    """Push what it lacks and check that it has every image by its digest.

    plain: without TLS, for tests. Raises BundlerError (NETWORK, TRUST, INTEGRITY).
    """
    login = Login(external.username, external.password.reveal()) if external.password else None
    with tempfile.TemporaryDirectory() as folder:
        client = Client(authority=_authority(external, Path(folder)))
        try:
            registry = RegistryClient(external.name, client, login, plain=plain)
            placed = place(offered(bundle), Destination(external.name, external.prefix), flatten=False)
            done = push(bundle, placed, registry, tell)
            tell(
                f"{external.name}: {counted(done.images, 'image')} pushed, {done.images_there} there already"
            )
            wrong = lacking(bundle, placed, registry)
        finally:
            client.close()
    if wrong:
        raise BundlerError(
            f"{external.name} has {len(wrong)} of {counted(len(placed), 'image')} "
            "with another digest than the bundle",
            where=wrong[0].image.name,
            why="something else was pushed under that name meanwhile, or the registry changes what it gets",
            code=ExitCode.INTEGRITY,
            fix="use a separate project for this site: externalRegistry.prefix",
        )


def _authority(external: ExternalRegistry, folder: Path) -> Path | None:
    if not external.ca:
        return None
    path = folder / "ca.pem"
    path.write_text(external.ca, encoding="ascii")
    return path

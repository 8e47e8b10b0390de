"""`push-images`, as typer reads it from its signature."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Final

import typer

from bundler.core.archive.bases import opened
from bundler.core.errors import BundlerError, ExitCode
from bundler.core.option_groups import spread
from bundler.core.words import counted, sized
from bundler.installer.cli import options as opt
from bundler.installer.cli.handout_commands import say
from bundler.installer.handout.images import offered
from bundler.installer.push.http import Client
from bundler.installer.push.names import Destination, place
from bundler.installer.push.push import push
from bundler.installer.push.registry import Login, RegistryClient

PASSWORD: Final = "BUNDLER_REGISTRY_PASSWORD"  # noqa: S105  (a variable's name)
_MAX_PASSWORD: Final = 64 << 10  # characters; tokens can be long

Where = Annotated[str, typer.Argument(metavar="REGISTRY[/PREFIX]", help="Where the images go.")]
Insecure = Annotated[bool, typer.Option("--insecure-registry", help="Speak plain HTTP, without TLS.")]
Authority = Annotated[Path | None, typer.Option("--ca", help="A CA's certificate (PEM) to trust too.")]
User = Annotated[str, typer.Option(help="The user to log in as.")]
PasswordFile = Annotated[
    Path | None, typer.Option(help=f"The file that holds the password; by default ${PASSWORD}.")
]
Flatten = Annotated[
    bool, typer.Option("--flatten", help="Drop the original registries from the images' names.")
]
WithoutSignatures = Annotated[
    bool,
    typer.Option("--without-signatures", help="Leave out signatures and other artifacts attached to images."),
]


def register(app: typer.Typer, run_file: Callable[[], Path]) -> None:
    """Add the command; `run_file` tells where the .run is."""

    @app.command("push-images")
    @spread
    def push_images(  # noqa: PLR0913  (a command has as many parameters as options)
        where: Where,
        *,
        insecure: Insecure = False,
        authority: Authority = None,
        username: User = "",
        password_file: PasswordFile = None,
        flatten: Flatten = False,
        base: opt.Bases = None,
        without_signatures: WithoutSignatures = False,
        trust: opt.TrustOptions,
    ) -> None:
        """Push the images into a registry. What is there already is not sent again."""
        destination = Destination.parse(where)
        login = _login(username, password_file)
        gate = trust.gate()
        client = Client(authority=authority)
        try:
            with opened(run_file(), base or ()) as bundle:
                gate.admit(bundle, say)
                placed = place(offered(bundle), destination, flatten=flatten)
                registry = RegistryClient(destination.registry, client, login, plain=insecure)
                done = push(bundle, placed, registry, say, signatures=not without_signatures)
        finally:
            client.close()
        if done.attached or done.attached_there:
            say(f"{done.attached} signatures and the like pushed, {done.attached_there} were there")
        say(
            f"{counted(done.images, 'image')} pushed, {done.images_there} there already; "
            f"blobs: {done.sent} sent ({sized(done.size)}), {done.mounted} mounted, {done.there} were there"
        )


def _login(username: str, file: Path | None) -> Login | None:
    if not username:
        if file is not None:
            raise BundlerError(
                "there is a password but no user", code=ExitCode.USAGE, fix="add --username NAME"
            )
        return None
    if file is None:
        password = os.environ.get(PASSWORD, "")
    else:
        try:
            with file.open(encoding="utf-8") as stream:
                password = stream.read(_MAX_PASSWORD).rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is not text"
            raise BundlerError(
                "the password can't be read", where=file, why=str(why), code=ExitCode.INPUT
            ) from None
    if not password:
        raise BundlerError(
            f"there is no password for {username}",
            code=ExitCode.USAGE,
            fix=f"--password-file, or ${PASSWORD}",
        )
    return Login(username, password)

"""`serve`, as typer reads it from its signature."""

import contextlib
import re
import ssl
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Annotated

import typer

from bundler.core.archive.bases import opened
from bundler.core.archive.reader import Bundle
from bundler.core.errors import BundlerError, ExitCode
from bundler.core.option_groups import spread
from bundler.installer.cli import options as opt
from bundler.installer.cli.handout_commands import say
from bundler.installer.serve.contents import contents
from bundler.installer.serve.server import Server
from bundler.installer.trust.gate import Gate

_ADDRESS = re.compile(r"(?P<host>\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]*):(?P<port>[0-9]{1,5})")

Listen = Annotated[str, typer.Option(metavar="HOST:PORT", help="Where to listen; port 0 takes a free one.")]
Certificate = Annotated[
    Path | None, typer.Option("--tls-cert", help="Speak TLS with this certificate (PEM).")
]
Key = Annotated[Path | None, typer.Option("--tls-key", help="The certificate's key (PEM).")]


def register(app: typer.Typer, run_file: Callable[[], Path]) -> None:
    """Add the command; `run_file` tells where the .run is."""

    @app.command("serve")
    @spread
    def serve(
        *,
        listen: Listen = "127.0.0.1:5000",
        certificate: Certificate = None,
        key: Key = None,
        base: opt.Bases = None,
        trust: opt.TrustOptions,
    ) -> None:
        """Serve the content, read-only, till Ctrl-C.

        Images, charts, packages and files come straight out of this file.
        """
        address = parse_address(listen)
        context = _context(certificate, key)
        gate = trust.gate()
        with (
            _admitted(run_file(), base or (), gate) as bundle,
            _listening(address, bundle, context) as server,
        ):
            scheme = "http" if context is None else "https"
            host = f"[{address[0]}]" if ":" in address[0] else address[0]
            sys.stdout.write(f"serving at {scheme}://{host}:{server.server_address[1]}\n")
            sys.stdout.flush()
            with contextlib.suppress(KeyboardInterrupt):
                server.serve_forever()


@contextlib.contextmanager
def _admitted(run_file: Path, bases: Iterable[Path], gate: Gate) -> Iterator[Bundle]:
    with opened(run_file, bases) as bundle:
        gate.admit(bundle, say)
        yield bundle


def parse_address(text: str) -> tuple[str, int]:
    """Read `HOST:PORT` or `[IPV6]:PORT`. Raises BundlerError (USAGE)."""
    match = _ADDRESS.fullmatch(text)
    if match is None or int(match["port"]) > 65535 or not match["host"]:
        raise BundlerError(
            f"not an address to listen at: {text[:80]!r}", code=ExitCode.USAGE, fix="write 127.0.0.1:5000"
        )
    return match["host"].strip("[]"), int(match["port"])


def _context(certificate: Path | None, key: Path | None) -> ssl.SSLContext | None:
    if certificate is None and key is None:
        return None
    if certificate is None or key is None:
        raise BundlerError(
            "TLS needs both a certificate and its key",
            code=ExitCode.USAGE,
            fix="--tls-cert FILE --tls-key FILE",
        )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        raise BundlerError(
            "the certificate or its key can't be read", where=certificate, why=str(error), code=ExitCode.INPUT
        ) from error
    return context


def _listening(address: tuple[str, int], bundle: Bundle, context: ssl.SSLContext | None) -> Server:
    try:
        return Server(address, bundle, contents(bundle), context)
    except OSError as error:
        raise BundlerError(
            "cannot listen there",
            where=f"{address[0]}:{address[1]}",
            why=error.strerror or str(error),
            code=ExitCode.USAGE,
            fix="choose another address with --listen HOST:PORT",
        ) from error

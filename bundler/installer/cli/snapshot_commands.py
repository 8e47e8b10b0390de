"""`snapshot`: a site in one encrypted file."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final

import typer

from bundler.core.errors import BundlerError, ExitCode
from bundler.core.option_groups import spread
from bundler.core.terminal import show as put
from bundler.core.words import counted
from bundler.installer.cli import asking
from bundler.installer.cli.operation_run import limits
from bundler.installer.cli.progress import view
from bundler.installer.cli.site_options import Clusterfile
from bundler.installer.cli.typer_app import run_file
from bundler.installer.cli.work_options import LoggedOptions
from bundler.installer.operations import snapshot as taking
from bundler.installer.operations.carrying import log_path
from bundler.installer.operations.held_site import HeldSite, held_site
from bundler.installer.operations.reach import reached
from bundler.installer.operations.speaking import say
from bundler.installer.plan.snapshot import source, take
from bundler.installer.site.model import Host, Role, Site
from bundler.installer.snapshot.age import PassPhrase, Recipient
from bundler.installer.transport.connect import Access
from bundler.installer.transport.protocol import Transport

VARIABLE: Final = "BUNDLER_PASSPHRASE"
_MIB: Final = 1 << 20
_MOST: Final = 4096  # bytes of a pass phrase

To = Annotated[
    str, typer.Option("--to", metavar="FOLDER|HOST:FOLDER", help="Where the file goes: here, or on a host.")
]
RecipientKey = Annotated[
    list[str] | None,
    typer.Option(
        "--recipient", metavar="AGE1…", help="A recipient's public key (age-keygen). May be repeated."
    ),
]
PassPhraseFile = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help=f"The file whose first line is the pass phrase; by default ${VARIABLE}, or asks."
    ),
]


@spread
def snapshot_command(
    *,
    clusterfile: Clusterfile,
    to: To,
    recipient: RecipientKey = None,
    passphrase_file: PassPhraseFile = None,
    work: LoggedOptions,
) -> None:
    """Keep the cluster in one encrypted file: etcd, keys, configuration, record.

    It is restored on trial before it leaves the control plane. The file is an age file: who has no recipient
    gives a pass phrase. Volumes of apps are not in it.
    """
    who = _readers(recipient, passphrase_file)
    found = work.access()
    with held_site(run_file(), clusterfile, found, work.gate(), parallel=work.parallel, tell=say) as held:
        made = take(held.site, held.facts)
        with (
            held.logged(log_path(work.log, f"{held.product}-snapshot")) as written,
            _target(held, to, found) as target,
        ):
            transport = held.transports[source(held.site, held.facts).address]
            try:
                held.carry_out(made, written, view(detail=work.verbose), limits(work.parallel))
                put(sys.stdout, f"{_kept(held.site, transport, who, target, to)}\n")
            finally:
                taking.put_away(transport)


def _kept(
    site: Site, transport: Transport, who: list[Recipient] | PassPhrase, target: Transport | None, to: str
) -> str:
    """Write the file, and say what is in it."""
    manifest, chunks = taking.brought(transport, who)
    name = taking.file_name(site.name, manifest)
    if target is None:
        size = taking.keep_here(chunks, Path(to), name)
        where = str(Path(to) / name)
    else:
        folder = to.partition(":")[2]
        size = taking.keep_there(chunks, target, folder, name, manifest.size)
        where = f"{target.address}:{folder.rstrip('/')}/{name}"
    held = (
        f"Kubernetes {manifest.kubernetes}, {counted(manifest.keys, 'key')} at revision {manifest.revision:,}"
    )
    return f"{where}: {size / _MIB:.1f} MiB, {held}; the trial restore passed"


@contextmanager
def _target(held: HeldSite, to: str, found: Access) -> Iterator[Transport | None]:
    """The host that the file goes to, logged in before anything is done; None for this machine."""
    address, colon, folder = to.partition(":")
    if not colon or "/" in address:
        yield None
        return
    if not folder.startswith("/"):
        raise BundlerError(
            f"{folder or 'nothing'} is no absolute folder",
            where=to,
            code=ExitCode.USAGE,
            fix="write HOST:/FOLDER",
        )
    if address in held.transports:
        yield held.transports[address]
        return
    host = Host(address, frozenset({Role.WORKER}), held.site.control_plane.login)
    with reached(held.site, (host,), found, parallel=1) as others:
        for error in others.silent.values():
            raise error
        yield others.transports[address]


def _readers(recipients: list[str] | None, file: Path | None) -> list[Recipient] | PassPhrase:
    if recipients and file is not None:
        raise BundlerError("give recipients or a pass phrase, not both", code=ExitCode.USAGE)
    if recipients:
        return [Recipient.parse(each) for each in recipients]
    return pass_phrase(file, twice=True)


def pass_phrase(file: Path | None, *, twice: bool = False) -> PassPhrase:
    """From a file, the environment or the terminal, never from the command line.

    twice: a new one, which is typed twice. Raises BundlerError (USAGE, INPUT).
    """
    text = _from_file(file) if file is not None else os.environ.get(VARIABLE, "").encode()
    if not text and file is None:
        if not sys.stdin.isatty():
            raise BundlerError(
                "a pass phrase is needed, and there is no terminal to ask at",
                code=ExitCode.USAGE,
                fix=f"give --passphrase-file FILE, or {VARIABLE} in the environment"
                + (", or --recipient AGE1…" if twice else ""),
            )
        text = asking.hidden("Pass phrase of the snapshot: ", fix="give --passphrase-file FILE").encode()
        if twice and text != asking.hidden("Repeat it: ", fix="give --passphrase-file FILE").encode():
            raise BundlerError("the pass phrases differ", code=ExitCode.USAGE, fix="start again")
    if not text:
        raise BundlerError("the pass phrase is empty", where=file, code=ExitCode.INPUT)
    return PassPhrase(text)


def _from_file(file: Path) -> bytes:
    try:
        with file.open("rb") as stream:
            return stream.readline(_MOST).rstrip(b"\r\n")
    except OSError as error:
        raise BundlerError(
            "the pass phrase can't be read", where=file, why=error.strerror or str(error), code=ExitCode.INPUT
        ) from None


def register(app: typer.Typer) -> None:
    """Add it."""
    app.command("snapshot")(snapshot_command)

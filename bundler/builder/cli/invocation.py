"""One call of `bundler make`: options to an order, the cache, the view and the log around the pipeline."""

import logging
import os
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO, TypeVar

from bundler.builder.build.pipeline import make
from bundler.builder.build.platforms import Target, check_runtimes, targets
from bundler.builder.build.report import Made, summary
from bundler.builder.build.request import BuildRequest
from bundler.builder.build.resolve import check
from bundler.builder.build.support import ended
from bundler.builder.cache.store import Store
from bundler.builder.cli.options import OutputOptions, SupplyOptions
from bundler.builder.cli.view import View, display, log_path
from bundler.builder.kubefile.catalogue import Catalogue, default_catalogue
from bundler.builder.lib.progress import Progress
from bundler.builder.lock.compare import LockChange
from bundler.builder.lock.model import Lock, place
from bundler.builder.lock.text import missing
from bundler.builder.lock.text import read as read_lock
from bundler.builder.net.logins import Logins
from bundler.builder.net.mirrors import Mirrors
from bundler.builder.net.registries import Registries
from bundler.builder.runtime.freeze import this_platform
from bundler.builder.sbom.account import source_date
from bundler.builder.stage.load import Loaded
from bundler.core.archive.frames import LEVEL
from bundler.core.archive.parts import parse_size
from bundler.core.archive.writer import Signer
from bundler.core.errors import BundlerError, ExitCode

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class BuildOptions:
    """The options of `bundler make`, as they were typed."""

    kubefile: Path
    context: Path
    platform: str
    build_args: tuple[str, ...]
    supply: SupplyOptions
    said: OutputOptions
    output: Path | None = None
    runtimes: tuple[str, ...] = ()
    offline: bool = False
    refresh: bool = False
    sign: str = ""
    passphrase_file: Path | None = None
    locked: bool = False
    split: str = ""
    base: Path | None = None
    with_installer: bool = False
    recompress: bool = False
    level: int = LEVEL
    allow_eol: bool = False
    universal: bool = False
    helms: tuple[str, ...] = ()


def build(wanted: BuildOptions) -> None:
    """Make the .run, one for each platform or one for all, and tell the summary.

    Raises BundlerError and Problems.
    All that can be known of each is checked before the first is made; one that is made stays when a later one
    fails.
    """
    # First of all: a key that isn't there shall be known, and its passphrase be asked for, before the work.
    signer = _signer(wanted) if wanted.sign else None
    with Store(wanted.supply.cache) as store:
        path = wanted.said.log or log_path(store.root, wanted.context.resolve().name, now=time.time())
        with _opened(path) as log:
            view = _view(wanted.said, log)
            made = _watched(lambda: _made(wanted, orders_of(wanted, path, signer), store, view), view)
            told = "\n".join(map(summary, made))
            view.note(told)
    if not wanted.said.quiet:
        sys.stdout.write(f"{told}\n  log: {path}\n")


def _view(said: OutputOptions, log: TextIO) -> View:
    return View(display(quiet=said.quiet), log, verbose=said.verbose, quiet=said.quiet)


def _signer(wanted: BuildOptions) -> Signer:
    from bundler.builder.signing.signer import find_signer  # noqa: PLC0415  (cryptography, for who signs only)

    return find_signer(wanted.sign, wanted.passphrase_file)


def _made(wanted: BuildOptions, orders: tuple[BuildRequest, ...], store: Store, view: View) -> list[Made]:
    if wanted.universal and (wanted.base is not None or wanted.recompress):
        raise BundlerError(
            "--universal goes neither with --base nor with --recompress",
            code=ExitCode.USAGE,
            fix="leave --universal out: a .run is made for each platform",
        )
    if wanted.universal and len(orders) > 1:
        from bundler.builder.build.universal import make_universal  # noqa: PLC0415  (most builds do without)

        chains = [check(order) for order in orders]
        _check_support(wanted, orders, chains, view)
        return [make_universal(orders, chains, store, view)]
    chains = [check(order) for order in orders]
    _check_support(wanted, orders, chains, view)
    return [make(order, chain, store, view) for order, chain in zip(orders, chains, strict=True)]


def _check_support(
    wanted: BuildOptions, orders: Sequence[BuildRequest], chains: Sequence[tuple[Loaded, ...]], view: View
) -> None:
    """Refuse what gets no security updates any more, before anything costs time; or warn, if allowed.

    Raises BundlerError (UNSUPPORTED).
    """
    today = datetime.now(UTC).date()
    found = [each for order, chain in zip(orders, chains, strict=True) for each in ended(chain, order, today)]
    if found and not wanted.allow_eol:
        raise BundlerError(
            "what is to be bundled is out of support",
            why="\n".join(dict.fromkeys(found)),
            code=ExitCode.UNSUPPORTED,
            id="BND-EOL",
            fix="use newer versions; to override, add --allow-eol",
        )
    for text in dict.fromkeys(found):
        view.say(f"warning: {text}")


def lock(wanted: BuildOptions, updated: tuple[str, ...] | None) -> None:
    """Write the lock and tell what changed in it. Raises BundlerError and Problems.

    updated: what to resolve anew, () for everything; None: what isn't locked yet.
    """
    with Store(wanted.supply.cache) as store:
        path = wanted.said.log or log_path(store.root, wanted.context.resolve().name, now=time.time())
        with _opened(path) as log:
            view = _view(wanted.said, log)
            asked = targets(wanted.platform)
            orders = [_order(wanted, target, path) for target in asked]
            different = _watched(lambda: _relocked(orders, updated, store, view), view)
    sys.stdout.write(_differences(different) or f"{place(wanted.kubefile)} is up to date\n")


def _relocked(
    orders: Sequence[BuildRequest], updated: tuple[str, ...] | None, store: Store, view: View
) -> Mapping[str, tuple[LockChange, ...]]:
    from bundler.builder.build import relock  # noqa: PLC0415  (with what a build needs not)

    if updated is None:
        return relock.lock(orders, store, view)
    return relock.update(orders, updated, store, view)


def _differences(different: Mapping[str, tuple[LockChange, ...]]) -> str:
    """The changes, under their platforms where there are several."""
    lines: list[str] = []
    for platform, changes in different.items():
        if changes and len(different) > 1:
            lines.append(f"{platform}:")
        lines += map(str, changes)
    return "".join(f"{line}\n" for line in lines)


def orders_of(wanted: BuildOptions, log_file: Path, signer: Signer | None = None) -> tuple[BuildRequest, ...]:
    """What the options mean, a .run for each platform.

    Raises BundlerError: USAGE for what means nothing, NOT_FOUND, UNSUPPORTED where one of several platforms
    lacks a frozen installer.
    """
    asked = targets(wanted.platform, wanted.runtimes, helms=wanted.helms, together=wanted.universal)
    if len(asked) > 1:
        check_runtimes(asked, this_platform())
    return tuple(_order(wanted, target, log_file, signer) for target in asked)


def _order(
    wanted: BuildOptions, target: Target, log_file: Path, signer: Signer | None = None
) -> BuildRequest:
    if wanted.output is not None and wanted.output.is_dir():
        raise BundlerError(
            "the file to make is a folder",
            where=wanted.output,
            code=ExitCode.USAGE,
            fix="name the file: -o FOLDER/NAME.run",
        )
    found = read_lock(place(wanted.kubefile))
    if found is None and wanted.locked:
        raise missing(place(wanted.kubefile))
    return BuildRequest(
        kubefile=wanted.kubefile,
        context=wanted.context,
        catalogue=Catalogue(default_catalogue()),
        target=target.named(wanted.output),
        suffix=target.suffix,
        platform=target.platform,
        build_args=build_args(wanted.build_args, os.environ),
        insecure=frozenset(wanted.supply.insecure_registry or ()),
        mirrors=replace(
            Mirrors.read(wanted.supply.mirrors) if wanted.supply.mirrors else Mirrors(),
            registries=Registries.of(os.environ),
        ),
        logins=Logins.of(os.environ),
        ignored=tuple(wanted.supply.ignore_image or ()),
        signatures=wanted.supply.with_signatures,
        sources=wanted.supply.sources(),
        runtime=target.runtime,
        helm=target.helm,
        jobs=wanted.supply.jobs,
        offline=wanted.offline,
        refresh=wanted.refresh,
        log_file=log_file,
        created=source_date(),
        signer=signer,
        lock=found[0] if found else Lock(),
        lock_digest=found[1] if found else None,
        locked=wanted.locked,
        split=parse_size(wanted.split) if wanted.split else None,
        base=wanted.base,
        with_installer=wanted.with_installer,
        recompress=wanted.recompress,
        level=wanted.level,
    )


def build_args(pairs: tuple[str, ...], environment: Mapping[str, str]) -> dict[str, str]:
    """`NAME=VALUE`, or `NAME` for the value that the environment has. Raises BundlerError (USAGE)."""
    found: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not name or (not equals and name not in environment):
            raise BundlerError(
                f"--build-arg {pair!r} gives no value",
                code=ExitCode.USAGE,
                fix="write --build-arg NAME=VALUE, or NAME alone when the environment has it",
            )
        found[name] = value if equals else environment[name]
    return found


def _watched(work: Callable[[], _T], view: View) -> _T:
    """The work itself; what goes wrong is in the log, too."""
    with view, _retries_told(view):
        try:
            return work()
        except BundlerError as error:
            view.note(str(error))
            raise
        except BaseException:
            view.note(traceback.format_exc())
            raise


@contextmanager
def _opened(path: Path) -> Iterator[TextIO]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        log = path.open("w", encoding="utf-8", errors="replace")
    except OSError as error:
        raise BundlerError(
            "can't write the log",
            where=path,
            why=str(error),
            code=ExitCode.USAGE,
            fix="name another file with --log",
        ) from error
    try:
        yield log
    finally:
        with suppress(OSError):  # what it could not hold any more is no error of the build
            log.close()


@contextmanager
def _retries_told(progress: Progress) -> Iterator[None]:
    """Let the library that retries tell the log, not the terminal."""
    logger = logging.getLogger("stamina")
    handler = _ToLog(progress)
    logger.addHandler(handler)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(handler)


class _ToLog(logging.Handler):
    def __init__(self, progress: Progress) -> None:
        super().__init__()
        self._progress = progress

    def emit(self, record: logging.LogRecord) -> None:
        cause = getattr(record, "stamina.caused_by", "")
        self._progress.log(f"tried again: {cause}")

"""The gate that every .run passes: its signer before it is used, every byte of it before hosts change."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Self

from bundler.core.archive.reader import Bundle
from bundler.core.errors import BundlerError
from bundler.installer.trust.keyring import Keyring
from bundler.installer.trust.trust import Allowed, Verdict, judge


@dataclass(frozen=True, slots=True)
class Gate:
    """What decides. named: the words of --trust."""

    keyring: Keyring
    named: tuple[str, ...]
    allowed: Allowed

    def admit(self, bundle: Bundle, tell: Callable[[str], None]) -> Verdict:
        """Judge the file by its signature, and remember the key of one that passes.

        Raises BundlerError: TRUST, INTEGRITY when the signature can't be read, and what `Keyring.keys` does.
        """
        verdict = self.judge(bundle)
        release = verdict.release
        if not verdict.is_signed:
            tell(f"note: {release.name} {release.version} is not signed; its origin can't be verified")
        elif why := self.keyring.remember(release.name, release.key):
            tell(f"note: the key of {release.name} could not be remembered: {why}")
        return verdict

    def judge(self, bundle: Bundle) -> Verdict:
        """The same, remembering nothing."""
        try:
            keys = self.keyring.keys(bundle.seal.name, self.named)
            return judge(bundle.seal, bundle.signature(), keys, self.allowed, now=time.time())
        except BundlerError as error:
            raise error.revised(where=error.where or bundle.path) from error


class _StoppedError(Exception):
    pass


class WholeCheck:
    """Verifies every byte of a .run in the background; a context manager inside of that of the bundle."""

    def __init__(self, bundle: Bundle) -> None:
        self._bundle = bundle
        self._stop = threading.Event()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="check")

    def __enter__(self) -> Self:
        self._result = self._pool.submit(self._bundle.check, self._go_on)
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._pool.shutdown(wait=True)

    def wait(self) -> None:
        """Come back once all is verified. Raises BundlerError (INTEGRITY) that names what is damaged."""
        self._result.result()

    def _go_on(self, _name: str, _count: int) -> None:
        if self._stop.is_set():
            raise _StoppedError

"""Hosts that are only looked at: each by itself, all at once, none waited for longer than was said.

No lock is taken and nothing is changed. A connection that is good stays open for the next look.
"""

import queue
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

from bundler.core.errors import BundlerError, ExitCode
from bundler.installer.site.model import Host
from bundler.installer.transport.protocol import Transport

T = TypeVar("T")

_DIALLING: Final = 128  # hosts that are dealt with at once


@dataclass(frozen=True, slots=True)
class Answers(Generic[T]):
    """What the hosts said, in the order in which they were asked, and why the others said nothing."""

    said: dict[str, T]
    silent: dict[str, BundlerError]


@dataclass(slots=True)
class Lookout:
    """dial: opens a transport. within: seconds that every host has, connecting included."""

    dial: Callable[[Host], Transport]
    within: float
    transports: dict[str, Transport] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _over: bool = False

    def ask(self, hosts: tuple[Host, ...], question: Callable[[Transport], T]) -> Answers[T]:
        """Ask them all. Raises what is no BundlerError."""
        gate = threading.Semaphore(_DIALLING)
        answers: queue.SimpleQueue[tuple[str, T | Exception]] = queue.SimpleQueue()

        def work(host: Host) -> None:
            with gate:
                try:
                    answers.put((host.address, question(self._open(host))))
                except Exception as error:  # noqa: BLE001  (raised again by who asked)
                    self._drop(host.address)
                    answers.put((host.address, error))

        for host in hosts:  # daemons: a host that hangs does not keep the program from ending
            threading.Thread(target=work, args=(host,), daemon=True).start()
        return self._collect(hosts, answers)

    def close(self) -> None:
        """End all connections, also those that are still being made."""
        with self._lock:
            self._over = True
            left = tuple(self.transports.values())
        for transport in left:
            transport.close()

    def _collect(
        self, hosts: tuple[Host, ...], answers: "queue.SimpleQueue[tuple[str, T | Exception]]"
    ) -> Answers[T]:
        until = time.monotonic() + self.within
        found: dict[str, T | BundlerError] = {}
        while len(found) < len(hosts):
            try:
                address, answer = answers.get(timeout=max(0.0, until - time.monotonic()))
            except queue.Empty:
                break
            if isinstance(answer, Exception) and not isinstance(answer, BundlerError):
                raise answer
            found[address] = answer
        for host in hosts:
            if host.address not in found:
                found[host.address] = self._late(host)
        return _parted({host.address: found[host.address] for host in hosts})

    def _open(self, host: Host) -> Transport:
        with self._lock:
            known = self.transports.get(host.address)
        if known is not None:
            return known
        made = self.dial(host)
        with self._lock:
            if not self._over:
                self.transports[host.address] = made
                return made
        made.close()
        raise BundlerError("no longer needed", where=host.address, code=ExitCode.HOST)

    def _drop(self, address: str) -> None:
        with self._lock:
            gone = self.transports.pop(address, None)
        if gone is not None:
            gone.close()

    def _late(self, host: Host) -> BundlerError:
        return BundlerError(
            f"no answer within {self.within:g} s",
            where=host.address,
            code=ExitCode.HOST,
            fix="give it longer: --timeout SECONDS",
        )


def _parted(found: Mapping[str, T | BundlerError]) -> Answers[T]:
    silent = {address: each for address, each in found.items() if isinstance(each, BundlerError)}
    said = {address: each for address, each in found.items() if not isinstance(each, BundlerError)}
    return Answers(said, silent)

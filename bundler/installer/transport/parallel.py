"""The same work for every host at once, its failures told together."""

import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from bundler.core.errors import BundlerError
from bundler.installer.site.ranges import folded, hosts

T = TypeVar("T")

_TELL_EVERY: Final = 5.0  # seconds
_SHOWN: Final = 12  # groups of equal failures

Progress = Callable[[int, int, int], None]  # done, failed, of all


@dataclass(frozen=True, slots=True)
class Results(Generic[T]):
    """What came of the work, by host, in the order in which it was given."""

    done: dict[str, T]
    failed: dict[str, BundlerError]


def on_each(
    work: Mapping[str, Callable[[], T]], parallel: int, progress: Progress | None = None
) -> dict[str, T]:
    """Do all of the work, at most `parallel` at a time; results by host, in the order of `work`.

    progress: is told every five seconds how many are done, have failed, and are there.
    Everything is tried before anything is raised. Raises BundlerError: the one failure, or one that names
    all, with the first one's exit code. Other exceptions pass through.
    """
    results = try_each(work, parallel, progress)
    if results.failed:
        raise together(results.failed, len(work))
    return results.done


def try_each(
    work: Mapping[str, Callable[[], T]], parallel: int, progress: Progress | None = None
) -> Results[T]:
    """The same, failures and all. Raises what is no BundlerError."""
    if not work:
        return Results({}, {})
    pool = ThreadPoolExecutor(max(1, min(parallel, len(work))), "host")
    try:
        futures = {address: pool.submit(each) for address, each in work.items()}
        _await(futures, progress)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)  # after Ctrl-C, slow hosts are not waited for
    errors = {address: _failure(future) for address, future in futures.items()}
    failed = {address: error for address, error in errors.items() if error is not None}
    return Results({each: future.result() for each, future in futures.items() if each not in failed}, failed)


def together(failures: Mapping[str, BundlerError], total: int) -> BundlerError:
    """One error for several hosts', equal ones told once; one alone stays as it is. total: hosts in all."""
    if len(failures) == 1 and total == 1:
        return next(iter(failures.values()))
    groups = _groups(failures)
    listed = [_grouped(error, addresses) for error, addresses in groups[:_SHOWN]]
    if left := sum(len(addresses) for _, addresses in groups[_SHOWN:]):
        listed.append(f"and {hosts(left)} more, for other reasons")
    fine = total - len(failures)
    well = f"{hosts(fine)} {'is' if fine < 2 else 'are'} fine"
    what = f"{len(failures)} of {hosts(total)} failed, {well}"
    text = "\n".join(listed).replace("\n", "\n  ")
    return BundlerError(f"{what}:\n  {text}", code=groups[0][0].code)


def _groups(failures: Mapping[str, BundlerError]) -> list[tuple[BundlerError, list[str]]]:
    """Failures that differ in nothing but the host; those that hit most hosts come first."""
    found: dict[tuple[object, ...], tuple[BundlerError, list[str]]] = {}
    for address, error in failures.items():
        told = tuple(
            str(part).replace(address, "*") for part in (error.where, error.what, error.why, error.fix)
        )
        found.setdefault((error.code, *told), (error, []))[1].append(address)
    return sorted(found.values(), key=lambda group: -len(group[1]))


def _grouped(error: BundlerError, addresses: list[str]) -> str:
    if len(addresses) == 1:
        text = str(error)
        return text if addresses[0] in text else f"{addresses[0]}: {text}"
    parts = (part.replace(addresses[0], "HOST") for part in (error.what, error.why, error.fix))
    what, why, fix = parts
    told = BundlerError(what, code=error.code, where=folded(addresses), why=why, fix=fix)
    return str(told)


def _await(futures: Mapping[str, Future[T]], progress: Progress | None) -> None:
    told = time.monotonic()
    while (left := wait(futures.values(), timeout=0.5 if progress else None).not_done) and progress:
        if time.monotonic() - told >= _TELL_EVERY:
            told = time.monotonic()
            failed = sum(each.done() and each.exception() is not None for each in futures.values())
            progress(len(futures) - len(left) - failed, failed, len(futures))


def _failure(future: Future[T]) -> BundlerError | None:
    error = future.exception()
    if error is None or isinstance(error, BundlerError):
        return error
    raise error

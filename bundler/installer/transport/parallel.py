"""The same work for every host at once, its failures told together."""

from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TypeVar

from bundler.core.errors import BundlerError

T = TypeVar("T")


def on_each(work: Mapping[str, Callable[[], T]], parallel: int) -> dict[str, T]:
    """Do all of the work, at most `parallel` at a time; results by host, in the order of `work`.

    Everything is tried before anything is raised. Raises BundlerError: the one failure, or one that names
    all, with the first one's exit code. Other exceptions pass through.
    """
    if not work:
        return {}
    pool = ThreadPoolExecutor(max(1, min(parallel, len(work))), "host")
    try:
        futures = {address: pool.submit(each) for address, each in work.items()}
        wait(futures.values())
    finally:
        pool.shutdown(wait=False, cancel_futures=True)  # after Ctrl-C nobody waits for a slow host
    failures = [error for future in futures.values() if (error := _failure(future)) is not None]
    if failures:
        raise together(failures)
    return {address: future.result() for address, future in futures.items()}


def together(failures: list[BundlerError]) -> BundlerError:
    """One error for several hosts'; one alone stays as it is."""
    if len(failures) == 1:
        return failures[0]
    listed = "\n  ".join(str(error).replace("\n", "\n  ") for error in failures)
    return BundlerError(f"{len(failures)} hosts failed:\n  {listed}", code=failures[0].code)


def _failure(future: Future[T]) -> BundlerError | None:
    error = future.exception()
    if error is None or isinstance(error, BundlerError):
        return error
    raise error

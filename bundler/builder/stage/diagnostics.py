"""Faults found while evaluating, told at the place in the Kubefile that caused them."""

from collections.abc import Iterator
from contextlib import contextmanager

from bundler.builder.kubefile.source import KubefileText
from bundler.core.errors import BundlerError, ExitCode, Location, Problems

_IN_THE_FILE = frozenset({ExitCode.INPUT, ExitCode.NOT_FOUND})


@contextmanager
def blamed(
    source: KubefileText, where: Location, rule: str, *, missing: str = "source-not-found"
) -> Iterator[None]:
    """Give a BundlerError the line that caused it; wrong input becomes a Problem with `rule`.

    missing: the rule for what isn't there.
    """
    try:
        yield
    except Problems:
        raise
    except BundlerError as error:
        if error.code not in _IN_THE_FILE:
            why = f"{error.where}: {error.why}" if error.where is not None else error.why
            raise BundlerError(error.what, where=where, why=why, fix=error.fix, code=error.code) from error
        rule = missing if error.code is ExitCode.NOT_FOUND else rule
        message = f"{error.what} ({error.why})" if error.why else error.what
        raise Problems((source.problem(where, rule, message, error.fix),), code=error.code) from error

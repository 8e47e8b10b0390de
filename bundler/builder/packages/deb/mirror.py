"""Which repositories a suite is read from: those of an option, or those of this machine's own apt."""

from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

from bundler.builder.packages.deb.archives import Archive
from bundler.builder.packages.deb.root import Repository
from bundler.core.errors import BundlerError, ExitCode
from bundler.core.suite import Suite

_EXTRA = ("updates", "security")


def repositories(
    suite: Suite,
    archive: Archive,
    *,
    mirror: str,
    machine: Sequence[Repository],
    exists: Callable[[Repository], bool],
) -> tuple[Repository, ...]:
    """The suite itself, its updates and its security updates, as far as they exist.

    mirror: the address that was asked for (`https://HOST/debian`), or "". machine: this machine's own
    repositories of the archive; empty where it has another distribution.
    exists: asks a mirror whether it has a repository; not asked about those that this machine uses as
    they are.
    Raises BundlerError (NOT_FOUND) when there is no mirror, or when the mirror has no such suite.
    """
    wanted = (suite.release, *(f"{suite.release}-{extra}" for extra in _EXTRA))
    own = tuple(each for each in machine if each.suite in wanted)
    if not mirror and any(each.suite == suite.release for each in own):
        return own
    base = mirror or _base(machine)
    if not base:
        raise BundlerError(
            f"there is no mirror for {suite}",
            why="this machine's apt has none that could be used",
            code=ExitCode.NOT_FOUND,
            fix=f"name one with {archive.option} or {archive.variable}, as in {archive.example}",
        )
    found = tuple(each for each in _guesses(suite, archive, base, machine) if exists(each))
    if not any(each.suite == suite.release for each in found):
        raise BundlerError(
            f"the mirror has no {suite}",
            where=base,
            code=ExitCode.NOT_FOUND,
            fix=f"check the suite's name, or name another mirror with {archive.option}",
        )
    return found


def _base(machine: Sequence[Repository]) -> str:
    """The mirror of whatever release this machine has: other releases are mostly there too."""
    plain = (each.uri for each in machine if not each.suite.endswith(("-updates", "-security", "-backports")))
    return next(plain, "")


def _guesses(suite: Suite, archive: Archive, base: str, machine: Sequence[Repository]) -> list[Repository]:
    main = base.rstrip("/")
    own = [each.uri for each in machine if each.suite.endswith("-security") and _base(machine) == base]
    if not own and (not archive.security or urlsplit(main).path):
        # Debian's mirrors keep security updates beside the main archive, Ubuntu's in it.
        own = [f"{main}{archive.security}/"]
    return [
        Repository(f"{main}/", suite.release, archive.components),
        Repository(f"{main}/", f"{suite.release}-updates", archive.components),
        *(Repository(each, f"{suite.release}-security", archive.components) for each in own[:1]),
    ]

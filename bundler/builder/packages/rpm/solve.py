"""A closure: what a machine with a minimal installation of the suite lacks for some packages. libsolv solves.

Minimal is less than what the installer's smallest choice (`@core`) gives: these packages, as far as the suite
has them, and what they need, without what they recommend.
"""

import difflib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import solv

from bundler.builder.packages.closure import PackageFile
from bundler.builder.packages.rpm.metadata import Metadata
from bundler.builder.packages.rpm.modules import Modules
from bundler.core.digest import Digest
from bundler.core.errors import BundlerError, ExitCode

MINIMAL: Final = (
    *("basesystem", "bash", "coreutils", "dnf", "filesystem", "glibc", "rpm", "setup", "system-release"),
    *("systemd", "util-linux"),
)
# What a site that has not seen the latest updates may have in another version: a package in a certain one,
# or a library with a certain interface. glibc's stays the same for as long as a release lives.
_VERSIONED: Final = re.compile(r"\S+ (?:=|>=|>) \S+|.*\.so\.[^(]*\((?!GLIBC_)[^)]*\d[^)]*\).*")
_ROUNDS: Final = 20
_MOST_TOLD: Final = 10


@dataclass(frozen=True, slots=True)
class Unknown:
    """A name that the suite doesn't have, and what could be done about it."""

    name: str
    hint: str


class RpmPool:
    """All packages of some repositories. architecture: as rpm names it."""

    def __init__(self, metadata: Sequence[Metadata], architecture: str) -> None:
        self._metadata = {each.repository.name: each for each in metadata}
        self._pool = solv.Pool()
        self._pool.setdisttype(solv.Pool.DISTTYPE_RPM)
        self._pool.setarch(architecture)
        self._repos = {}
        for each in metadata:
            repo = self._pool.add_repo(each.repository.name)
            repo.priority = -each.repository.priority  # libsolv: more goes first
            _load(repo, each.primary)
            self._repos[each.repository.name] = repo
        self._hide(Modules.of(each.modules for each in metadata))
        self._prepare()

    def unknown(self, names: Iterable[str]) -> tuple[Unknown, ...]:
        """Which of these (`name` or `name=version`) are not there."""
        return tuple(self._unknown(name) for name in names if self._chosen(name).isempty())

    def closure(self, names: Iterable[str]) -> tuple[PackageFile, ...]:
        """What a minimal machine lacks for `names`, sorted by name.

        Packages of the minimal installation are in it when they were asked for, or when a package of the
        closure needs one in a certain version. Raises BundlerError (NOT_FOUND) with libsolv's own words.
        """
        try:
            return self._closure(frozenset(names))
        except _UnsolvedError as first:
            # Most files that packages ask for are in the primary metadata; the long lists are for the rest.
            if "nothing provides /" not in str(first):
                raise _unsolvable(first) from None
        for name, repo in self._repos.items():
            if (lists := self._metadata[name].filelists) is not None:
                _load(repo, lists, "FL", solv.Repo.REPO_EXTEND_SOLVABLES | solv.Repo.REPO_LOCALPOOL)
        self._prepare()
        try:
            return self._closure(frozenset(names))
        except _UnsolvedError as second:
            raise _unsolvable(second) from None

    def _closure(self, names: frozenset[str]) -> tuple[PackageFile, ...]:
        minimal = self._solved(
            job
            for name in MINIMAL
            for job in self._chosen(name, solv.Selection.SELECTION_PROVIDES).jobs(_INSTALL)
        )
        exactly = [self._pool.Job(_INSTALL | solv.Job.SOLVER_SOLVABLE, each.id) for each in minimal]
        asked = [job for name in sorted(names) for job in self._chosen(name).jobs(_INSTALL)]
        whole = {each.id: each for each in self._solved([*exactly, *asked])}
        base = {each.id for each in minimal}
        plain = {name.partition("=")[0] for name in names}
        taken = {at: each for at, each in whole.items() if at not in base or each.name in plain}
        for _ in range(_ROUNDS):
            more = set(self._not_to_rely_on(taken.values())) & base - taken.keys()
            if not more:
                break
            taken |= {at: whole[at] for at in more}
        return tuple(sorted(_package(each, each.name in plain) for each in taken.values()))

    def _solved(self, jobs: Iterable[object]) -> tuple[solv.XSolvable, ...]:
        solver = self._pool.Solver()
        solver.set_flag(solv.Solver.SOLVER_FLAG_IGNORE_RECOMMENDED, 1)
        if problems := solver.solve(list(jobs)):
            raise _UnsolvedError([str(each) for each in problems])
        return tuple(solver.transaction().newsolvables())

    def _not_to_rely_on(self, packages: Iterable[solv.XSolvable]) -> Iterator[int]:
        for package in packages:
            for dependency in package.lookup_deparray(solv.SOLVABLE_REQUIRES):
                if _VERSIONED.fullmatch(str(dependency)):
                    yield from (each.id for each in self._pool.whatprovides(dependency))

    def _chosen(self, name: str, also: int = 0) -> solv.Selection:
        plain, equals, version = name.partition("=")
        flags = solv.Selection.SELECTION_NAME | solv.Selection.SELECTION_REL | also
        return self._pool.select(f"{plain} = {version}" if equals else plain, flags)

    def _unknown(self, name: str) -> Unknown:
        plain, equals, _ = name.partition("=")
        there = self._pool.select(plain, solv.Selection.SELECTION_NAME).solvables()
        if equals and there:
            versions = sorted({each.evr for each in there})
            return Unknown(name, f"it has {', '.join(versions[-5:])}")
        elsewhere = solv.Selection.SELECTION_NAME | solv.Selection.SELECTION_WITH_BADARCH
        if others := self._pool.select(plain, elsewhere).solvables():
            return Unknown(plain, f"there is one for {', '.join(sorted({each.arch for each in others}))}")
        provided = self._pool.select(plain, solv.Selection.SELECTION_PROVIDES).solvables()
        if provided:
            return Unknown(
                plain, f"choose one that provides it: {', '.join(sorted({e.name for e in provided})[:8])}"
            )
        close = difflib.get_close_matches(plain, {each.name for each in self._pool.solvables}, 3, 0.75)
        return Unknown(
            plain, f"did you mean {', '.join(close)}?" if close else "check the name and the repositories"
        )

    def _hide(self, modules: Modules) -> None:
        shadowing = modules.shadowing()
        if modules.left or shadowing:
            hidden = [
                each.id
                for each in self._pool.solvables
                if (full := _full_name(each)) in modules.left
                or (each.name in shadowing and full not in modules.taken)
            ]
            self._pool.set_disabled_list(hidden)

    def _prepare(self) -> None:
        self._pool.addfileprovides()
        self._pool.createwhatprovides()


_INSTALL: Final = solv.Job.SOLVER_INSTALL


class _UnsolvedError(Exception):
    """There is no solution; libsolv's words."""

    def __init__(self, words: Sequence[str]) -> None:
        super().__init__("\n".join(words[:_MOST_TOLD]))


def _unsolvable(unsolved: _UnsolvedError) -> BundlerError:
    return BundlerError(
        "these packages can't be installed together on a minimal machine",
        why=str(unsolved),
        code=ExitCode.NOT_FOUND,
        fix="ask for packages that fit together, or name the repository that has what is missing",
    )


def _load(repo: solv.Repo, path: object, language: str | None = None, flags: int = 0) -> None:
    file = solv.xfopen(str(path))
    try:
        good = file is not None and repo.add_rpmmd(file, language, flags)
    finally:
        if file is not None:
            file.close()
    if not good:
        raise BundlerError(
            f"the metadata of the repository {repo.name} can't be read",
            why=repo.pool.errstr,
            code=ExitCode.INTEGRITY,
            fix="check baseurl; the mirror may be damaged",
        )


def _full_name(package: solv.XSolvable) -> str:
    """As modules name packages: the epoch is always there."""
    evr = package.evr if ":" in package.evr else f"0:{package.evr}"
    return f"{package.name}-{evr}.{package.arch}"


# What becomes a file's name, and a word of scripts on site.
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9+._-]*")
_EVR: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9+.:_~^-]*")


def _package(package: solv.XSolvable, requested: bool) -> PackageFile:  # noqa: FBT001  (a field's value)
    checksum = package.lookup_checksum(solv.SOLVABLE_CHECKSUM)
    if checksum is None or checksum.type != solv.REPOKEY_TYPE_SHA256:
        raise BundlerError(
            f"the repository {package.repo.name} has no SHA-256 digest for {package.name}",
            code=ExitCode.UNSUPPORTED,
            fix="recreate its metadata with `createrepo_c --checksum sha256`",
        )
    if not (_NAME.fullmatch(package.name) and _EVR.fullmatch(package.evr) and _NAME.fullmatch(package.arch)):
        raise BundlerError(
            f"the repository {package.repo.name} has a package with a name that is none",
            where=repr(str(package)),
            code=ExitCode.INTEGRITY,
            fix="check baseurl; the mirror may be damaged",
        )
    return PackageFile(
        name=package.name,
        version=package.evr,
        architecture=package.arch,
        archive=package.repo.name,
        path=package.lookup_location()[0],
        size=package.lookup_num(solv.SOLVABLE_DOWNLOADSIZE),
        digest=Digest(checksum.hex()),
        requested=requested,
    )

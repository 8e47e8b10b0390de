"""PACKAGE lines to files: closures, the package files in the store, and the repository around them."""

import difflib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

from bundler.builder.fetch import Fetcher
from bundler.builder.packages.apt import AptRoot, Repository, check_tools, machine_repositories
from bundler.builder.packages.mirror import repositories
from bundler.builder.packages.repository import Deb, packages_index, release
from bundler.builder.packages.solve import solve
from bundler.builder.packages.suite import Suite, architecture, is_request
from bundler.builder.parallel import Stop, run_all
from bundler.builder.progress import Progress
from bundler.builder.store import Blob, Store
from bundler.core.digest import Digest
from bundler.core.errors import BundlerError, ExitCode, Location, Problem, Problems
from bundler.core.index import OsPackage

MAX_AGE = 24 * 3600.0  # seconds that a closure is used for before the suite's indexes are read again

_KIND = "closure"
_FORM = 1  # raised when what a record holds, or how a closure is found, changes


@dataclass(frozen=True, slots=True)
class PackageRequest:
    """A PACKAGE line.

    suite: `debian:bookworm`; names: each `name` or `name=version`; text: the line itself, for messages.
    """

    suite: str
    names: tuple[str, ...]
    location: Location
    text: str = ""


@dataclass(frozen=True, slots=True)
class SuitePackages:
    """All packages of one suite: the index's entries and the bundle's members, by path."""

    suite: Suite
    packages: tuple[OsPackage, ...]
    files: tuple[tuple[str, Blob], ...]


@dataclass(frozen=True, slots=True)
class PackageOptions:
    """platform: `linux/amd64`. mirror: `https://HOST/debian`, or "" for the one this machine uses.

    offline: nothing is asked, what is in the cache is taken however old it is. refresh: the cache's
    closures are not used. now: seconds since the epoch.
    """

    platform: str
    now: float
    mirror: str = ""
    offline: bool = False
    refresh: bool = False
    at_once: int = 4  # downloads


def resolve_packages(
    requests: Sequence[PackageRequest],
    *,
    store: Store,
    fetcher: Fetcher,
    options: PackageOptions,
    progress: Progress,
) -> tuple[SuitePackages, ...]:
    """Find and fetch everything that the lines ask for, one repository a suite.

    Raises Problems for names that are none, or that the suite doesn't have, and BundlerError:
    UNSUPPORTED, NETWORK, NOT_FOUND, INTEGRITY, SPACE.
    """
    by_suite: dict[Suite, list[PackageRequest]] = {}
    for request in requests:
        by_suite.setdefault(_suite(request), []).append(request)
    _check_names(requests)
    made = [
        _Resolution(suite, tuple(lines), store, fetcher, options, progress).run()
        for suite, lines in by_suite.items()
    ]
    return tuple(sorted(made, key=lambda each: each.suite))


@dataclass(frozen=True, slots=True)
class _Resolution:
    """The work on one suite."""

    suite: Suite
    requests: tuple[PackageRequest, ...]
    store: Store
    fetcher: Fetcher
    options: PackageOptions
    progress: Progress

    def run(self) -> SuitePackages:
        closure = self._recalled()
        if closure is None:
            closure = self._solved()
            return self._assembled(closure, self._fetched(closure))
        try:
            blobs = self._fetched(closure)
        except BundlerError as error:
            if error.code is not ExitCode.NOT_FOUND or self.options.offline:
                raise
            self.progress.log(
                f"the mirror has other versions of {self.suite} by now, they are resolved again"
            )
            closure = self._solved()
            blobs = self._fetched(closure)
        return self._assembled(closure, blobs)

    @property
    def _names(self) -> tuple[str, ...]:
        return tuple(sorted({name for request in self.requests for name in request.names}))

    @property
    def _key(self) -> str:
        return json.dumps([_FORM, str(self.suite), self.options.platform, self.options.mirror, self._names])

    def _recalled(self) -> tuple[Deb, ...] | None:
        text = None if self.options.refresh else self.store.recall(_KIND, self._key)
        if text is None:
            self._refuse_offline()
            return None
        record = json.loads(text)
        age = self.options.now - record["solved"]
        if not self.options.offline and not 0 <= age <= MAX_AGE:
            self.progress.log(f"the closure of {self.suite} is older than a day, it is resolved again")
            return None
        return tuple(_deb(each) for each in record["debs"])

    def _refuse_offline(self) -> None:
        if self.options.offline:
            raise BundlerError(
                f"these packages of {self.suite} are not in the cache, and the network must not be used",
                where=self.requests[0].location,
                code=ExitCode.NOT_FOUND,
                fix="build once without --offline",
            )

    def _solved(self) -> tuple[Deb, ...]:
        check_tools(self.suite)
        mirror = self.options.mirror
        with self.store.scratch() as folder, self.store.scratch() as empty:
            machine = () if mirror else machine_repositories(empty)
            found = repositories(self.suite, mirror=mirror, machine=machine, exists=self._exists)
            self.progress.log(f"{self.suite} is read from {', '.join(each.suite for each in found)}")
            root = AptRoot(folder, self.suite, architecture(self.options.platform), found)
            root.update()
            self._check_known(root)
            closure = solve(root, self._names)
        record = {"solved": self.options.now, "debs": [_json(each) for each in closure]}
        self.store.remember(_KIND, self._key, json.dumps(record).encode())
        return closure

    def _exists(self, repository: Repository) -> bool:
        try:
            self.fetcher.fetch(f"{repository.uri}dists/{repository.suite}/InRelease")
        except BundlerError as error:
            if error.code is ExitCode.NOT_FOUND:
                return False
            raise
        return True

    def _check_known(self, root: AptRoot) -> None:
        known = root.names()
        problems = [
            _unknown(request, name, known, root)
            for request in self.requests
            for name in request.names
            if name.partition("=")[0] not in known
        ]
        if problems:
            raise Problems(tuple(problems), code=ExitCode.NOT_FOUND)

    def _fetched(self, closure: tuple[Deb, ...]) -> tuple[Blob, ...]:
        work = [partial(self.fetcher.fetch, deb.uri, deb.digest, size=deb.size) for deb in closure]
        results = run_all(work, self.options.at_once, Stop())
        if failure := next((result for result in results if isinstance(result, BundlerError)), None):
            raise failure
        return tuple(result for result in results if isinstance(result, Blob))

    def _assembled(self, closure: tuple[Deb, ...], blobs: tuple[Blob, ...]) -> SuitePackages:
        folder = self.suite.folder
        index = packages_index(closure)
        texts = {
            "Packages": index,
            "Release": release(self.suite, architecture(self.options.platform), index),
        }
        kept = {
            name: self.store.add([text], digest=None, size=None, name=name) for name, text in texts.items()
        }
        files = {deb.file: blob for deb, blob in zip(closure, blobs, strict=True)} | kept
        return SuitePackages(
            suite=self.suite,
            packages=tuple(_entry(self.suite, deb) for deb in self._marked(closure)),
            files=tuple((f"{folder}/{name}", blob) for name, blob in sorted(files.items())),
        )

    def _marked(self, closure: tuple[Deb, ...]) -> Iterable[Deb]:
        asked = {name.partition("=")[0] for name in self._names}
        return (replace(deb, requested=deb.name in asked) for deb in closure)


def _suite(request: PackageRequest) -> Suite:
    try:
        return Suite.parse(request.suite)
    except BundlerError as error:
        raise Problems(
            (Problem(request.location, "package-suite", error.what, error.fix, request.text),),
            code=error.code,
        ) from error


def _check_names(requests: Iterable[PackageRequest]) -> None:
    problems = tuple(
        Problem(
            request.location,
            "package-name",
            f"not the name of a package: {name!r}",
            "write NAME or NAME=VERSION, as in containerd or containerd=1.6.20~ds1-1",
            request.text,
        )
        for request in requests
        for name in request.names
        if not is_request(name)
    )
    if problems:
        raise Problems(problems)


def _unknown(request: PackageRequest, name: str, known: frozenset[str], root: AptRoot) -> Problem:
    plain = name.partition("=")[0]
    if providers := root.providers(plain):
        hint = f"it is a virtual package; choose one of {', '.join(providers[:8])}"
    else:
        close = difflib.get_close_matches(plain, known, 3, 0.75)
        hint = f"did you mean {', '.join(close)}?" if close else "check the name and the suite"
    return Problem(
        request.location, "unknown-package", f"{request.suite} has no package {plain!r}", hint, request.text
    )


def _entry(suite: Suite, deb: Deb) -> OsPackage:
    return OsPackage(
        suite=str(suite),
        name=deb.name,
        version=deb.version,
        architecture=deb.architecture,
        path=f"{suite.folder}/{deb.file}",
        requested=deb.requested,
    )


def _json(deb: Deb) -> dict[str, Any]:
    return {**asdict(deb), "digest": deb.digest.hex}


def _deb(record: dict[str, Any]) -> Deb:
    return Deb(**{**record, "digest": Digest(record["digest"])})

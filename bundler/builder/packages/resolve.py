"""PACKAGE lines to files: closures, the package files in the store, and the repository around them."""

import difflib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from bundler.builder.fetch import Fetcher
from bundler.builder.packages.apt import AptRoot, Repository, check_tools, machine_repositories
from bundler.builder.packages.closure import Closure, SuiteIndex, bases, from_json, to_json
from bundler.builder.packages.mirror import repositories
from bundler.builder.packages.repository import Deb, control_of, packages_index, release
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
_CONTROL = "control"
_FORM = 2  # raised when what a record holds, or how a closure is found, changes


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
    closure: Closure


@dataclass(frozen=True, slots=True)
class PackageOptions:
    """platform: `linux/amd64`. mirror: `https://HOST/debian`, or "" for the one this machine uses.

    offline: nothing is asked, what is in the cache is taken however old it is. refresh: the cache's
    closures are not used. now: seconds since the epoch. pinned: by suite (`debian:bookworm`), the closure
    that holds as long as the same names are asked for; nothing is asked for it but files the cache lacks.
    """

    platform: str
    now: float
    mirror: str = ""
    offline: bool = False
    refresh: bool = False
    at_once: int = 4  # downloads
    pinned: Mapping[str, Closure] = field(default_factory=dict)


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
        pinned = self.options.pinned.get(str(self.suite))
        if pinned is not None and pinned.requested == self._names:
            return self._assembled(pinned, self._fetched(pinned))
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

    def _recalled(self) -> Closure | None:
        text = None if self.options.refresh else self.store.recall(_KIND, self._key)
        if text is None:
            self._refuse_offline()
            return None
        solved, closure = from_json(text)
        if not self.options.offline and not 0 <= self.options.now - solved <= MAX_AGE:
            self.progress.log(f"the closure of {self.suite} is older than a day, it is resolved again")
            return None
        return closure

    def _refuse_offline(self) -> None:
        if self.options.offline:
            raise BundlerError(
                f"these packages of {self.suite} are not in the cache, and the network must not be used",
                where=self.requests[0].location,
                code=ExitCode.NOT_FOUND,
                fix="build once without --offline",
            )

    def _solved(self) -> Closure:
        self._refuse_offline()
        check_tools(self.suite)
        with self.store.scratch() as folder:
            found = self._repositories()
            self.progress.log(f"{self.suite} is read from {', '.join(each.suite for each in found)}")
            root = AptRoot(folder, self.suite, architecture(self.options.platform), found)
            root.update()
            self._check_known(root)
            indexes = sorted(
                SuiteIndex(suite, Digest.of(path.read_bytes()))
                for suite, path in root.release_files().items()
            )
            debs = solve(root, self._names, found)
            closure = Closure(self._names, tuple(indexes), debs, bases(found))
        self.store.remember(_KIND, self._key, to_json(closure, self.options.now))
        return closure

    def _repositories(self) -> tuple[Repository, ...]:
        mirror = self.options.mirror
        with self.store.scratch() as empty:
            machine = () if mirror else machine_repositories(empty)
            return repositories(self.suite, mirror=mirror, machine=machine, exists=self._exists)

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

    def _fetched(self, closure: Closure) -> tuple[Blob, ...]:
        missing = [deb for deb in closure.debs if self.store.find(deb.digest, deb.size) is None]
        if missing:
            self._refuse_offline()
            self._fetch(missing, closure.bases or bases(self._repositories()))
        return tuple(Blob(deb.digest, deb.size) for deb in closure.debs)

    def _fetch(self, debs: Sequence[Deb], places: Mapping[str, str]) -> None:
        lost = next((deb for deb in debs if deb.archive not in places), None)
        if lost is not None:
            raise _gone(lost, f"the mirror has no {lost.archive}")
        work = [
            partial(self.fetcher.fetch, places[deb.archive] + deb.path, deb.digest, size=deb.size)
            for deb in debs
        ]
        results = run_all(work, self.options.at_once, Stop())
        for deb, result in zip(debs, results, strict=True):
            if isinstance(result, BundlerError):
                gone = result.code is ExitCode.NOT_FOUND
                raise (_gone(deb, str(result.where)) if gone else result) from result

    def _assembled(self, closure: Closure, blobs: tuple[Blob, ...]) -> SuitePackages:
        folder = self.suite.folder
        index = packages_index(
            (deb, self._control(blob, deb)) for deb, blob in zip(closure.debs, blobs, strict=True)
        )
        texts = {
            "Packages": index,
            "Release": release(self.suite, architecture(self.options.platform), index),
        }
        kept = {
            name: self.store.add([text], digest=None, size=None, name=name) for name, text in texts.items()
        }
        files = {deb.file: blob for deb, blob in zip(closure.debs, blobs, strict=True)} | kept
        return SuitePackages(
            suite=self.suite,
            packages=tuple(_entry(self.suite, deb) for deb in closure.debs),
            files=tuple((f"{folder}/{name}", blob) for name, blob in sorted(files.items())),
            closure=closure,
        )

    def _control(self, blob: Blob, deb: Deb) -> str:
        """What the package says of itself; unpacked once."""
        if (known := self.store.recall(_CONTROL, blob.digest.hex)) is not None:
            return known.decode()
        with self.store.reading(blob, name=deb.file) as stream:
            text = control_of(stream)
        self.store.remember(_CONTROL, blob.digest.hex, text.encode())
        return text


def _gone(deb: Deb, why: str) -> BundlerError:
    return BundlerError(
        f"the mirror doesn't have {deb.name} {deb.version} any more",
        where=f"{deb.archive} {deb.path}",
        why=why,
        code=ExitCode.NOT_FOUND,
        fix="`bundler update` takes the version that it has; "
        "or name a mirror that keeps old ones with --debian-mirror, as Debian's snapshot service does",
    )


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

"""PACKAGE lines to files: closures, the package files in the store, and the repository around them."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from bundler.builder.cache.store import Blob, Store
from bundler.builder.lib.parallel import Stop, run_all
from bundler.builder.lib.progress import Progress
from bundler.builder.net.fetch import Fetcher
from bundler.builder.packages.closure import Closure, PackageFile, from_json, to_json
from bundler.builder.packages.source import (
    Means,
    PackageFamily,
    PackageOptions,
    PackageRequest,
    SuitePackages,
)
from bundler.core.errors import BundlerError, ExitCode, Problem, Problems
from bundler.core.index import OsPackage
from bundler.core.suite import Family, Suite

MAX_AGE = 24 * 3600.0  # seconds that a closure is used for before the suite's indexes are read again

_KIND = "closure"
_FORM = 3  # raised when what a record holds, or how a closure is found, changes


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
    UNSUPPORTED, NETWORK, NOT_FOUND, TRUST, INTEGRITY, SPACE.
    """
    by_suite: dict[Suite, list[PackageRequest]] = {}
    for request in requests:
        by_suite.setdefault(_suite(request), []).append(request)
    means = Means(store, fetcher, options, progress)
    work = [
        _Resolution(suite, tuple(lines), means, _source(suite, means)) for suite, lines in by_suite.items()
    ]
    _check_names(work)
    return tuple(sorted((each.run() for each in work), key=lambda made: made.suite))


@dataclass(frozen=True, slots=True)
class _Resolution:
    """The work on one suite."""

    suite: Suite
    requests: tuple[PackageRequest, ...]
    means: Means
    source: PackageFamily

    def run(self) -> SuitePackages:
        pinned = self.means.options.pinned.get(str(self.suite))
        if pinned is not None and pinned.requested == self._names:
            return self._assembled(pinned, self._fetched(pinned))
        closure = self._recalled()
        if closure is None:
            closure = self._solved()
            return self._assembled(closure, self._fetched(closure))
        try:
            blobs = self._fetched(closure)
        except BundlerError as error:
            if error.code is not ExitCode.NOT_FOUND or self.means.options.offline:
                raise
            self.means.progress.log(
                f"the mirror has other versions of {self.suite} by now, they are resolved again"
            )
            closure = self._solved()
            blobs = self._fetched(closure)
        return self._assembled(closure, blobs)

    def faults(self) -> Iterable[Problem]:
        """Names of packages that can't be any."""
        for request in self.requests:
            for name in request.names:
                if not self.source.is_request(name):
                    yield request.problem(
                        "package-name",
                        f"not the name of a package: {name!r}",
                        "write NAME or NAME=VERSION, as in containerd or containerd=1.6.20~ds1-1",
                    )

    @property
    def _names(self) -> tuple[str, ...]:
        return tuple(sorted({name for request in self.requests for name in request.names}))

    @property
    def _key(self) -> str:
        platform = self.means.options.platform
        return json.dumps([_FORM, str(self.suite), str(platform), self.source.settings, self._names])

    def _recalled(self) -> Closure | None:
        options = self.means.options
        text = None if options.refresh else self.means.store.recall(_KIND, self._key)
        if text is None:
            self._refuse_offline()
            return None
        solved, closure = from_json(text)
        if not options.offline and not 0 <= options.now - solved <= MAX_AGE:
            self.means.progress.log(f"the closure of {self.suite} is older than a day, it is resolved again")
            return None
        return closure

    def _refuse_offline(self) -> None:
        if self.means.options.offline:
            raise BundlerError(
                f"these packages of {self.suite} are not in the cache, and the network must not be used",
                where=self.requests[0].location,
                code=ExitCode.NOT_FOUND,
                id="BND-OFFLINE",
                fix="build once without --offline",
            )

    def _solved(self) -> Closure:
        self._refuse_offline()
        closure = self.source.solve(self.requests)
        self.means.store.remember(_KIND, self._key, to_json(closure, self.means.options.now))
        return closure

    def _fetched(self, closure: Closure) -> tuple[Blob, ...]:
        store = self.means.store
        missing = [each for each in closure.packages if store.find(each.digest, each.size) is None]
        if missing:
            self._refuse_offline()
            self._fetch(missing, closure.bases or self.source.bases())
        return tuple(Blob(each.digest, each.size) for each in closure.packages)

    def _fetch(self, packages: Sequence[PackageFile], places: Mapping[str, str]) -> None:
        lost = next((each for each in packages if each.archive not in places), None)
        if lost is not None:
            raise self._gone(lost, f"the mirror has no {lost.archive}")
        work = [
            partial(self.means.fetcher.fetch, places[each.archive] + each.path, each.digest, size=each.size)
            for each in packages
        ]
        results = run_all(work, self.means.options.at_once, Stop())
        for package, result in zip(packages, results, strict=True):
            if isinstance(result, BundlerError):
                gone = result.code is ExitCode.NOT_FOUND
                raise (self._gone(package, str(result.where)) if gone else result) from result

    def _gone(self, package: PackageFile, why: str) -> BundlerError:
        return BundlerError(
            f"the mirror doesn't have {package.name} {package.version} any more",
            where=f"{package.archive} {package.path}",
            why=why,
            code=ExitCode.NOT_FOUND,
            fix=f"`bundler update` takes the version that it has; or {self.source.advice}",
        )

    def _assembled(self, closure: Closure, blobs: tuple[Blob, ...]) -> SuitePackages:
        source, folder = self.source, self.suite.folder
        packages = tuple(zip(closure.packages, blobs, strict=True))
        for package, blob in packages:
            source.admit(package, blob)
        kept = {
            name: self.means.store.add([data], digest=None, size=None, name=name)
            for name, data in source.repository(packages).items()
        }
        files = {source.file(package): blob for package, blob in packages} | kept
        return SuitePackages(
            suite=self.suite,
            packages=tuple(self._entry(package) for package in closure.packages),
            files=tuple((f"{folder}/{name}", blob) for name, blob in sorted(files.items())),
            closure=closure,
        )

    def _entry(self, package: PackageFile) -> OsPackage:
        return OsPackage(
            suite=str(self.suite),
            name=package.name,
            version=package.version,
            architecture=package.architecture,
            path=f"{self.suite.folder}/{self.source.file(package)}",
            requested=package.requested,
        )


def _source(suite: Suite, means: Means) -> PackageFamily:
    match suite.known.family:
        case Family.DEB:
            from bundler.builder.packages.deb.source import DebSource  # noqa: PLC0415  (loads python-debian)

            return DebSource(suite, means)
        case Family.RPM:
            try:
                from bundler.builder.packages.rpm.source import RpmSource  # noqa: PLC0415  (loads rpm's libraries)
            except ImportError as error:
                raise BundlerError(
                    f"PACKAGE {suite} needs the Python packages solv and createrepo-c",
                    why=str(error),
                    code=ExitCode.UNSUPPORTED,
                    fix="pip install solv createrepo-c; they come for x86_64 and aarch64 with glibc 2.28",
                ) from error
            return RpmSource(suite, means)


def _suite(request: PackageRequest) -> Suite:
    try:
        return Suite.parse(request.suite)
    except BundlerError as error:
        raise Problems((request.problem("package-suite", error.what, error.fix),), code=error.code) from error


def _check_names(work: Iterable[_Resolution]) -> None:
    problems = tuple(problem for each in work for problem in each.faults())
    if problems:
        raise Problems(problems)

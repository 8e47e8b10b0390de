"""A suite of Red Hat's family: signed rpm metadata, libsolv, a repository for dnf."""

import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Final

from bundler.builder.cache.store import Blob
from bundler.builder.packages.closure import Closure, PackageFile, SuiteIndex
from bundler.builder.packages.rpm.metadata import key_files, read_metadata
from bundler.builder.packages.rpm.repofile import RpmRepository, read_repositories
from bundler.builder.packages.rpm.repository import RpmEntry, file_name, repodata
from bundler.builder.packages.rpm.solve import RpmPool
from bundler.builder.packages.rpm.trust import PackageKeys
from bundler.builder.packages.source import Means, PackageRequest
from bundler.core.digest import Digest
from bundler.core.errors import BundlerError, ExitCode, Problem, Problems
from bundler.core.oci import Platform
from bundler.core.suite import Suite

_ENTRY: Final = "rpm-metadata"
_ADMITTED: Final = "rpm-admitted"
_REQUEST: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9+._-]*(=[0-9A-Za-z][0-9A-Za-z.+:~^_-]*)?")
_ARCHITECTURES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "linux/amd64": "x86_64",
        "linux/arm64": "aarch64",
        "linux/arm64/v8": "aarch64",
        "linux/arm/v7": "armv7hl",
        "linux/386": "i686",
        "linux/ppc64le": "ppc64le",
        "linux/riscv64": "riscv64",
        "linux/s390x": "s390x",
    }
)


class RpmSource:
    """See `Source`. Raises BundlerError (UNSUPPORTED) for a platform that rpm has no name for."""

    def __init__(self, suite: Suite, means: Means) -> None:
        self._suite = suite
        self._means = means
        self._architecture = architecture_of(means.options.platform)

    @property
    def settings(self) -> str:
        """The repositories that were named; "" where none is needed, as all comes out of the cache."""
        return repr(self._repositories) if self._file is not None else ""

    @property
    def advice(self) -> str:
        """A mirror that keeps old versions."""
        return "name a repository that keeps old ones in the file of --rpm-repos"

    def is_request(self, text: str) -> bool:
        """As rpm has names and versions."""
        return _REQUEST.fullmatch(text) is not None

    def solve(self, requests: Sequence[PackageRequest]) -> Closure:
        """Read the repositories' metadata, and let libsolv solve."""
        names = tuple(sorted({name for request in requests for name in request.names}))
        with self._means.store.scratch() as folder:
            metadata = []
            for repository in self._repositories:
                self._means.progress.log(f"{self._suite} is read from {repository.name}: {repository.shown}")
                (folder / repository.name).mkdir()
                metadata.append(read_metadata(repository, self._means, folder / repository.name))
            pool = RpmPool(metadata, self._architecture)
            _check_known(pool, requests)
            packages = pool.closure(names)
        indexes = sorted(SuiteIndex(each.repository.name, each.index) for each in metadata)
        return Closure(names, tuple(indexes), packages, self.bases())

    def bases(self) -> Mapping[str, str]:
        """The repositories' addresses."""
        return {each.name: each.base for each in self._repositories}

    def admit(self, package: PackageFile, blob: Blob) -> None:
        """Check the package's own signature, where its repository's metadata has none or the file says so."""
        repository = next((each for each in self._known if each.name == package.archive), None)
        if repository is None or not repository.signed_packages:
            return
        keys = key_files(repository, self._means)
        key = f"{blob.digest.hex} {Digest.of(repr(keys).encode()).hex}"
        if self._means.store.recall(_ADMITTED, key) is None:
            with self._means.store.scratch() as folder:
                PackageKeys(folder, keys).check(file_name(package), self._means.store.path(blob.digest))
            self._means.store.remember(_ADMITTED, key, b"yes")

    def file(self, package: PackageFile) -> str:
        """As rpm calls it."""
        return file_name(package)

    def repository(self, packages: Sequence[tuple[PackageFile, Blob]]) -> Mapping[str, bytes]:
        """rpm metadata."""
        return repodata(self._entry(package, blob) for package, blob in packages)

    @property
    def _file(self) -> Path | None:
        files = self._means.options.sources.rpm_repos
        return files.get(str(self._suite), files.get(""))

    @property
    def _known(self) -> tuple[RpmRepository, ...]:
        return self._repositories if self._file is not None else ()

    @cached_property
    def _repositories(self) -> tuple[RpmRepository, ...]:
        if self._file is None:
            raise BundlerError(
                f"there are no repositories for {self._suite}",
                code=ExitCode.NOT_FOUND,
                fix=f"name a file of them with --rpm-repos {self._suite}=FILE.repo or BUNDLER_RPM_REPOS, "
                "with a section like those in /etc/yum.repos.d: [baseos], baseurl=…, gpgkey=…",
            )
        variables = {
            "releasever": self._suite.release,
            "basearch": self._architecture,
            "arch": self._architecture,
            "stream": f"{self._suite.release}-stream",
        }
        return read_repositories(self._file, variables)

    def _entry(self, package: PackageFile, blob: Blob) -> RpmEntry:
        """What the package says of itself; read once."""
        store = self._means.store
        if (known := store.recall(_ENTRY, blob.digest.hex)) is not None:
            return RpmEntry.from_json(known)
        entry = RpmEntry.read(store.path(blob.digest), package)
        store.remember(_ENTRY, blob.digest.hex, entry.to_json())
        return entry


def architecture_of(platform: Platform) -> str:
    """rpm's name for a platform (`linux/amd64`). Raises BundlerError (UNSUPPORTED)."""
    if (found := _ARCHITECTURES.get(str(platform))) is None:
        raise BundlerError(
            f"there are no rpm packages for {platform}",
            code=ExitCode.UNSUPPORTED,
            fix=f"choose one of {', '.join(sorted(_ARCHITECTURES))}",
        )
    return found


def _check_known(pool: RpmPool, requests: Sequence[PackageRequest]) -> None:
    problems: list[Problem] = []
    for request in requests:
        for unknown in pool.unknown(request.names):
            message = f"{request.suite} has no package {unknown.name!r}"
            problems.append(request.problem("unknown-package", message, unknown.hint))
    if problems:
        raise Problems(tuple(problems), code=ExitCode.NOT_FOUND)

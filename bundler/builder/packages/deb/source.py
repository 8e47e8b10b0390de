"""A suite of Debian's family: apt's own solver against signed indexes."""

import difflib
import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Final

from bundler.builder.cache.store import Blob
from bundler.builder.packages.closure import Closure, PackageFile, SuiteIndex
from bundler.builder.packages.deb.archives import architecture_of, archive_of
from bundler.builder.packages.deb.machine import (
    machine_architecture,
    machine_distribution,
    machine_repositories,
)
from bundler.builder.packages.deb.mirror import repositories
from bundler.builder.packages.deb.repository import PACKAGES, control_of, file_name, packages_index, release
from bundler.builder.packages.deb.root import AptRoot, Repository, check_tools
from bundler.builder.packages.deb.solve import solve
from bundler.builder.packages.source import Means, PackageRequest
from bundler.core.digest import Digest
from bundler.core.errors import BundlerError, ExitCode, Problem, Problems
from bundler.core.suite import Suite

_CONTROL: Final = "control"
# Debian Policy 5.6.1 and 5.6.12; `=VERSION` pins as apt writes it
_REQUEST: Final = re.compile(r"[a-z0-9][a-z0-9+.-]+(=[0-9][A-Za-z0-9.+:~-]*)?")


class DebSource:
    """See `Source`. Raises BundlerError (UNSUPPORTED) for a platform that the distribution doesn't have."""

    def __init__(self, suite: Suite, means: Means) -> None:
        self._suite = suite
        self._means = means
        self._architecture = architecture_of(means.options.platform)
        self._archive = archive_of(suite, self._architecture)

    @property
    def settings(self) -> str:
        """The mirror that was named, if one was."""
        return self._means.options.sources.mirrors.get(self._archive.name, "")

    @property
    def advice(self) -> str:
        """A mirror that keeps old versions."""
        return f"name a mirror that keeps old ones with {self._archive.option}, as snapshot services do"

    def is_request(self, text: str) -> bool:
        """As Debian's policy has names and versions."""
        return _REQUEST.fullmatch(text) is not None

    def solve(self, requests: Sequence[PackageRequest]) -> Closure:
        """Let apt read the indexes, verify them, and solve."""
        keyring = self._means.options.sources.keyrings.get(self._suite.distribution, self._archive.keyring)
        check_tools(self._suite, self._archive, keyring)
        names = tuple(sorted({name for request in requests for name in request.names}))
        found = self._repositories
        self._means.progress.log(f"{self._suite} is read from {', '.join(each.suite for each in found)}")
        with self._means.store.scratch() as folder:
            root = AptRoot(
                folder,
                self._suite,
                self._architecture,
                found,
                keyring=keyring,
                advice=f"check the mirror ({self._archive.option}, {self._archive.variable}) and the network",
            )
            root.update()
            _check_known(root, requests)
            indexes = sorted(
                SuiteIndex(suite, Digest.of(path.read_bytes()))
                for suite, path in root.release_files().items()
            )
            packages = solve(root, names, found, self._archive.updated)
        return Closure(names, tuple(indexes), packages, self.bases())

    def bases(self) -> Mapping[str, str]:
        """The mirror's address, for each of its suites."""
        return {each.suite: each.uri for each in self._repositories}

    def admit(self, package: PackageFile, blob: Blob) -> None:
        """Nothing: signed indexes authenticate digests."""

    def file(self, package: PackageFile) -> str:
        """As in Debian's pool."""
        return file_name(package)

    def repository(self, packages: Sequence[tuple[PackageFile, Blob]]) -> Mapping[str, bytes]:
        """Debian's flat form."""
        index = packages_index((package, self._control(blob, package)) for package, blob in packages)
        return {PACKAGES: index, "Release": release(self._suite, self._architecture, index)}

    @cached_property
    def _repositories(self) -> tuple[Repository, ...]:
        return repositories(
            self._suite,
            self._archive,
            mirror=self.settings,
            machine=() if self.settings else self._machine(),
            exists=self._exists,
        )

    def _machine(self) -> tuple[Repository, ...]:
        """This machine's own, where it has the same distribution, out of the same archive."""
        if machine_distribution() != self._suite.distribution or not self._archive.has(
            machine_architecture()
        ):
            return ()
        with self._means.store.scratch() as empty:
            return machine_repositories(empty, self._archive.components)

    def _exists(self, repository: Repository) -> bool:
        try:
            self._means.fetcher.fetch(f"{repository.uri}dists/{repository.suite}/InRelease")
        except BundlerError as error:
            if error.code is ExitCode.NOT_FOUND:
                return False
            raise
        return True

    def _control(self, blob: Blob, package: PackageFile) -> str:
        """What the package says of itself; unpacked once."""
        store = self._means.store
        if (known := store.recall(_CONTROL, blob.digest.hex)) is not None:
            return known.decode()
        with store.reading(blob, name=file_name(package)) as stream:
            text = control_of(stream)
        store.remember(_CONTROL, blob.digest.hex, text.encode())
        return text


def _check_known(root: AptRoot, requests: Sequence[PackageRequest]) -> None:
    known = root.names()
    problems = tuple(
        _unknown(request, name, known, root)
        for request in requests
        for name in request.names
        if name.partition("=")[0] not in known
    )
    if problems:
        raise Problems(problems, code=ExitCode.NOT_FOUND)


def _unknown(request: PackageRequest, name: str, known: frozenset[str], root: AptRoot) -> Problem:
    plain = name.partition("=")[0]
    if providers := root.providers(plain):
        hint = f"it is a virtual package; choose one of {', '.join(providers[:8])}"
    else:
        close = difflib.get_close_matches(plain, known, 3, 0.75)
        hint = f"did you mean {', '.join(close)}?" if close else "check the name and the suite"
    return request.problem("unknown-package", f"{request.suite} has no package {plain!r}", hint)

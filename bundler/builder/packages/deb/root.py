"""apt in a root of its own: it sees the suite that was asked for and nothing of this machine but its proxies.

The machine's package state is neither read nor changed. apt itself checks the signatures of the indexes
(InRelease) with the distribution's keys, and the indexes' digests.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bundler.builder.cache.disk import need
from bundler.builder.packages.deb.archives import Archive
from bundler.core.errors import BundlerError, ExitCode
from bundler.core.suite import Suite

_UPDATE_SECONDS = 900.0
_SOLVE_SECONDS = 300.0
_ROOM = 160 << 20  # bytes for a suite's indexes and what apt makes of them; bookworm takes about 120 MiB
# How this machine reaches its mirrors: the only part of its configuration that is taken over.
_ACQUIRE = re.compile(
    r"Acquire::(?:https?(?:::.*)?|Retries|ForceIPv[46]|Check-Valid-Until|Check-Date|By-Hash) \".*\";"
)


@dataclass(frozen=True, slots=True)
class Repository:
    """A line of sources.list: where packages come from."""

    uri: str
    suite: str  # bookworm, bookworm-security
    components: tuple[str, ...] = ("main",)


def check_tools(suite: Suite, archive: Archive, keyring: Path) -> None:
    """Raise BundlerError (UNSUPPORTED) when this machine can't resolve the suite's packages."""
    missing = [tool for tool in ("apt-get", "apt-cache", "gpgv") if shutil.which(tool) is None]
    if missing:
        raise BundlerError(
            f"PACKAGE {suite} needs {', '.join(missing)}, which this machine lacks",
            code=ExitCode.UNSUPPORTED,
            fix="build on Debian or a relative of it, or in a container of it; or `apt-get install apt gpgv`",
        )
    if not keyring.is_file():
        raise BundlerError(
            f"the keys of {suite} are not on this machine",
            where=keyring,
            code=ExitCode.UNSUPPORTED,
            fix=f"install the package {archive.keyring_package}, or name the file of the keys with "
            f"--keyring {suite.distribution}=FILE",
        )


class AptRoot:
    """An apt of our own below `folder`, which is empty at first.

    architecture: as Debian names it. keyring: the keys that the indexes must be signed with. advice: what to
    do when the indexes can't be read.
    Every method raises BundlerError (NETWORK, NOT_FOUND) with apt's own words.
    """

    def __init__(
        self,
        folder: Path,
        suite: Suite,
        architecture: str,
        repositories: Sequence[Repository],
        *,
        keyring: Path,
        advice: str,
    ) -> None:
        self._folder = folder
        self._suite = suite
        self._advice = advice
        for name in ("state/lists/partial", "cache/archives/partial", "etc", "log"):
            (folder / name).mkdir(parents=True)
        lines = [_source_line(each, keyring) for each in repositories]
        (folder / "etc" / "sources.list").write_text("".join(lines))
        (folder / "apt.conf").write_text(_configuration(folder, architecture, _machine_acquire()))
        self.installed("")

    def installed(self, stanzas: str) -> None:
        """Let apt believe that these packages, and no others, are installed (stanzas of a Packages file)."""
        status = re.sub(r"^(Package: .*)$", r"\1\nStatus: install ok installed", stanzas, flags=re.MULTILINE)
        (self._folder / "status").write_text(status)

    def update(self) -> None:
        """Fetch the indexes and check their signatures."""
        need(self._folder, f"the indexes of {self._suite}", _ROOM)  # on a full disk apt may hang
        self._run("apt-get", "-qq", "-o", "APT::Update::Error-Mode=any", "update", seconds=_UPDATE_SECONDS)

    def release_files(self) -> Mapping[str, Path]:
        """By suite (`bookworm-updates`), the signed InRelease file that its indexes come from."""
        found = (self._folder / "state" / "lists").glob("*_dists_*_InRelease")
        return {path.name.rpartition("_dists_")[2].removesuffix("_InRelease"): path for path in found}

    def names(self) -> frozenset[str]:
        """All packages of the suite that are real."""
        return frozenset(self._run("apt-cache", "pkgnames").split())

    def providers(self, name: str) -> tuple[str, ...]:
        """Real packages that provide a virtual one."""
        text = self._run("apt-cache", "showpkg", "--", name)
        lines = text.partition("Reverse Provides:")[2].splitlines()
        return tuple(sorted({line.split()[0] for line in lines if line.strip()}))

    def required(self) -> frozenset[str]:
        """The packages that every installation has: Essential, or of priority required."""
        found: set[str] = set()
        name = ""
        for line in self._lines("apt-cache", "dumpavail"):
            if line.startswith("Package: "):
                name = line[9:].strip()
            elif line.startswith(("Essential: yes", "Priority: required")):
                found.add(name)
        return frozenset(found)

    def simulate(self, *names: str) -> tuple[str, ...]:
        """What would be installed for these names, as `name=version`."""
        text = self._run("apt-get", "-s", "-qq", "install", "--", *names)
        return tuple(
            f"{name}={version}"
            for name, version in re.findall(r"^Inst (\S+) .*?\(([^ )]+)", text, re.MULTILINE)
        )

    def uris(self, *names: str) -> tuple["Download", ...]:
        """What would be fetched to install these names, also those that are installed already."""
        text = self._run("apt-get", "-qq", "-y", "--reinstall", "--print-uris", "install", "--", *names)
        return tuple(_download(line) for line in text.splitlines() if line.startswith("'"))

    def show(self, *requests: str) -> str:
        """The index's stanzas of these `name=version`."""
        return self._run("apt-cache", "--no-all-versions", "show", "--", *requests)

    def _run(self, *argv: str, seconds: float = _SOLVE_SECONDS) -> str:
        done = self._start(argv, seconds)
        if done.returncode == 0:
            return done.stdout
        unreachable = "update" in argv
        raise BundlerError(
            f"apt can't read the indexes of {self._suite}"
            if unreachable
            else f"apt can't solve {self._suite}",
            where=" ".join(argv),
            why="\n".join(_error_lines(done.stderr)) or f"exit status {done.returncode}",
            code=ExitCode.NETWORK if unreachable else ExitCode.NOT_FOUND,
            fix=self._advice if unreachable else "ask for packages that can be installed together",
        )

    def _start(self, argv: Sequence[str], seconds: float) -> subprocess.CompletedProcess[str]:
        try:
            return subprocess.run(
                argv,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=seconds,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise BundlerError(
                f"apt did not end within {seconds:.0f} seconds",
                where=" ".join(argv),
                code=ExitCode.NETWORK,
                fix="check the mirror and the network, then run it again",
            ) from error

    def _lines(self, *argv: str) -> Iterator[str]:
        """Output too large to be held."""
        with subprocess.Popen(
            argv, env=self._environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
        ) as process:
            yield from process.stdout or ()
        if process.returncode != 0:
            raise BundlerError(f"apt can't read {self._suite}", where=" ".join(argv), code=ExitCode.NOT_FOUND)

    def _environment(self) -> dict[str, str]:
        own = {
            "APT_CONFIG": str(self._folder / "apt.conf"),
            "LC_ALL": "C.UTF-8",
            "DEBIAN_FRONTEND": "noninteractive",
        }
        return {**os.environ, **own}


@dataclass(frozen=True, slots=True)
class Download:
    """A package file that apt would fetch: `file` is `name_version_architecture.deb`, `size` in bytes."""

    uri: str
    file: str
    size: int
    sha256: str

    @property
    def request(self) -> str:
        """As apt is asked for it: `name=version`."""
        name, version, _ = self.file.removesuffix(".deb").split("_")
        return f"{name}={version.replace('%3a', ':')}"


def _download(line: str) -> Download:
    uri, file, size, digest = line.rsplit(" ", 3)
    return Download(uri.strip("'"), file, int(size), digest.removeprefix("SHA256:"))


def _source_line(repository: Repository, keyring: Path) -> str:
    components = " ".join(repository.components)
    return f"deb [signed-by={keyring}] {repository.uri} {repository.suite} {components}\n"


def _machine_acquire() -> str:
    done = subprocess.run(
        ["apt-config", "dump", "Acquire"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return "".join(f"{line}\n" for line in done.stdout.splitlines() if _ACQUIRE.fullmatch(line))


def _configuration(folder: Path, architecture: str, acquire: str) -> str:
    """apt.conf for the root: every place that apt reads or writes is named, so that none is the machine's."""
    return f"""\
{acquire}Dir "{folder}";
Dir::State "state";
Dir::State::status "{folder}/status";
Dir::Cache "cache";
Dir::Log "log";
Dir::Etc "etc";
Dir::Etc::main "/dev/null";
Dir::Etc::parts "/dev/null";
Dir::Etc::sourcelist "sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::trusted "/dev/null";
Dir::Etc::trustedparts "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
Dir::Etc::netrc "/etc/apt/auth.conf";
Dir::Etc::netrcparts "/etc/apt/auth.conf.d";
APT::Architecture "{architecture}";
APT::Architectures {{ "{architecture}"; }};
APT::Sandbox::User "root";
APT::Install-Recommends "false";
APT::Install-Suggests "false";
Acquire::Languages "none";
Acquire::ForceHash "SHA256";
Acquire::AllowInsecureRepositories "false";
Acquire::AllowWeakRepositories "false";
"""


def _error_lines(stderr: str) -> list[str]:
    """apt's errors, without its warnings and the mirror's progress."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    return [line for line in lines if line.startswith("E:")][:20] or lines[-20:]

"""The options of every command that changes a site: login, trust, how many hosts at once, log and reports."""

from dataclasses import dataclass

from bundler.installer.cli.operation_run import RunOptions
from bundler.installer.cli.options import TrustOptions, UpgradeTrustOptions
from bundler.installer.cli.reports import NOWHERE, ReportOptions, Reports
from bundler.installer.cli.site_options import Log, LoginOptions, Parallel, Verbose
from bundler.installer.run.timeouts import Timeouts
from bundler.installer.transport.connect import Access
from bundler.installer.trust.gate import Gate


@dataclass(frozen=True, slots=True, kw_only=True)
class HostOptions:
    """How a command reaches the hosts, how many at once, and whose file it trusts."""

    login: LoginOptions
    trust: TrustOptions
    parallel: Parallel = 32

    def access(self, *, max_failed: int = 0) -> Access:
        """How hosts are logged in to; asks for the password where that is wanted."""
        return self.login.access(max_failed=max_failed)

    def gate(self) -> Gate:
        """What lets this .run in."""
        return self.trust.gate()


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedOptions(HostOptions):
    """And how it carries its steps out."""

    log: Log = None
    verbose: Verbose = False

    def run(self, name: str, timeouts: Timeouts | None = None, following: str = "") -> RunOptions:
        """How steps are carried out. name: of the command, which its log is called by."""
        return RunOptions(
            name, self.parallel, self.log, self.verbose, self.written(), timeouts or Timeouts(), following
        )

    def written(self) -> Reports:
        """Where reports go."""
        return NOWHERE


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkOptions(LoggedOptions):
    """And where its reports go."""

    reports: ReportOptions

    def written(self) -> Reports:
        """Where reports go."""
        return self.reports.reports()


@dataclass(frozen=True, slots=True, kw_only=True)
class UpgradeOptions(WorkOptions):
    """The same of a command that may bring an older version."""

    trust: UpgradeTrustOptions

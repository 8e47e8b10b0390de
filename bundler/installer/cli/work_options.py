"""The options of every command that changes a site: login, trust, how many hosts at once, log and reports."""

from dataclasses import dataclass

from bundler.installer.cli.operation_run import RunOptions
from bundler.installer.cli.options import TrustOptions
from bundler.installer.cli.reports import ReportOptions
from bundler.installer.cli.site_options import Log, LoginOptions, Parallel, Verbose
from bundler.installer.run.timeouts import Timeouts
from bundler.installer.transport.connect import Access
from bundler.installer.trust.gate import Gate


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkOptions:
    """How a command reaches the hosts, whose file it trusts, and how it carries its steps out."""

    login: LoginOptions
    trust: TrustOptions
    parallel: Parallel = 32
    log: Log = None
    reports: ReportOptions
    verbose: Verbose = False

    def access(self) -> Access:
        """How hosts are logged in to; asks for the password where that is wanted."""
        return self.login.access()

    def gate(self) -> Gate:
        """What lets this .run in."""
        return self.trust.gate()

    def run(self, name: str, timeouts: Timeouts | None = None) -> RunOptions:
        """How steps are carried out. name: of the command, which its log is called by."""
        reports = self.reports.reports()
        return RunOptions(name, self.parallel, self.log, self.verbose, reports, timeouts or Timeouts())

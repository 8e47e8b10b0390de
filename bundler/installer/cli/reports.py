"""The reports of a run, as JSON and as a page: written at its end, however it ends."""

import contextlib
import errno
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Literal

import typer

from bundler.core.errors import BundlerError, ExitCode
from bundler.core.index import Index
from bundler.installer.plan.cluster.steps import Plan, Refused
from bundler.installer.run.report import Report
from bundler.installer.run.report_html import as_html
from bundler.installer.site.model import Site

ReportFile = Annotated[
    Path | None, typer.Option("--report", help="Write what was done, with times, as JSON.")
]
ReportHtml = Annotated[
    Path | None,
    typer.Option("--report-html", help="The same as an HTML page: steps over time, bytes by host, findings."),
]


@dataclass(frozen=True, slots=True)
class Reports:
    """Where they go; None for unwanted ones."""

    json: Path | None = None
    html: Path | None = None

    def check(self) -> None:
        """Raises BundlerError (INPUT) for one that can't be written; one of an earlier run stays for now."""
        for path in (self.json, self.html):
            _write(path, lambda: "", mode="a")

    def write(self, report: Report) -> None:
        """Write those that are wanted. Raises BundlerError (INPUT) where that is not possible."""
        _write(self.json, report.as_json)
        _write(self.html, lambda: as_html(report.as_data()))


NOWHERE: Final = Reports()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportOptions:
    """Where the reports go."""

    report: ReportFile = None
    report_html: ReportHtml = None

    def reports(self) -> Reports:
        """The reports that are wanted."""
        return Reports(self.report, self.report_html)


@contextlib.contextmanager
def reported(reports: Reports, site: Site | None = None, index: Index | None = None) -> Iterator[Report]:
    """A report that is written however the run fails; who succeeds writes it at the end.

    site: unknown to a command that has yet to read the Clusterfile and to reach its hosts.

    Raises BundlerError (INPUT) at once where it can't be written: not after a long run.
    """
    reports.check()
    report = Report(site or Site("", ()))
    if index is not None:
        versions(report, index)
    try:
        yield report
    except BaseException as error:
        match error:
            case KeyboardInterrupt():
                report.error = "interrupted"
            case _:
                report.error = str(error) or type(error).__name__
        with contextlib.suppress(BundlerError):  # the run's own failure is what counts
            reports.write(report)
        raise


def versions(report: Report, index: Index) -> None:
    """Take over what the bundle is."""
    report.versions = {"product": f"{index.name} {index.version}", "kubernetes": index.kubernetes}


def found(report: Report, decision: object) -> None:
    """Take over what the planner found and left alone."""
    if isinstance(decision, Plan | Refused):
        report.findings = [
            {"id": each.id, "severity": each.severity.value, "where": each.where, "text": each.text}
            for each in decision.findings
        ]


def _write(path: Path | None, text: Callable[[], str], mode: Literal["a", "w"] = "w") -> None:
    if path is None:
        return
    try:
        with path.open(mode, encoding="utf-8") as stream:
            stream.write(text())
    except OSError as error:
        raise BundlerError(
            "the report can't be written",
            where=path,
            why=error.strerror or str(error),
            code=ExitCode.SPACE if error.errno == errno.ENOSPC else ExitCode.INPUT,
            fix="name another place: --report FILE",
        ) from None

"""The reports of a run, as JSON and as a page: written at its end, however it ends."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

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
def reported(reports: Reports, site: Site, index: Index | None = None) -> Iterator[Report]:
    """A report that is written although the run fails; who succeeds writes it at the end."""
    report = Report(site)
    if index is not None:
        report.versions = {"product": f"{index.name} {index.version}", "kubernetes": index.kubernetes}
    try:
        yield report
    except BundlerError as error:
        report.error = str(error)
        with contextlib.suppress(BundlerError):  # the run's own failure is what counts
            reports.write(report)
        raise


def found(report: Report, decision: object) -> None:
    """Take over what the planner found and left alone."""
    if isinstance(decision, Plan | Refused):
        report.findings = [
            {"id": each.id, "severity": each.severity.value, "where": each.where, "text": each.text}
            for each in decision.findings
        ]


def _write(path: Path | None, text: Callable[[], str]) -> None:
    if path is None:
        return
    try:
        path.write_text(text(), encoding="utf-8")
    except OSError as error:
        raise BundlerError(
            "the report can't be written", where=path, why=str(error.strerror), code=ExitCode.INPUT
        ) from None

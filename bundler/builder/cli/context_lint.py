"""`bundler lint`, the part that looks at the build context."""

import os
from collections.abc import Sequence
from pathlib import Path

from bundler.builder.build.rehearse import rehearse
from bundler.builder.build.request import BuildRequest
from bundler.builder.cli.invocation import build_args
from bundler.builder.kubefile.catalogue import Catalogue, default_catalogue
from bundler.builder.kubefile.lint import Report
from bundler.core.oci import Platform


def with_context(
    report: Report,
    kubefile: Path,
    context: Path,
    platform: Platform,
    arguments: Sequence[str],
    ignored: Sequence[str],
) -> Report:
    """The report with what a build would be refused for. Raises BundlerError (USAGE) for a --build-arg."""
    order = BuildRequest(
        kubefile=kubefile,
        context=context,
        catalogue=Catalogue(default_catalogue()),
        platform=platform,
        build_args=build_args(tuple(arguments), os.environ),
        ignored=tuple(ignored),
    )
    found = dict.fromkeys((*report.findings, *rehearse(order)))
    return Report(tuple(sorted(found, key=lambda finding: finding.problem)))

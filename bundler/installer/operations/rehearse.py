"""`rehearse`: from a .run and a Clusterfile to everything that an install would do, with no host at all."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bundler.core.archive.bases import opened
from bundler.core.archive.reader import Bundle
from bundler.core.errors import Problems
from bundler.core.index import Index
from bundler.installer.checks.judge import rule_faults
from bundler.installer.operations.checking import rules_of
from bundler.installer.operations.contents import contents_of
from bundler.installer.plan.contents import wanted_files
from bundler.installer.plan.rehearsal import Rehearsed, rehearse, suites_of
from bundler.installer.plan.site_pki import renew
from bundler.installer.site.clusterfile.read import read_file
from bundler.installer.site.model import Site
from bundler.installer.trust.gate import Gate, WholeCheck


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """The site, and what would be done for every platform and system that the file is for."""

    site: Site
    index: Index
    runs: tuple[Rehearsed, ...]

    @property
    def failed(self) -> bool:
        """Whether anything stands against an install."""
        return any(run.problems for run in self.runs)


def rehearsal(
    run_file: Path, clusterfile: Path, gate: Gate, *, bases: Iterable[Path], tell: Callable[[str], None]
) -> Rehearsal:
    """Verify every byte, and go through the plan for every platform and system.

    Raises BundlerError: a file that is damaged or not to be trusted, a wrong Clusterfile, wrong checks.
    """
    with opened(run_file, bases) as bundle, WholeCheck(bundle) as whole:
        verdict = gate.admit(bundle, tell)
        site = read_file(clusterfile)
        for notice in site.notices:
            tell(f"note: {notice}")
        if (needed := bundle.needs) is not None:
            base = f"{needed.name} {needed.version}"
            tell(
                f"note: the file rests on {base}, which was not looked at: --base OLD.run, or the site has it"
            )
        key = verdict.release.key
        platforms = tuple(bundle.of(platform) for platform in bundle.platforms) or (bundle,)
        runs = tuple(run for of in platforms for run in _of(of, site, key))
        tell("verifying every byte of the file")
        whole.wait()
        return Rehearsal(site, bundle.index, runs)


def _of(bundle: Bundle, site: Site, key: str) -> Iterable[Rehearsed]:
    contents = contents_of(bundle, wanted_files)
    rules = rules_of(contents)
    if faults := rule_faults(rules):
        raise Problems(faults)
    secrets = renew(found="", site=site, now=datetime.now(UTC))
    for suite in suites_of(contents):
        yield rehearse(site, contents, suite, secrets, key, rules)

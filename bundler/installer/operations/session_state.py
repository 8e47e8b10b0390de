"""What changes while a session works; everything else about a session stays as it was opened."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from bundler.core.errors import BundlerError
from bundler.installer.facts.model import Facts
from bundler.installer.plan.cluster.operation import Operation
from bundler.installer.plan.decide import NO_OPERATION, Prepared
from bundler.installer.plan.site_pki import Secrets


@dataclass(slots=True)
class SessionState:
    """What was last seen of the hosts, and what the run makes of it.

    facts: of the hosts, as last gathered. operation: what is to be done, with the consents given so far.
    lost: hosts left out, with the reason. prepared, secrets: of the last stage that was decided on.
    warned: warnings already shown; a run has several stages.
    """

    facts: Facts
    operation: Operation = NO_OPERATION
    lost: Mapping[str, BundlerError] = field(default_factory=dict)
    prepared: Prepared | None = None
    secrets: Secrets | None = None
    warned: set[str] = field(default_factory=set)
    hidden: tuple[Secrets | None, frozenset[str]] | None = None  # what these secrets look like in texts

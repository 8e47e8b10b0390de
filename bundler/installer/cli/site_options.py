"""The options of every command that reaches a site: its Clusterfile, how to log in, how many at once."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import typer

from bundler.installer.cli import asking
from bundler.installer.cli.options import Ignore
from bundler.installer.operations.speaking import say
from bundler.installer.plan.cluster.operation import Blocked, Consents, Kind, Operation
from bundler.installer.site.model import Secret
from bundler.installer.transport.connect import Access

_OR_IN_A_FILE: Final = "name a file of it in the Clusterfile: ssh.passwordFile, or ssh.passwordEnv"

Clusterfile = Annotated[
    Path, typer.Option("--clusterfile", "-f", help="The site's description: hosts, roles, ssh.")
]
AcceptNew = Annotated[
    bool,
    typer.Option(
        "--accept-new-host-keys", help="Accept and remember host keys that no known_hosts file has."
    ),
]
AskPassword = Annotated[bool, typer.Option("--ask-password", help="Ask for the ssh and sudo password.")]
Parallel = Annotated[int, typer.Option(min=1, max=512, help="How many hosts to work on at once.")]

Prune = Annotated[
    bool,
    typer.Option(
        "--prune",
        help="Remove hosts that the Clusterfile no longer lists, and apps that the bundle no longer has.",
    ),
]
DeleteVolumes = Annotated[
    list[str] | None,
    typer.Option(
        "--delete-volumes",
        metavar="APP",
        help="When this app is uninstalled, delete its volumes and their data, too. May be repeated.",
    ),
]
Gone = Annotated[
    list[str] | None,
    typer.Option(
        "--gone", metavar="HOST", help="Remove this host, which is permanently lost. May be repeated."
    ),
]
Replaced = Annotated[
    list[str] | None,
    typer.Option("--replaced", metavar="HOST", help="Another machine has replaced this host."),
]
Without = Annotated[
    list[str] | None,
    typer.Option("--without", metavar="HOST", help="Go on without this host, which does not answer."),
]
DeletePod = Annotated[
    list[str] | None,
    typer.Option(
        "--delete-pod",
        metavar="NAMESPACE/NAME",
        help="A drain may delete this pod, which nothing recreates. May be repeated.",
    ),
]
BlockedDrain = Annotated[
    Blocked | None,
    typer.Option(
        "--blocked-drain",
        help="At a drain that a disruption budget holds up: wait on, skip the host, force its pods, or stop."
        " By default, ask on the terminal; without one, stop.",
    ),
]
Fix = Annotated[
    bool,
    typer.Option("--fix", help="First set wrong clocks from the Clusterfile's time servers."),
]
Keep = Annotated[
    bool, typer.Option("--keep", help="Leave managed files that were changed by hand as they are.")
]


MaxFailed = Annotated[
    int, typer.Option(min=0, metavar="N", help="Tolerate up to N failed workers; then exits with 17.")
]
TimeoutFactor = Annotated[
    list[str] | None,
    typer.Option(
        metavar="[PHASE=]N", help="Multiply the timeouts of all steps, or of a phase, by N. May be repeated."
    ),
]
Log = Annotated[Path | None, typer.Option(help="Where to write the log; by default ./NAME-COMMAND.log.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Show all output of the hosts.")]
AllSteps = Annotated[bool, typer.Option("--verbose", "-v", help="Show every step.")]
AsJson = Annotated[bool, typer.Option("--json", help="For programs.")]
ShowPlan = Annotated[bool, typer.Option("--plan", help="Show the steps without doing them.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Don't ask for confirmation.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginOptions:
    """How hosts are logged in to."""

    accept_new: AcceptNew = False
    ask_password: AskPassword = False

    def access(self, *, max_failed: int = 0) -> Access:
        """What the caller's account brings along; asks for the password where that is wanted."""
        asked = asking.hidden("ssh password: ", fix=_OR_IN_A_FILE) if self.ask_password else None
        password = None if asked is None else Secret(asked)
        return Access(Path.home(), os.environ, password, self.accept_new, say, max_failed)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentOptions:
    """What `apply` and `plan` may do beyond what the Clusterfile says."""

    prune: Prune = False
    gone: Gone = None
    replaced: Replaced = None
    without: Without = None
    keep: Keep = False
    fix: Fix = False
    delete_pod: DeletePod = None
    delete_volumes: DeleteVolumes = None
    ignore: Ignore = None
    max_failed: MaxFailed = 0

    def operation(self) -> Operation:
        """An `apply` with what the flags agree to."""
        consents = Consents(
            prune=self.prune,
            keep=self.keep,
            fix=self.fix,
            gone=frozenset(self.gone or ()),
            replaced=frozenset(self.replaced or ()),
            without=frozenset(self.without or ()),
            delete_pods=frozenset(self.delete_pod or ()),
            max_failed=self.max_failed,
            ignored=frozenset(self.ignore or ()),
            volumes=frozenset(self.delete_volumes or ()),
        )
        return Operation(Kind.APPLY, consents)


def consent_words(consents: Consents) -> tuple[str, ...]:
    """The flags that said so, for the command that carries a plan out."""
    named = {
        "--gone": consents.gone,
        "--replaced": consents.replaced,
        "--without": consents.without,
        "--delete-pod": consents.delete_pods,
        "--delete-volumes": consents.volumes,
        "--ignore": consents.ignored,
    }
    return (
        *(("--prune",) if consents.prune else ()),
        *(("--keep",) if consents.keep else ()),
        *(("--fix",) if consents.fix else ()),
        *(word for flag, values in named.items() for value in sorted(values) for word in (flag, value)),
        *(("--max-failed", str(consents.max_failed)) if consents.max_failed else ()),
    )

"""The options of every command that reaches a site: its Clusterfile, how to log in, how many at once."""

import getpass
import os
from pathlib import Path
from typing import Annotated

import typer

from bundler.installer.operations.session import say
from bundler.installer.plan.cluster.operation import Consents, Kind, Operation
from bundler.installer.site.model import Secret
from bundler.installer.transport.connect import Access

Clusterfile = Annotated[
    Path, typer.Option("--clusterfile", "-f", help="What the site is: hosts, roles, ssh.")
]
AcceptNew = Annotated[
    bool,
    typer.Option("--accept-new-host-keys", help="Take and remember host keys that no known_hosts file has."),
]
AskPassword = Annotated[bool, typer.Option("--ask-password", help="Ask for the ssh and sudo password.")]
Parallel = Annotated[int, typer.Option(min=1, max=512, help="How many hosts are dealt with at once.")]

Prune = Annotated[bool, typer.Option("--prune", help="Remove hosts that the Clusterfile no longer lists.")]
Gone = Annotated[
    list[str] | None,
    typer.Option("--gone", metavar="HOST", help="Remove this host, which is lost for good. May be repeated."),
]
Replaced = Annotated[
    list[str] | None,
    typer.Option("--replaced", metavar="HOST", help="Another machine has taken this host's place."),
]
Without = Annotated[
    list[str] | None,
    typer.Option("--without", metavar="HOST", help="Work without this host, which does not answer."),
]
DeletePod = Annotated[
    list[str] | None,
    typer.Option(
        "--delete-pod",
        metavar="NAMESPACE/NAME",
        help="A drain may delete this pod, which nothing recreates. May be repeated.",
    ),
]
Keep = Annotated[bool, typer.Option("--keep", help="Leave files of ours that somebody changed as they are.")]


def operation(
    *,
    prune: bool,
    keep: bool,
    gone: list[str] | None,
    replaced: list[str] | None,
    without: list[str] | None,
    delete_pod: list[str] | None = None,
    max_failed: int = 0,
    ignore: list[str] | None = None,
) -> Operation:
    """An `apply` with what the flags agree to."""
    consents = Consents(
        prune=prune,
        keep=keep,
        gone=frozenset(gone or ()),
        replaced=frozenset(replaced or ()),
        without=frozenset(without or ()),
        delete_pods=frozenset(delete_pod or ()),
        max_failed=max_failed,
        ignored=frozenset(ignore or ()),
    )
    return Operation(Kind.APPLY, consents)


def consent_words(consents: Consents) -> tuple[str, ...]:
    """The flags that said so, for the command that carries a plan out."""
    named = {
        "--gone": consents.gone,
        "--replaced": consents.replaced,
        "--without": consents.without,
        "--delete-pod": consents.delete_pods,
        "--ignore": consents.ignored,
    }
    return (
        *(("--prune",) if consents.prune else ()),
        *(("--keep",) if consents.keep else ()),
        *(word for flag, values in named.items() for value in sorted(values) for word in (flag, value)),
        *(("--max-failed", str(consents.max_failed)) if consents.max_failed else ()),
    )


def access(*, accept_new: bool, ask_password: bool, max_failed: int = 0) -> Access:
    """What the caller's account brings along; asks for the password where that is wanted."""
    password = Secret(getpass.getpass("ssh password: ")) if ask_password else None
    return Access(Path.home(), os.environ, password, accept_new, say, max_failed)

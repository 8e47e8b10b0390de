"""What distributions that are one program differ in: where things lie, what they read, how they are asked."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from bundler.installer.plan.context import Context
from bundler.installer.plan.steps import Step
from bundler.installer.site.model import Host


@dataclass(frozen=True, slots=True)
class Layout:
    """Paths on a host, as the distribution's documentation has them.

    images: where archives of images are read from at the start. trees: what goes when the host leaves.
    environment: read by the unit; holds what only a first start needs. token_is_spent: it serves for one
    join. reads_registries: the program reads of registries from a file, when it starts.
    """

    program: str
    config: str
    images: str
    environment: str
    token: str
    admin: str
    ca: str
    kubelet: str
    trees: tuple[str, ...]
    token_is_spent: bool
    reads_registries: bool


@dataclass(frozen=True, slots=True)
class File:
    """What the program or systemd reads on a host."""

    name: str
    path: str
    content: str
    secret: bool = False


@dataclass(frozen=True, slots=True)
class Token:
    """How a token is captured on the primary: under which name, by which scripts and their variables."""

    name: str
    scripts: tuple[str, ...]
    variables: Mapping[str, str] = field(default_factory=dict)


class Flavour(Protocol):
    """One distribution of this kind. Names of scripts are those of templates/site."""

    @property
    def layout(self) -> Layout:
        """Where things lie."""
        ...

    def unit(self, host: Host) -> str:
        """The unit that runs it on this host."""
        ...

    def files(self, context: Context, host: Host) -> tuple[File, ...]:
        """Its configuration and unit; the same, in whichever order hosts joined."""
        ...

    def mirrors(self, context: Context) -> tuple[Step, ...]:
        """Steps that tell every host of the site's registries, beside `files`."""
        ...

    def begin(self, context: Context) -> str:
        """The environment of the first start on the primary."""
        ...

    def join(self, context: Context, host: Host) -> str:
        """The environment of the first start on a host that joins."""
        ...

    def token(self, host: Host) -> Token:
        """What lets this host in."""
        ...

    @property
    def settled(self) -> tuple[str, ...]:
        """Scripts that succeed once the node `member` is a voter, and every other member, too."""
        ...

    @property
    def departed(self) -> tuple[str, ...]:
        """Scripts that take the member of `address`, the node `node`, out of etcd."""
        ...

    @property
    def snapshot(self) -> tuple[str, ...]:
        """Scripts that save what the cluster holds under the name `name`."""
        ...

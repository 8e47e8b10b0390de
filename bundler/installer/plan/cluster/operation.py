"""What the caller asked for, and what they agreed to."""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """An operation is a way to make a `Desired`; there is one planner for all."""

    APPLY = "apply"
    DELETE = "delete"
    ROLLBACK = "rollback"
    RESTORE = "restore"
    READDRESS = "readdress"
    RENEW = "certs renew"
    ROTATE = "certs rotate-ca"


class Blocked(StrEnum):
    """What a drain does that a budget holds up."""

    WAIT = "wait"
    SKIP = "skip"
    STOP = "stop"
    FORCE = "force"


@dataclass(frozen=True, slots=True)
class Consents:
    """Flags that name a deed. Hosts by address, pods as namespace/name.

    prune: what is no longer wanted goes. without: these hosts may stay silent. keep: drift stays.
    restore_config: configuration that somebody changed in the cluster is put back.
    volumes: apps whose volumes go with them.
    skipped: workers whose drain is held up; they stay as they are.
    lose: data written since the snapshot may be lost. ignored: checks of the preflight to pass over.
    """

    prune: bool = False
    gone: frozenset[str] = frozenset()
    replaced: frozenset[str] = frozenset()
    without: frozenset[str] = frozenset()
    keep: bool = False
    fix: bool = False
    restore_config: bool = False
    lose: bool = False
    delete_pods: frozenset[str] = frozenset()
    max_failed: int = 0
    ignored: frozenset[str] = frozenset()
    volumes: frozenset[str] = frozenset()
    blocked: Blocked = Blocked.STOP
    skipped: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Operation:
    """What is to happen. since: when it was asked for, in seconds since the epoch; for what is done anew."""

    kind: Kind = Kind.APPLY
    consents: Consents = Consents()
    since: float = 0.0

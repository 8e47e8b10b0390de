"""What is asked of Helm on site, and what of Helm is used for it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Protocol, Self


@dataclass(frozen=True, slots=True)
class Request:
    """What to install.

    timeout: seconds to wait until all is ready. server_side: let the API server merge what is applied; those
    before Kubernetes 1.22 stumble over lists whose keys have defaults (a Service's ports).
    """

    release: str
    chart: str
    namespace: str
    kubeconfig: str
    timeout: int
    server_side: bool

    @classmethod
    def from_json(cls, data: bytes) -> Self:
        """Raises ValueError for anything that is not exactly such a request."""
        document = json.loads(data)
        if not isinstance(document, dict):
            raise ValueError("it is no object")  # noqa: TRY004  (wrong input, not a wrong type of ours)
        return cls(**_fields(cls, document))


def _fields(cls: type[Any], document: Mapping[str, Any]) -> Mapping[str, Any]:
    """The document, if it has exactly these fields."""
    kinds = {field.name: field.type for field in fields(cls)}
    if document.keys() != kinds.keys():
        raise ValueError(f"its keys must be {', '.join(kinds)}")
    for name, kind in kinds.items():
        value = document[name]
        if type(value) is not kind or not (value or kind is bool):
            raise ValueError(f"{name} has a value of the wrong kind")
    return document


@dataclass(frozen=True, slots=True)
class Removal:
    """What to take away. timeout: seconds to wait until all of it is gone."""

    release: str
    namespace: str
    kubeconfig: str
    timeout: int


def read(data: bytes) -> Request | Removal:
    """Raises ValueError for anything that is not exactly one of the two."""
    document = json.loads(data)
    if isinstance(document, dict) and "chart" not in document:
        return Removal(**_fields(Removal, document))
    return Request.from_json(data)


class Helm(Protocol):
    """What is used of Helm (`sdk.Sdk`)."""

    def found(self, release: str) -> str:
        """The release's status, "" where there is none."""

    def install_release(self, request: Request) -> None:
        """Install, and wait until everything is ready."""

    def upgrade_release(self, request: Request) -> None:
        """Upgrade, and wait until everything is ready."""

    def take_back(self, request: Request) -> None:
        """Roll back to the revision before."""

    def remove(self, request: Request) -> None:
        """Uninstall."""

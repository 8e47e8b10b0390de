"""What an app bundle asks of Helm: look at a cluster, bring, take back, take away. One JSON object each."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from typing import Any, Final, Self

MARK: Final = "+bundle."  # in the version of every chart that an app bundle makes


class Task(StrEnum):
    """What is asked."""

    LOOK = "look"
    BRING = "bring"
    BACK = "back"
    AWAY = "away"


@dataclass(frozen=True, slots=True)
class AppRequest:
    """One task on a cluster that a kubeconfig reaches.

    folder: of the app's files; chart: whether they are a chart, else manifests. version: what the release's
    chart is called by. images: full name → name to take its place. revision: what BACK goes to. work: a
    folder for files of ours.
    """

    task: Task
    kubeconfig: str
    context: str = ""
    release: str = ""
    namespace: str = "default"
    folder: str = ""
    chart: bool = False
    version: str = ""
    images: Mapping[str, str] = field(default_factory=dict)
    revision: int = 0
    timeout: int = 600
    work: str = ""

    def to_json(self) -> str:
        """As it goes through a pipe."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, data: bytes) -> Self:
        """Raises ValueError for anything that is not such a request."""
        document: Any = json.loads(data)
        known = {each.name for each in fields(cls)}
        if not isinstance(document, dict) or not document.keys() <= known or "task" not in document:
            raise ValueError(f"it must be an object with task and any of {', '.join(sorted(known))}")
        return cls(**{**document, "task": Task(document["task"])})

"""Helm on site: one release installed or upgraded, by Helm's own code, on the control plane.

The installer starts itself there as `app helm-agent` with a request in JSON on standard input:

    {"release": "web", "chart": "/var/lib/bundler/apps/web", "namespace": "default",
     "kubeconfig": "/etc/kubernetes/admin.conf", "timeout": 600}

HELM_C_LIB names Helm's library. What is done is told on standard output, what goes wrong on standard error.
Exit status: 0 when the release is deployed and everything in it ready, 1 otherwise, 2 for a request that
can't be read.
"""

import json
from dataclasses import dataclass, fields
from typing import Any, BinaryIO, Final, Protocol, Self, TextIO

_WAIT: Final = "watcher"  # until all objects of the release are ready
# Left by a run that was cut: Helm refuses to touch such a release until somebody settles it.
_UNSETTLED: Final = frozenset({"pending-install", "pending-upgrade", "pending-rollback"})


@dataclass(frozen=True, slots=True)
class Request:
    """What to install. timeout: seconds to wait until all is ready."""

    release: str
    chart: str
    namespace: str
    kubeconfig: str
    timeout: int

    @classmethod
    def from_json(cls, data: bytes) -> Self:
        """Raises ValueError for anything that is not exactly such a request."""
        document = json.loads(data)
        if not isinstance(document, dict):
            raise ValueError("it is no object")  # noqa: TRY004  (wrong input, not a wrong type of ours)
        kinds = {field.name: field.type for field in fields(cls)}
        if document.keys() != kinds.keys():
            raise ValueError(f"its keys must be {', '.join(kinds)}")
        for name, kind in kinds.items():
            if type(document[name]) is not kind or not document[name]:
                raise ValueError(f"{name} has a value of the wrong kind")
        return cls(**document)


class Helm(Protocol):
    """What is used of `helm_python.Config`; raises its HelmError."""

    def list(self, *, all_states: bool, name_filter: str) -> list[dict[str, Any]]:
        """Releases whose name matches."""

    def install(
        self, chart: str, name: str, *, namespace: str, timeout: int, wait: str, create_namespace: bool
    ) -> dict[str, Any]:
        """Install a release."""

    def upgrade(self, chart: str, name: str, *, namespace: str, timeout: int, wait: str) -> dict[str, Any]:
        """Upgrade a release."""

    def rollback(self, name: str, *, timeout: int, wait: str) -> None:
        """Roll a release back to the revision before."""

    def uninstall(self, name: str, *, timeout: int, wait: str) -> dict[str, Any]:
        """Remove a release."""


def deploy(helm: Helm, request: Request) -> str:
    """Install the release, or upgrade the one that is there; the answer tells what was done.

    A release that a cut run left unsettled is settled first: a first install is taken away, an upgrade is
    rolled back.
    """
    found = helm.list(all_states=True, name_filter=f"^{request.release}$")
    status = str(found[0].get("status", "")) if found else ""
    if status in _UNSETTLED:
        status = _settle(helm, request, status)
    if status in {"", "uninstalled"}:
        helm.install(
            request.chart,
            request.release,
            namespace=request.namespace,
            timeout=request.timeout,
            wait=_WAIT,
            create_namespace=True,
        )
        return f"release {request.release} installed"
    helm.upgrade(
        request.chart, request.release, namespace=request.namespace, timeout=request.timeout, wait=_WAIT
    )
    return f"release {request.release} upgraded"


def _settle(helm: Helm, request: Request, status: str) -> str:
    if status == "pending-install":
        helm.uninstall(request.release, timeout=request.timeout, wait=_WAIT)
        return ""
    helm.rollback(request.release, timeout=request.timeout, wait=_WAIT)
    return "deployed"


def main(stdin: BinaryIO, stdout: TextIO, stderr: TextIO) -> int:
    """Read one request, carry it out; the exit status."""
    try:
        request = Request.from_json(stdin.read(1 << 20))
    except ValueError as error:
        stderr.write(f"helm-agent: the request can't be read: {error}\n")
        return 2
    # Loading the library takes a second and needs HELM_C_LIB, so only here.
    import helm_python  # noqa: PLC0415

    try:
        with helm_python.Config(kubeconfig_path=request.kubeconfig, namespace=request.namespace) as config:
            said = deploy(config, request)
    except helm_python.HelmError as error:
        stderr.write(f"helm-agent: release {request.release}: {error}\n")
        return 1
    stdout.write(f"{said}\n")
    return 0

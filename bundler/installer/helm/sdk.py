"""Helm's own SDK as the agent needs it. Importing this module loads Helm's library (HELM_C_LIB names it)."""

import json
from typing import Any

import helm_python
from helm_python import _native

from bundler.installer.helm.request import Request

Error = helm_python.HelmError


class Sdk(helm_python.Config):
    """A cluster's releases; implements `request.Helm`.

    Install and upgrade go to the library directly: the wheel's own methods have no word for
    `server_side_apply`, which the library reads and which old API servers need to be off.
    """

    def found(self, release: str) -> str:
        """The release's status, "" where there is none."""
        releases = self.list(all_states=True, name_filter=f"^{release}$")
        return str(releases[0].get("status", "")) if releases else ""

    def install_release(self, request: Request) -> None:
        """Install, and wait until everything is ready."""
        options = {"create_namespace": True, "server_side_apply": request.server_side}
        self._act("helm_install", request, options)

    def upgrade_release(self, request: Request) -> None:
        """Upgrade, and wait until everything is ready."""
        self._act("helm_upgrade", request, {"server_side_apply": "auto" if request.server_side else "false"})

    def take_back(self, request: Request) -> None:
        """Roll back to the revision before."""
        self.rollback(request.release, timeout=request.timeout, wait="watcher")

    def remove(self, request: Request) -> None:
        """Uninstall."""
        self.uninstall(request.release, timeout=request.timeout, wait="watcher")

    def _act(self, function: str, request: Request, options: dict[str, Any]) -> None:
        common = {"namespace": request.namespace, "timeout_seconds": request.timeout, "wait": "watcher"}
        _native.call_string(
            function,
            self._raw(),
            _native.HANDLE(0),  # no context: the executor ends the whole process
            _native.HANDLE(0),  # no loaded chart: its path comes next
            request.chart,
            request.release,
            None,  # no values beside the chart's own
            json.dumps({**common, **options}),
        )

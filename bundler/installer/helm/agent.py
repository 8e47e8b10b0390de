"""Helm on site: one release installed or upgraded, by Helm's own code, on the control plane.

The installer starts itself there as `app helm-agent` with a request in JSON on standard input:

    {"release": "web", "chart": "/var/lib/bundler/apps/web", "namespace": "default",
     "kubeconfig": "/etc/kubernetes/admin.conf", "timeout": 600, "server_side": true}

HELM_C_LIB names Helm's library. What is done is told on standard output, what goes wrong on standard error.
Exit status: 0 when the release is deployed and everything in it ready, 2 for a request that can't be read,
75 when something in it did not become ready in time, 1 for all else.
"""

import os
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, Final, TextIO

from bundler.core.chart_schema import outside_references
from bundler.installer.helm.alone import alone
from bundler.installer.helm.request import Helm, Request

NOT_READY: Final = 75  # as of a step that waits (EX_TEMPFAIL)
# Helm's words for it, of its own waiting and of kubectl's.
_LATE: Final = ("deadline exceeded", "timed out waiting", "timeout waiting", "not ready")


def deploy(helm: Helm, request: Request) -> str:
    """Install the release, or upgrade the one that is there; the answer tells what was done.

    A release that a cut run left unsettled is settled first: a first install is taken away, an upgrade is
    rolled back.
    """
    match helm.found(request.release):
        case "" | "uninstalled":
            helm.install_release(request)
            return f"release {request.release} installed"
        case "pending-install":
            helm.remove(request)
            helm.install_release(request)
            return f"release {request.release} installed, after one that was cut short was taken away"
        case "pending-upgrade" | "pending-rollback":
            helm.take_back(request)
            helm.upgrade_release(request)
            return f"release {request.release} upgraded, after one that was cut short was taken back"
        case _:
            helm.upgrade_release(request)
            return f"release {request.release} upgraded"


def status_of(said: str) -> int:
    """The exit status for an error of Helm's."""
    return NOT_READY if any(word in said.lower() for word in _LATE) else 1


def main(stdin: BinaryIO, stdout: TextIO, stderr: TextIO) -> int:
    """Read one request, carry it out; the exit status."""
    try:
        request = Request.from_json(stdin.read(1 << 20))
    except ValueError as error:
        stderr.write(f"helm-agent: the request can't be read: {error}\n")
        return 2
    if fault := leads_out(request.chart):
        stderr.write(f"helm-agent: release {request.release}: {fault}\n")
        return 1
    library = os.environ.get("HELM_C_LIB", "")
    return alone(
        request.kubeconfig,
        "",
        (request.chart, *filter(None, (library,))),
        lambda kubeconfig: _carry_out(replace(request, kubeconfig=kubeconfig), stdout, stderr),
    )


def _carry_out(request: Request, stdout: TextIO, stderr: TextIO) -> int:
    # Loading the library takes a second and needs HELM_C_LIB, so only here.
    from bundler.installer.helm import sdk as helm_sdk  # noqa: PLC0415

    try:
        with helm_sdk.Sdk(kubeconfig_path=request.kubeconfig, namespace=request.namespace) as sdk:
            said = deploy(sdk, request)
    except helm_sdk.Error as error:
        stderr.write(f"helm-agent: release {request.release}: {error}\n")
        stderr.flush()
        return status_of(str(error))
    stdout.write(f"{said}\n")
    stdout.flush()
    return 0


def leads_out(chart: str) -> str:
    """What of the chart's schemas Helm would fetch or read elsewhere, as root; "" for nothing."""
    try:
        found = next(outside_references(Path(chart)), None)
    except (ValueError, OSError, tarfile.TarError) as error:
        return f"the chart's schemas can't be read: {error}"
    return (
        f"{found.file}:{found.line} refers to {found.reference[:200]}, outside of the chart" if found else ""
    )

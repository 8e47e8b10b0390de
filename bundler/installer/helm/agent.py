"""Helm on site: one release installed or upgraded, by Helm's own code, on the control plane.

The installer starts itself there as `app helm-agent` with a request in JSON on standard input:

    {"release": "web", "chart": "/var/lib/bundler/apps/web", "namespace": "default",
     "kubeconfig": "/etc/kubernetes/admin.conf", "timeout": 600, "server_side": true}

A request without a chart takes the release away: `release`, `namespace`, `kubeconfig` and `timeout` alone.
HELM_C_LIB names Helm's library.
A line `object API KIND NAMESPACE NAME` for each object of the release comes first.
What is done is told on standard output, what goes wrong on standard error.
Exit status: 0 when the release is deployed and everything in it ready, 2 for a request that can't be read,
75 when something in it did not become ready in time, 1 for all else.
"""

import os
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, TextIO

import yaml

from bundler.core.chart_schema import outside_references
from bundler.installer.helm.alone import alone
from bundler.installer.helm.request import Helm, Removal, Request, read

if TYPE_CHECKING:
    from bundler.installer.helm.sdk import Sdk

NOT_READY: Final = 75  # as of a step that waits (EX_TEMPFAIL)
# Helm's words for it, of its own waiting and of kubectl's.
# Time that is over, and what gave up before: a rollout, a Job of a hook.
_LATE: Final = (
    *("deadline exceeded", "timed out waiting", "timeout waiting", "not ready"),
    *("status: failed", "backofflimitexceeded", "deadlineexceeded"),
)


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
        request = read(stdin.read(1 << 20))
    except ValueError as error:
        stderr.write(f"helm-agent: the request can't be read: {error}\n")
        return 2
    if isinstance(request, Request) and (fault := leads_out(request.chart)):
        stderr.write(f"helm-agent: release {request.release}: {fault}\n")
        return 1
    library = os.environ.get("HELM_C_LIB", "")
    chart = request.chart if isinstance(request, Request) else ""
    return alone(
        request.kubeconfig,
        "",
        filter(None, (chart, library)),
        lambda kubeconfig: _carry_out(replace(request, kubeconfig=kubeconfig), stdout, stderr),
    )


def _carry_out(request: Request | Removal, stdout: TextIO, stderr: TextIO) -> int:
    # Loading the library takes a second and needs HELM_C_LIB, so only here.
    from bundler.installer.helm import sdk as helm_sdk  # noqa: PLC0415

    try:
        with helm_sdk.Sdk(kubeconfig_path=request.kubeconfig, namespace=request.namespace) as sdk:
            said = _do(sdk, request)
    except helm_sdk.Error as error:
        stderr.write(f"helm-agent: release {request.release}: {error}\n")
        stderr.flush()
        return status_of(str(error))
    stdout.write(f"{said}\n")
    stdout.flush()
    return 0


def _do(sdk: "Sdk", request: Request | Removal) -> str:
    match request:
        case Removal():
            sdk.uninstall(request.release, timeout=request.timeout, wait="watcher", ignore_not_found=True)
            return f"release {request.release} uninstalled"
        case Request():
            said = deploy(sdk, request)
            manifest = str(sdk.status(request.release).get("manifest", ""))
            return "\n".join([*objects(manifest, request.namespace), said])


def objects(manifest: str, namespace: str) -> Iterator[str]:
    """A line for each object of a release; hooks are none, for Helm itself deletes them.

    namespace: of objects that name none; the cluster tells later which kinds have one.
    """
    for document in yaml.safe_load_all(manifest):
        if isinstance(document, dict) and isinstance(document.get("metadata"), dict):
            about = document["metadata"]
            words = (document.get("apiVersion"), document.get("kind"), about.get("namespace") or namespace)
            yield f"object {' '.join(map(str, words))} {about.get('name')}"


def leads_out(chart: str) -> str:
    """What of the chart's schemas Helm would fetch or read elsewhere, as root; "" for nothing."""
    try:
        found = next(outside_references(Path(chart)), None)
    except (ValueError, OSError, tarfile.TarError) as error:
        return f"the chart's schemas can't be read: {error}"
    return (
        f"{found.file}:{found.line} refers to {found.reference[:200]}, outside of the chart" if found else ""
    )

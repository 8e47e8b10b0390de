"""One task of `app_request` on a cluster that a kubeconfig reaches, by Helm's own code.

The installer starts itself on this machine as `app app-agent`, with the request on standard input, so that
Helm's library is loaded in a process of its own, which can be ended. LOOK answers with one JSON object; what
the other tasks did is told on standard output. Exit status: as that of the agent on hosts, 65 where the
cluster can't be asked.
"""

import io
import json
import os
import sys
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final, TextIO

from bundler.installer.helm import wrap
from bundler.installer.helm.agent import deploy, leads_out, status_of
from bundler.installer.helm.alone import alone
from bundler.installer.helm.app_request import MARK, AppRequest, Task
from bundler.installer.helm.relocate import relocate
from bundler.installer.helm.request import Request

if TYPE_CHECKING:
    from bundler.installer.helm.sdk import Sdk

UNREACHABLE: Final = 65
# The cluster's own answers, by the one way of asking that Helm has for templates.
_LOOK: Final = """
{{- $about := dict "version" .Capabilities.KubeVersion.Version "registry" "" -}}
{{- $_ := set $about "architectures" list -}}
{{- $_ := set $about "classes" list -}}
{{- with (lookup "v1" "ConfigMap" "kube-public" "local-registry-hosting").data -}}
{{- $_ := set $about "registry" (index . "localRegistryHosting.v1") -}}
{{- end -}}
{{- range (lookup "v1" "Node" "" "").items -}}
{{- $_ := set $about "architectures" (append $about.architectures .status.nodeInfo.architecture) -}}
{{- $_ := set $about "version" .status.nodeInfo.kubeletVersion -}}
{{- end -}}
{{- range (lookup "storage.k8s.io/v1" "StorageClass" "" "").items -}}
{{- $_ := set $about "classes" (append $about.classes .metadata.name) -}}
{{- end -}}
{{ toJson $about }}"""


def main(stdin: BinaryIO, stdout: TextIO, stderr: TextIO) -> int:
    """Read one request, carry it out; the exit status."""
    try:
        request = AppRequest.from_json(stdin.read(8 << 20))
    except (ValueError, TypeError) as error:
        stderr.write(f"app-agent: the request can't be read: {error}\n")
        return 2
    # Of several files in KUBECONFIG's way Helm itself makes one; they are used as they are.
    return alone(
        request.kubeconfig,
        request.context,
        filter(None, (request.folder, os.environ.get("HELM_C_LIB", ""))),
        lambda path: _carry_out(_through(request, path), stdout, stderr),
        filter(None, (request.work,)),
    )


def _through(request: AppRequest, kubeconfig: str) -> AppRequest:
    """The copy of a kubeconfig has one context."""
    context = request.context if kubeconfig == request.kubeconfig else ""
    return replace(request, kubeconfig=kubeconfig, context=context)


def _carry_out(request: AppRequest, stdout: TextIO, stderr: TextIO) -> int:
    from bundler.installer.helm import sdk as helm_sdk  # noqa: PLC0415  (as in `_connect`)

    try:
        with _connect(request, request.namespace) as sdk:
            stdout.write(f"{_do(sdk, request)}\n")
            stdout.flush()
    except helm_sdk.Error as error:
        stderr.write(f"{request.release or 'the cluster'}: {error}\n")
        return UNREACHABLE if request.task is Task.LOOK else status_of(str(error))
    except (ValueError, OSError, tarfile.TarError) as error:
        stderr.write(f"{request.release}: {error}\n")
        return 1
    return 0


def _connect(request: AppRequest, namespace: str) -> "Sdk":
    # Loading the library takes a second and needs HELM_C_LIB, so only here.
    from bundler.installer.helm import sdk as helm_sdk  # noqa: PLC0415

    options: dict[str, Any] = {"kubeconfig_path": request.kubeconfig, "namespace": namespace}
    if request.context:
        options["kube_context"] = request.context
    return helm_sdk.Sdk(**options)


def _do(sdk: "Sdk", request: AppRequest) -> str:
    match request.task:
        case Task.LOOK:
            return json.dumps(look(sdk, request))
        case Task.BRING:
            return bring(sdk, request)
        case Task.BACK:
            sdk.rollback(request.release, version=request.revision, timeout=request.timeout, wait="watcher")
            return f"release {request.release} is again what it was in revision {request.revision}"
        case Task.AWAY:
            sdk.uninstall(request.release, timeout=request.timeout, wait="watcher", ignore_not_found=True)
            return f"release {request.release} uninstalled"


def look(sdk: "Sdk", request: AppRequest) -> dict[str, Any]:
    """The cluster's version, architectures, storage classes, registry, and releases with their histories."""
    sdk.check_reachable()
    chart = _chart("look", {"templates/look.yaml": _LOOK})
    about: dict[str, Any] = json.loads(sdk.render(chart, name="look")["look/templates/look.yaml"])
    releases = sdk.list(all_states=True, all_namespaces=True)
    return {**about, "releases": [_release(one, request) for one in releases]}


def _release(one: dict[str, Any], request: AppRequest) -> dict[str, Any]:
    names = ("name", "namespace", "status", "revision", "chart_name", "chart_version")
    told = {name: one.get(name, "") for name in names}
    return {**told, "history": _history(one, request) if MARK in str(told["chart_version"]) else []}


def _history(one: dict[str, Any], request: AppRequest) -> list[list[Any]]:
    """Revisions of a release of ours, oldest first: number and what its chart was called."""
    with _connect(request, one["namespace"]) as sdk:
        return [[each["revision"], each["chart_version"]] for each in sdk.history(one["name"])]


def bring(sdk: "Sdk", request: AppRequest) -> str:
    """Install or upgrade, with the images' new names; says which images no manifest names in full."""
    folder = Path(request.folder)
    manifests = _rendered(sdk, request) if request.chart else wrap.of_folder(folder)
    met: set[str] = set()

    def moved(text: str) -> str:
        done = relocate(text, request.images)
        met.update(done.met)
        return done.text

    objects = {name: moved(text) for name, text in manifests.objects.items()}
    made = wrap.packed(request.release, request.version, wrap.Manifests(objects, manifests.definitions))
    path = Path(request.work) / f"{request.release}.tgz"
    path.write_bytes(made)
    done = deploy(
        sdk,
        Request(
            request.release,
            str(path),
            request.namespace,
            request.kubeconfig,
            request.timeout,
            server_side=True,
        ),
    )
    return "\n".join([done, *(f"image {name}" for name in sorted(met))])


def _rendered(sdk: "Sdk", request: AppRequest) -> wrap.Manifests:
    """The chart's manifests as an install or an upgrade would have them, `lookup` answered by the cluster."""
    if fault := leads_out(request.folder):
        raise ValueError(fault)
    import helm_python  # noqa: PLC0415  (as above)

    there = sdk.found(request.release) == "deployed"
    chart = helm_python.Chart.load(request.folder)
    rendered = sdk.render(
        chart,
        name=request.release,
        namespace=request.namespace,
        is_install=not there,
        is_upgrade=there,
    )
    return wrap.of_rendered(rendered, chart.crds)


def _chart(name: str, files: dict[str, str]) -> Any:
    import helm_python  # noqa: PLC0415  (as above)

    about = json.dumps({"apiVersion": "v2", "name": name, "version": "0.0.0"})
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for path, text in {"Chart.yaml": about, **files}.items():
            member = tarfile.TarInfo(f"{name}/{path}")
            member.size = len(text.encode())
            tar.addfile(member, io.BytesIO(text.encode()))
    return helm_python.Chart.load_archive(packed.getvalue())


if __name__ == "__main__":
    sys.exit(main(sys.stdin.buffer, sys.stdout, sys.stderr))

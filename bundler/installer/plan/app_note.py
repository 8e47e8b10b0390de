"""What the cluster remembers of each app, and how that removes an app again. Pure."""

import hashlib
import json
import re
from collections.abc import Mapping

from bundler.core.index import App
from bundler.installer.facts.api import Release
from bundler.installer.plan import paths
from bundler.installer.plan.ids import ident
from bundler.installer.plan.steps import Exec, Phase
from bundler.installer.scripts import render as templates

_TIMEOUT = 900.0  # Helm waits, then what a chart without Helm has is deleted in the foreground
_ODD = re.compile(r"[^a-z0-9.-]")


def note_of(app: str) -> str:
    """The name of the app's config map: it takes no capitals, which an app's name may have."""
    plain = _ODD.sub("-", app.lower())
    return (
        f"bundler-app-{plain if plain == app else f'{plain}-{hashlib.sha256(app.encode()).hexdigest()[:8]}'}"
    )


def about(app: App, product: str) -> Mapping[str, str]:
    """What is noted of an app, beside what it is made of."""
    return {
        "note": note_of(app.name),
        "app": app.name,
        "product": product,
        "kind": app.kind.value,
        "role": app.role.value,
    }


def uninstall(
    host: str, release: Release, because: str, *, volumes: bool, after: tuple[str, ...] = ()
) -> Exec:
    """Take an app away through this control plane. volumes: what it has claimed goes, too."""
    name, namespace = release.name, release.namespace or "default"
    request = {
        "release": name,
        "namespace": namespace,
        "kubeconfig": "/etc/kubernetes/admin.conf",
        "timeout": 300,
    }
    return Exec(
        id=uninstall_id(host, name),
        host=host,
        phase=Phase.APPS,
        reason=because,
        after=after,
        always_run=True,
        timeout=_TIMEOUT,
        script=templates.script(
            "kubectl.sh",
            "app-objects.sh",
            "app-uninstall.sh",
            note=note_of(name),
            app=name,
            kind=release.kind,
            namespace=namespace,
            folder=f"{paths.APPS}/{name}",
            runtime=paths.RUNTIME,
            library=paths.HELM_LIBRARY,
            volumes="yes" if volumes else "",
        ),
        stdin=json.dumps(request, sort_keys=True),
    )


def uninstall_id(host: str, app: str) -> str:
    """The step's id."""
    return ident(Phase.APPS, host, f"uninstall-{app}")

"""Charts: one to render, with all that a chart can have; small ones, packed and offered by a server."""

import gzip
import io
import json
import tarfile
from collections.abc import Mapping

import yaml

from bundler.builder.cache.store import Store
from bundler.builder.tree.tree import File, Tree
from bundler.core.digest import Digest
from tests.kits.images import StubRegistry, described
from tests.kits.servers import Server, content

CONFIG = "application/vnd.cncf.helm.config.v1+json"
CONTENT = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"

SHOP = {
    "Chart.yaml": """
apiVersion: v2
name: shop
version: 1.2.3
dependencies:
- {name: cache, version: 0.1.0, condition: cache.enabled}
- {name: search, version: 0.1.0, condition: search.enabled}
""",
    "values.yaml": """
image: {registry: quay.io, repository: acme/shop, tag: "1.0"}
cache: {enabled: true}
search: {enabled: false}
""",
    "templates/_helpers.tpl": """
{{- define "shop.image" -}}
{{- with .Values.image }}{{ .registry }}/{{ .repository }}:{{ .tag | default "none" }}{{ end }}
{{- end -}}
""",
    "templates/NOTES.txt": "Thank you for {{ .Release.Name }}: this: is: no YAML",
    "templates/web.yaml": """
apiVersion: apps/v1
kind: Deployment
metadata: {name: {{ .Release.Name }}-web, namespace: {{ .Release.Namespace }}}
spec:
  template:
    spec:
      initContainers:
      - {name: wait, image: "docker.io/library/busybox:1.36"}
      containers:
      - name: web
        image: {{ include "shop.image" . }} # what the values say
""",
    "templates/migrate.yaml": """
apiVersion: batch/v1
kind: Job
metadata: {name: migrate, annotations: {"helm.sh/hook": pre-install}}
spec:
  template:
    spec: {containers: [{name: m, image: "acme/migrate:{{ .Capabilities.KubeVersion.Minor }}"}]}
""",
    "crds/thing.yaml": """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: things.acme.example}
""",
    "charts/cache/Chart.yaml": "{apiVersion: v2, name: cache, version: 0.1.0}",
    "charts/cache/templates/pod.yaml": """
apiVersion: v1
kind: Pod
metadata: {name: cache}
spec: {containers: [{name: c, image: "redis:7"}]}
""",
    "charts/search/Chart.yaml": "{apiVersion: v2, name: search, version: 0.1.0}",
    "charts/search/templates/pod.yaml": """
apiVersion: v1
kind: Pod
metadata: {name: search}
spec: {containers: [{name: s, image: "elastic:9"}]}
""",
}


def tree_of(store: Store, files: Mapping[str, str | bytes]) -> Tree:
    """A stage with these files."""
    entries = {}
    for path, text in files.items():
        data = text.encode() if isinstance(text, str) else text
        blob = store.add((data,), digest=None, size=None, name=path)
        entries[path] = File(0o644, blob.size, blob.digest)
    return Tree(entries)


def below(folder: str, files: dict[str, str]) -> dict[str, str]:
    return {f"{folder}/{path}": text for path, text in files.items()}


def packed(name: str, version: str, files: Mapping[str, str] | None = None) -> bytes:
    """A chart as `helm package` packs it."""
    listed = {
        "Chart.yaml": f"{{apiVersion: v2, name: {name}, version: {version}}}",
        "templates/x.yaml": f"from: {name}-{version}",
        **(files or {}),
    }
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as tar:
        for path, text in listed.items():
            member = tarfile.TarInfo(f"{name}/{path}")
            member.size = len(text)
            tar.addfile(member, io.BytesIO(text.encode()))
    return gzip.compress(raw.getvalue(), mtime=0)


def offer(server: Server, *charts: tuple[str, str, bytes], digests: bool = True) -> str:
    """A chart repository at /charts with these (name, version, archive)."""
    entries: dict[str, list[dict[str, object]]] = {}
    for name, version, data in charts:
        told = {"digest": Digest.of(data).hex} if digests else {}
        entry = {
            "apiVersion": "v2",
            "name": name,
            "version": version,
            "urls": [f"files/{name}-{version}.tgz"],
        }
        entries.setdefault(name, []).append({**entry, **told})
        server.answers[f"/charts/files/{name}-{version}.tgz"] = content(data)
    index = yaml.safe_dump({"apiVersion": "v1", "entries": entries}).encode()
    server.answers["/charts/index.yaml"] = content(index, etag='"1"')
    return f"chart+{server.base}/charts"


def put(registry: StubRegistry, name: str, version: str, data: bytes, layer: str = CONTENT) -> str:
    """A chart in the registry, as `helm push` puts it there."""
    config = json.dumps({"name": name.rpartition("/")[2], "version": version}).encode()
    manifest = json.dumps(
        {"schemaVersion": 2, "config": described(config, CONFIG), "layers": [described(data, layer)]}
    ).encode()
    registry.content |= {
        f"/v2/{name}/manifests/{version.replace('+', '_')}": (
            "application/vnd.oci.image.manifest.v1+json",
            manifest,
        ),
        f"/v2/{name}/blobs/{Digest.of(data)}": ("application/octet-stream", data),
    }
    return f"oci://{registry.host}/{name}:{version}"

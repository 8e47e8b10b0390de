"""A chart to render: subchart behind a condition, image from values, hook, init container, CRD."""

from bundler.builder.cache.store import Store
from bundler.builder.tree.tree import File, Tree

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


def tree_of(store: Store, files: dict[str, str | bytes]) -> Tree:
    """A stage with these files."""
    entries = {}
    for path, text in files.items():
        data = text.encode() if isinstance(text, str) else text
        blob = store.add((data,), digest=None, size=None, name=path)
        entries[path] = File(0o644, blob.size, blob.digest)
    return Tree(entries)


def below(folder: str, files: dict[str, str]) -> dict[str, str]:
    return {f"{folder}/{path}": text for path, text in files.items()}

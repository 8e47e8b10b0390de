"""Each kind of place where charts name images: taken where it is called image, else pointed out."""

from pathlib import Path
from typing import Any

import pytest

from bundler.builder.charts.helm import SdkHelm
from bundler.builder.discovery.discover import Launch, discover
from bundler.builder.discovery.embedded import worth_reading
from bundler.builder.discovery.report import remarks
from bundler.builder.discovery.rules import FILE, ImageRules
from bundler.builder.lib.resources import resource
from bundler.builder.oci.model import ResolvedImage
from bundler.core.digest import Digest
from bundler.core.errors import Problems
from bundler.core.oci import OCI_MANIFEST, Descriptor
from tests.kits.charts import below, tree_of

DB = "quay.io/acme/db:2.0"
CHART = {"Chart.yaml": "{apiVersion: v2, name: shop, version: 0.1.0}"}


@pytest.fixture
def look(store: Any) -> Any:
    def look(files: Any) -> Any:
        rules = ImageRules.read(resource("templates") / FILE)
        return discover(
            tree_of(store, files),
            store,
            helm=SdkHelm(timeout=60),
            launch=Launch(kube_version="v1.31.0"),
            rules=rules,
        )

    return look


def chart(text: Any, **more: Any) -> Any:
    return below("application/apps/shop", CHART | {"templates/d.yaml": text} | more)


def names(finds: Any) -> Any:
    return [str(one.reference) for one in finds]


def pod(container: str) -> str:
    return "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  containers:\n" + container


def config(text: Any) -> str:
    return "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata:\n  file: |\n" + "".join(
        f"    {line}\n" for line in text.splitlines()
    )


def resource_of(spec: Any) -> str:
    return f"apiVersion: acme.example/v1\nkind: Thing\nmetadata: {{name: t}}\nspec: {spec}\n"


SHELL = """\
  - name: a
    command:
    - /bin/sh
    - -ec
    - |
      exec plane inject \\
        -log-level=info \\
        -sidecar-image="quay.io/acme/db:2.0" \\
        -listen=:8080
"""
TOML = '[[runners]]\n  executor = "kube"\n  [runners.kubernetes]\n    helper_image = "quay.io/acme/db:2.0"\n'


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (resource_of("{proxy: {pgBouncer: {image: quay.io/acme/db:2.0}}}"), 4),
        (resource_of("{image: {repository: quay.io/acme/db, tag: '2.0'}}"), 4),
        (resource_of("{image: {registry: quay.io, repository: acme/db, tag: '2.0'}}"), 4),
        (resource_of("{images: {db: quay.io/acme/db:2.0}}"), 4),
        (pod("  - {name: a, args: [--collector-image=quay.io/acme/db:2.0]}\n"), 6),
        (
            pod(
                "  - name: a\n    env:\n    - {name: DB_IMAGE, value: quay.io/acme/db}\n"
                "    - {name: DB_IMAGE_TAG, value: '2.0'}\n"
            ),
            8,
        ),
        (pod("  - {name: a, args: [-side-image, quay.io/acme/db:2.0]}\n"), 6),
        (pod("  - {name: a, env: [{name: CSI_IMAGE, value: quay.io/acme/db:2.0}]}\n"), 6),
        (pod("  - {name: a, env: [{name: RELATED_IMAGE_X, value: quay.io/acme/db:2.0}]}\n"), 6),
        (pod("  - {name: a, args: [--x-image=$(X)], env: [{name: X, value: quay.io/acme/db:2.0}]}\n"), 6),
        (pod(SHELL), 13),
        (config(TOML), 9),
        (config("runtime:\n  image: quay.io/acme/db:2.0\n"), 7),
        (config('{"proxy": {"image": "quay.io/acme/db:2.0"}}'), 6),
        (config("[sidecar]\nHELPER_IMAGE=quay.io/acme/db:2.0\nother: [\n"), 7),
        (config("kind: Pod\nspec: {containers: [{name: h, image: 'quay.io/acme/db:2.0'}]}"), 7),
        ("kind: Pod\nmetadata: {annotations: {sidecar.istio.io/proxyImage: quay.io/acme/db:2.0}}\n", 2),
        (
            "apiVersion: v1\nkind: ConfigMap\ndata:\n  db.repository: quay.io/acme/db\n  db.tag: '2.0'\n",
            4,
        ),
        ("kind: ConfigMap\nmetadata: {name: csi-images}\ndata: {db: quay.io/acme/db:2.0}\n", 3),
        ("apiVersion: v1\nkind: Secret\ndata: {c: aW1hZ2U6IHF1YXkuaW8vYWNtZS9kYjoyLjAK}\n", 3),
        ("apiVersion: v1\nkind: Secret\nstringData: {c: 'image: quay.io/acme/db:2.0'}\n", 3),
    ],
)
def test_what_is_called_image_is_taken(look: Any, text: Any, line: int) -> None:
    found = look({"manifests/x.yaml": text})
    assert names(found.found) == [DB]
    assert (found.found[0].location.file, found.found[0].location.line) == ("manifests/x.yaml", line)
    assert found.check() == ()


@pytest.mark.parametrize(
    ("text", "name", "line"),
    [
        (config("see quay.io/acme/db:2.0 for more"), DB, 6),
        (config("# image: quay.io/acme/db:2.0\na: [\n"), DB, 6),
        ("kind: Pod\nmetadata: {annotations: {note: quay.io/acme/db:2.0}}\n", DB, 2),
        (resource_of("{engine: quay.io/acme/db:2.0}"), DB, 4),
        (resource_of("{image: quay.io/acme/db}"), "quay.io/acme/db:latest", 4),
        (resource_of("{image: acme/db}"), "docker.io/acme/db:latest", 4),
        (resource_of("{repository: quay.io/acme, image: db, version: '2.0'}"), DB, 4),
        (
            pod(
                "  - name: a\n    env:\n    - {name: DB_REPO_URL, value: quay.io/acme}\n"
                "    - {name: DB_IMAGE, value: db}\n"
            ),
            "quay.io/acme/db:latest",
            9,
        ),
        (config('{"global": {"hub": "quay.io/acme", "tag": "2.0", "proxy": {"image": "db"}}}'), DB, 6),
        (config('{"global": {"hub": "quay.io/acme", "tag": "2.0"}, "proxy": {"image": "db"}}'), DB, 6),
        (config("db:\n  repository: quay.io/acme/db\n  version: '2.0'\n"), DB, 7),
        (
            resource_of("{digested: 'acme/db@sha256:" + "a" * 64 + "'}"),
            "docker.io/acme/db@sha256:" + "a" * 64,
            4,
        ),
    ],
)
def test_what_only_looks_like_an_image_is_pointed_out(look: Any, text: Any, name: Any, line: int) -> None:
    found = look({"manifests/x.yaml": text})
    assert found.found == ()
    assert [(str(one.reference), one.location.line) for one in found.candidates] == [(name, line)]
    (told,) = remarks(found, (), (), Path())
    assert told.startswith(f"warning: manifests/x.yaml:{line}:")
    assert name in told


@pytest.mark.parametrize(
    "text",
    [
        resource_of("{image: {pullPolicy: Always, pullSecrets: [a]}, imageRegistry: 'quay.io:443'}"),
        resource_of("{repo: 'https://charts.example/x', tag: 1.0.0, name: shop}"),
        resource_of("{image: assets/logo.png, imageStream: 'web:1'}"),
        config("expr: sum(container_memory{image!=''}) by (topology.kubernetes.io/zone)"),
        "apiVersion: v1\nkind: Service\nmetadata: {labels: {image: 'quay.io/acme/db:2.0'}}\n",
        "kind: Thing\nstatus: {image: 'quay.io/acme/db:2.0'}\n",
        "kind: CustomResourceDefinition\nspec: {description: 'as quay.io/acme/db:2.0'}\n",
    ],
)
def test_what_is_no_image_is_left(look: Any, text: Any) -> None:
    found = look({"manifests/x.yaml": text})
    assert found.found == found.candidates == ()
    assert found.check() == ()


def test_pieces_of_one_image_are_not_taken_for_others(look: Any) -> None:
    """Neither the repository alone (as `latest`) nor a short name that a registry belongs to."""
    spec = "{image: {registry: quay.io, repository: acme/db, tag: '2.0', pullPolicy: Always}, tag: '3'}"
    found = look({"manifests/x.yaml": resource_of(spec)})
    assert names(found.found) == [DB]
    assert found.candidates == ()


def test_an_image_with_a_digest_is_known_by_its_tag_too(look: Any) -> None:
    text = resource_of(f"{{image: 'quay.io/acme/db:2.0@sha256:{'a' * 64}', note: quay.io/acme/db:2.0}}")
    found = look({"manifests/x.yaml": text})
    root = Descriptor(OCI_MANIFEST, Digest.of(b"x"), 1)
    images = [ResolvedImage(one.reference, root, (root,), ()) for one in found.found]
    assert list(remarks(found, (), images, Path())) == []
    assert len(list(remarks(found, (), (), Path()))) == 1


def test_a_version_that_images_are_made_of_is_pointed_out(look: Any) -> None:
    text = (
        "apiVersion: db.acme.example/v1\nkind: Store\nmetadata: {name: s}\nspec: {version: 8.1.2, size: 3}\n"
    )
    (warning,) = look({"manifests/x.yaml": text}).check()
    assert (warning.rule, warning.location.line) == ("image-derived", 4)
    assert "8.1.2" in warning.message
    known = text.replace("{version: 8.1.2", "{image: quay.io/acme/db:2.0, version: 8.1.2")
    assert names(look({"manifests/x.yaml": known}).found) == [DB]


@pytest.mark.parametrize(
    ("group", "kind"),
    [
        ("helm.cattle.io/v1", "HelmChart"),
        ("helm.toolkit.fluxcd.io/v2", "HelmRelease"),
        ("argoproj.io/v1alpha1", "Application"),
        ("operator.tigera.io/v1", "Installation"),
    ],
)
def test_objects_that_fetch_charts_or_images_are_noted(look: Any, group: str, kind: str) -> None:
    spec = "{repo: 'https://charts.example', chart: shop, version: 1.0.0}"
    text = f"apiVersion: {group}\nkind: {kind}\nmetadata: {{name: x}}\nspec: {spec}\n"
    (warning,) = look({"manifests/x.yaml": text}).check()
    assert (warning.rule, warning.location.line) == ("image-elsewhere", 2)


def test_the_chart_makers_list_is_pointed_out(look: Any) -> None:
    listed = CHART["Chart.yaml"].rstrip("}") + (
        ", annotations: {artifacthub.io/images: \"- {name: db, image: 'quay.io/acme/db:2.0'}\\n"
        '- name: api\\n  image: acme/api:2\\n", helm.sh/images: "- quay.io/acme/tool:1\\n"}}'
    )
    found = look(chart("", **{"Chart.yaml": listed}))
    assert set(names(found.candidates)) == {DB, "docker.io/acme/api:2", "quay.io/acme/tool:1"}
    assert {one.location.file for one in found.candidates} == {"application/apps/shop/Chart.yaml"}


TEST_HOOK = """\
apiVersion: v1
kind: Pod
metadata: {name: t, annotations: {"helm.sh/hook": "test"}}
spec: {containers: [{name: t, image: "busybox:1"}]}
"""


def test_images_of_helm_test_are_left_out_and_told(look: Any) -> None:
    found = look(chart(TEST_HOOK))
    assert found.found == found.candidates == ()
    assert list(remarks(found, (), (), Path())) == [
        "note: left out, as only `helm test` would use it: docker.io/library/busybox:1"
    ]
    custom = (
        TEST_HOOK.partition("spec:")[0].replace("kind: Pod", "kind: Agent") + "spec: {image: acme/agent:1}\n"
    )
    assert names(look(chart(custom)).tests) == ["docker.io/acme/agent:1"]
    hook = look(chart(TEST_HOOK.replace('"test"', '"test,pre-install"')))
    assert names(hook.found) == ["docker.io/library/busybox:1"]


BRANCHES = """\
{{- define "pod" }}
---
apiVersion: v1
kind: Pod
metadata: {name: p}
spec: {containers: [{name: c, image: "{{ . }}"}]}
{{- end }}
{{- include "pod" "base:1" }}
{{- if .Release.IsUpgrade }}{{ include "pod" "upgrade:1" }}{{ end }}
{{- if .Release.IsInstall }}{{ include "pod" "install:1" }}{{ end }}
{{- if .Capabilities.APIVersions.Has "monitoring.coreos.com/v1" }}{{ include "pod" "monitor:1" }}{{ end }}
{{- if .Capabilities.APIVersions.Has "policy/v1/PodDisruptionBudget" }}{{ include "pod" "kind:1" }}{{ end }}
"""


def test_branches_for_upgrades_and_for_more_of_an_api_are_looked_into(look: Any) -> None:
    found = {name.removeprefix("docker.io/library/") for name in names(look(chart(BRANCHES)).found)}
    assert found == {"base:1", "upgrade:1", "install:1", "monitor:1", "kind:1"}


def test_a_chart_that_refuses_an_upgrade_is_looked_into_for_more_of_an_api(look: Any) -> None:
    refusing = '{{ if .Release.IsUpgrade }}{{ fail "PASSWORDS" }}{{ end }}\n' + BRANCHES
    found = {name.removeprefix("docker.io/library/") for name in names(look(chart(refusing)).found)}
    assert found == {"base:1", "install:1", "monitor:1", "kind:1"}


GLUED = """\
apiVersion: v1
kind: Pod
spec: {containers: [{name: a, image: "web:1"}]}

---

{{- if true -}}
apiVersion: v1
kind: Pod
spec:
  containers: [{name: b, image: "db:1"}]
{{- end }}
"""


def test_rendered_text_is_split_where_helm_splits_it(look: Any) -> None:
    found = look(chart(GLUED))
    assert names(found.found) == ["docker.io/library/web:1", "docker.io/library/db:1"]
    assert found.check() == ()
    place = found.found[1].location
    assert (place.file, place.line) == ("application/apps/shop/templates/d.yaml (rendered)", 8)


def test_files_are_split_where_kubectl_splits_them(look: Any) -> None:
    first, second = (f'kind: Pod\nspec: {{containers: [{{image: "{name}:1"}}]}}\n' for name in "ab")
    text = f"{first}---# next\n{second}"
    found = look({"manifests/x.yaml": text})
    assert [(str(one.reference), one.location.line) for one in found.found] == [
        ("docker.io/library/a:1", 2),
        ("docker.io/library/b:1", 5),
    ]
    with pytest.raises(Problems, match=r"x\.yaml:3:1: kubectl refuses"):
        look({"manifests/x.yaml": text.replace("---# next\n", "---")}).check()


def test_what_kubernetes_reads_and_we_do_not_is_a_warning(look: Any) -> None:
    text = "kind: ConfigMap\ndata:\n  b: !!binary aGk=\n  image: quay.io/acme/db:2.0\n---\n" + pod(
        "  - {name: a, image: 'web:1'}\n"
    )
    found = look(chart(text))
    assert names(found.found) == ["docker.io/library/web:1"]
    assert [(str(one.reference), one.location.line) for one in found.candidates] == [(DB, 4)]
    (warning,) = found.check()
    assert (warning.rule, warning.location.line) == ("yaml-tag", 3)


DOUBLED = """\
apiVersion: v1
kind: Pod
metadata:
  name: p
  labels:
    app: shop
    app: shop
spec: {containers: [{name: a, image: "web:1", image: "web:2"}]}
"""


@pytest.mark.parametrize("rendered", [True, False])
def test_keys_that_stand_twice_are_warned_of_and_the_last_counts(look: Any, *, rendered: bool) -> None:
    found = look(chart(DOUBLED) if rendered else {"manifests/x.yaml": DOUBLED})
    assert names(found.found) == ["docker.io/library/web:2"]
    warnings = found.check()
    assert [(one.rule, one.location.line) for one in warnings] == [
        ("yaml-duplicate-key", 7),
        ("yaml-duplicate-key", 8),
    ]
    assert warnings[0].location.file.endswith(" (rendered)") is rendered


@pytest.mark.parametrize("word", ["auto", "REPLACE_ME", "<your image>", "placeholder", "ko://acme/cmd"])
def test_a_word_that_holds_the_place_of_an_image_is_warned_of(look: Any, word: str) -> None:
    found = look(chart(pod(f'  - {{name: a, image: "{word}"}}\n')))
    assert found.found == ()
    (warning,) = found.check()
    assert warning.rule == "image-placeholder"


def test_a_large_dashboard_is_not_parsed_for_nothing() -> None:
    """A text that tells of no image is not read as configuration."""
    assert not worth_reading('{"expr": "sum(x{image!=\\"\\"}) by (pod)"}')
    assert worth_reading('{"image": "web:1"}')

"""Images besides pod specs: found by rules, pointed out when they merely look like it, or not wanted."""

from pathlib import Path
from typing import Any

import pytest

from bundler.builder.charts.helm import SdkHelm
from bundler.builder.discovery.candidates import mentions_in
from bundler.builder.discovery.discover import discover
from bundler.builder.discovery.report import remarks, rules_for
from bundler.builder.discovery.rules import FILE, ImageRules
from bundler.builder.lib.resources import resource
from bundler.builder.oci.model import ImageRequest, ResolvedImage
from bundler.core.digest import Digest
from bundler.core.errors import Location, Problems
from bundler.core.oci import OCI_MANIFEST, Descriptor
from bundler.core.reference import Reference
from bundler.core.yamldoc import load_all
from tests.kits.charts import tree_of

DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: operator, annotations: {note: quay.io/acme/annotated:1}}
spec:
  template:
    spec:
      containers:
      - name: main
        image: quay.io/acme/operator:1
        env:
        - {name: RELATED_IMAGE_DB, value: "quay.io/acme/db:15"}
        - {name: STRIMZI_KAFKA_IMAGES, value: "3.5=quay.io/s/kafka:3.5\\n3.6=quay.io/s/kafka:3.6\\n"}
        - {name: AGENT_IMAGE, value: "agent:7"}
        - {name: URL, value: "https://quay.io/acme/page:1"}
        - {name: FROM, valueFrom: {fieldRef: {fieldPath: x}}}
        args: [--acme-http01-solver-image=quay.io/jetstack/solver:1, -nop-image, "ghcr.io/t/entry:1", --v=2]
        command: [/run, --side-image, "side:2", --listen=host.example:8080]
"""
CUSTOM = """
apiVersion: kafka.strimzi.io/v1beta2
kind: Kafka
metadata: {name: k}
spec:
  kafka: {image: quay.io/strimzi/kafka:3.7}
  entityOperator: {topicOperator: {image: quay.io/strimzi/operator:1}}
---
apiVersion: elasticsearch.k8s.elastic.co/v1
kind: Elasticsearch
metadata: {name: e}
spec: {version: 8.9.0}
---
apiVersion: elasticsearch.k8s.elastic.co/v1
kind: Elasticsearch
metadata: {name: own}
spec: {version: 8.9.0, image: quay.io/acme/elastic:1}
---
apiVersion: argoproj.io/v1alpha1
kind: Workflow
spec:
  templates:
  - {name: a, container: {image: "busybox:1.36"}}
  - {name: b, script: {image: "{{inputs.parameters.image}}"}}
---
apiVersion: acme.example/v1
kind: Thing
spec: {engine: r.acme.example/engine:5, image: {repository: quay.io/acme/x, tag: "1"}, baseImage: "base:3"}
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
spec: {default: quay.io/acme/schema:1}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: helper}
data:
  pod.yaml: |
    kind: Pod
    spec: {containers: [{name: h, image: helper:1}]}
    # nothing else
  other.yaml: |
    spec:
      containers:
      - image: busybox:9
"""


@pytest.fixture
def look(store: Any) -> Any:
    def look(files: Any, rules: Any = None) -> Any:
        known = rules or ImageRules.read(resource("templates") / FILE)
        return discover(tree_of(store, files), store, helm=SdkHelm(), rules=known)

    return look


def names(found: Any) -> Any:
    return sorted(str(one.reference) for one in found)


def test_variables_and_flags_of_operators_are_found_and_others_pointed_out(look: Any) -> None:
    found = look({"manifests/d.yaml": DEPLOYMENT})
    assert names(found.found) == [
        "docker.io/library/agent:7",
        "docker.io/library/side:2",
        "ghcr.io/t/entry:1",
        "quay.io/acme/db:15",
        "quay.io/acme/operator:1",
        "quay.io/jetstack/solver:1",
        "quay.io/s/kafka:3.5",
        "quay.io/s/kafka:3.6",
    ]
    assert names(found.candidates) == ["quay.io/acme/annotated:1"]
    assert [one.location.line for one in found.found if "acme/db" in str(one.reference)] == [12]


def test_custom_resources_are_found_by_rule_and_others_pointed_out(look: Any) -> None:
    found = look({"manifests/c.yaml": CUSTOM})
    assert names(found.found) == [
        "docker.elastic.co/elasticsearch/elasticsearch:8.9.0",
        "docker.io/library/base:3",
        "docker.io/library/busybox:1.36",
        "docker.io/library/busybox:9",
        "docker.io/library/helper:1",
        "quay.io/acme/elastic:1",
        "quay.io/acme/x:1",
        "quay.io/strimzi/kafka:3.7",
        "quay.io/strimzi/operator:1",
    ]
    assert names(found.candidates) == ["quay.io/acme/schema:1", "r.acme.example/engine:5"]
    assert ["filled in later" in problem.message for problem in found.check()] == [True]


def test_what_is_not_wanted_is_neither_found_nor_pointed_out(look: Any) -> None:
    known = ImageRules.read(resource("templates") / FILE)
    found = look(
        {"manifests/d.yaml": DEPLOYMENT}, known + ImageRules(ignore=("quay.io/*", "agent:*", "side:2"))
    )
    assert names(found.found) == ["ghcr.io/t/entry:1"]
    assert found.candidates == ()


def resolved(name: Any) -> Any:
    root = Descriptor(OCI_MANIFEST, Digest.of(b"x"), 1)
    return ResolvedImage(Reference.parse(name), root, (root,), ())


def test_remarks_are_about_what_may_be_missing_and_what_nothing_uses(look: Any) -> None:
    found = look({"manifests/d.yaml": DEPLOYMENT})
    asked = [
        ImageRequest(Reference.parse(name), (), Location(file, line))
        for name, file, line in (
            ("agent:7", "Kubefile", 3),
            ("extra:1", "Kubefile", 4),
            ("pause:3", "base/Kubefile", 9),
        )
    ]
    told = list(remarks(found, asked, [resolved("agent:7")], Path("Kubefile")))
    assert len(told) == 2
    assert "quay.io/acme/annotated:1" in told[0]
    assert "manifests/d.yaml:4:" in told[0]
    assert told[1].startswith("note: Kubefile:4: nothing")
    assert "extra:1" in told[1]


def test_the_build_context_adds_rules(tmp_path: Path, look: Any) -> None:
    (tmp_path / FILE).write_text(
        "resources:\n- {apiVersion: acme.example/*, kind: Th*, images: [spec.engine, "
        "'{spec.image.repository}:{spec.image.tag}', 'spec.parts.*.list[]', spec.absent]}\n"
        "env: [AGENT_*]\narguments: [--side-image]\nignore: ['quay.io/s*/*']\n"
    )
    parts = CUSTOM.replace(
        'baseImage: "base:3"', "parts: {a: {list: ['one:1', 'two:1']}, b: {list: ['three:1']}}"
    )
    found = look(
        {"manifests/c.yaml": parts, "manifests/d.yaml": DEPLOYMENT}, rules_for(tmp_path, ("*/elastic*",))
    )
    wanted = {"r.acme.example/engine:5", "quay.io/acme/x:1", "docker.io/library/agent:7"}
    wanted |= {f"docker.io/library/{name}" for name in ("one:1", "two:1", "three:1", "side:2")}
    assert wanted <= set(names(found.found))
    assert not [name for name in names(found.found) if "kafka" in name or "elastic" in name]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("notes:\n- {kind: A, apiVersion: b}\n", 2),
        ("resources: 3\n", 1),
        ("env:\n- 4\n", 2),
        ("other: []\n", 1),
        ("- a\n", 1),
        ("env: []\n---\nenv: []\n", 1),
        ("resources:\n- {kind: A, images: [a]}\n", 2),
        ("resources:\n- {kind: A, apiVersion: b, images: [a], more: 1}\n", 2),
        ("resources:\n- {kind: A, apiVersion: b, images: ['a..b']}\n", 2),
        ("resources:\n- {kind: A, apiVersion: b, images: ['x:{a[0]}']}\n", 2),
    ],
)
def test_a_rule_file_with_faults_is_told_with_the_line(text: str, line: int) -> None:
    with pytest.raises(Problems) as caught:
        ImageRules.parse(text, "image-rules.yaml")
    assert [problem.location.line for problem in caught.value.problems] == [line]


def test_an_empty_rule_file_says_nothing() -> None:
    assert ImageRules.parse("# nothing\n", "image-rules.yaml") == ImageRules()


@pytest.mark.parametrize(
    ("text", "suspicious"),
    [
        ("a: quay.io/acme/web:1", True),
        ("a: 'quay.io/acme/web@sha256:" + "a" * 64 + "'", True),
        ("a: quay.io/acme/web", False),
        ("a: https://quay.io/acme/web:1", False),
        ("a: see quay.io/acme/web:1", True),
        ("a: see https://quay.io/acme/web:1", False),
        ("a: acme/web:1.27.3", True),
        ("a: acme/web@sha256:" + "a" * 64, True),
        ("a: app.kubernetes.io/name:web", False),
        ("a: web:1", False),
        ("webImage: web:1", True),
        ("imagePullPolicy: IfNotPresent", False),
        ("imagePullPolicy: [Always]", False),
        ("imageRegistry: quay.io:443", False),
        ("a: host.example:8080", False),
        ("a: 10.0.0.5:5000/acme/web:1", True),
        ("a: registry:5000/acme/web:1", True),
        ("webImage: registry:5000/acme/web:1", True),
        ("a: registry:5000/acme/web", False),
        ("a: tcp://registry:5000/acme/web:1", False),
        ("a: acme/web:1", False),
        ("status: {image: 'web:1'}", False),
        ("a: [{b: registry.k8s.io/pause:3.9}]", True),
    ],
)
def test_what_looks_like_an_image(text: str, *, suspicious: bool) -> None:
    found = list(mentions_in(load_all(text, "x")[0].data))
    assert bool(found) is suspicious

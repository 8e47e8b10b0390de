"""Images that something fills in on site don't stop a build: each is pointed out with its place."""

from typing import Any

import pytest

from bundler.builder.charts.helm import SdkHelm
from bundler.builder.discovery.discover import Launch, discover
from bundler.core.errors import Problems
from tests.kits.charts import below, tree_of

CHART = {"Chart.yaml": "{apiVersion: v2, name: shop, version: 0.1.0}"}


@pytest.fixture
def look(store: Any) -> Any:
    def look(text: Any) -> Any:
        files = below("application/apps/shop", CHART | {"templates/d.yaml": text})
        return discover(
            tree_of(store, files), store, helm=SdkHelm(timeout=60), launch=Launch(kube_version="v1.31.0")
        )

    return look


def workload(image: Any) -> str:
    return (
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\nspec:\n  template:\n    spec:\n"
        "      containers:\n      - {name: sure, image: 'quay.io/acme/web:1.0'}\n"
        f"      - {{name: a, image: {image}}}\n"
    )


def escaped(text: Any) -> Any:
    """What Helm renders to this text."""
    return text.replace("{{", '{{ "{{" }}')


WORKFLOW = """\
apiVersion: argoproj.io/v1alpha1
kind: WorkflowTemplate
metadata: {name: w}
spec:
  templates:
  - name: a
    initContainers:
    - {name: i, image: '{{inputs.parameters.image}}'}
    sidecars:
    - {name: s, image: 'quay.io/acme/web:1.0'}
"""
OPENSHIFT = """\
apiVersion: template.openshift.io/v1
kind: Template
metadata: {name: t}
objects:
- apiVersion: v1
  kind: Pod
  metadata: {name: p}
  spec:
    containers:
    - {name: a, image: '${IMAGE}'}
    - {name: b, image: 'quay.io/acme/web:1.0'}
"""


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (escaped(WORKFLOW), 8),
        (OPENSHIFT, 10),
        (workload("'$(params.image)'"), 9),
        (workload("'${REGISTRY}/acme/db:${TAG}'"), 9),
        (workload("''"), 9),
        (workload("null"), 9),
        (workload("'quay.io/acme/db:'"), 9),
        (workload("':2.0'"), 9),
        (workload("'__REGISTRY__/acme/db:2.0'"), 9),
        (workload("'/acme/db:2.0'"), 9),
    ],
    ids=[
        "workflow",
        "openshift",
        "tekton",
        "variables",
        "empty",
        "null",
        "no-tag",
        "no-name",
        "blank",
        "no-registry",
    ],
)
def test_what_is_filled_in_later_is_warned_of_with_its_place(look: Any, text: Any, line: int) -> None:
    found = look(text)
    (told,) = found.check()
    assert (told.location.file, told.location.line) == (
        "application/apps/shop/templates/d.yaml (rendered)",
        line,
    )
    assert [str(one.reference) for one in found.found] == ["quay.io/acme/web:1.0"]


@pytest.mark.parametrize("image", ["'quay.io/Acme/db:2.0'", "5", "[quay.io/acme/db:2.0]"])
def test_what_can_never_be_an_image_stops_the_build(look: Any, image: str) -> None:
    with pytest.raises(Problems) as caught:
        look(workload(image)).check()
    assert [problem.rule for problem in caught.value.problems] == ["image-name"]


def config(text: Any) -> str:
    lines = "".join(f"    {line}\n" for line in text.splitlines())
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: c}}\ndata:\n  file: |\n{lines}"


@pytest.mark.parametrize(
    "text",
    [
        "spark.executor.cores  2\nspark.kubernetes.container.image   quay.io/acme/db:2.0\n",
        'parameter: {\n  // +usage=the image\n  image: *"quay.io/acme/db:2.0" | string\n}\n',
        "<agent>\n  <image>quay.io/acme/db:2.0</image>\n</agent>\n",
    ],
    ids=["properties", "cue", "xml"],
)
def test_an_image_in_a_configuration_of_another_form_is_taken(look: Any, text: str) -> None:
    assert [str(one.reference) for one in look(config(text)).found] == ["quay.io/acme/db:2.0"]


def test_repository_and_tag_of_an_ini_file_are_pointed_out(look: Any) -> None:
    found = look(
        config("[kubernetes]\nworker_container_repository = acme/airflow\nworker_container_tag = 2.9.1\n")
    )
    assert [str(one.reference) for one in found.candidates] == ["docker.io/acme/airflow:2.9.1"]


def pod(more: str) -> str:
    return (
        "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  containers:\n"
        f"  - name: a\n    image: quay.io/acme/web:1.0\n    {more}\n"
    )


def thing(spec: str) -> str:
    return f"apiVersion: acme.example/v1\nkind: Thing\nmetadata: {{name: t}}\nspec: {spec}\n"


def test_a_list_of_short_names_in_one_variable_is_taken(look: Any) -> None:
    found = look(pod("env: [{name: HELPER_IMAGES, value: 'acme/one:1,acme/two:2'}]")).found
    assert {str(one.reference) for one in found} == {
        "quay.io/acme/web:1.0",
        "docker.io/acme/one:1",
        "docker.io/acme/two:2",
    }


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (pod("env: [{name: PROXY_IMG, value: 'acme/db:v2'}]"), "docker.io/acme/db:v2"),
        (pod("args: ['--img', 'acme/db:1']"), "docker.io/acme/db:1"),
        (pod("env: [{name: HELPER_IMAGE, value: busybox}]"), "docker.io/library/busybox:latest"),
        (thing("{proxy: {image: nginx}}"), "docker.io/library/nginx:latest"),
        (thing("{url: 'oci://quay.io/acme/filter:1.0'}"), "quay.io/acme/filter:1.0"),
        (pod("args: ['docker run --rm acme/db:2.0 sh']"), "docker.io/acme/db:2.0"),
        (pod("args: ['kubectl set image deploy/web web=acme/db:2']"), "docker.io/acme/db:2"),
        (
            thing("{baseImage: quay.io/acme/base, imageRepository: acme/db, imageTag: '9'}"),
            "docker.io/acme/db:9",
        ),
    ],
    ids=["variable", "flag", "no-tag", "plain-word", "artifact", "docker-run", "set-image", "two-in-pieces"],
)
def test_what_is_likely_an_image_is_pointed_out(look: Any, text: str, name: str) -> None:
    assert name in {str(one.reference) for one in look(text).candidates}


@pytest.mark.parametrize(
    "more",
    [
        "env: [{name: LISTEN, value: 'see svc/web:8080 and tcp://web/x:9090'}]",
        "env: [{name: IMAGE_REGISTRY, value: busybox}]",
        "env: [{name: ALLOW_OTHER_IMAGE, value: 'false'}]",
        "args: ['--img=logo.png', '--image-policy=always']",
        "args: ['# docker run acme/db:2.0']",
    ],
    ids=["ports", "registry", "switch", "picture", "comment"],
)
def test_what_is_no_image_is_not_pointed_out(look: Any, more: str) -> None:
    assert look(pod(more)).candidates == ()


@pytest.mark.parametrize(
    "text",
    [
        thing("{driver: {repository: quay.io/acme, image: driver, imagePullPolicy: Always}}"),
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: image-updater}\ndata: {log.level: info}\n",
    ],
    ids=["one-piece-of-several", "settings-of-an-image-tool"],
)
def test_a_plain_word_that_is_no_whole_name_is_not_pointed_out(look: Any, text: str) -> None:
    names = {str(one.reference) for one in look(text).candidates}
    assert not {name for name in names if name.endswith(("/library/driver:latest", "/info:latest"))}


@pytest.mark.parametrize("name", ["etc/app.yaml.j2", "opt/web.yml.tpl", "scripts/d.yaml.template"])
def test_a_pod_spec_in_somebodys_template_is_pointed_out(store: Any, name: str) -> None:
    text = "kind: Pod\nspec:\n  containers:\n  - {name: a, image: quay.io/acme/db:2.0}\n"
    found = discover(tree_of(store, {name: text}), store, helm=SdkHelm())
    assert [(str(one.reference), str(one.location)) for one in found.candidates] == [
        ("quay.io/acme/db:2.0", f"{name}:4:22")
    ]

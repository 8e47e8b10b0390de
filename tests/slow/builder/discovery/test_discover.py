"""Images are found by reading YAML, and what can't be told is said."""

from typing import Any, cast

import pytest

from bundler.builder.charts.helm import Helm, SdkHelm
from bundler.builder.discovery.discover import Launch, discover
from bundler.core.errors import BundlerError, ExitCode, Location, Problems
from tests.kits.charts import SHOP, below, tree_of

DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  template:
    spec:
      initContainers:
      - name: init
        image: quay.io/a/init:1   # a comment behind it
      containers:
      - name: web
        image: "nginx:1.27"
      - {name: side, image: 'side@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'}
      volumes:
      - {name: data, image: {reference: quay.io/a/data:1}}
"""
CRON = """\
apiVersion: batch/v1
kind: CronJob
metadata: {name: nightly}
spec: {jobTemplate: {spec: {template: {spec: {containers: [{name: c, image: cron:1}]}}}}}
"""


class NoHelm:
    def renderings(self, request: Any, where: Any) -> None:
        raise BundlerError("no Helm here", where=where, why=str(request.chart), code=ExitCode.UNSUPPORTED)


@pytest.fixture
def look(store: Any) -> Any:
    def look(files: Any, helm: Any = None) -> Any:
        return discover(
            tree_of(store, files),
            store,
            helm=helm or cast("Helm", NoHelm()),
            launch=Launch(kube_version="v1.20.2"),
        )

    return look


def names(discovery: Any) -> Any:
    return [str(one.reference) for one in discovery.found]


def test_all_kinds_of_containers_are_found_with_their_place(look: Any) -> None:
    found = look({"manifests/web.yaml": DEPLOYMENT})
    assert names(found) == [
        "docker.io/library/nginx:1.27",
        "docker.io/library/side@sha256:" + "a" * 64,
        "quay.io/a/init:1",
        "quay.io/a/data:1",
    ]
    nginx, init = found.found[0], found.found[2]
    assert nginx.location == Location("manifests/web.yaml", 13, 16)
    assert init.location.line == 10
    assert nginx.path == "Deployment/web spec.template.spec.containers[0].image"
    assert nginx.why == "Deployment/web in manifests/web.yaml"
    assert found.check() == ()


@pytest.mark.parametrize(
    "text",
    [
        CRON,
        DEPLOYMENT + "---\n" + CRON,
        '{"kind": "List", "items": [{"spec": {"containers": [{"image": "cron:1"}]}}]}',
        "kind: Rollout\nspec:\n  anything: [{ephemeralContainers: [{image: cron:1}]}]\n",
    ],
)
@pytest.mark.parametrize("path", ["manifests/a/b.yml", "application/apps/x/deep/b.json", "charts/loose.yaml"])
def test_pod_specs_are_found_wherever_they_stand(look: Any, path: str, text: Any) -> None:
    assert "docker.io/library/cron:1" in names(look({path: text}))


def test_an_apps_images_name_the_app(look: Any) -> None:
    (found,) = look({"application/apps/night/cron.yaml": CRON}).found
    assert found.app == "night"
    assert found.why == "CronJob/nightly in application/apps/night/cron.yaml (app night)"


def test_what_is_no_manifest_of_the_bundle_is_left(look: Any) -> None:
    found = look(
        {
            "etc/cron.yaml": CRON,
            "manifests/readme.md": CRON,
            "manifests/values.yaml": "image: nginx\nimages: [a, b]\ncontainers: 3\n",
            "application/file.yaml": CRON,
        }
    )
    assert found.found == found.unresolved == ()


def test_the_image_list_has_one_a_line_and_comments(look: Any) -> None:
    text = "# all of them\n\nnginx:1.27 # web\n  quay.io/a/b:1\nBad Name\n"
    found = look({"manifests/imageList": text, "application/apps/x/imageList": "redis:7\n"})
    assert names(found) == [
        "docker.io/library/nginx:1.27",
        "quay.io/a/b:1",
        "docker.io/library/redis:7",
    ]
    assert found.found[1].location == Location("manifests/imageList", 4, 3)
    with pytest.raises(Problems, match=r"imageList:5:1.*\n.*Bad Name"):
        found.check()


def test_template_junk_is_no_image_and_fails_by_name(look: Any) -> None:
    found = look({"manifests/x.yaml": CRON.replace("cron:1", '"{{ .Image }}:1"')})
    assert found.found == ()
    with pytest.raises(Problems) as caught:
        found.check()
    assert "manifests/x.yaml:4" in str(caught.value)
    assert "{{ .Image }}" in str(caught.value)


def test_what_is_rendered_on_site_is_only_warned_about(look: Any) -> None:
    found = look(
        {
            "manifests/x.yaml.tmpl": CRON.replace("cron:1", '"{{ .Image }}:1"'),
            "manifests/y.yaml.tmpl": "{{ if .A }}\nx: 1\n{{ end }}\n",
            "manifests/z.yaml.tmpl": CRON,
        }
    )
    assert names(found) == ["docker.io/library/cron:1"]
    warned = found.check()
    assert [problem.location.file for problem in warned] == ["manifests/x.yaml.tmpl", "manifests/y.yaml.tmpl"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (CRON.replace("cron:1", "Cron:1"), "write cron"),
        (CRON.replace("cron:1", "1.5"), "no text"),
        (CRON.replace("cron:1", "''"), "no text"),
        ("a: [", "not YAML"),
        (b"\xff\xfe", "UTF-8"),
    ],
)
def test_what_cannot_be_resolved_fails_by_name(look: Any, text: Any, says: str) -> None:
    found = look({"manifests/x.yaml": text, "manifests/y.yaml": CRON})
    assert names(found) == ["docker.io/library/cron:1"]
    with pytest.raises(Problems) as caught:
        found.check()
    assert says in str(caught.value)
    assert "manifests/x.yaml" in str(caught.value)


def test_a_charts_images_are_those_that_helm_renders(look: Any) -> None:
    found = look(below("application/apps/shop", SHOP) | {"manifests/y.yaml": CRON}, SdkHelm(timeout=30))
    assert sorted(names(found)) == [
        "docker.io/acme/migrate:20",
        "docker.io/library/busybox:1.36",
        "docker.io/library/cron:1",
        "docker.io/library/redis:7",
        "quay.io/acme/shop:1.0",
    ]
    assert found.unresolved == ()
    shop = next(one for one in found.found if "acme/shop" in str(one.reference))
    assert shop.why == "Deployment/shop-web in application/apps/shop/templates/web.yaml (app shop)"


def test_keys_that_stand_twice_in_a_charts_values_are_told(look: Any) -> None:
    """Also in a subchart's, and in a second look that finds them remembered; an image comes from the last."""
    more = {"values.yaml": SHOP["values.yaml"] + "image: {registry: quay.io, repository: last, tag: '2'}\n"}
    more |= {"charts/cache/values.yaml": "a: 1\nb: {c: 1}\na: 2\n", "templates/values.yaml": ""}
    files = below("application/apps/shop", SHOP | more)
    for _ in range(2):
        found = look(files, SdkHelm(timeout=30))
        assert "quay.io/last:2" in " ".join(names(found))
        warnings = found.check()
        assert [(one.rule, str(one.location)) for one in warnings] == [
            ("yaml-duplicate-key", "application/apps/shop/charts/cache/values.yaml:3:1"),
            ("yaml-duplicate-key", "application/apps/shop/values.yaml:5:1"),
        ]
        assert "Helm takes the last one" in warnings[0].hint


def test_a_chart_that_does_not_render_fails_by_name(look: Any) -> None:
    files = below("charts/shop", SHOP | {"templates/x.yaml": '{{ fail "no domain" }}'})
    found = look(files | {"manifests/y.yaml": CRON}, SdkHelm(timeout=30))
    assert names(found) == ["docker.io/library/cron:1"]
    with pytest.raises(Problems, match="no domain"):
        found.check()


def test_without_helm_a_chart_is_an_error(look: Any) -> None:
    with pytest.raises(BundlerError, match="no Helm here"):
        look(below("charts/shop", SHOP))


def test_finds_become_requests(look: Any) -> None:
    (request,) = look({"manifests/y.yaml": CRON}).requests()
    assert str(request.source) == "docker.io/library/cron:1"
    assert request.why == ("CronJob/nightly in manifests/y.yaml",)
    assert request.location == Location("manifests/y.yaml", 4, CRON.splitlines()[3].index("cron:1") + 1)

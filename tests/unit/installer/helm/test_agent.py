"""The agent's request and its choice between install and upgrade; Helm itself is met on the real site."""

import io
import json
from pathlib import Path

import pytest

from bundler.installer.helm.agent import deploy, main, objects, status_of
from bundler.installer.helm.request import Removal, Request, read

REQUEST = Request("web", "/charts/web", "default", "/etc/kubernetes/admin.conf", 60, server_side=False)


class Recorder:
    """Helm with one release in a given state; keeps what was asked of it."""

    def __init__(self, status: str) -> None:
        self.status = status
        self.asked: list[str] = []

    def found(self, release: str) -> str:
        assert release == "web"
        return self.status

    def install_release(self, _request: Request) -> None:
        self.asked.append("install")

    def upgrade_release(self, _request: Request) -> None:
        self.asked.append("upgrade")

    def take_back(self, _request: Request) -> None:
        self.asked.append("roll back")

    def remove(self, _request: Request) -> None:
        self.asked.append("uninstall")


@pytest.mark.parametrize(
    ("status", "asked", "said"),
    [
        ("", ["install"], "installed"),
        ("uninstalled", ["install"], "installed"),
        ("deployed", ["upgrade"], "upgraded"),
        ("failed", ["upgrade"], "upgraded"),
        ("pending-install", ["uninstall", "install"], "installed"),
        ("pending-upgrade", ["roll back", "upgrade"], "upgraded"),
        ("pending-rollback", ["roll back", "upgrade"], "upgraded"),
    ],
)
def test_deploy(status: str, asked: list[str], said: str) -> None:
    helm = Recorder(status)
    assert said in deploy(helm, REQUEST)
    assert helm.asked == asked


def test_a_request_comes_back_as_it_was_written() -> None:
    text = json.dumps({name: getattr(REQUEST, name) for name in REQUEST.__slots__})
    assert Request.from_json(text.encode()) == REQUEST


WHOLE = {
    "release": "r",
    "chart": "c",
    "namespace": "n",
    "kubeconfig": "k",
    "timeout": 1,
    "server_side": True,
}


@pytest.mark.parametrize(
    "document",
    [
        [],
        {},
        {"release": "web"},
        {**WHOLE, "release": 1},
        {**WHOLE, "release": ""},
        {**WHOLE, "timeout": True},
        {**WHOLE, "timeout": 0},
        {**WHOLE, "server_side": "no"},
        {**WHOLE, "more": 1},
    ],
)
def test_anything_else_is_no_request(document: object) -> None:
    stderr = io.StringIO()
    assert main(io.BytesIO(json.dumps(document).encode()), io.StringIO(), stderr) == 2
    assert "request can't be read" in stderr.getvalue()


def test_no_json_is_no_request() -> None:
    assert main(io.BytesIO(b"{"), io.StringIO(), io.StringIO()) == 2


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ("context deadline exceeded", 75),
        ("timed out waiting for the condition", 75),
        ("resource Deployment/default/web not ready. status: InProgress", 75),
        ("resource Deployment/default/web not ready. status: Failed", 75),
        ("pre-install hooks failed: job default/init failed: BackoffLimitExceeded", 75),
        ("job default/init failed: DeadlineExceeded", 75),
        ("cannot re-use a name that is still in use", 1),
        ('admission webhook "v.example" denied the request: no', 1),
        ("pods is forbidden: exceeded quota: compute", 1),
        ("execution error at (web/templates/x.yaml:3:4): needs a value", 1),
    ],
)
def test_what_is_late_is_told_from_what_is_wrong(said: str, status: int) -> None:
    assert status_of(said) == status


def test_a_schema_that_leads_out_of_the_chart_is_refused(tmp_path: Path) -> None:
    """Before Helm is even loaded: it would follow the reference, as root."""
    (tmp_path / "values.schema.json").write_text('{"$ref": "file:///etc/shadow"}')
    request = {name: getattr(REQUEST, name) for name in REQUEST.__slots__} | {"chart": str(tmp_path)}
    out, err = io.StringIO(), io.StringIO()
    assert main(io.BytesIO(json.dumps(request).encode()), out, err) == 1
    assert "values.schema.json:1 refers to file:///etc/shadow" in err.getvalue()


REMOVAL = {"release": "web", "namespace": "n", "kubeconfig": "k", "timeout": 5}


def test_a_request_without_a_chart_takes_the_release_away() -> None:
    assert read(json.dumps(REMOVAL).encode()) == Removal("web", "n", "k", 5)
    assert read(json.dumps(WHOLE).encode()) == Request("r", "c", "n", "k", 1, server_side=True)


@pytest.mark.parametrize(
    "document", [{}, {"release": "web"}, {**REMOVAL, "release": ""}, {**REMOVAL, "more": 1}, [], "web"]
)
def test_a_removal_that_is_not_exactly_one_is_refused(document: object) -> None:
    with pytest.raises(ValueError, match=r"keys|kind|object"):
        read(json.dumps(document).encode())


MANIFEST = """\
---
# Source: web/templates/all.yaml
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
---
---
apiVersion: v1
kind: ConfigMap
metadata: {name: conf, namespace: elsewhere}
---
just text
"""


def test_objects_of_a_release_are_named_in_its_namespace_or_their_own() -> None:
    assert list(objects(MANIFEST, "shop")) == [
        "object apps/v1 Deployment shop web",
        "object v1 ConfigMap elsewhere conf",
    ]

"""Inputs made after public bug reports and charts, through the real command and a registry on loopback."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests.kits.charts import packed, put
from tests.kits.images import MadeImage, StubRegistry
from tests.kits.servers import content, serving

pytestmark = pytest.mark.real

CASES = Path(__file__).parent / "discovery_cases"
ROOT = Path(__file__).resolve().parents[2]
IMAGES = ("web:1.0", "db:1.0", "api:2", "a:1")
DB = "quay.io/acme/db:2.0"
WEB = "docker.io/acme/web:1.0"


@dataclass
class Said:
    """What came of a command."""

    code: int
    text: str
    images: list[str]


Lock = Callable[..., Said]


@pytest.fixture(scope="module")
def registry() -> Iterator[StubRegistry]:
    with StubRegistry() as server:
        for name in IMAGES:
            server.put(f"docker.io/acme/{name}", MadeImage(name.encode()))
        server.put("quay.io/acme/db:2.0", MadeImage(b"db"))
        yield server
        server.shutdown()


@pytest.fixture
def lock(tmp_path: Path, registry: StubRegistry) -> Lock:
    """Runs `bundler lock` in a case's folder."""

    def lock(case: str, *words: str, kubefile: str = "") -> Said:
        folder = tmp_path / case
        shutil.copytree(CASES / case, folder, symlinks=True)
        if kubefile:
            (folder / "Kubefile").write_text(kubefile)
        conf = tmp_path / "registries.conf"
        conf.write_text(
            "".join(
                f'[[registry]]\nprefix = "{host}"\nlocation = "{registry.host}/{host}"\ninsecure = true\n'
                for host in ("docker.io", "quay.io", registry.host)
            ).replace(f'location = "{registry.host}/{registry.host}"', f'location = "{registry.host}"')
        )
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path / "home"),
            "PYTHONPATH": str(ROOT),
            "BUNDLER_CACHE": str(tmp_path / "cache"),
            "CONTAINERS_REGISTRIES_CONF": str(conf),
        }
        done = subprocess.run(
            [sys.executable, "-m", "bundler.builder", "lock", ".", *words],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        text = done.stdout + done.stderr
        assert "Traceback" not in text
        return Said(done.returncode, text, _locked(folder / "Kubefile.lock"))

    return lock


def _locked(path: Path) -> list[str]:
    if not path.is_file():
        return []
    return [one["reference"] for one in json.loads(path.read_text())["platforms"]["linux/amd64"]["images"]]


@pytest.mark.parametrize(
    ("case", "images", "says"),
    [
        ("chart-image-annotations", [WEB], (DB, "docker.io/acme/api:2", "Chart.yaml:")),
        ("chart-separator-glued", ["docker.io/acme/db:1.0", WEB], ()),
        ("commands-set-values", ["docker.io/acme/db:1.0", WEB], ()),
        ("configmap-repository-tag-keys", [DB], ()),
        ("configmap-toml-images", [DB], ()),
        ("copied-beside-manifests", [WEB], ()),
        ("copied-to-etc", [WEB], ()),
        ("cr-helmchart", [DB], ("m.yaml:2:7: HelmChart: the cluster fetches",)),
        ("cr-plain-image-key", [WEB, DB], ()),
        ("env-image-variable", ["docker.io/acme/api:2", WEB, DB], ("quay.io/acme/db:latest",)),
        ("image-in-shell-command", [WEB, DB], ()),
        ("placeholder-image-auto", [], ("the image 'auto' holds a place",)),
        ("rendered-duplicate-label", [WEB], ("d.yaml (rendered):7:5: 'app' stands here a second time",)),
        ("subchart-symlink-in-context", ["docker.io/acme/a:1", WEB], ()),
    ],
)
def test_the_images_of_a_case_are_found_or_told(
    lock: Lock, case: str, images: list[str], says: tuple[str, ...]
) -> None:
    said = lock(case)
    assert said.code == 0, said.text
    assert said.images == images
    for words in says:
        assert words in said.text
    assert ("warning:" in said.text) == bool(says)


def test_a_chart_that_needs_values_says_how_to_give_them(lock: Lock) -> None:
    said = lock("chart-needs-values")
    assert said.code == 3
    assert "password is required" in said.text
    assert "APP --values=FILE" in said.text


def test_a_chart_that_refuses_the_default_namespace_gets_its_own(lock: Lock) -> None:
    said = lock("chart-refuses-default-namespace")
    assert said.code == 3
    assert "APP --namespace=NAME" in said.text


def test_with_a_namespace_it_is_taken(lock: Lock) -> None:
    text = 'FROM scratch\nAPP --namespace=db shop local://chart\nLAUNCH ["shop"]\n'
    said = lock("chart-refuses-default-namespace", kubefile=text)
    assert (said.code, said.images) == (0, [WEB])


def test_an_index_that_leads_to_a_registry_is_followed(lock: Lock, registry: StubRegistry) -> None:
    there = put(registry, "charts/demo", "0.1.0", packed("demo", "0.1.0"))
    entry = {"name": "viaoci", "version": "1.0.0", "urls": [there]}
    with serving() as server:
        index = yaml.safe_dump({"apiVersion": "v1", "entries": {"viaoci": [entry]}}).encode()
        server.answers["/stable/index.yaml"] = content(index)
        text = f'FROM scratch\nAPP x chart+{server.base}/stable/viaoci:1.0.0\nLAUNCH ["x"]\n'
        said = lock("chart-repository-index-with-oci", kubefile=text)
    assert said.code == 0, said.text
    assert f"+ chart chart+{server.base}/stable/viaoci:1.0.0" in said.text


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="no kubectl on this machine to build it with")
def test_a_kustomization_is_carried_out(lock: Lock) -> None:
    said = lock("kustomization-newtag")
    assert (said.code, said.images) == (0, [DB]), said.text


@pytest.mark.parametrize("words", [(), ("--offline",)])
def test_a_schema_that_leads_out_is_refused_and_asks_nobody(lock: Lock, words: str) -> None:
    with serving() as server:
        folder = CASES / "remote-schema-ref"
        assert "127.0.0.1:5059" in (folder / "chart/values.schema.json").read_text()
        said = lock("remote-schema-ref", *words)
        assert server.seen == []
    assert said.code == 3
    assert (
        "application/apps/shop/values.schema.json:1: the schema refers to http://127.0.0.1:5059/" in said.text
    )

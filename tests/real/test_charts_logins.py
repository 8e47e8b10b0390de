"""A chart repository behind HTTPS and a password, as `helm repo add --username` knows it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import pytest

from tests.kits.charts import packed
from tests.kits.logins import OPS, SECRET, given, guarded
from tests.kits.run_files import runtime
from tests.kits.servers import Answer, Server, content, self_signed, serving

pytestmark = pytest.mark.real
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Site:
    """A repository that requires a login, another host that has an archive of it, and a project."""

    folder: Path
    repository: Server
    elsewhere: Server
    environment: dict[str, str]

    def run(self, *words: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "bundler.builder", *map(str, words)],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )

    def write(self, kubefile: str, **files: str) -> Path:
        folder = self.folder / "shop"
        folder.mkdir(exist_ok=True)
        for name, text in {"Kubefile": kubefile, **files}.items():
            path = folder / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        return folder


def index(*charts: tuple[str, str, bytes, str]) -> bytes:
    lines = ["apiVersion: v1", "entries:"]
    for name, version, data, url in charts:
        about = f"apiVersion: v2, name: {name}, version: {version}, digest: {sha256(data).hexdigest()}"
        lines.append(f"  {name}:\n  - {{{about}, urls: ['{url}']}}")
    return "\n".join((*lines, "")).encode()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    certificate = self_signed(tmp_path)
    near, far = packed("near", "1.2.0"), packed("far", "1.0.0")
    runtime(tmp_path / "runtime.tar.gz")
    with serving(certificate) as repository, serving(certificate) as elsewhere:
        answers: dict[str, Answer] = {
            "/stable/index.yaml": content(
                index(
                    ("near", "1.2.0", near, "near-1.2.0.tgz"),
                    ("far", "1.0.0", far, elsewhere.url("/far-1.0.0.tgz")),
                )
            ),
            "/stable/near-1.2.0.tgz": content(near),
        }
        repository.answers |= {path: guarded(answer) for path, answer in answers.items()}
        elsewhere.answers["/far-1.0.0.tgz"] = content(far)
        helm = tmp_path / "repositories.yaml"
        helm.write_text(
            f'apiVersion: ""\nrepositories:\n- name: acme\n  url: {repository.url("/stable")}\n'
            f'  username: {OPS.username}\n  password: "{SECRET}"\n'
        )
        environment = {
            **os.environ,
            "HOME": str(tmp_path),
            "HELM_REPOSITORY_CONFIG": str(helm),
            "HELM_REPOSITORY_CACHE": str(tmp_path / "helm-cache"),
            "HELM_CACHE_HOME": str(tmp_path / "helm"),
            "SSL_CERT_FILE": str(certificate[0]),
            "BUNDLER_CACHE": str(tmp_path / "cache"),
        }
        yield Site(tmp_path, repository, elsewhere, environment)


def everything_written(site: Site) -> bytes:
    """The lock, the logs, and the records of the cache."""
    found = [path for path in (site.folder / "cache").rglob("*") if path.is_file()]
    found += [path for path in (site.folder / "shop").rglob("*") if path.is_file()]
    return b"".join(path.read_bytes() for path in found)


def test_charts_come_with_helms_own_login_which_goes_to_nobody_else(site: Site) -> None:
    base = f"chart+{site.repository.url('/stable')}"
    folder = site.write(
        f'FROM scratch\nAPP near {base}/near:1.2.0\nAPP far {base}/far:1.0.0\nLAUNCH ["near"]\n'
    )
    done = site.run("lock", folder)
    assert done.returncode == 0, done.stderr
    assert set(given(site.repository, "/stable/near-1.2.0.tgz")) == {OPS.basic()}
    assert given(site.elsewhere, "/far-1.0.0.tgz") == [""]
    told = (done.stdout + done.stderr).encode() + everything_written(site)
    assert SECRET.encode() not in told
    assert OPS.basic().removeprefix("Basic ").encode() not in told
    del site.repository.seen[:]
    (site.folder / "repositories.yaml").unlink()
    done = site.run(
        "make", folder, "--locked", "--offline", "-q", "-o", site.folder / "shop.run",
        "--runtime", site.folder / "runtime.tar.gz",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert site.repository.seen == []


def test_without_helms_login_that_of_netrc_is_taken(site: Site) -> None:
    host = site.repository.base.removeprefix("https://")
    (site.folder / "repositories.yaml").unlink()
    folder = site.write(f'FROM scratch\nAPP near chart+https://{host}/stable/near:1.2.0\nLAUNCH ["near"]\n')
    done = site.run("lock", folder)
    assert done.returncode == 7
    assert "the server requires a login" in done.stderr
    (site.folder / ".netrc").write_text(f"machine 127.0.0.1 login {OPS.username} password {SECRET}\n")
    (site.folder / ".netrc").chmod(0o600)
    done = site.run("lock", folder)
    assert done.returncode == 0, done.stderr


def test_a_range_is_resolved_by_helm_with_its_login(site: Site) -> None:
    chart = (
        "{apiVersion: v2, name: own, version: 1.0.0, dependencies: "
        f"[{{name: near, version: ^1.0.0, repository: '{site.repository.url('/stable')}'}}]}}"
    )
    folder = site.write('FROM scratch\nAPP own local://own\nLAUNCH ["own"]\n', **{"own/Chart.yaml": chart})
    (folder / "own/templates").mkdir()
    (folder / "own/templates/x.yaml").write_text("kind: ConfigMap\napiVersion: v1\nmetadata: {name: x}\n")
    done = site.run("lock", folder)
    assert done.returncode == 0, done.stderr
    assert "1.2.0" in (folder / "Kubefile.lock").read_text()

"""`check` and `rehearse` as a person runs them: a real .run, real ssh, this machine as two hosts."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from bundler.core.errors import ExitCode
from tests.real import check_kit
from tests.real.sshd import SSHD, Sshd, running

pytestmark = pytest.mark.real

needs_ssh = [
    pytest.mark.skipif(SSHD is None, reason="no sshd here: apt-get install openssh-server"),
    pytest.mark.skipif(os.geteuid() != 0, reason="sshd lets only its own user in unless it is root's"),
]
OPTIONS = ("ListenAddress 0.0.0.0", "MaxStartups 100")
RULES = b"""limits: {disk-used: 100}
severities: {clock: note}
strict: [vendor-licence]
checks:
- id: vendor-licence
  title: the licence is there
  script: echo "no licence"; exit 3
  fix: ask sales
- id: vendor-shells
  on: worker
  severity: warning
  script: grep -c . /etc/shells
  least: 1000
  unit: shells
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    with running(tmp_path_factory.mktemp("sshd"), options=OPTIONS) as found:
        yield found


@pytest.fixture(scope="module")
def run_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return check_kit.make(tmp_path_factory.mktemp("run") / "shop.run", files={"root/checks/site.yaml": RULES})


def called(run: Path, home: Path, *words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bundler.installer.cli.main", *words, "--allow-unsigned"],
        env={**os.environ, "HOME": str(home), "BUNDLER_RUN_FILE": str(run)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


class TestCheck:
    pytestmark = needs_ssh

    def test_three_hosts_and_the_vendors_own(self, server: Sshd, run_file: Path, tmp_path: Path) -> None:
        site = tmp_path / "site.yaml"
        site.write_text(check_kit.site(server, 3))
        junit, page = tmp_path / "junit.xml", tmp_path / "page.html"
        before = set(Path("/var/lib").iterdir())
        ran = called(
            run_file, server.home, "check", "-f", site, "--json", "--junit", junit, "--html", page,
            "--ignore", "vendor-licence",
        )  # fmt: skip
        assert ran.returncode == ExitCode.PREFLIGHT, ran.stderr
        assert set(Path("/var/lib").iterdir()) == before
        data = json.loads(ran.stdout)
        by_id = {check["id"]: check for check in data["checks"]}
        licence = by_id["vendor-licence"]
        assert (licence["state"], licence["strict"]) == ("found", True)
        assert {(f["where"], f["value"]) for f in licence["findings"]} == {
            (check_kit.address(0), "no licence (exit 3)"),
            (check_kit.address(1), "no licence (exit 3)"),
            (check_kit.address(2), "no licence (exit 3)"),
        }
        shells = sum(1 for line in Path("/etc/shells").read_text().splitlines() if line)
        assert [f["value"] for f in by_id["vendor-shells"]["findings"]] == [f"{shells} shells"] * 2
        assert by_id["clock"]["severity"] == "note"
        assert by_id["disk-full"]["limit"] == "at most 100%"
        assert {f["where"] for f in by_id["machine-id-twice"]["findings"]} >= {check_kit.address(0)}
        suite = ET.parse(junit).getroot()  # noqa: S314  (our own)
        assert int(suite.attrib["tests"]) == len(by_id) > 100
        assert "no licence (exit 3)" in page.read_text()

    def test_a_host_that_gives_no_answer_is_a_finding(
        self, server: Sshd, run_file: Path, tmp_path: Path
    ) -> None:
        site = tmp_path / "site.yaml"
        first, _, last = check_kit.site(server, 2).rpartition(f"port: {server.port}")
        site.write_text(f"{first}port: 1{last}")
        ran = called(run_file, server.home, "check", "-f", site, "--only", "access")
        assert ran.returncode == ExitCode.PREFLIGHT, ran.stderr
        assert "✗ error    host-silent  127.0.1.2" in ran.stdout
        assert "pass on 1 of 2 hosts" in ran.stdout

    def test_an_id_that_no_check_has(self, server: Sshd, run_file: Path, tmp_path: Path) -> None:
        site = tmp_path / "site.yaml"
        site.write_text(check_kit.site(server, 1))
        ran = called(run_file, server.home, "check", "-f", site, "--only", "swapp-on")
        assert ran.returncode == ExitCode.USAGE
        assert "no check is called swapp-on" in ran.stderr


SITE = """apiVersion: bundler/v1
kind: Cluster
metadata: {name: shop-berlin}
spec:
  hosts:
  - {ips: [192.0.2.10], roles: [control-plane]}
  - {ips: [192.0.2.11, 192.0.2.12], roles: [worker]}
"""


def rehearsed(run: Path, tmp_path: Path, *words: str, site: str = SITE) -> subprocess.CompletedProcess[str]:
    file = tmp_path / "site.yaml"
    file.write_text(site)
    return called(run, tmp_path, "rehearse", "-f", file, *words)


def test_an_install_is_rehearsed_without_a_host(run_file: Path, tmp_path: Path) -> None:
    ran = rehearsed(run_file, tmp_path)
    assert ran.returncode == 0, ran.stderr + ran.stdout
    assert "Assumed: Linux with systemd, amd64" in ran.stdout
    assert "control-plane: install, init the control plane" in ran.stdout
    assert "The file holds all that this site needs." in ran.stdout


def test_every_step_for_programs(run_file: Path, tmp_path: Path) -> None:
    (run,) = json.loads(rehearsed(run_file, tmp_path, "--json").stdout)["runs"]
    assert run["problems"] == []
    named = {step["host"] for stage in run["stages"] for step in stage["steps"]}
    assert named == {"192.0.2.10", "192.0.2.11", "192.0.2.12"}


@pytest.mark.parametrize(
    ("without", "site", "said"),
    [
        ("root/bin/kubelet", SITE, "✗ bundle  shop: the bundle has no root/bin/kubelet"),
        ("", SITE.replace("spec:", "spec:\n  appNames: [shop-app]"), "shop-app"),
        ("", SITE.replace("192.0.2.10]", "192.0.2.10, 192.0.2.13]"), "✗ balancer  192.0.2.11"),
    ],
)
def test_what_is_missing_is_found_before_anybody_travels(
    without: str, site: str, said: str, tmp_path: Path
) -> None:
    run = check_kit.make(tmp_path / "shop.run", without=frozenset({without}))
    ran = rehearsed(run, tmp_path, site=site)
    assert ran.returncode == ExitCode.PREFLIGHT, ran.stdout + ran.stderr
    assert said in ran.stdout


def test_wrong_rules_are_found_with_their_line(tmp_path: Path) -> None:
    rules = b"limits:\n  etcd-fsinc: 5\nstrict: [no-such-check]\n"
    run = check_kit.make(tmp_path / "shop.run", files={"root/checks/site.yaml": rules})
    ran = rehearsed(run, tmp_path)
    assert ran.returncode == ExitCode.INPUT, ran.stdout + ran.stderr
    assert "checks/site.yaml:2" in ran.stderr
    assert "no limit is called 'etcd-fsinc'" in ran.stderr

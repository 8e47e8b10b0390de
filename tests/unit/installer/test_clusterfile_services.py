"""`dns:` and `ntp:` of a Clusterfile, and what a host's time service becomes."""

from dataclasses import replace
from pathlib import Path

import pytest

from bundler.core.errors import Problems
from bundler.installer.plan.steps import Exec
from bundler.installer.scripts import render as templates
from bundler.installer.site.clusterfile.read import read
from tests.kits.machine import Machine
from tests.unit.installer.plan import kit

TEXT = """\
apiVersion: bundler/v1
kind: Cluster
spec:
  hosts: [{ips: [10.0.0.2], roles: [control-plane]}]
"""


def test_name_and_time_servers_of_a_site() -> None:
    found = read(f"{TEXT}  dns: [10.0.0.53, 'fd00::53']\n  ntp: [time.example, 10.0.0.123]\n", "site.yaml")
    assert found.dns == ("10.0.0.53", "fd00::53")
    assert found.ntp == ("time.example", "10.0.0.123")
    assert (read(TEXT, "site.yaml").dns, read(TEXT, "site.yaml").ntp) == ((), ())


@pytest.mark.parametrize(
    ("line", "place", "message"),
    [
        ("dns: [10.0.0.53, dns.example]", "5:20", "'dns.example' is not an IP address"),
        ("ntp: ['a b']", "5:9", "is neither an address nor a name"),
        ('ntp: ["a\\nserver evil"]', "5:9", "is neither an address nor a name"),
    ],
)
def test_what_is_none_is_refused(line: str, place: str, message: str) -> None:
    with pytest.raises(Problems) as caught:
        read(f"{TEXT}  {line}\n", "site.yaml")
    (problem,) = caught.value.problems
    assert str(problem.location) == f"site.yaml:{place}"
    assert message in problem.message


def test_sealers_own_files_have_neither() -> None:
    with pytest.raises(Problems) as caught:
        read(f"{TEXT}  dns: [10.0.0.53]\n".replace("bundler/v1", "sealer.io/v2"), "site.yaml")
    assert [problem.rule for problem in caught.value.problems] == ["unknown-field"]


def test_only_a_site_that_names_time_servers_has_steps_for_them() -> None:
    assert "host/10.0.0.3/time" not in kit.steps(kit.plan())
    step = kit.steps(kit.plan(replace(kit.site(), ntp=("t1", "t2"))))["host/10.0.0.3/time"]
    assert isinstance(step, Exec)
    assert "servers='t1 t2'" in step.script


def test_chrony_follows_the_sites_servers_alone_and_gets_its_file_back(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    folder = machine.root / "etc/chrony"
    folder.mkdir()
    theirs = "# theirs\npool 2.debian.pool.ntp.org iburst\nsourcedir /run/chrony-dhcp\nmakestep 1 3\n"
    (folder / "chrony.conf").write_text(theirs)
    (machine.bin / "systemctl").write_text(
        f'#!/bin/sh\necho "systemctl $*" >>{machine.calls}\n[ "$1 $2" != "cat chronyd.service" ]\n'
    )
    script = templates.script("time.sh", servers="10.0.0.123 time.example")
    machine.run(script.replace("/etc/chrony", f"{machine.root}/etc/chrony"))
    assert (folder / "chrony.conf").read_text() == (
        "# theirs\nmakestep 1 3\nserver 10.0.0.123 iburst\nserver time.example iburst\n"
    )
    assert "systemctl restart chrony.service" in machine.calls.read_text().splitlines()
    machine.run(templates.load("restore.sh"))
    assert (folder / "chrony.conf").read_text() == theirs


def test_timesyncd_gets_a_drop_in(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    (machine.bin / "systemctl").write_text(
        f'#!/bin/sh\necho "systemctl $*" >>{machine.calls}\ncase $2 in chron*) exit 1 ;; esac\n'
    )
    script = templates.script("time.sh", servers="10.0.0.123")
    machine.run(script.replace("/etc/systemd", f"{machine.root}/etc/systemd"))
    drop_in = machine.root / "etc/systemd/timesyncd.conf.d/90-bundler.conf"
    assert drop_in.read_text() == "[Time]\nNTP=10.0.0.123\nFallbackNTP=\n"
    machine.run(templates.load("restore.sh"))
    assert not (machine.root / "etc/systemd").exists()

"""Which suite fits which host, and how its packages get there."""

import pytest

from bundler.core.errors import Problems
from bundler.core.index import OsPackage
from bundler.installer.plan.steps import Deliver, Exec, Write
from tests.unit.installer.plan import kit

DEBIAN = {"os_id": "debian", "os_version": "12", "os_codename": "bookworm"}
NOBLE = {"os_id": "ubuntu", "os_version": "24.04", "os_codename": "noble", "os_like": ("debian",)}
MINT = {"os_id": "linuxmint", "os_version": "22", "os_codename": "wilma", "os_like": ("ubuntu", "debian")}
RHEL = {"os_id": "rhel", "os_version": "9.6", "os_codename": "", "os_like": ("fedora",)}
ROCKY = {
    "os_id": "rocky",
    "os_version": "9.4",
    "os_codename": "",
    "os_like": ("rhel", "centos", "fedora"),
}
DNF = {"commands": frozenset({"dnf", "systemctl", "tar", "sha256sum"})}


def rpm(name: str, suite: str = "rhel:9", *, requested: bool = False) -> OsPackage:
    path = f"packages/{suite.replace(':', '-')}/{name}-1-1.el9.x86_64.rpm"
    return OsPackage(suite, name, "1-1.el9", "x86_64", path, requested)


def planned(host: dict[str, object], *suites: str) -> str:
    """The suite whose packages the host gets, as the plan's delivery names it."""
    packages = tuple(kit.package("containerd", requested=True, suite=suite) for suite in suites)
    of = kit.site()
    both = {**DNF, **host, "commands": DNF["commands"] | {"apt-get"}}
    facts = kit.facts(of, control_plane=both, worker=both)
    made = kit.steps(kit.plan(of, facts, kit.index(packages=packages)))
    return made[f"distribute/{kit.CONTROL_PLANE}/packages"].reason.split()[0]


@pytest.mark.parametrize(
    ("host", "suites", "fits"),
    [
        (DEBIAN, ("debian:bookworm", "ubuntu:noble"), "debian:bookworm"),
        (NOBLE, ("debian:bookworm", "ubuntu:noble"), "ubuntu:noble"),
        (RHEL, ("debian:bookworm", "rhel:9"), "rhel:9"),
        (RHEL, ("rhel:9", "rhel:9.6"), "rhel:9.6"),
        (ROCKY, ("rhel:9", "rocky:9"), "rocky:9"),
        (ROCKY, ("rhel:9",), "rhel:9"),
        (ROCKY, ("centos:9", "rhel:9"), "rhel:9"),
    ],
)
def test_the_suite_that_fits_best(host: dict[str, object], suites: tuple[str, ...], fits: str) -> None:
    assert planned(host, *suites) == fits


@pytest.mark.parametrize(
    ("host", "suite", "named"),
    [
        (NOBLE, "debian:bookworm", "ubuntu:noble"),
        (MINT, "ubuntu:noble", "linuxmint:wilma"),
        (RHEL, "rocky:9", "rhel:9"),
        (ROCKY, "rhel:8", "rocky:9"),
        (RHEL, "rhel:9.4", "rhel:9"),
    ],
)
def test_a_host_that_no_suite_fits_is_told(host: dict[str, object], suite: str, named: str) -> None:
    with pytest.raises(Problems) as caught:
        planned(host, suite)
    problem = next(each for each in caught.value.problems if each.rule == "suite")
    assert problem.message == f"the host is {named}; the bundle has packages for {suite}"
    assert f"PACKAGE {named}" in problem.hint


def test_an_rpm_host_gets_what_it_lacks_and_dnf_installs_it() -> None:
    packages = (rpm("containerd.io", requested=True), rpm("libseccomp"), rpm("container-selinux"))
    files = {"packages/rhel-9/repodata/repomd.xml": 10, "packages/rhel-9/repodata/primary.xml": 20}
    of = kit.site()
    host = {**RHEL, **DNF, "packages": {"libseccomp": "1-1.el9"}}
    facts = kit.facts(of, control_plane=host, worker=host)
    made = kit.steps(kit.plan(of, facts, kit.index(packages=packages, files=files)))
    sent = made["distribute/10.0.0.2/packages"]
    assert isinstance(sent, Deliver)
    assert {file.path for file in sent.files} == {
        "/var/lib/bundler/packages/rhel-9/container-selinux-1-1.el9.x86_64.rpm",
        "/var/lib/bundler/packages/rhel-9/containerd.io-1-1.el9.x86_64.rpm",
        "/var/lib/bundler/packages/rhel-9/repodata/primary.xml",
        "/var/lib/bundler/packages/rhel-9/repodata/repomd.xml",
    }
    installs = made["host/10.0.0.2/packages"]
    assert isinstance(installs, Exec)
    assert "dnf -y" in installs.script
    assert "names=containerd.io\n" in installs.script
    unit = made["runtime/10.0.0.2/unit"]
    assert isinstance(unit, Write)
    assert "/usr/bin/containerd" in unit.content, "Docker's package counts as containerd"


def test_an_rpm_host_without_dnf_is_unfit() -> None:
    of = kit.site()
    host = {**RHEL, "commands": frozenset({"systemctl", "tar", "sha256sum", "apt-get"})}
    facts = kit.facts(of, control_plane=host, worker={**RHEL, **DNF})
    with pytest.raises(Problems) as caught:
        kit.plan(of, facts, kit.index(packages=(rpm("containerd", requested=True),)))
    assert [(each.rule, each.message) for each in caught.value.problems] == [
        ("missing-command", "the host lacks dnf")
    ]

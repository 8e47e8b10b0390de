"""What a bundle wants of its hosts' kernels gets there."""

from dataclasses import replace

from bundler.installer.plan.steps import Exec
from bundler.installer.scripts.render import Script
from tests.unit.installer.plan import kit

LABELS = {
    "io.bundler.hosts.modules": "iscsi_tcp overlay",
    "io.bundler.hosts.sysctls": "vm.max_map_count=262144",
}


def prepared(labels: dict[str, str], **changes: object) -> dict[str, str]:
    found = kit.facts(kit.site(), worker=changes)
    made = kit.plan(found=found, bundle=replace(kit.index(), labels=labels))
    step = kit.steps(made)[f"host/{kit.WORKER}/prepare"]
    assert isinstance(step, Exec)
    assert isinstance(step.script, Script)
    return dict(step.script.variables)


def test_modules_are_loaded_beside_kubernetes_own_each_once() -> None:
    assert prepared(LABELS)["modules"] == "overlay br_netfilter iscsi_tcp"
    assert prepared({})["modules"] == "overlay br_netfilter"


def test_a_containers_kernel_is_its_hosts() -> None:
    inside = prepared(LABELS, virtualisation="systemd-nspawn")
    assert (inside["modules"], inside["least"]) == ("", "")


def test_a_setting_is_raised_and_never_lowered() -> None:
    assert prepared(LABELS)["least"].endswith(" vm/max_map_count=262144")
    assert "max_map_count" not in prepared(LABELS)["sysctls"]

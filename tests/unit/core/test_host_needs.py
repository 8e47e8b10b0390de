import pytest

from bundler.core.host_needs import MODULES, SYSCTLS, HostNeeds


def test_nothing_wanted_makes_no_label() -> None:
    assert HostNeeds.of({}).labels == {}


def test_what_several_want_adds_up_and_the_higher_setting_counts() -> None:
    search = HostNeeds().also(["iscsi_tcp"], ["vm.max_map_count=262144"])
    both = search.also(["rbd", "iscsi_tcp"], ["vm.max_map_count=1048575", "fs.aio-max-nr=1000000"])
    assert both.labels == {
        MODULES: "iscsi_tcp rbd",
        SYSCTLS: "fs.aio-max-nr=1000000 vm.max_map_count=1048575",
    }
    assert both.also([], ["vm.max_map_count=1"]) == both


def test_labels_come_back_as_they_went() -> None:
    needs = HostNeeds(("rbd",), (("vm.max_map_count", 262144),))
    assert HostNeeds.of(needs.labels) == needs


def test_the_site_sets_paths() -> None:
    assert HostNeeds((), (("vm.max_map_count", 262144),)).paths == "vm/max_map_count=262144"


@pytest.mark.parametrize(
    "text", ["vm.max_map_count", "vm.max_map_count=", "vm.max_map_count=$(reboot)", "=1;x"]
)
def test_a_label_that_is_no_setting_sets_nothing(text: str) -> None:
    assert HostNeeds.of({SYSCTLS: text}).sysctls == ()

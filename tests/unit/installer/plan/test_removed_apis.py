import pytest

from bundler.core.kubernetes_version import KubernetesVersion
from bundler.installer.plan.removed_apis import asked_for

TARGET = KubernetesVersion.parse("v1.37.2")
LINE = 'group="{}",removed_release="{}",resource="widgets",subresource="",version="v1beta1"'


@pytest.mark.parametrize(
    ("release", "told"), [("1.37", True), ("1.25", True), ("1.38", False), ("", False), ("soon", False)]
)
def test_only_what_the_next_version_lacks_is_told(release: str, *, told: bool) -> None:
    assert bool(asked_for([LINE.format("policy", release)], TARGET)) is told


def test_the_api_is_named_once_however_many_servers_were_asked() -> None:
    (warning,) = asked_for([LINE.format("policy", "1.37")] * 3, TARGET)
    assert "widgets of policy/v1beta1, gone since Kubernetes v1.37" in warning


def test_the_core_group_has_no_name() -> None:
    (warning,) = asked_for([LINE.format("", "1.37")], TARGET)
    assert "widgets of v1beta1" in warning

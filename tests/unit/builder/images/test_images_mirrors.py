"""Repositories that are asked for in other places."""

from typing import Any

import pytest

from bundler.builder.net.mirrors import Mirrors
from bundler.builder.net.registries import Mirror, Registries, Rule
from bundler.core.errors import ExitCode, Problems
from tests.kits.images import MadeImage


def test_a_mirror_is_asked_and_the_name_stays(registry: Any, pull: Any) -> None:
    registry.put("cache/k8s/pause:3.10.1", MadeImage(b"one"))
    rules = Mirrors.parse(f"registry.k8s.io {registry.host}/cache/k8s", "mirrors")
    (found,) = pull("registry.k8s.io/pause:3.10.1", mirrors=rules)
    assert found.name == "registry.k8s.io/pause:3.10.1"
    assert registry.asked("/v2/cache/k8s/pause/manifests/3.10.1")
    assert registry.asked("/v2/cache/k8s/pause/blobs/")


def test_the_default_registry_can_be_mirrored(registry: Any, pull: Any) -> None:
    registry.put("hub/library/nginx:1.27", MadeImage(b"one"))
    rules = Mirrors.parse(f"docker.io {registry.host}/hub", "mirrors")
    (found,) = pull("nginx:1.27", mirrors=rules)
    assert found.name == "docker.io/library/nginx:1.27"


def test_what_a_mirror_lacks_is_not_asked_elsewhere(registry: Any, pull: Any) -> None:
    rules = Mirrors.parse(f"quay.io {registry.host}", "mirrors")
    with pytest.raises(Problems) as caught:
        pull("quay.io/team/app:1", mirrors=rules)
    assert caught.value.code is ExitCode.NOT_FOUND
    assert f"{registry.host}/team/app:1" in str(caught.value)


def configured(*mirrors: Any, **registry: Any) -> Any:
    rule = Rule("quay.io", mirrors=tuple(Mirror(one, insecure=True) for one in mirrors), **registry)
    return Mirrors(registries=Registries((rule,)))


@pytest.mark.usefixtures("no_waiting")
def test_the_first_mirror_that_has_it_gives_it_and_one_that_is_down_is_asked_once(
    registry: Any, pull: Any
) -> None:
    registry.put("good/team/app:1", MadeImage(b"one", b"two", b"three"))
    rules = configured("127.0.0.1:1/down", f"{registry.host}/empty", f"{registry.host}/good")
    (found,) = pull("quay.io/team/app:1", mirrors=rules, insecure=frozenset())
    assert found.name == "quay.io/team/app:1"
    assert len(registry.asked("/v2/good/team/app/blobs/")) == 4


def test_when_all_places_fail_all_are_named(registry: Any, pull: Any) -> None:
    rules = configured(f"{registry.host}/empty", location=f"{registry.host}/moved", insecure=True)
    with pytest.raises(Problems) as caught:
        pull("quay.io/team/app:1", mirrors=rules, insecure=frozenset())
    assert f"{registry.host}/moved/team/app" in str(caught.value)
    assert f"mirrors failed before: {registry.host}/empty/team/app" in str(caught.value)


def test_a_lying_mirror_is_not_passed_over(registry: Any, pull: Any) -> None:
    image = MadeImage(b"one")
    registry.put("bad/team/app:1", image)
    registry.put("good/team/app:1", image)
    registry.content[f"/v2/bad/team/app/manifests/{image.digest}"] = (image.media_type, b"{}")
    rules = configured(f"{registry.host}/bad", f"{registry.host}/good")
    with pytest.raises(Problems) as caught:
        pull(f"quay.io/team/app@{image.digest}", mirrors=rules, insecure=frozenset())
    assert caught.value.code is ExitCode.INTEGRITY

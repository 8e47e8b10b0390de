"""Repositories that are asked for in other places."""

import pytest

from bundler.builder.mirrors import Mirrors
from bundler.core.errors import ExitCode, Problems
from tests.unit.builder.images.parts import MadeImage


def test_a_mirror_is_asked_and_the_name_stays(registry, pull):
    registry.put("cache/k8s/pause:3.10.1", MadeImage(b"one"))
    rules = Mirrors.parse(f"registry.k8s.io {registry.host}/cache/k8s", "mirrors")
    (found,) = pull("registry.k8s.io/pause:3.10.1", mirrors=rules)
    assert found.name == "registry.k8s.io/pause:3.10.1"
    assert registry.asked("/v2/cache/k8s/pause/manifests/3.10.1")
    assert registry.asked("/v2/cache/k8s/pause/blobs/")


def test_the_default_registry_can_be_mirrored(registry, pull):
    registry.put("hub/library/nginx:1.27", MadeImage(b"one"))
    rules = Mirrors.parse(f"docker.io {registry.host}/hub", "mirrors")
    (found,) = pull("nginx:1.27", mirrors=rules)
    assert found.name == "docker.io/library/nginx:1.27"


def test_what_a_mirror_lacks_is_not_asked_elsewhere(registry, pull):
    rules = Mirrors.parse(f"quay.io {registry.host}", "mirrors")
    with pytest.raises(Problems) as caught:
        pull("quay.io/team/app:1", mirrors=rules)
    assert caught.value.code is ExitCode.NOT_FOUND
    assert f"{registry.host}/team/app:1" in str(caught.value)

"""The demo on upstream's own Kubernetes, whole, from servers on loopback that hold what was compiled."""

import subprocess
from pathlib import Path

import pytest

from bundler.core.archive import Bundle
from tests.real import catalogue_kit, registry_kit, upstream_kit

_MISSING = catalogue_kit.missing() or registry_kit.missing()
pytestmark = [pytest.mark.real, pytest.mark.skipif(bool(_MISSING), reason=_MISSING or "all there")]


def test_the_demo_is_made_of_upstreams_files_and_asks_kubeadm_what_it_wants(tmp_path: Path) -> None:
    with upstream_kit.running(tmp_path) as upstream:
        images = upstream_kit.make_demo(tmp_path / "demo.run", upstream)
    with Bundle.open(tmp_path / "demo.run") as bundle:
        assert bundle.index.kubernetes == f"v{upstream_kit.KUBERNETES}"
        programs = {member.path for member in bundle.index.members if member.path.startswith("root/bin/")}
    assert programs == {
        f"root/bin/{name}" for name in ("crictl", "kubeadm", "kubectl", "kubelet", "registry")
    }
    asked: list[str | Path] = [
        tmp_path / "stage/bin/kubeadm",
        "config",
        "images",
        "list",
        f"--kubernetes-version=v{upstream_kit.KUBERNETES}",
    ]
    wanted = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.split()
    own = {"bundler.local/cni-bridge:2", "docker.io/demo/web:1.0", "quay.io/demo/web:1.0"}
    assert images == own | set(wanted)

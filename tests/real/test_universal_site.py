"""What a .run for two platforms installs: what fits the hosts, whatever machine it is started on."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from bundler.builder.cache.store import default_root
from bundler.builder.runtime.freeze import freeze, stub_template
from bundler.core.archive import Bundle, BundleWriter
from bundler.core.archive.platforms import Edition, tar_names
from bundler.core.digest import Digest
from bundler.core.errors import ExitCode
from bundler.core.index import Image
from bundler.core.oci import AMD64
from bundler.installer.plan.steps import RUNTIME_MEMBER, Delivery
from bundler.installer.run.deliver import BundleSource
from tests.kits.archive.bundles import meta
from tests.kits.run_files import runtime
from tests.real import sshd

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(sshd.SSHD is None, reason="no sshd here: apt-get install openssh-server"),
    pytest.mark.skipif(os.geteuid() != 0, reason="sshd lets only its own user in unless it is root's"),
]

AMD, ARM = "linux/amd64", "linux/arm64"
HERE, THERE = "127.0.0.1", "127.0.0.2"  # this machine, and one that is reached by ssh


@pytest.fixture
def product(tmp_path: Path) -> Path:
    """kubeadm is there for arm64 alone, so that what preflight misses tells whose index was taken."""
    blob = Digest.of(b"pause")
    image = Image("registry.k8s.io/pause:3.2", blob, "application/x", 5, (blob,), ())
    both = {f"images/blobs/sha256/{blob.hex}": b"pause"}
    files = (
        {**both, "root/bin/kubelet": b"amd64"},
        {**both, "root/bin/kubelet": b"arm64", "root/bin/kubeadm": b"arm64"},
    )
    names = tar_names((AMD, ARM), files)
    path = tmp_path / "shop.run"
    with BundleWriter(path, stub=stub_template(), runtime=freeze(AMD64, default_root())) as writer:
        every = {name: files[n][each] for n, of in enumerate(names) for each, name in of.items()}
        for name, data in every.items():
            writer.add(name, [data], size=len(data), digest=Digest.of(data), mode=0o755)
        other = runtime(tmp_path / "arm64.tar.gz")
        first, second = (meta(platform=p, kubernetes="v1.37.2", images=(image,)) for p in (AMD, ARM))
        writer.finish(first, names=names[0], further=(Edition(second, other, names[1]),))
    return path


@pytest.fixture
def arm(tmp_path: Path) -> Iterator[sshd.Sshd]:
    """A host that says it is an arm64 machine."""
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "uname").write_text(
        '#!/bin/sh\ncase $1 in -m) echo aarch64 ;; *) exec /bin/uname "$@" ;; esac\n'
    )
    (tools / "uname").chmod(0o755)
    machine = "0123456789abcdef0123456789abcdef"  # two hosts of one machine id would be clones
    (tools / "cat").write_text(
        f'#!/bin/sh\ncase $* in /etc/machine-id) echo {machine} ;; *) exec /bin/cat "$@" ;; esac\n'
    )
    (tools / "cat").chmod(0o755)
    options = (f"ListenAddress {THERE}", f'SetEnv "PATH={tools}:/usr/sbin:/usr/bin:/sbin:/bin"')
    with sshd.running(tmp_path / "arm", options=options) as running:
        yield running


def plan(product: Path, arm: sshd.Sshd, hosts: dict[str, str]) -> str:
    """What `plan` says of a site; hosts: role by address."""
    site = product.with_name("site.yaml")
    listed = "".join(
        f"  - {{ips: [{address}], roles: [{role}], hostKey: '{arm.fingerprint}'}}\n"
        for address, role in hosts.items()
    )
    site.write_text(
        "apiVersion: bundler/v1\nkind: Cluster\nmetadata: {name: site}\nspec:\n"
        f"  ssh: {{user: root, port: {arm.port}, pk: {arm.user_key}}}\n  hosts:\n{listed}"
    )
    done = subprocess.run(
        ["sh", product, "plan", "--clusterfile", site, "--allow-unsigned"],
        capture_output=True, text=True, check=False, timeout=120, cwd=product.parent,
    )  # fmt: skip
    assert done.returncode == ExitCode.PREFLIGHT, done.stderr
    return done.stderr


def test_this_machine_installs_a_site_of_another_architecture(product: Path, arm: sshd.Sshd) -> None:
    told = plan(product, arm, {THERE: "control-plane"})
    assert "[architecture]" not in told
    assert "the bundle has no root/bin/kubectl" in told
    assert "root/bin/kubeadm" not in told


def test_its_own_architecture_is_what_it_takes_for_itself(product: Path, arm: sshd.Sshd) -> None:
    told = plan(product, arm, {HERE: "control-plane"})
    assert "[architecture]" not in told
    assert "the bundle has no root/bin/kubeadm" in told


def test_on_a_site_of_both_each_host_is_held_against_its_own_platform(product: Path, arm: sshd.Sshd) -> None:
    for hosts in ({HERE: "control-plane", THERE: "worker"}, {THERE: "control-plane", HERE: "worker"}):
        told = plan(product, arm, hosts)
        assert "[architecture]" not in told
        assert "the bundle has no root/bin/kubeadm for linux/amd64" in told
        assert "the bundle has no root/bin/kubeadm for linux/arm64" not in told
        for platform in (AMD, ARM):
            assert f"the bundle has no root/bin/kubectl for {platform}" in told


def test_hosts_get_the_runtime_of_their_architecture(product: Path) -> None:
    asked = Delivery(RUNTIME_MEMBER, "/x", 0o644, Digest.of(b""), 0)
    with Bundle.open(product) as bundle:
        for platform, name in ((AMD, "runtime"), (ARM, "runtime-linux-arm64!")):
            source, section = BundleSource(bundle.of(platform)), bundle.seal.section(name)
            assert source.describe(asked) == (section.digest, section.length)
            assert Digest.of(b"".join(source.chunks(asked))) == section.digest

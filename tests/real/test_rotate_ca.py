"""The rotation's scripts with a real kubeadm: who signs and who is trusted in each stage."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from bundler.installer.scripts.render import folder
from tests.site.spec import cache_root

_FOUND = sorted((cache_root() / "programs").glob("*/kubeadm"))
pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(
        os.geteuid() != 0 or not _FOUND or not shutil.which("openssl"),
        reason="needs root, openssl and a kubeadm that the catalogue has compiled on this machine",
    ),
]

CONFIG = """\
apiVersion: kubeadm.k8s.io/v1beta4
kind: InitConfiguration
localAPIEndpoint: {advertiseAddress: 10.1.1.1}
nodeRegistration: {name: node-1}
---
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
kubernetesVersion: VERSION
encryptionAlgorithm: ECDSA-P256
controlPlaneEndpoint: apiserver.cluster.local:6443
"""
SCRIPT = r"""
set -e
for place in /etc /var/lib; do mount -t tmpfs none $place; done
mkdir -p /etc/kubernetes/manifests /etc/bundler /var/lib/kubelet/pki /var/lib/bundler
kubeadm init phase certs all --config config >/dev/null
for name in admin controller-manager scheduler kubelet; do
    kubeadm init phase kubeconfig $name --config config >/dev/null 2>&1
done
kubeadm init phase control-plane all --config config >/dev/null
kubeadm init phase etcd local --config config >/dev/null
cp -r /etc/kubernetes/pki old
sh "$TEMPLATES/rotate-begin.sh" <config >/dev/null
new=/var/lib/bundler/rotate-ca/new
signed() { if openssl verify -CAfile "$1" "$2" >/dev/null 2>&1; then echo yes; else echo no; fi; }
leaf() { # CA CERTIFICATE NAME
    echo "$stage $3 old=$(signed "old/$1.crt" "$2") new=$(signed "$new/$1.crt" "$2")" \
        "trusted=$(signed "/etc/kubernetes/pki/$1.crt" "$2") of=$(grep -c BEGIN "/etc/kubernetes/pki/$1.crt")"
}
for stage in 1 2 3; do
    {
        printf 'stage=%s node=node-1 control=yes client=\n' $stage
        for name in kubelet-client kubelet-take pods-anew rotate-host; do cat "$TEMPLATES/$name.sh"; done
    } >host.sh
    sh host.sh <config >/dev/null
    for name in apiserver apiserver-kubelet-client; do leaf ca /etc/kubernetes/pki/$name.crt $name; done
    for name in etcd/server etcd/peer apiserver-etcd-client; do
        leaf etcd/ca /etc/kubernetes/pki/$name.crt $name
    done
    leaf front-proxy-ca /etc/kubernetes/pki/front-proxy-client.crt front-proxy-client
    for name in admin controller-manager scheduler; do
        sed -n 's/^ *client-certificate-data: *//p' /etc/kubernetes/$name.conf | base64 -d >client.pem
        leaf ca client.pem $name.conf
        sed -n 's/^ *certificate-authority-data: *//p' /etc/kubernetes/$name.conf | base64 -d >ca.pem
        cmp ca.pem /etc/kubernetes/pki/ca.crt
    done
    [ $stage = 1 ] || leaf ca /var/lib/kubelet/pki/kubelet-client-current.pem kubelet
done
sh "$TEMPLATES/rotate-verify.sh"
"""


@pytest.mark.parametrize("kubeadm", _FOUND, ids=lambda path: path.parent.name[:8])
def test_every_certificate_is_trusted_in_every_stage(tmp_path: Path, kubeadm: Path) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "systemctl").write_text("#!/bin/sh\n")
    (tools / "systemctl").chmod(0o755)
    version = subprocess.run([kubeadm, "version", "-o", "short"], capture_output=True, text=True, check=True)
    (tmp_path / "config").write_text(CONFIG.replace("VERSION", version.stdout.strip()))
    ran = subprocess.run(
        ["unshare", "--mount", "sh", "-c", SCRIPT],
        cwd=tmp_path,
        env={"PATH": f"{tools}:{kubeadm.parent}:{os.environ['PATH']}", "TEMPLATES": str(folder())},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    found = {tuple(line.split()[:2]): line.split()[2:] for line in ran.stdout.splitlines()}
    assert len(found) == 9 + 10 + 10
    for (stage, name), said in found.items():
        by_new = stage != "1"
        assert said == [
            f"old={'no' if by_new else 'yes'}",
            f"new={'yes' if by_new else 'no'}",
            "trusted=yes",
            f"of={'1' if stage == '3' else '2'}",
        ], (stage, name)

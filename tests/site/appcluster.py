"""A cluster that app bundles are put onto from this host: by its kubeconfig, with a registry beside it."""

import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bundler.installer.plan import paths
from tests.site import product, ssh
from tests.site.spec import SiteSpec

_PORT = 5000
_REGISTRY = """version: 0.1
storage: {{filesystem: {{rootdirectory: {folder}}}}}
http: {{addr: "{address}"}}
"""


@dataclass(frozen=True, slots=True)
class AppCluster:
    """The cluster, a folder with its kubeconfig, and the registry that its nodes pull from."""

    spec: SiteSpec
    folder: Path
    registry: str

    def call(self, run_file: Path, command: str, *options: str) -> subprocess.CompletedProcess[str]:
        """An app bundle's command, with what reaches the cluster."""
        words = [str(run_file), command, "--kubeconfig", str(self.folder / "kubeconfig"), *options]
        trusted = ["--trust", str(product.vendor_key().with_suffix(".pub"))]
        log = ["--log", str(self.folder / f"{command}.log")] if command != "plan" else []
        return subprocess.run(
            [*words, *trusted, *log],
            check=False,
            capture_output=True,
            text=True,
            timeout=900,
            cwd=self.folder,
        )

    def apply(self, run_file: Path) -> subprocess.CompletedProcess[str]:
        return self.call(run_file, "apply", "--registry", self.registry, "--insecure-registry")

    def kubectl(self, arguments: str) -> str:
        """Raises BundlerError (STEP)."""
        return product.kubectl(self.spec, arguments)


@contextmanager
def app_cluster(spec: SiteSpec, platform: Path, folder: Path) -> Iterator[AppCluster]:
    """For as long as the block lasts: the nodes of a cluster that is up pull from a registry of this host."""
    registry = f"{spec.host_address}:{_PORT}"
    _write_kubeconfig(spec, folder / "kubeconfig")
    _let_nodes_pull_from(spec, registry)
    with _serving(_registry(platform, folder, registry)):
        yield AppCluster(spec, folder, registry)


def _write_kubeconfig(spec: SiteSpec, path: Path) -> None:
    """The administrator's, by the control plane's address."""
    first = spec.machines[0]
    text = ssh.on(spec, first, "cat /etc/kubernetes/admin.conf")
    lines = (
        f"    server: https://{first.address}:6443" if line.strip().startswith("server:") else line
        for line in text.splitlines()
    )
    path.touch(mode=0o600)
    path.write_text("".join(f"{line}\n" for line in lines))


def _let_nodes_pull_from(spec: SiteSpec, registry: str) -> None:
    """What the cluster's owner does once: the nodes speak plain HTTP to this registry."""
    folder = f"{paths.CERTS}/{registry}"
    for machine in spec.machines:
        ssh.on(
            spec, machine, f"mkdir -p {folder} && echo 'server = \"http://{registry}\"' >{folder}/hosts.toml"
        )


def _registry(platform: Path, folder: Path, address: str) -> Sequence[str]:
    """The platform bundle's own registry program, taken out of it, on this host's address on the site."""
    tools = folder / "tools"
    subprocess.run(
        [str(platform), "extract", "root/bin/registry", "--target", str(tools)],
        check=True,
        capture_output=True,
    )
    settings = folder / "registry.yml"
    settings.write_text(_REGISTRY.format(folder=folder / "images", address=address))
    program = tools / "root/bin/registry"
    program.chmod(0o755)
    return str(program), "serve", str(settings)


@contextmanager
def _serving(argv: Sequence[str]) -> Iterator[None]:
    with subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            time.sleep(1)
            assert process.poll() is None
            yield
        finally:
            process.terminate()

"""The product as its users meet it: make the demo's .run, carry it to the first machine, run it there."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bundler.core.errors import BundlerError, ExitCode
from tests.site import origin, ssh
from tests.site.identity import Identity
from tests.site.spec import Machine, SiteSpec, cache_root

REPOSITORY = Path(__file__).resolve().parents[2]
DEMO = REPOSITORY / "templates/catalog/demo"
OLD, NEW = "v1.36.3", "v1.37.2"  # the two minors of Kubernetes that the tests upgrade between
_PAGE_LIMIT = 60.0  # seconds for every node to answer
PAGES = {30080: "docker.io/demo/web:1.0", 30081: "quay.io/demo/web:1.0"}  # NodePort -> the image that answers
UPGRADED_PAGES = {port: image.replace(":1.0", ":1.1") for port, image in PAGES.items()}
# The site's machines have the first version of control groups, which a kubelet from 1.35 on refuses unasked.
_CGROUPS = """apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
failCgroupV1: false
"""
# A cache of its own: what looking at the cluster leaves is not what the product left.
TRUSTED = "/etc/bundler/trust.d"  # on the engineer's machine
_KUBECTL = "KUBECONFIG=/etc/kubernetes/admin.conf kubectl --cache-dir /tmp/kubectl"


@dataclass(frozen=True, slots=True)
class Page:
    """What a node answered on a port."""

    node: str
    port: int
    text: str


def make(output: Path, *options: str, context: Path = DEMO, quiet: bool = False) -> None:
    """`bundler make` of the demo, signed by its vendor; its progress goes to this terminal unless `quiet`.

    Raises BundlerError (BUILD) when it fails.
    """
    _make(output, str(context), *options, quiet=quiet)


def make_of(output: Path, *names: str, quiet: bool = False) -> None:
    """`bundler make` of entries of the catalogue. Raises BundlerError (BUILD) when it fails."""
    _make(output, *names, quiet=quiet)


def make_minor(output: Path, version: str, context: Path = DEMO) -> None:
    """`bundler make` of the demo with Kubernetes `version` (`v1.36.3`), compiled or from the cache."""
    entry = origin.entry("source", origin.go_version())
    arguments = ("--build-arg", f"KUBERNETES={entry}", "--build-arg", f"KUBERNETES_VERSION={version[1:]}")
    make(output, *arguments, context=context, quiet=True)


def make_minors(old: Path, new: Path) -> None:
    """The demo with the older minor, and its next version with the newer one."""
    make_minor(old, OLD)
    with tempfile.TemporaryDirectory() as folder:
        make_minor(new, NEW, upgraded(Path(folder)))


def _make(output: Path, *words: str, quiet: bool) -> None:
    output.parent.mkdir(parents=True, exist_ok=True)
    _bundler(
        "make",
        *words,
        "-o",
        str(output),
        "--sign",
        str(vendor_key()),
        "--allow-eol",
        quiet=quiet,
    )


def upgraded(folder: Path) -> Path:
    """The demo's next version: images under another tag, and a kubectl that is a byte longer."""
    context = folder / "demo"
    shutil.copytree(DEMO, context)
    for name in ("Kubefile", "web/values.yaml", "status/status.yaml"):
        path = context / name
        path.write_text(
            path.read_text().replace("web:1.0", "web:1.1").replace("version=1.0.0", "version=1.1.0")
        )
    kubefile = context / "Kubefile"
    kubefile.write_text(kubefile.read_text().replace("APP web", "RUN printf ' ' >>bin/kubectl\nAPP web"))
    return context


def vendor_key() -> Path:
    """The demo's vendor's private key, with NAME.pub beside it; made when it is first asked for.

    Raises BundlerError (BUILD).
    """
    key = cache_root() / "demo-vendor" / "vendor"
    if not key.with_suffix(".pub").exists():
        key.parent.mkdir(parents=True, exist_ok=True)
        _bundler(
            "keygen", str(key), "--comment", "the demo's vendor", "--passphrase-file", os.devnull, quiet=True
        )
    return key


def _bundler(*words: str, quiet: bool) -> None:
    program = "import sys; from bundler.builder.cli.app import main; sys.exit(main())"
    argv = [sys.executable, "-c", program, *words]
    done = subprocess.run(argv, cwd=REPOSITORY, check=False, capture_output=quiet, text=True)
    if done.returncode:
        raise BundlerError(
            f"`bundler {' '.join(words[:2])}` failed with exit code {done.returncode}",
            code=ExitCode.BUILD,
            why=(done.stderr or "")[-3000:],
        )


def clusterfile(
    spec: SiteSpec, *, key: str = "/root/id_ed25519", user: str = "root", control_planes: int = 1
) -> str:
    """A Clusterfile for the site: so many machines are control planes, all others are workers."""
    return described(spec.name, spec.machines[:control_planes], spec.machines[control_planes:], key, user)


def described(
    name: str,
    control_planes: Sequence[Machine],
    workers: Sequence[Machine],
    key: str = "/root/id_ed25519",
    user: str = "root",
) -> str:
    """A Clusterfile with these machines, whichever of a site they are."""
    first = ", ".join(str(each.address) for each in control_planes)
    lines = [
        "apiVersion: bundler/v1",
        "kind: Cluster",
        f"metadata: {{name: {name}}}",
        "spec:",
        f"  ssh: {{user: {user}, pk: {key}}}",
        "  hosts:",
        f"  - {{ips: [{first}], roles: [control-plane]}}",
    ]
    if workers:
        addresses = ", ".join(str(each.address) for each in workers)
        lines.append(f"  - {{ips: [{addresses}], roles: [worker]}}")
    return "\n".join(lines) + f"\n---\n{_CGROUPS}"


def carry(spec: SiteSpec, run_file: Path, *, control_planes: int = 1) -> None:
    """Copy the .run, a site.yaml, the engineer's key and the vendor's public one to the first machine."""
    first, identity = spec.machines[0], Identity(spec.run_dir)
    described = spec.run_dir / "site.yaml"
    described.write_text(clusterfile(spec, control_planes=control_planes))
    ssh.put(spec, first, [run_file, described, identity.key], "/root/")
    ssh.put(spec, first, [identity.known_hosts], "/root/.ssh/")
    ssh.on(spec, first, f"umask 022 && mkdir -p {TRUSTED}")
    ssh.put(spec, first, [vendor_key().with_suffix(".pub")], f"{TRUSTED}/demo.pub")


def run(
    spec: SiteSpec, *arguments: str, name: str = "demo.run", timeout: float = 600
) -> subprocess.CompletedProcess[str]:
    """Run `./demo.run ARGUMENTS` on the first machine and give what it said and its exit code."""
    words = " ".join(arguments)
    return ssh.try_on(spec, spec.machines[0], f"cd /root && exec ./{name} {words}", timeout=timeout)


def run_live(spec: SiteSpec, arguments: Sequence[str], *, name: str = "demo.run") -> int:
    """The same with its progress on this terminal; gives the exit code."""
    terminal = ("-tt",) if sys.stdout.isatty() else ()
    command = ssh.command(spec, spec.machines[0])
    remote = f"cd /root && exec ./{name} {' '.join(arguments)}"
    return subprocess.run([command[0], *terminal, *command[1:], remote], check=False).returncode


def kubectl(spec: SiteSpec, arguments: str) -> str:
    """Standard output of kubectl on the control plane. Raises BundlerError (STEP)."""
    return ssh.on(spec, spec.machines[0], f"{_KUBECTL} {arguments}")


def ready_nodes(spec: SiteSpec) -> dict[str, bool]:
    """Each node's name and whether it is Ready."""
    nodes = json.loads(kubectl(spec, "get nodes -o json"))["items"]
    return {
        node["metadata"]["name"]: any(
            entry["type"] == "Ready" and entry["status"] == "True" for entry in node["status"]["conditions"]
        )
        for node in nodes
    }


def wait_for_pages(spec: SiteSpec, pages: Mapping[int, str] = PAGES) -> float:
    """Seconds until every node answers with every page. Raises BundlerError (NOT_READY)."""
    began = time.monotonic()
    wanted = [(machine, port) for machine in spec.machines for port in pages]
    while wanted:
        wanted = [(machine, port) for machine, port in wanted if not _shows(machine, port, pages[port])]
        if time.monotonic() - began > _PAGE_LIMIT:
            raise BundlerError(f"no page from {wanted}", code=ExitCode.NOT_READY)
        time.sleep(0.1)
    return time.monotonic() - began


def _shows(machine: Machine, port: int, image: str) -> bool:
    try:
        return image in page(machine, port).text
    except OSError:
        return False


def page(machine: Machine, port: int) -> Page:
    """The web page as this host sees it at a node's port. Raises OSError."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # the site is never behind a proxy
    with opener.open(f"http://{machine.address}:{port}/", timeout=10) as answer:
        return Page(machine.name, port, answer.read(65536).decode())

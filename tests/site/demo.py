"""`make demo`: the product's main job, from a Kubefile to a web page on an air-gapped site, on one screen."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from bundler.core.errors import BundlerError, ExitCode
from tests.site import lifecycle, origin, product, watch
from tests.site.estimate import Stretch, timed
from tests.site.lifecycle import Say
from tests.site.spec import SiteSpec, cache_root
from tests.site.support import require_support


@dataclass(frozen=True, slots=True)
class _Demo:
    spec: SiteSpec
    output: Path
    say: Say

    def build(self) -> None:
        kubernetes = origin.entry(os.environ.get("KUBERNETES", ""), origin.go_version())
        self.say(f"Kubernetes is the catalogue's {kubernetes}")
        product.make(self.output, "--build-arg", f"KUBERNETES={kubernetes}")

    def boot(self) -> None:
        lifecycle.up(self.spec, self.say)

    def carry(self) -> None:
        product.carry(self.spec, self.output)
        self.say((self.spec.run_dir / "site.yaml").read_text().rstrip())

    def install(self) -> None:
        code = product.run_live(self.spec, ["--clusterfile", "site.yaml"], name=self.output.name)
        if code:
            raise BundlerError(
                f"./{self.output.name} ended with exit code {code}; its own words stand above",
                code=ExitCode.STEP,
                fix=f"look around: {_tool(self.spec, 'shell')} 1",
            )

    def show(self) -> None:
        self.say(product.kubectl(self.spec, "get nodes -o wide").rstrip())
        product.wait_for_pages(self.spec)  # kube-proxy is a moment behind
        for machine in self.spec.machines:
            for port, image in product.PAGES.items():
                text = product.page(machine, port).text
                if image not in text:
                    raise BundlerError(
                        f"{machine.name} answers port {port} with another page than that of {image}",
                        code=ExitCode.NOT_READY,
                        why=text,
                    )
                sentence = next(line for line in text.splitlines() if image in line)
                self.say(f"http://{machine.address}:{port}/  {re.sub('<[^>]*>', '', sentence)}")
        # A static pod is first probed after ten seconds, and is not ready until then.
        product.kubectl(self.spec, "wait --for=condition=Ready pods --all -A --timeout=60s")
        self.say(product.kubectl(self.spec, "get pods -A").rstrip())
        left = watch.seen(self.spec, watch.CLUSTER_NETWORKS)
        self.say(f"Packets and name look-ups that tried to leave the site: {len(left)}")


def demo(spec: SiteSpec, output: Path, say: Say) -> None:
    """Do it all. Raises the BundlerError of whatever fails; the site stays up for a look."""
    require_support()
    job = _Demo(spec, output, say)
    plan = (
        (Stretch("build", "bundler make templates/catalog/demo -o dist/demo.run", 1600), job.build),
        (Stretch("site", "Boot an air-gapped site: two machines, a bridge, no way out", 95), job.boot),
        (
            Stretch(
                "carry", "Copy demo.run, site.yaml, a login key and the vendor's public key to node-1", 3
            ),
            job.carry,
        ),
        (Stretch("install", "On node-1: ./demo.run --clusterfile site.yaml", 75), job.install),
        (Stretch("show", "Look at it from outside", 3), job.show),
    )
    for number, (stretch, act) in enumerate(plan, start=1):
        with timed(stretch, f"{number} of {len(plan)}", cache_root() / "demo-times.json", say):
            act()
    _look_around(spec, say)


def _look_around(spec: SiteSpec, say: Say) -> None:
    first = spec.machines[0]
    say("\nLook around:")
    say(f"  {_tool(spec, 'shell')} 1 -- kubectl get pods -A")
    say(f"  curl http://{first.address}:30080/")
    say(f"  {_tool(spec, 'leaks')}        # what tried to leave the site")
    say("  make demo-down                              # takes it all away")


def _tool(spec: SiteSpec, command: str) -> str:
    name = "" if spec.name == SiteSpec().name else f" --name {spec.name}"
    return f".venv/bin/python -m tests.site {command}{name}"

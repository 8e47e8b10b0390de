"""Somebody else's registry in place of the site's own: where images are there, and how hosts are tried.

Pure. The installer pushes and checks every digest before it changes a host; then each host shows that it gets
an image, and only when all have is anything of any host changed.
"""

import re
from dataclasses import replace
from typing import Final

from bundler.core.addresses import in_url
from bundler.core.reference import Reference
from bundler.installer.plan.context import Context, content_digest
from bundler.installer.plan.ids import ident
from bundler.installer.plan.order import closed
from bundler.installer.plan.steps import Exec, Phase, Step
from bundler.installer.scripts import render as templates
from bundler.installer.site.model import ExternalRegistry

_REACH: Final = "reach-"


def base(registry: ExternalRegistry) -> str:
    """Its address as a URL."""
    return f"https://{in_url(registry.domain)}:{registry.port}"


def folder_of(registry: str) -> str:
    """Below which path `push-images` puts images of a registry: a colon can't stand there."""
    return re.sub(r"[^a-z0-9.]+", "-", registry.lower()).strip("-")


def reach_steps(context: Context) -> tuple[Step, ...]:
    """A try on every host, and a gate behind all of them."""
    external = context.site.external
    if external is None:
        return ()
    pause = Reference.parse(context.contents.pause)
    path = "/".join(filter(None, (external.prefix, folder_of(pause.registry), pause.repository)))
    tag = f":{pause.tag}" if pause.tag else f"@{pause.digest}"
    login = f"{external.username}:{external.password.reveal()}" if external.password else ""
    tries = tuple(
        Exec(
            id=ident(Phase.REGISTRY, host.address, f"{_REACH}{_mark(external)}"),
            host=host.address,
            phase=Phase.REGISTRY,
            reason=f"{external.name} is tried before any host is pointed to it",
            script=templates.script(
                "registry-reach.sh",
                address=external.domain,
                port=str(external.port),
                image=f"{external.name}/{path}{tag}",
                login=login,
                ca=external.ca,
            ),
            secret=bool(login),
            timeout=180.0,
        )
        for host in context.site.hosts
    )
    gate = Exec(
        id=gate_id(context),
        host=context.primary.address,
        phase=Phase.REGISTRY,
        reason=f"every host gets images from {external.name}",
        after=tuple(step.id for step in tries),
        script=templates.script("registry-gate.sh", registry=f"{external.name}/{external.prefix}"),
    )
    return (*tries, gate)


def gate_id(context: Context) -> str:
    """The step behind which hosts may be changed."""
    external = context.site.external
    mark = _mark(external) if external else ""
    return ident(Phase.REGISTRY, context.primary.address, f"gate-{mark}")


def gated(context: Context, steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """The steps behind the gate, with what leads to it."""
    if context.site.external is None:
        return steps
    gate = (gate_id(context),)
    first = reach_steps(context)
    return (*first, *(step if step.after else replace(step, after=gate) for step in closed(steps)))


def _mark(external: ExternalRegistry) -> str:
    """Another registry is tried anew; its login may be secret, so it is no input."""
    return content_digest(f"{external.name}/{external.prefix}")[:8]

"""containerd on every host: its configuration, the registries it may ask, the first images."""

import re
from functools import lru_cache
from typing import Final

from bundler.installer.facts.model import HostFacts
from bundler.installer.plan import paths
from bundler.installer.plan.context import Context, content_digest, files_digest
from bundler.installer.plan.ids import Ids, ident
from bundler.installer.plan.mirrors import Mirrors, ca_id, mirror_id, mirror_steps, mirrors_by_order
from bundler.installer.plan.packages import carries_containerd, packages_of
from bundler.installer.plan.settings import node_settings
from bundler.installer.plan.steps import Deliver, Exec, Phase, Step, Write
from bundler.installer.scripts import render as templates
from bundler.installer.scripts.render import Script
from bundler.installer.site.model import Host

_UNTOLD: Final = (1, 7)


def runtime_steps(context: Context) -> tuple[Step, ...]:
    """For every host: containerd started, pointed at the site's registry, and the first images pulled."""
    mirrors = mirrors_by_order(context)
    return tuple(
        step
        for host, facts in context.hosts()
        for step in _one(context, host, facts, mirrors[context.registries_for(host)])
    )


def _one(context: Context, host: Host, facts: HostFacts, mirrors: Mirrors) -> tuple[Step, ...]:
    archives = () if _packaged(context, facts) else _archive_steps(context, host)
    return (
        *archives,
        *_start_steps(context, host, facts),
        *mirror_steps(context, host, mirrors),
        *_pull_steps(context, host, mirrors),
    )


def _packaged(context: Context, facts: HostFacts) -> bool:
    """Whether containerd comes as an OS package; else as archives in the tree's `cri/`."""
    return carries_containerd(packages_of(context, facts))


def _archive_steps(context: Context, host: Host) -> tuple[Step, ...]:
    contents = context.contents.on(host.address)
    files = tuple(
        contents.deliver(member, f"{paths.ARCHIVES}/{member.path.rsplit('/', 1)[-1]}", 0o644)
        for member in contents.runtime_archives
    )
    delivery_id = ident(Phase.DISTRIBUTE, host.address, "runtime-archives")
    return (
        Deliver(
            id=delivery_id,
            host=host.address,
            phase=Phase.DISTRIBUTE,
            reason="containerd, runc and network plug-ins come as binaries",
            files=files,
        ),
        Exec(
            id=_unpacked(host),
            host=host.address,
            phase=Phase.RUNTIME,
            reason="containerd, runc and network plug-ins come as binaries",
            after=(delivery_id, Ids(host.address).prepare),
            timeout=600.0,  # a busy host with a slow disk took three minutes
            script=templates.script(
                "binaries.sh", archives=" ".join(file.path for file in files), inputs=files_digest(files)
            ),
        ),
    )


def _unpacked(host: Host) -> str:
    return ident(Phase.RUNTIME, host.address, "unpack")


def _start_steps(context: Context, host: Host, facts: HostFacts) -> tuple[Step, ...]:
    packaged = _packaged(context, facts)
    ids = Ids(host.address)
    config, unit = _config(context, facts), _unit(packaged=packaged)
    config_id = ident(Phase.RUNTIME, host.address, "config")
    unit_id = ident(Phase.RUNTIME, host.address, "unit")
    settings = node_settings(facts)
    unit_path = "containerd.service.d/10-bundler.conf" if packaged else "containerd.service"
    return (
        Write(
            id=config_id,
            host=host.address,
            phase=Phase.RUNTIME,
            reason=f"containerd uses the {settings.cgroup_driver} driver and the bundle's pause image",
            after=(ids.prepare,),
            path=paths.CONTAINERD_CONFIG,
            content=config,
        ),
        Write(
            id=unit_id,
            host=host.address,
            phase=Phase.RUNTIME,
            reason="systemd starts containerd with that configuration",
            after=(ids.prepare,),
            path=f"{paths.UNITS}/{unit_path}",
            content=unit,
        ),
        Exec(
            id=ids.containerd,
            host=host.address,
            phase=Phase.RUNTIME,
            reason="everything that runs in containers needs containerd",
            after=(config_id, unit_id, ids.packages if packaged else _unpacked(host)),
            script=_start(config, unit),
        ),
    )


@lru_cache  # thousands of hosts have few settings
def _start(config: str, unit: str) -> Script:
    return templates.script(
        "runtime-answers.sh",
        "unit-start.sh",
        ready="runtime_answers",
        unit="containerd.service",
        inputs=content_digest(config + unit),
    )


def _config(context: Context, facts: HostFacts) -> str:
    settings = node_settings(facts)
    name = "containerd.toml.j2" if _version(context, facts) >= (2, 0) else "containerd-1.toml.j2"
    return templates.render(
        name,
        certs=paths.CERTS,
        pause=context.contents.on(facts.address).pause,
        systemd_cgroup=settings.systemd_cgroup,
        restrict_oom_score_adj=settings.restrict_oom_score_adj,
        disable_apparmor=settings.disable_apparmor,
    )


def _version(context: Context, facts: HostFacts) -> tuple[int, int]:
    """Of the containerd that this host gets; where nothing tells, 1.7: 2.x reads its configuration, too."""
    if not _packaged(context, facts):
        return context.contents.on(facts.address).containerd or _UNTOLD
    texts = (each.version for each in packages_of(context, facts) if carries_containerd((each,)))
    match = re.match(r"(?:\d+:)?(\d+)\.(\d+)", next(texts, ""))
    return (int(match[1]), int(match[2])) if match else _UNTOLD


def _unit(*, packaged: bool) -> str:
    if packaged:
        return templates.render(
            "containerd-dropin.conf.j2", program="/usr/bin/containerd", config=paths.CONTAINERD_CONFIG
        )
    return templates.render(
        "containerd.service.j2", program=f"{paths.PROGRAMS}/containerd", config=paths.CONTAINERD_CONFIG
    )


def _pull_steps(context: Context, host: Host, files: Mirrors) -> tuple[Step, ...]:
    """On the control plane, what the API needs first, the rest while it comes up; on workers all at once."""
    ids, contents = Ids(host.address), context.contents.on(host.address)
    ready = (
        ids.containerd,
        ca_id(host),
        *(mirror_id(host, name) for name, _ in files),
        Ids(context.primary.address).registry,
        *_arrived(context, host),
    )
    if not host.is_control_plane:
        return (_pull(host, ids.images, contents.node_images, ready),)
    rest = tuple(name for name in contents.node_images if name not in contents.control_plane_images)
    return (
        _pull(host, ids.images, contents.control_plane_images, ready),
        _pull(host, ident(Phase.RUNTIME, host.address, "node-images"), rest, (ids.images,)),
    )


def _arrived(context: Context, host: Host) -> tuple[str, ...]:
    """Pods start on a node as soon as it joins, so images for a further platform are there before it does."""
    mixed = context.contents.mix.used and context.of(context.primary).admin_config
    if not mixed or context.of(host).kubelet_config:
        return ()
    return tuple(name for each in context.registries for name in _named(each))


def _named(registry: Host) -> tuple[str, str]:
    return Ids(registry.address).node_images, Ids(registry.address).app_images


def _pull(host: Host, name: str, images: tuple[str, ...], after: tuple[str, ...]) -> Step:
    return Exec(
        id=name,
        host=host.address,
        phase=Phase.RUNTIME,
        reason="the node's first images are there before Kubernetes asks for them",
        after=after,
        script=templates.script("runtime-answers.sh", "pull.sh", certs=paths.CERTS),
        stdin="".join(f"{image}\n" for image in images),
        timeout=900.0,
    )

"""Which registries containerd asks: only the site's, in an order specific to the host.

One folder with a hosts.toml for each registry that the bundle's images name, one for the site's own, one for
all others. containerd reads them at each pull, so a registry comes or goes without a restart.
"""

from collections.abc import Mapping

from bundler.core.addresses import in_url
from bundler.core.reference import Reference
from bundler.installer.plan import paths
from bundler.installer.plan.context import Context
from bundler.installer.plan.external import base, folder_of, gate_id
from bundler.installer.plan.ids import Ids, ident
from bundler.installer.plan.registry_login import Login
from bundler.installer.plan.registry_paths import store_name
from bundler.installer.plan.steps import Phase, Step, Write
from bundler.installer.scripts import render as templates
from bundler.installer.site.model import ExternalRegistry, Host, Secret

Mirrors = tuple[tuple[str, str], ...]  # (registry, its hosts.toml)


def mirrors_by_order(context: Context) -> Mapping[tuple[str, ...], Mirrors]:
    """For each order of registries that a host of the site has: thousands of hosts share a few orders."""
    orders = dict.fromkeys(context.registries_for(host) for host in context.site.hosts)
    names = sorted({Reference.parse(name).registry for name in context.contents.images})
    return {order: _files(context, order, names) for order in orders}


def mirror_steps(context: Context, host: Host, files: Mirrors) -> tuple[Step, ...]:
    """The site's CA and every hosts.toml, on one host."""
    ids = Ids(host.address)
    ca = Write(
        id=ca_id(host),
        host=host.address,
        phase=Phase.RUNTIME,
        reason="containerd trusts the site's registries by the site's own CA",
        after=(ids.prepare,),
        path=paths.CA,
        content=(context.site.external.ca if context.site.external else "") or context.secrets.trusted,
    )
    gate = (gate_id(context),) if context.site.external else ()
    caught_up = _caught_up(context) if context.of(host).kubelet_config else ()
    secret = bool(_authorization(context))
    mirrors = tuple(
        Write(
            id=mirror_id(host, name),
            host=host.address,
            phase=Phase.RUNTIME,
            reason=_reason(name),
            after=(ids.prepare, *gate, *caught_up),
            path=f"{paths.CERTS}/{name}/hosts.toml",
            content=content,
            mode=0o600,
            secret=secret,
        )
        for name, content in files
    )
    return (ca, *mirrors)


def _caught_up(context: Context) -> tuple[str, ...]:
    """The steps behind which every registry has all images.

    A node is led to one that comes, or comes back, only then: what that one had before may be another image
    under the same name. A host that is no node yet need not wait, since it starts nothing of before.
    """
    ids = (Ids(host.address) for host in context.registries)
    return tuple(name for each in ids for name in (each.node_images, each.app_images))


def ca_id(host: Host) -> str:
    """The step that brings the site's CA."""
    return ident(Phase.RUNTIME, host.address, "ca")


def mirror_id(host: Host, name: str) -> str:
    """The step that writes one registry's hosts.toml."""
    return ident(Phase.RUNTIME, host.address, f"mirror-{name}")


def _files(context: Context, order: tuple[str, ...], names: list[str]) -> Mirrors:
    """The fallback for all other registries asks the site's, too.

    They answer "not found", and the internet is never asked.
    """
    if context.site.external is not None:
        return _external(context, context.site.external, names)
    port = context.site.registry.port
    bases = tuple(f"https://{in_url(address)}:{port}" for address in order)
    bundled = tuple(
        (name, _toml(context, tuple(f"{base}/v2/{store_name(name)}" for base in bases), override=True))
        for name in names
    )
    others = (context.site.registry.name, "_default")
    return (*bundled, *((name, _toml(context, bases, override=False)) for name in others))


def _external(context: Context, external: ExternalRegistry, names: list[str]) -> Mirrors:
    """One place for all images, below a path for each registry; its own name leads to it, too."""
    at = base(external)
    prefix = f"{external.prefix}/" if external.prefix else ""
    bundled = tuple(
        (name, _toml(context, (f"{at}/v2/{prefix}{folder_of(name)}",), override=True)) for name in names
    )
    others = (external.name, "_default")
    return (*bundled, *((name, _toml(context, (at,), override=False)) for name in others))


def _toml(context: Context, urls: tuple[str, ...], *, override: bool) -> str:
    external = context.site.external
    ca = paths.CA if external is None or external.ca else ""
    return templates.render(
        "hosts.toml.j2", urls=urls, ca=ca, override_path=override, authorization=_authorization(context)
    )


def _authorization(context: Context) -> str:
    external = context.site.external
    if external is None:
        return context.login.basic()
    if not external.username:
        return ""
    return Login(external.username, external.password or Secret(""), made=False).basic()


def _reason(name: str) -> str:
    if name == "_default":
        return "images of every other registry are asked for on the site too, never on the internet"
    return f"images of {name} come from the site's registries"

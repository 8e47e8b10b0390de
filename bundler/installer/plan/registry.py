"""The site's registry on every control plane: certificate, configuration, unit, and images in its store.

Every one has all images, so any of them may be off; none replicates to another.
"""

from typing import Final

from bundler.core.addresses import in_url
from bundler.core.index import Image
from bundler.core.reference import Reference
from bundler.core.words import counted
from bundler.installer.plan import paths
from bundler.installer.plan import site_pki as site_secrets
from bundler.installer.plan.context import Context, content_digest
from bundler.installer.plan.ids import Ids, ident
from bundler.installer.plan.mirrors import ca_id
from bundler.installer.plan.packages import packages_first
from bundler.installer.plan.registry_paths import store_name
from bundler.installer.plan.stale import told_id
from bundler.installer.plan.steps import Await, Deliver, Exec, Phase, Step, Write
from bundler.installer.scripts import render as templates
from bundler.installer.site.model import Host


def registry_steps(context: Context) -> tuple[Step, ...]:
    """The cluster's own images first, so that the nodes don't wait for the apps'."""
    contents = context.contents
    first = tuple(
        dict.fromkeys(
            name for each in contents.shared for name in (*each.control_plane_images, *each.node_images)
        )
    )
    rest = tuple(name for name in context.contents.images if name not in set(first))
    if context.site.external is not None:  # what a later run has to find is kept all the same
        return tuple(_kept(context, host) for host in context.site.control_planes)
    return tuple(
        step
        for host in context.registries
        for step in (
            *_data_root(context, host),
            *_write_steps(context, host),
            *_image_steps(context, host, "images", first, besides=()),
            *_image_steps(context, host, "app-images", rest, besides=first),
            *_start_steps(context, host),
        )
    )


def links(image: Image) -> tuple[str, ...]:
    """Lines `FOLDER HEX` for `links.sh`: what makes blobs in the store an image of a repository.

    Folders as distribution's storage driver lays them out: `_layers` for what the repository may hand out,
    `_manifests/revisions` for its manifests, `_manifests/tags` for names.
    """
    reference = Reference.parse(image.name)
    base = f"{store_name(reference.registry)}/{reference.repository}"
    own = [(reference.tag, image.digest)] if reference.tag is not None else []
    beside = image.attached
    blobs = dict.fromkeys((*image.blobs, *(blob for one in beside for blob in one.blobs)))
    manifests = dict.fromkeys((*image.manifests, *(each for one in beside for each in one.manifests)))
    layers = (f"{base}/_layers/sha256/{blob.hex} {blob.hex}" for blob in blobs)
    revisions = (f"{base}/_manifests/revisions/sha256/{m.hex} {m.hex}" for m in manifests)
    tags = (
        line
        for tag, top in (*own, *((one.tag, one.digest) for one in beside))
        for line in _tag_links(f"{base}/_manifests/tags/{tag}", top.hex)
    )
    return (*layers, *revisions, *tags)


def _tag_links(folder: str, top: str) -> tuple[str, str]:
    return f"{folder}/current {top}", f"{folder}/index/sha256/{top} {top}"


def _delivered(host: Host, what: str) -> str:
    return ident(Phase.DISTRIBUTE, host.address, what)


def _linked(host: Host, what: str) -> str:
    return ident(Phase.REGISTRY, host.address, what)


def _image_steps(
    context: Context, host: Host, what: str, names: tuple[str, ...], *, besides: tuple[str, ...]
) -> tuple[Step, ...]:
    lines = dict.fromkeys(line for name in names for line in links(context.contents.images[name]))
    root = tuple(step.id for step in _data_root(context, host))
    own = (_delivered(host, "images"),) if besides else (*packages_first(context, host), *root)
    # Everybody waits for the primary's, so the others' give way.
    first = () if host == context.primary else (_delivered(context.primary, what),)
    return (
        Deliver(
            id=_delivered(host, what),
            host=host.address,
            phase=Phase.DISTRIBUTE,
            reason=f"a registry of the site serves {counted(len(names), 'image')} from here",
            after=(*own, *first),
            files=context.contents.image_deliveries(names, besides=besides),
        ),
        Exec(
            id=_linked(host, what),
            host=host.address,
            phase=Phase.REGISTRY,
            reason=f"{counted(len(names), 'image')} named in the site's registry",
            after=(_delivered(host, what),),
            script=templates.script("links.sh", root=paths.REGISTRY_REPOSITORIES, unit=paths.REGISTRY_UNIT),
            stdin="".join(f"{line}\n" for line in lines),
            timeout=300.0,
        ),
    )


def _data_root(context: Context, host: Host) -> tuple[Step, ...]:
    """The store on a separate disk, where the Clusterfile names one."""
    root = context.site.data_root
    if not root:
        return ()
    return (
        Exec(
            id=_linked(host, "data-root"),
            host=host.address,
            phase=Phase.REGISTRY,
            reason=f"the registry's images lie below {root}",
            after=(Ids(host.address).prepare,),
            script=templates.script("data-root.sh", root=root, store=paths.REGISTRY_STORE),
        ),
    )


_FILES: Final = (
    paths.REGISTRY_CONFIG,
    paths.REGISTRY_CERTIFICATE,
    paths.REGISTRY_KEY,
    paths.REGISTRY_HTPASSWD,
)


def _files(context: Context, host: Host) -> tuple[tuple[str, str, str, bool], ...]:
    """(name of the step, path, content, secret) of what the registry reads."""
    secrets = context.secrets
    server = secrets.registries[host.address]
    port = context.site.registry.port
    config = templates.render(
        "registry.yml.j2",
        root=paths.REGISTRY_STORE,
        address=_listens(context, host),
        port=str(port),
        certificate=_running(paths.REGISTRY_CERTIFICATE),
        key=_running(paths.REGISTRY_KEY),
        htpasswd=_running(paths.REGISTRY_HTPASSWD),
    )
    unit = templates.render(
        "registry.service.j2",
        config=_running(paths.REGISTRY_CONFIG),
        running=paths.REGISTRY_RUNNING,
        folder=paths.CONFIG,
        state=paths.STATE,
        source=f"{context.site.data_root}/registry" if context.site.data_root else paths.REGISTRY_STORE,
        store=paths.REGISTRY_STORE,
        files=_FILES,
        low_port=port < 1024,
    )
    return (
        ("certificate", paths.REGISTRY_CERTIFICATE, server.certificate, False),
        ("key", paths.REGISTRY_KEY, server.key, True),
        ("config", paths.REGISTRY_CONFIG, config, False),
        ("unit", f"{paths.UNITS}/{paths.REGISTRY_UNIT}", unit, False),
        ("htpasswd", paths.REGISTRY_HTPASSWD, secrets.htpasswd, True),
    )


def _running(path: str) -> str:
    """Where the registry finds a copy of a file of ours."""
    return f"{paths.REGISTRY_RUNNING}/{path.rpartition('/')[2]}"


def _listens(context: Context, host: Host) -> str:
    """The address that hosts know it by; all, where the host lacks it (behind address translation)."""
    return in_url(host.address) if host.address in context.of(host).addresses else ""


def _kept(context: Context, host: Host) -> Step:
    return Write(
        id=_linked(host, "secrets"),
        host=host.address,
        phase=Phase.REGISTRY,
        reason="a later run finds the site's CA and certificates here",
        path=site_secrets.STORE,
        content=context.secrets.to_json(),
        mode=0o600,
        secret=True,
    )


def _write_steps(context: Context, host: Host) -> tuple[Step, ...]:
    kept = _kept(context, host)
    writes = tuple(
        Write(
            id=_linked(host, name),
            host=host.address,
            phase=Phase.REGISTRY,
            reason="the registry speaks TLS with the site's own certificate",
            after=(kept.id, Ids(host.address).prepare),
            path=path,
            content=content,
            mode=0o600 if secret else 0o644,
            secret=secret,
        )
        for name, path, content, secret in _files(context, host)
    )
    return (kept, *writes)


def _start_steps(context: Context, host: Host) -> tuple[Step, ...]:
    ids = Ids(host.address)
    files = _files(context, host)
    # Where nodes pull already, each knows login and CA before a registry asks for one or shows the other.
    pulling = context.of(context.primary).admin_config
    known = ((told_id(each.address), ca_id(each)) for each in context.site.hosts) if pulling else ()
    told = tuple(name for names in known for name in names)
    start = Exec(
        id=_linked(host, "start"),
        host=host.address,
        phase=Phase.REGISTRY,
        reason="every node takes its images from here",
        after=(
            ids.programs,
            _linked(host, "images"),
            *told,
            *(_linked(host, name) for name, _, _, _ in files),
        ),
        script=templates.script(
            "unit-start.sh",
            unit=paths.REGISTRY_UNIT,
            ready="",
            inputs=content_digest("".join(content for _, _, content, _ in files)),
        ),
    )
    ready = Await(
        id=ids.registry,
        host=host.address,
        phase=Phase.REGISTRY,
        reason="images can be pulled once it listens and knows their names",
        after=(start.id, _linked(host, "images")),
        script=templates.script("listening.sh", port=f"{context.site.registry.port:04X}"),
        subject=f"the site's registry to listen on port {context.site.registry.port}",
        deadline=60.0,
        interval=0.1,
        diagnose=f"journalctl -u {paths.REGISTRY_UNIT} -n 30 --no-pager",
    )
    return (start, ready)

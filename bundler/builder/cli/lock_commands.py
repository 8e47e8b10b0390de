"""The commands about the lock: `bundler lock`, `bundler update`, `bundler why`."""

from pathlib import Path
from typing import Annotated

import typer

from bundler.builder.cli import options as opt

Names = Annotated[
    list[str] | None,
    typer.Argument(metavar="NAME", help="Images, files, charts, packages or suites; all if not named."),
]
Reference = Annotated[
    str, typer.Argument(metavar="REF", help="An image, a file, a chart or a package; lists all if not named.")
]
Where = Annotated[
    Path, typer.Option("-C", "--directory", metavar="DIR", help="The build context, as DIR of make.")
]


def lock_command(  # noqa: PLR0913  (a command has as many parameters as options)
    directory: opt.Directory = Path(),
    *,
    file: opt.KubefileFile = None,
    platform: opt.PlatformName = "linux/amd64",
    build_arg: opt.BuildArgs = None,
    ignore_image: opt.IgnoredImages = None,
    with_signatures: opt.WithSignatures = False,
    insecure_registry: opt.InsecureRegistries = None,
    debian_mirror: opt.DebianMirror = "",
    ubuntu_mirror: opt.UbuntuMirror = "",
    ubuntu_ports_mirror: opt.UbuntuPortsMirror = "",
    keyring: opt.Keyrings = None,
    rpm_repos: opt.RpmRepos = None,
    mirrors: opt.MirrorsFile = None,
    cache: opt.Cache = None,
    jobs: opt.Jobs = 4,
    offline: opt.Offline = False,
    verbose: opt.Verbose = False,
    quiet: opt.Quiet = False,
    log: opt.Log = None,
) -> None:
    """Write Kubefile.lock: what every input is. What is locked already stays."""
    from bundler.builder.cli import invocation as session  # noqa: PLC0415  (half a second of imports that --help does without)

    session.lock(
        session.BuildOptions(
            kubefile=opt.kubefile_of(directory, file),
            context=opt.context_of(directory),
            output=None,
            platform=platform,
            build_args=tuple(build_arg or ()),
            runtimes=(),
            insecure=frozenset(insecure_registry or ()),
            ignored=tuple(ignore_image or ()),
            signatures=with_signatures,
            sources=opt.sources_of(debian_mirror, ubuntu_mirror, ubuntu_ports_mirror, keyring, rpm_repos),
            mirrors=mirrors,
            cache=cache,
            jobs=jobs,
            offline=offline,
            refresh=False,
            verbose=verbose,
            quiet=quiet,
            log=log,
        ),
        None,
    )


def update_command(  # noqa: PLR0913  (a command has as many parameters as options)
    names: Names = None,
    *,
    directory: Where = Path(),
    file: opt.KubefileFile = None,
    platform: opt.PlatformName = "linux/amd64",
    build_arg: opt.BuildArgs = None,
    ignore_image: opt.IgnoredImages = None,
    with_signatures: opt.WithSignatures = False,
    insecure_registry: opt.InsecureRegistries = None,
    debian_mirror: opt.DebianMirror = "",
    ubuntu_mirror: opt.UbuntuMirror = "",
    ubuntu_ports_mirror: opt.UbuntuPortsMirror = "",
    keyring: opt.Keyrings = None,
    rpm_repos: opt.RpmRepos = None,
    mirrors: opt.MirrorsFile = None,
    cache: opt.Cache = None,
    jobs: opt.Jobs = 4,
    verbose: opt.Verbose = False,
    quiet: opt.Quiet = False,
    log: opt.Log = None,
) -> None:
    """Move what Kubefile.lock pins to what is current, and tell what changed."""
    from bundler.builder.cli import invocation as session  # noqa: PLC0415  (half a second of imports that --help does without)

    session.lock(
        session.BuildOptions(
            kubefile=opt.kubefile_of(directory, file),
            context=opt.context_of(directory),
            output=None,
            platform=platform,
            build_args=tuple(build_arg or ()),
            runtimes=(),
            insecure=frozenset(insecure_registry or ()),
            ignored=tuple(ignore_image or ()),
            signatures=with_signatures,
            sources=opt.sources_of(debian_mirror, ubuntu_mirror, ubuntu_ports_mirror, keyring, rpm_repos),
            mirrors=mirrors,
            cache=cache,
            jobs=jobs,
            offline=False,
            refresh=True,
            verbose=verbose,
            quiet=quiet,
            log=log,
        ),
        tuple(names or ()),
    )


def why_command(
    reference: Reference = "", *, directory: Where = Path(), file: opt.KubefileFile = None
) -> None:
    """Tell who asks for an image, a file, a chart or a package."""
    from bundler.builder.lock import text, why  # noqa: PLC0415  (--help does without)
    from bundler.builder.lock.model import place  # noqa: PLC0415  (as above)

    path = place(opt.kubefile_of(directory, file))
    found = text.read(path)
    if found is None:
        raise text.missing(path)
    typer.echo(why.reasons(found[0], reference) if reference else why.listed(found[0]))

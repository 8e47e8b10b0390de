"""The commands that carry bundles: `push`, `pull`, `save`, `load`, `tag`."""

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bundler.builder.cli import options as opt
from bundler.core.errors import BundlerError, ExitCode
from bundler.core.words import sized

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bundler.builder.artifact.transfer import Moved
    from bundler.builder.artifact.work import Around

Sources = Annotated[
    list[str],
    typer.Argument(
        metavar="FILE|NAME… REGISTRY/REPOSITORY:TAG",
        help="A .run, or a name that `tag` gave; several for several platforms. Then where it goes.",
    ),
]
Remote = Annotated[str, typer.Argument(metavar="REF", help="REGISTRY/REPOSITORY:TAG, or …@sha256:….")]
SaveSource = Annotated[
    str, typer.Argument(metavar="FILE|REF", help="A .run, or a name; one not in the cache is pulled.")
]
RunOutput = Annotated[
    Path | None,
    typer.Option("-o", "--output", metavar="FILE", help="The .run to write; NAME.run if not named."),
]
OldRun = Annotated[
    Path | None, typer.Option("--old", metavar="FILE", help="An earlier .run, whose parts aren't fetched.")
]
RunPlatform = Annotated[
    str, typer.Option("--platform", metavar="OS/ARCH", help="Which one, where it is there for several.")
]
LayoutOutput = Annotated[
    Path, typer.Option("-o", "--output", metavar="DIR|FILE.tar", help="The OCI layout to write.")
]
Layout = Annotated[Path, typer.Argument(metavar="LAYOUT", help="An OCI layout: a folder or a tar.")]
NameInside = Annotated[str, typer.Argument(metavar="NAME", help="Which bundle, where it has several.")]
TagSource = Annotated[
    str, typer.Argument(metavar="FILE|NAME", help="A .run or a name. Without, all names are listed.")
]
NewName = Annotated[str, typer.Argument(metavar="NAME", help="The name to give.")]
Remove = Annotated[bool, typer.Option("--remove", help="Remove the name instead of adding it.")]

_TAG_WAYS = frozenset({(False, False, False), (True, True, False), (True, False, True)})


def push_command(
    words: Sources,
    *,
    insecure_registry: opt.InsecureRegistries = None,
    cache: opt.Cache = None,
    jobs: opt.Jobs = 4,
    quiet: opt.Quiet = False,
) -> None:
    """Push a .run into a registry, as an OCI artifact. What is there already is not sent again."""
    sources, target = (words[:-1], words[-1]) if len(words) > 1 else (words, "")
    with _around(cache, insecure_registry, jobs, quiet=quiet) as around:
        from bundler.builder.artifact import work  # noqa: PLC0415  (half a second that --help does without)

        ref, digest, moved = work.push(sources, target, around)
    typer.echo(f"{ref}@{digest}: {_moved_text(moved, 'sent')}")


def pull_command(
    source: Remote,
    *,
    output: RunOutput = None,
    old: OldRun = None,
    platform: RunPlatform = "",
    insecure_registry: opt.InsecureRegistries = None,
    cache: opt.Cache = None,
    jobs: opt.Jobs = 4,
    quiet: opt.Quiet = False,
) -> None:
    """Pull a .run from a registry: the same bytes that were pushed, its signature included."""
    with _around(cache, insecure_registry, jobs, quiet=quiet) as around:
        from bundler.builder.artifact import work  # noqa: PLC0415  (as above)

        target, artifact, moved = work.pull(source, output, old, platform, around)
    typer.echo(f"{target}: {artifact.digest}, {_size(artifact.size)}; {_moved_text(moved, 'fetched')}")


def save_command(
    source: SaveSource,
    *,
    output: LayoutOutput,
    platform: RunPlatform = "",
    insecure_registry: opt.InsecureRegistries = None,
    cache: opt.Cache = None,
    jobs: opt.Jobs = 4,
    quiet: opt.Quiet = False,
) -> None:
    """Write a bundle as an OCI layout, for tools that carry those."""
    with _around(cache, insecure_registry, jobs, quiet=quiet) as around:
        from bundler.builder.artifact import work  # noqa: PLC0415  (as above)

        artifact = work.save(source, output, platform, around)
    typer.echo(f"{output}: {artifact.descriptor.digest}")


def load_command(
    layout: Layout,
    name: NameInside = "",
    *,
    output: RunOutput = None,
    cache: opt.Cache = None,
    quiet: opt.Quiet = False,
) -> None:
    """Write the .run that an OCI layout holds."""
    with _around(cache, None, 1, quiet=quiet) as around:
        from bundler.builder.artifact import work  # noqa: PLC0415  (as above)

        target, artifact = work.load(layout, name, output, around)
    typer.echo(f"{target}: {artifact.digest}, {_size(artifact.size)}")


def tag_command(
    source: TagSource = "",
    name: NewName = "",
    *,
    remove: Remove = False,
    cache: opt.Cache = None,
    quiet: opt.Quiet = False,
) -> None:
    """Give a .run a name in the cache, list the names, or forget one."""
    if (bool(source), bool(name), remove) not in _TAG_WAYS:
        raise BundlerError(
            "tag takes FILE|NAME and NAME, or --remove and NAME, or nothing",
            code=ExitCode.USAGE,
            fix="bundler tag FILE REGISTRY/REPOSITORY:TAG",
        )
    with _around(cache, None, 1, quiet=quiet) as around:
        from bundler.builder.artifact import work  # noqa: PLC0415  (as above)
        from bundler.builder.artifact.names import Names  # noqa: PLC0415  (as above)

        if not source:
            lines = [f"{known} {digest}" for known, digest in Names(around.store).all().items()]
        elif remove:
            lines = [f"{work.untag(source, around)}: forgotten"]
        else:
            lines = [str(work.tag(source, name, around))]
    for line in lines:
        typer.echo(line)


@contextlib.contextmanager
def _around(cache: Path | None, insecure: list[str] | None, jobs: int, *, quiet: bool) -> "Iterator[Around]":
    # Half a second of imports that --help does without.
    from bundler.builder.artifact.work import Around  # noqa: PLC0415  (as above)
    from bundler.builder.cache.store import Store  # noqa: PLC0415  (as above)
    from bundler.builder.cli.view import View, display  # noqa: PLC0415  (as above)
    from bundler.builder.net.mirrors import Mirrors  # noqa: PLC0415  (as above)
    from bundler.builder.net.registries import Registries  # noqa: PLC0415  (as above)
    from bundler.builder.oci.client import RegistryOptions  # noqa: PLC0415  (as above)

    options = RegistryOptions(
        insecure=frozenset(insecure or ()),
        at_once=jobs,
        mirrors=Mirrors(registries=Registries.of(os.environ)),
    )
    with (
        Store(cache) as store,
        Path(os.devnull).open("w") as log,
        View(display(quiet=quiet), log, quiet=quiet) as view,
    ):
        yield Around(store, options, view)


def _size(count: int) -> str:

    return sized(count)


def _moved_text(moved: "Moved", verb: str) -> str:
    return f"{moved.parts} parts {verb} ({_size(moved.size)}), {moved.there} were there"

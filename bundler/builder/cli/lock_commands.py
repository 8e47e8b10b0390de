"""The commands about the lock: `bundler lock`, `bundler update`, `bundler why`."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bundler.builder.cli import options as opt
from bundler.core.option_groups import spread

if TYPE_CHECKING:
    from bundler.builder.cli.invocation import BuildOptions

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


@dataclass(frozen=True, slots=True, kw_only=True)
class InputOptions:
    """Which Kubefile, for which platform, and where its inputs come from."""

    file: opt.KubefileFile = None
    platform: opt.PlatformName = "linux/amd64"
    build_arg: opt.BuildArgs = None
    supply: opt.SupplyOptions

    def build(
        self, directory: Path, said: opt.OutputOptions, *, offline: bool = False, refresh: bool = False
    ) -> "BuildOptions":
        """The build whose inputs are pinned. directory: the build context, or a Kubefile."""
        from bundler.builder.cli.invocation import BuildOptions  # noqa: PLC0415  (half a second of imports that --help does without)

        return BuildOptions(
            kubefile=opt.kubefile_of(directory, self.file),
            context=opt.context_of(directory),
            platform=self.platform,
            build_args=tuple(self.build_arg or ()),
            supply=self.supply,
            said=said,
            offline=offline,
            refresh=refresh,
        )


@spread
def lock_command(
    directory: opt.Directory = Path(),
    *,
    inputs: InputOptions,
    offline: opt.Offline = False,
    output: opt.OutputOptions,
) -> None:
    """Write Kubefile.lock, which pins every input. Existing pins stay."""
    from bundler.builder.cli.invocation import lock  # noqa: PLC0415  (as above)

    lock(inputs.build(directory, output, offline=offline), None)


@spread
def update_command(
    names: Names = None,
    *,
    directory: Where = Path(),
    inputs: InputOptions,
    output: opt.OutputOptions,
) -> None:
    """Update what Kubefile.lock pins to the current versions, and show what changed."""
    from bundler.builder.cli.invocation import lock  # noqa: PLC0415  (as above)

    lock(inputs.build(directory, output, refresh=True), tuple(names or ()))


def why_command(
    reference: Reference = "", *, directory: Where = Path(), file: opt.KubefileFile = None
) -> None:
    """Show what requires an image, a file, a chart or a package."""
    from bundler.builder.lock import text, why  # noqa: PLC0415  (--help does without)
    from bundler.builder.lock.model import place  # noqa: PLC0415  (as above)

    path = place(opt.kubefile_of(directory, file))
    found = text.read(path)
    if found is None:
        raise text.missing(path)
    typer.echo(why.reasons(found[0], reference) if reference else why.listed(found[0]))

"""What a chain of Kubefiles brings that is out of support, in words. Pure."""

from collections.abc import Iterable, Iterator
from datetime import date

from bundler.builder.build.request import BuildRequest
from bundler.builder.kubefile.runfile import RunFile
from bundler.builder.kubefile.support import out_of_support, support_of, support_of_suite
from bundler.builder.stage.load import Loaded


def ended(chain: Iterable[Loaded], request: BuildRequest, today: date) -> Iterator[str]:
    """A line for each thing that had its last day of support before `today`, with its place."""
    for loaded in chain:
        for each in out_of_support(loaded.kubefile.instructions, today, request.build_args):
            yield f"{each.where}: {each}"
        if loaded.base is not None:
            yield from _of_run(loaded.base, today)
        yield from ended(loaded.blocks, request, today)


def _of_run(run: RunFile, today: date) -> Iterator[str]:
    """What a bundle brings that others are built on."""
    version = run.index.kubernetes.removeprefix("v")
    dated = {f"Kubernetes {version}": support_of("Kubernetes", version)}
    dated |= {package.suite: support_of_suite(package.suite) for package in run.index.packages}
    for what, last in dated.items():
        if last is not None and last < today:
            yield f"{run.origin}: {what} has been out of support since {last}"

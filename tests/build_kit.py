"""A build's parts called as the command line calls them, for tests that go in below it."""

from pathlib import Path

from bundler.builder.build.pipeline import make
from bundler.builder.build.report import Made
from bundler.builder.build.request import BuildRequest
from bundler.builder.build.resolve import check
from bundler.builder.cache.store import Store
from bundler.builder.lib.progress import Progress
from bundler.builder.stage import evaluate as stage
from bundler.builder.stage.build_context import BuildContext
from bundler.builder.stage.load import load_chain, with_base
from bundler.builder.stage.state import Staged


def evaluate(path: Path, context: Path, build_context: BuildContext) -> Staged:
    """Read a Kubefile with its bases, and carry it out."""
    chain = load_chain(
        path,
        context,
        build_context.catalogue,
        platform=build_context.platform,
        build_args=build_context.build_args,
    )
    return stage.evaluate(with_base(chain, build_context.bases, build_context.platform), build_context)


def built(request: BuildRequest, store: Store, progress: Progress) -> Made:
    """Check an order, and make its .run."""
    return make(request, check(request), store, progress)

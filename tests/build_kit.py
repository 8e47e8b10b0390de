"""A build's parts called as the command line calls them, for tests that go in below it."""

from pathlib import Path

from bundler.builder.build.pipeline import make
from bundler.builder.build.report import Made
from bundler.builder.build.request import Order
from bundler.builder.build.resolve import check
from bundler.builder.cache.store import Store
from bundler.builder.lib.progress import Progress
from bundler.builder.stage import evaluate as stage
from bundler.builder.stage.build_context import Workshop
from bundler.builder.stage.load import load_chain, with_base
from bundler.builder.stage.state import Staged


def evaluate(path: Path, context: Path, workshop: Workshop) -> Staged:
    """Read a Kubefile with its bases, and carry it out."""
    chain = load_chain(
        path,
        context,
        workshop.catalogue,
        platform=workshop.platform,
        build_args=workshop.build_args,
    )
    return stage.evaluate(with_base(chain, workshop.bases, workshop.platform), workshop)


def built(order: Order, store: Store, progress: Progress) -> Made:
    """Check an order, and make its .run."""
    return make(order, check(order), store, progress)

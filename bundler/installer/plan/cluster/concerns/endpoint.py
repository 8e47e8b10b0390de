"""Which hosts serve the API and images: every host's lists follow the complete control planes."""

from collections.abc import Iterator

from bundler.installer.plan.cluster.judge import judge
from bundler.installer.plan.cluster.lists import LISTS, serving
from bundler.installer.plan.cluster.make import key, proposal, step
from bundler.installer.plan.cluster.probes import ListIs
from bundler.installer.plan.cluster.steps import Proposal, Verb
from bundler.installer.plan.cluster.verdict import Unsatisfied
from bundler.installer.plan.cluster.view import Existence, View


def endpoint(view: View) -> Iterator[Proposal]:
    """Balancers first; then the old way goes, once the certificates carry the new name."""
    if (
        view.existence is not Existence.RUNNING
        or not view.owner
        or not serving(view)
        or not view.desired.listed_apart
    ):
        return
    way = str(view.desired.endpoint)
    for address in view.addresses:
        host = view.observed.host(address)
        if host is None or view.leaving(address) or not view.joined(address):
            continue
        for name in LISTS:
            probe = ListIs(address, name, serving(view))
            verdict = judge(probe, view.observed)
            if isinstance(verdict, Unsatisfied):
                inputs = {name: ", ".join(serving(view))}
                yield proposal(
                    "endpoint", step(Verb.LISTS, address, verdict.because, probe, what=name, inputs=inputs)
                )
        probe = ListIs(address, "way", (way,))
        verdict = judge(probe, view.observed)
        if isinstance(verdict, Unsatisfied):
            names = tuple(key(Verb.EXTEND_NAMES, each) for each in serving(view))
            switch = step(
                Verb.SWITCH_ENDPOINT, address, verdict.because, probe, inputs={"endpoint": way}, after=names
            )
            yield proposal("endpoint", switch)

"""Making steps and proposals in few words; keys are stable from plan to plan."""

from collections.abc import Mapping

from bundler.installer.plan.cluster.probes import Probe
from bundler.installer.plan.cluster.steps import Because, Cause, Guard, Proposal, Step, Verb
from bundler.installer.plan.cluster.view import View


def key(verb: Verb, subject: str, what: str = "") -> str:
    """`join/10.0.0.21`, `app/shop`."""
    return "/".join(filter(None, (verb.value, subject, what)))


def step(  # noqa: PLR0913  (a step has as many parts)
    verb: Verb,
    host: str,
    because: Because,
    probe: Probe,
    *,
    about: str = "",
    what: str = "",
    inputs: Mapping[str, str] | None = None,
    after: tuple[str, ...] = (),
    guards: tuple[Guard, ...] = (),
) -> Step:
    """A step whose key follows from what it does to whom."""
    return Step(
        key=key(verb, about or host, what),
        host=host,
        verb=verb,
        because=because,
        probe=probe,
        about=about,
        inputs=inputs or {},
        after=after,
        guards=guards,
    )


def join_keys(view: View) -> tuple[str, ...]:
    """The joins that are still to come: what needs every node goes with the last of them, or behind it."""
    planes = (a for a in view.wanted_control_planes if not view.complete(a))
    workers = (a for a in view.wanted_workers if not view.joined(a))
    return (
        *(key(Verb.JOIN_CONTROL_PLANE, address) for address in planes),
        *(key(Verb.JOIN, address) for address in workers),
    )


def requested(text: str) -> Because:
    """Because somebody asked for it."""
    return Because(Cause.REQUESTED, text)


def budget(view: View, address: str) -> Mapping[str, int]:
    """What disturbing this host takes: the control plane's one, or one of its group."""
    if view.is_control_plane(address):
        return {"control-plane": 1}
    wanted = view.wanted(address)
    return {f"group:{wanted.group if wanted else 'workers'}": 1}


def proposal(concern: str, *steps: Step, claims: Mapping[str, int] | None = None) -> Proposal:
    """Steps that go together."""
    return Proposal(concern, steps, claims or {})

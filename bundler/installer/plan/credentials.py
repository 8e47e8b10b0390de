"""What a host needs to join: the cluster's CA, a token, and for a control plane the keys that all share.

Steps on the control plane that is up keep them in memory (`capture`); steps on the joining host write them
where kubeadm reads them, mode 0600, and the join takes them away again. They travel over our own connections:
no Secret in the cluster holds the keys, no command line, log or record shows them.
"""

from bundler.installer.plan.context import Context
from bundler.installer.plan.endpoint import balanced
from bundler.installer.plan.ids import Ids
from bundler.installer.plan.steps import Exec, Phase, Step
from bundler.installer.scripts import render as templates


def credential_steps(context: Context) -> tuple[Step, ...]:
    """On the primary control plane, once in a plan; of those, what the joins that are left come after."""
    host = context.primary.address
    ids = Ids(host)
    steps = [
        _capture(ids.ca, host, "the CA, for joining hosts to trust", "ca.sh", "ca", context.begun),
        _capture(ids.token, host, "a token, for hosts to join with", "token.sh", "token", context.begun),
    ]
    if context.further:
        steps.append(
            _capture(ids.pki, host, "keys that all control planes share", "pki.sh", "pki", context.certified)
        )
    if any(balanced(context, worker) for worker in context.site.workers):
        reason = "the CA, for balancers to know servers by"
        steps.append(_capture(ids.ca_file, host, reason, "ca-file.sh", "ca-file", context.certified))
    return tuple(steps)


def _capture(name: str, host: str, reason: str, script: str, slot: str, after: tuple[str, ...]) -> Step:
    return Exec(
        id=name,
        host=host,
        phase=Phase.CONTROL_PLANE,
        reason=reason,
        after=after,
        script=templates.script(script),
        capture=slot,
        always_run=True,
        only_if_needed=True,
        secret=True,
    )

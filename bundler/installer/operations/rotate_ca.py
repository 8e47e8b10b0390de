"""`certs rotate-ca`: other certificate authorities for a cluster that runs on."""

from bundler.core.errors import BundlerError, ExitCode
from bundler.installer.facts.api import Owner
from bundler.installer.operations.session import Session
from bundler.installer.plan.cluster.view import View
from bundler.installer.plan.order import arrange
from bundler.installer.plan.rotate import rotate_steps
from bundler.installer.plan.steps import Plan
from bundler.installer.site.ranges import folded

_NAMED = 3  # pods by name; the others are counted


def rotate_plan(session: Session) -> Plan:
    """The steps, done or not. Raises RefusedError, BundlerError (REFUSED) where it would cut hosts off."""
    silent = BundlerError(
        "the cluster's API does not answer, so its authorities can't be replaced while it serves",
        where=session.site.name,
        code=ExitCode.REFUSED,
        why="pods and kubelets learn over the API which authority to trust",
        fix=f"bring it up first: certs status -f {session.file}, then certs renew or apply",
    )
    prepared = session.prepare()
    context = session.context(prepared, silent)
    if prepared.view.api is None:
        raise silent
    _refuse_left_out(prepared.view)
    title = f"{session.site.name}: new certificate authorities for the cluster, etcd and the front proxy"
    made = arrange(title, rotate_steps(context))
    return Plan(made.title, made.steps, made.done, warnings=tuple(_lonely(prepared.view)))


def _refuse_left_out(view: View) -> None:
    """A host that is no part of the plan would be cut off from the cluster."""
    wanted = {host.address for host in view.desired.hosts}
    if absent := [host.address for host in view.recorded if host.address not in wanted]:
        raise BundlerError(
            f"{folded(absent)} of the cluster would be cut off",
            where="hosts of the Clusterfile",
            code=ExitCode.REFUSED,
            why="the Clusterfile no longer lists them, so they would never get the new authorities",
            fix="list them again; or remove them first: apply --prune",
        )


def _lonely(view: View) -> list[str]:
    """Pods that nothing starts anew."""
    pods = sorted(pod.name for pod in (view.api.pods if view.api else ()) if pod.owner is Owner.NONE)
    if not pods:
        return []
    more = f" and {len(pods) - _NAMED} more" if len(pods) > _NAMED else ""
    pods_without = f"{', '.join(pods[:_NAMED])}{more}"
    return [f"no controller restarts {pods_without}: if such a pod uses the API, restart it yourself"]

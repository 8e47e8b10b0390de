"""`certs timer`: certificates that are renewed by the control planes themselves."""

from bundler.core.errors import BundlerError, ExitCode
from bundler.installer.operations.session import Session
from bundler.installer.plan.certs_timer import timer_steps
from bundler.installer.plan.order import arrange
from bundler.installer.plan.steps import Plan


def timer_plan(session: Session, *, on: bool) -> Plan:
    """The steps that switch it on or off. Raises RefusedError; REFUSED where there is no cluster."""
    missing = BundlerError(
        "there is no cluster here whose certificates could be renewed",
        where=session.site.name,
        code=ExitCode.REFUSED,
        fix=f"bring it up first: apply -f {session.file}",
    )
    context = session.context(session.prepare(), missing)
    if not context.of(context.primary).admin_config:
        raise missing
    what = "renews its certificates" if on else "no longer renews its certificates"
    title = f"{session.site.name}: every control plane {what} by itself"
    return arrange(title, timer_steps(context, on=on))

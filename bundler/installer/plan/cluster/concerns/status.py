"""What a person wants to know and nothing is done about."""

from collections.abc import Iterator

from bundler.installer.plan.cluster.steps import Finding
from bundler.installer.plan.cluster.view import View


def status(view: View) -> Iterator[Finding]:
    """The Corefile is the site's own, as kubeadm has it."""
    was = view.record.stored.get("coredns", "") if view.record else ""
    found = view.api.stored.get("coredns", "") if view.api else ""
    if was and found and was != found:
        yield Finding(
            "corefile", "kube-system/coredns", "the Corefile was changed by an administrator; left alone"
        )

"""What all tests share: the site's tests are skipped, with the reason, where no machine can be booted."""

import signal

import pytest
from hypothesis import HealthCheck, settings

from tests.site.support import reasons

# A busy machine is slow; that says nothing about the code.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")


def pytest_configure() -> None:
    """Heed Ctrl-C's signal, and so let every program that a test starts heed it.

    A shell starts its background jobs with SIGINT ignored, and programs inherit that; tests which interrupt
    a program would then wait for it in vain.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip by reason, never silently; .ci/run fails when these were skipped."""
    found = reasons() if any(item.get_closest_marker("site") for item in items) else ()
    if not found:
        return
    skip = pytest.mark.skip(reason="no site here: " + "; ".join(found))
    for item in items:
        if item.get_closest_marker("site"):
            item.add_marker(skip)

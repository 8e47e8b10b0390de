"""What all tests share: old versions may be bundled, as most tests are about something else. The
site's tests are skipped, with the reason, where no machine can be booted.
"""

import os

import pytest
from hypothesis import HealthCheck, settings

from tests.site.support import reasons

os.environ.setdefault("BUNDLER_ALLOW_EOL", "1")

# A busy machine is slow; that says nothing about the code.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip by reason, never silently; .ci/run fails when these were skipped."""
    found = reasons() if any(item.get_closest_marker("site") for item in items) else ()
    if not found:
        return
    skip = pytest.mark.skip(reason="no site here: " + "; ".join(found))
    for item in items:
        if item.get_closest_marker("site"):
            item.add_marker(skip)

"""What all tests share.

Which of the site's tests run, and that they are skipped, with the reason, where no machine can be booted. Old
versions may be bundled, as most tests are about something else.
"""

import datetime as dt
import os
import signal
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.site.rotation import Choice, Rotating, chosen, is_named, told
from tests.site.support import reasons

os.environ.setdefault("BUNDLER_ALLOW_EOL", "1")

# A busy machine is slow; that says nothing about the code. The same examples each time, so that a change is
# judged by what it changed; BUNDLER_TEST_SEARCH=1 looks for new ones.
settings.register_profile(
    "busy",
    deadline=None,
    derandomize="BUNDLER_TEST_SEARCH" not in os.environ,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("busy")


_ROTATION = pytest.StashKey[list[str]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add --rotating."""
    words = (
        "which rotating tests of the site to run: one of each kind (default), all, none, or one by its name"
    )
    parser.addoption("--rotating", default=Choice.ONE.value, metavar="WHICH", help=words)


def pytest_configure() -> None:
    """Heed Ctrl-C's signal, and so let every program that a test starts heed it.

    A shell starts its background jobs with SIGINT ignored, and programs inherit that; tests which interrupt
    a program would then wait for it in vain.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out whose turn it isn't; skip by reason only: .ci/run fails when these were skipped."""
    config.stash[_ROTATION] = _rotate(config, items)
    found = reasons() if any(item.get_closest_marker("site") for item in items) else ()
    if not found:
        return
    skip = pytest.mark.skip(reason="no site here: " + "; ".join(found))
    for item in items:
        if item.get_closest_marker("site"):
            item.add_marker(skip)


def pytest_report_collectionfinish(config: pytest.Config) -> list[str]:
    """Tell what runs of the rotating tests."""
    return config.stash.get(_ROTATION, [])


def _rotate(config: pytest.Config, items: list[pytest.Item]) -> list[str]:
    """Take out of `items` whose turn it isn't, and say whose it is. What was asked for by name runs."""
    given = {item: mark for item in items if (mark := _rotating(item))}
    if not given or config.getoption("keyword"):
        return []
    try:
        running = chosen(given.values(), str(config.getoption("--rotating")), _turn())
    except ValueError as error:
        raise pytest.UsageError(str(error)) from error
    left_out = [
        item for item, mark in given.items() if mark not in running and not is_named(item.path, config.args)
    ]
    items[:] = [item for item in items if item not in left_out]
    config.hook.pytest_deselected(items=left_out)
    return told(given.values(), running) if left_out else []


def _rotating(item: pytest.Item) -> Rotating | None:
    mark = item.get_closest_marker("rotating")
    return Rotating(mark.kwargs["kind"], mark.args[0]) if mark else None


def _turn() -> int:
    """The number of this commit, so that a run can be repeated; without a repository, that of the day."""
    count = ["git", "rev-list", "--count", "HEAD"]
    here = Path(__file__).parent
    done = subprocess.run(count, cwd=here, capture_output=True, text=True, check=False)
    return int(done.stdout) if done.returncode == 0 else dt.datetime.now(dt.UTC).toordinal()

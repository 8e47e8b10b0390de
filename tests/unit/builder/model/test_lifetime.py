from datetime import date

import pytest

from bundler.builder.model.lifetime import outlived

TODAY = date(2026, 11, 26)


@pytest.mark.parametrize(
    ("kubernetes", "on", "warned"),
    [
        ("v1.37.2", TODAY, ""),
        ("v1.35.4", TODAY, ""),
        (
            "v1.34.4",
            TODAY,
            "Kubernetes v1.34.4 gets no more fixes since 2026-10-27: take a newer minor version",
        ),
        ("v1.34.4", date(2026, 10, 27), ""),
        ("1.37.2", date(2027, 10, 29), "Kubernetes 1.37.2 gets no more fixes since 2027-10-28: take a newer"),
        ("v1.26.15", TODAY, "Kubernetes v1.26.15 gets no more fixes since 2024-02-28: take a newer minor"),
        ("v1.25.16", TODAY, "Kubernetes v1.25.16 is refused on site: 1.26 is the oldest version"),
        ("v1.99.0", TODAY, ""),  # not known yet
        ("v2.0.0", TODAY, ""),
        ("what", TODAY, ""),
        (None, TODAY, ""),
    ],
)
def test_a_version_that_gets_no_more_fixes_is_warned_of(
    kubernetes: str | None, on: date, warned: str
) -> None:
    told = outlived(kubernetes, on)
    assert told.startswith(warned)
    assert bool(told) == bool(warned)

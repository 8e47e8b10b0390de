import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bundler.core.chart_reference import ChartReference
from bundler.core.errors import BundlerError, ExitCode


@pytest.mark.parametrize(
    ("text", "repository", "file"),
    [
        ("oci://ghcr.io/acme/charts/web:1.2.3", "oci://ghcr.io/acme/charts", "web-1.2.3.tgz"),
        ("oci://127.0.0.1:5000/web:1.2.3-rc.1", "oci://127.0.0.1:5000", "web-1.2.3-rc.1.tgz"),
        ("chart+https://charts.example/stable/web:v2.0.0", "https://charts.example/stable", "web-v2.0.0.tgz"),
        ("chart+http://127.0.0.1:8879/web:1", "http://127.0.0.1:8879", "web-1.tgz"),
    ],
)
def test_both_forms(text: str, repository: str, file: str) -> None:
    chart = ChartReference.parse(text)
    assert (chart.repository, chart.file, str(chart)) == (repository, file, text)


def test_in_a_registry_the_plus_is_an_underscore_and_a_digest_pins() -> None:
    pinned = "oci://quay.io/acme/web:1.2.3+build.4@sha256:" + "a" * 64
    chart = ChartReference.parse(pinned)
    assert str(chart.image()) == "quay.io/acme/web:1.2.3_build.4@sha256:" + "a" * 64
    assert chart.file == "web-1.2.3+build.4.tgz"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("oci://ghcr.io/acme/web", "which version"),
        ("oci://ghcr.io/acme/web:latest", "no version"),
        ("oci://ghcr.io/Acme/web:1.0.0", "capital"),
        ("chart+https://charts.example:1.0.0", "host is missing"),
        ("chart+https:///web:1.0.0", "host is missing"),
        ("chart+https://charts.example/web:1.0.0@sha256:" + "a" * 64, "only registries"),
        ("chart+ftp://charts.example/web:1.0.0", "scheme"),
        ("https://charts.example/web:1.0.0", "scheme"),
        ("oci://ghcr.io/acme/a b:1.0.0", "name of a chart"),
        ("oci://ghcr.io/acme/web:^1.2@sha256:" + "a" * 64, "not of a range"),
        ("oci://ghcr.io/acme/web:^", "no version"),
        ("oci://ghcr.io/acme/web:>=1.2 and <2", "no version"),
    ],
)
def test_what_is_none_is_told(text: str, why: str) -> None:
    with pytest.raises(BundlerError) as caught:
        ChartReference.parse(text)
    assert caught.value.code == ExitCode.INPUT
    assert why in caught.value.why


@pytest.mark.parametrize("wanted", ["^1.2", "~1", ">=1.2 <2", "1.x", "*", "1.2 - 1.4", "^1 || ^3", "!=1.3.0"])
def test_a_version_may_be_a_range(wanted: str) -> None:
    for base in ("oci://ghcr.io/acme/web", "chart+https://charts.example/web"):
        chart = ChartReference.parse(f"{base}:{wanted}")
        assert (chart.version, chart.is_range, str(chart)) == (wanted, True, f"{base}:{wanted}")
    assert not ChartReference.parse("oci://ghcr.io/acme/web:1.2").is_range


@given(st.text(max_size=60))
def test_no_text_surprises_the_parser(text: Any) -> None:
    for scheme in ("oci://", "chart+https://", ""):
        with contextlib.suppress(BundlerError):
            chart = ChartReference.parse(scheme + text)
            assert ChartReference.parse(str(chart)) == chart

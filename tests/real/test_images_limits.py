"""Templates that never end or eat the memory are ended."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bundler.builder.charts.helm import RenderRequest, SdkHelm
from bundler.core.errors import BundlerError, ExitCode

pytestmark = pytest.mark.real


Made = Callable[[str], RenderRequest]


@pytest.fixture
def chart(tmp_path: Path) -> Made:
    def chart(template: str) -> RenderRequest:
        folder = tmp_path / "bad"
        (folder / "templates").mkdir(parents=True)
        (folder / "Chart.yaml").write_text("{apiVersion: v2, name: bad, version: 0.1.0}")
        (folder / "templates" / "x.yaml").write_text(template)
        return RenderRequest(folder, "bad")

    return chart


def test_an_endless_template_is_ended(chart: Made) -> None:
    request = chart("{{ range until 100000 }}{{ range until 100000 }}{{ end }}{{ end }}")
    begin = time.monotonic()
    with pytest.raises(BundlerError, match="not rendered within 2 seconds") as caught:
        SdkHelm(timeout=2).render(request, "charts/bad")
    assert caught.value.code == ExitCode.INPUT
    assert time.monotonic() - begin < 10


def test_a_template_that_eats_the_memory_is_ended(chart: Made) -> None:
    request = chart("{{ range until 2000000000 }}x{{ end }}")
    with pytest.raises(BundlerError, match="out of memory") as caught:
        SdkHelm(timeout=30).render(request, "charts/bad")
    assert caught.value.code == ExitCode.INPUT

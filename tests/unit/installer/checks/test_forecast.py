"""How long copies would take."""

import pytest

from bundler.core.digest import Digest
from bundler.installer.checks.forecast import forecast
from bundler.installer.plan.steps import Deliver, Delivery, Phase, Plan

MIB = 1 << 20


def plan(*sizes: int) -> Plan:
    def step(number: int, size: int) -> Deliver:
        file = Delivery("m", "/p", 0o644, Digest.of(b"x"), size * MIB)
        host = f"10.0.0.{number}"
        return Deliver(id=host, host=host, phase=Phase.DISTRIBUTE, reason="r", files=(file,))

    return Plan("t", tuple(step(number, size) for number, size in enumerate(sizes)))


@pytest.mark.parametrize(
    ("sizes", "speed", "expected"),
    [
        ((), {"a": 10.0}, ""),
        ((100,), {}, ""),
        ((100,), {"a": 10.0}, "apply copies 100 MiB to 1 host: about 10 s at 10 MiB/s, as measured"),
        (
            (600, 600),
            {"a": 2.0, "b": 10.0},
            "apply copies 1,200 MiB to 2 hosts: about 2 min at 10 MiB/s, as measured",
        ),
        ((72_000,), {"a": 10.0}, "apply copies 70.3 GiB to 1 host: about 2 h 0 min at 10 MiB/s, as measured"),
    ],
)
def test_forecast(sizes: tuple[int, ...], speed: dict[str, float], expected: str) -> None:
    assert forecast(plan(*sizes), speed) == expected

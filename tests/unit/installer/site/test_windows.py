"""How many workers of a group may be down at once: from the Clusterfile to the plan."""

from pathlib import Path

import pytest

from bundler.core.errors import BundlerError
from bundler.installer.plan.aim import outline
from bundler.installer.site.clusterfile.read import read_file
from bundler.installer.site.windows import amount_fault, windows
from tests.unit.installer.plan import kit


@pytest.mark.parametrize(
    ("size", "asked", "wanted"),
    [
        (1, {}, 1),
        (9, {}, 1),
        (19, {}, 1),  # a tenth, rounded down
        (20, {}, 2),
        (200, {}, 20),
        (6, {"": "50%"}, 3),
        (7, {"": "50%"}, 3),
        (7, {"": "20%"}, 1),
        (30, {"": "99%"}, 29),  # no integer division eats a share below 100
        (5, {"": "100%"}, 5),
        (5, {"": "3"}, 3),
        (5, {"": "3", "workers": "2"}, 2),
        (5, {"gpu": "3"}, 1),
    ],
)
def test_an_amount_is_a_number_or_a_share(size: int, asked: dict[str, str], wanted: int) -> None:
    assert windows(["workers"] * size, asked) == {"workers": wanted}


def test_each_group_has_its_own() -> None:
    assert windows(["a"] * 30 + ["b"] * 4, {"": "10%", "b": "2"}) == {"a": 3, "b": 2}


@pytest.mark.parametrize("text", ["0", "0%", "101%", "-1", "1.5", "ten", "", "10 %", "99999"])
def test_what_is_no_amount_is_refused(text: str) -> None:
    assert amount_fault(text)


SITE = """\
apiVersion: bundler/v1
kind: Cluster
metadata: {{name: trial}}
spec:
  maxUnavailable: {amount}
  hosts:
  - {{ips: [10.0.0.2], roles: [control-plane]}}
  - {{ips: [10.0.0.11-10.0.0.30], roles: [worker]}}
  - {{ips: [10.0.0.41-10.0.0.44], roles: [worker], group: gpu}}
"""


@pytest.mark.parametrize(
    ("amount", "wanted"),
    [
        ("3", {"workers": 3, "gpu": 3}),
        ("25%", {"workers": 5, "gpu": 1}),
        ("{'*': 25%, gpu: 2}", {"workers": 5, "gpu": 2}),
        ("{gpu: 50%}", {"workers": 2, "gpu": 2}),
    ],
)
def test_the_clusterfile_says_so_for_all_or_by_group(
    tmp_path: Path, amount: str, wanted: dict[str, int]
) -> None:
    file = tmp_path / "site.yaml"
    file.write_text(SITE.format(amount=amount))
    made = outline(read_file(file), kit.index(), "")
    assert made.windows == wanted
    assert {host.group for host in made.hosts if host.address.startswith("10.0.0.4")} == {"gpu"}


@pytest.mark.parametrize(
    ("amount", "word"),
    [
        ("0", "no number"),
        ("{gpus: 1}", "no host is of the group"),
        ("{GPU: 1}", "no name"),
        ("150%", "share"),
    ],
)
def test_a_slip_is_named_with_its_place(tmp_path: Path, amount: str, word: str) -> None:
    file = tmp_path / "site.yaml"
    file.write_text(SITE.format(amount=amount))
    with pytest.raises(BundlerError, match=word) as error:
        read_file(file)
    assert "site.yaml:5" in str(error.value)

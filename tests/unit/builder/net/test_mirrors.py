from pathlib import Path

import pytest

from bundler.builder.net.mirrors import Mirrors
from bundler.core.errors import BundlerError, Problems

TEXT = """
# stand-ins
https://dl.k8s.io/  http://127.0.0.1:1/k8s/   # files
https://dl.k8s.io/other/ http://127.0.0.1:2/
registry.k8s.io 127.0.0.1:5000/registry.k8s.io
docker.io/library 127.0.0.1:5000/lib
"""


@pytest.mark.parametrize(
    ("url", "real"),
    [
        ("https://dl.k8s.io/v1/a", "http://127.0.0.1:1/k8s/v1/a"),
        ("https://dl.k8s.io/other/a", "http://127.0.0.1:2/a"),
        ("https://dl.k8s.io.example/a", "https://dl.k8s.io.example/a"),
        ("http://dl.k8s.io/a", "http://dl.k8s.io/a"),
    ],
)
def test_files(url: str, real: str) -> None:
    assert Mirrors.parse(TEXT, "m").url(url) == real


@pytest.mark.parametrize(
    ("name", "real"),
    [
        ("registry.k8s.io/pause", "127.0.0.1:5000/registry.k8s.io/pause"),
        ("registry.k8s.io.example/pause", "registry.k8s.io.example/pause"),
        ("docker.io/library/nginx", "127.0.0.1:5000/lib/nginx"),
        ("docker.io/libraryx/nginx", "docker.io/libraryx/nginx"),
    ],
)
def test_images(name: str, real: str) -> None:
    assert Mirrors.parse(TEXT, "m").image(name) == real


def test_all_wrong_lines_are_told_at_once() -> None:
    with pytest.raises(Problems) as caught:
        Mirrors.parse("one\nhttps://a/ b\nok fine\na b c\n", "m")
    assert [p.location.line for p in caught.value.problems] == [1, 2, 4]


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(BundlerError, match="can't read the mirrors file"):
        Mirrors.read(tmp_path / "none")

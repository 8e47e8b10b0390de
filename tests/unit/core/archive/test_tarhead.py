import io
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bundler.core.archive import tarhead

_PARTS = st.text(st.characters(min_codepoint=0x20, exclude_categories=["Cs"]), min_size=1, max_size=60)


def by_tarfile(path: str, size: int, mode: int, mtime: int) -> bytes:
    info = tarfile.TarInfo(path)
    info.size, info.mode, info.mtime, info.uname, info.gname = size, mode, mtime, "root", "root"
    return info.tobuf(tarfile.GNU_FORMAT, "utf-8", "strict")


@given(
    st.lists(_PARTS.filter(lambda part: "/" not in part), min_size=1, max_size=4).map("/".join),
    st.one_of(st.integers(0, 1 << 40), st.sampled_from([8**11 - 1, 8**11, 8**11 + 1])),
    st.integers(0, 0o7777),
    st.integers(0, 8**12),
)
def test_a_header_is_tarfiles_own(path: str, size: int, mode: int, mtime: int) -> None:
    made = tarhead.header(path, size=size, mode=mode, mtime=mtime)
    assert made == by_tarfile(path, size, mode, mtime)


@pytest.mark.parametrize("length", [99, 100, 101, 4095])
def test_names_of_every_length_are_read_back(length: int) -> None:
    name = "n" * length
    data = tarhead.header(name, size=3, mode=0o640, mtime=7) + b"abc" + tarhead.padding(3) + tarhead.end()
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        (found,) = tar.getmembers()
    assert (found.name, found.size, found.mode, found.mtime, found.isreg()) == (name, 3, 0o640, 7, True)

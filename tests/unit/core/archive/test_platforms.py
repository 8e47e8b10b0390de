"""What of a .run for several platforms is whose."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bundler.core.archive import Bundle, BundleWriter
from bundler.core.archive.platforms import (
    Edition,
    check_platforms,
    choose,
    platforms_of,
    section_name,
    tar_names,
)
from bundler.core.digest import Digest
from bundler.core.errors import BundlerError, ExitCode
from tests.kits.archive.bundles import STUB, meta

AMD, ARM, OLD = "linux/amd64", "linux/arm64", "linux/arm/v7"


@pytest.mark.parametrize(
    ("first", "second", "names"),
    [
        ({"a": 1}, {"a": 1}, {"a": "a"}),
        ({"a": 1}, {"a": 2}, {"a": "platforms/linux-arm64/a"}),
        ({"a": 1}, {"b": 2}, {"b": "b"}),
        ({"a": 1}, {"a/b": 1}, {"a/b": "platforms/linux-arm64/a/b"}),  # a file where a folder is needed
        ({"a": 1}, {"a/b/c": 1}, {"a/b/c": "platforms/linux-arm64/a/b/c"}),
        ({"a/b": 1}, {"a": 1}, {"a": "platforms/linux-arm64/a"}),  # and the other way about
        ({"a/b": 1}, {"a/c": 2}, {"a/c": "a/c"}),
        ({}, {"x/y": 1}, {"x/y": "x/y"}),
    ],
)
def test_a_member_lies_at_its_own_path_where_that_is_free(
    first: dict[str, int], second: dict[str, int], names: dict[str, str]
) -> None:
    assert tar_names((AMD, ARM), (first, second)) == ({path: path for path in first}, names)


def test_each_platform_that_differs_has_its_own() -> None:
    names = tar_names((AMD, ARM, OLD), ({"a": 1}, {"a": 2, "b": 3}, {"a": 2, "b": 3}))
    assert names[1] == {"a": "platforms/linux-arm64/a", "b": "b"}
    assert names[2] == {"a": "platforms/linux-arm-v7/a", "b": "b"}


_TREES = st.dictionaries(
    st.lists(st.sampled_from("ab"), min_size=1, max_size=3).map("/".join), st.integers(0, 2), max_size=5
).filter(lambda tree: not any(other.startswith(f"{one}/") for one in tree for other in tree))


@given(_TREES, _TREES, _TREES)
def test_laying_what_is_below_platforms_over_the_rest_gives_each_tree(
    first: dict[str, int], second: dict[str, int], third: dict[str, int]
) -> None:
    """The rule of docs/format.md, for all that any unpacker can do: one content for each name."""
    platforms, trees = (AMD, ARM, OLD), (first, second, third)
    named = tar_names(platforms, trees)
    tar: dict[str, int] = {}
    for names, tree in zip(named, trees, strict=True):
        for path, name in names.items():
            assert tar.setdefault(name, tree[path]) == tree[path]
    assert not any(other.startswith(f"{one}/") for one in tar for other in tar)
    for platform, tree in zip(platforms, trees, strict=True):
        below = f"platforms/{platform.replace('/', '-')}/"
        laid = {**tar, **{n.removeprefix(below): c for n, c in tar.items() if n.startswith(below)}}
        assert {path: laid[path] for path in tree} == tree


@pytest.mark.parametrize(
    ("wanted", "found"),
    [(AMD, AMD), ("amd64", AMD), ("arm64", ARM), ("arm", OLD), (OLD, OLD), ("linux/arm", None), ("", None)],
)
def test_a_platform_is_named_whole_or_by_its_architecture(wanted: str, found: str | None) -> None:
    assert choose((AMD, ARM, OLD), wanted) == found


@pytest.mark.parametrize(
    "platforms", [("linux/arm/v6", OLD), (ARM, "linux/arm64/v8"), (AMD, "linux/averylongarchitecture")]
)
def test_some_platforms_can_have_no_file_in_common(platforms: tuple[str, str]) -> None:
    with pytest.raises(BundlerError) as caught:
        check_platforms(platforms)
    assert caught.value.code is ExitCode.UNSUPPORTED
    check_platforms((AMD, ARM, OLD, "linux/riscv64", "linux/s390x", "linux/ppc64le"))


@pytest.fixture
def product(tmp_path: Path, runtime: Path) -> Path:
    """A .run for three platforms: `both` is shared by two of them, `all` by all."""
    files = [{"all": b"all", "own": b"amd"}, {"all": b"all", "own": b"arm", "both": b"x"}, {"both": b"x"}]
    names = tar_names((AMD, ARM, OLD), files)
    path = tmp_path / "shop.run"
    with BundleWriter(path, stub=STUB, runtime=runtime) as writer:
        contents = {n: tree[p] for tree, of in zip(files, names, strict=True) for p, n in of.items()}
        for name, data in contents.items():
            writer.add(name, [data], size=len(data), digest=Digest.of(data))
        further = tuple(
            Edition(meta(platform=each), runtime, of) for each, of in zip((ARM, OLD), names[1:], strict=True)
        )
        writer.finish(meta(), names=names[0], further=further)
    return path


def test_each_platform_has_its_index_its_members_and_its_runtime(product: Path) -> None:
    with Bundle.open(product) as bundle:
        assert bundle.platforms == platforms_of(bundle.seal) == (AMD, ARM, OLD)
        read = {
            platform: {each.path: b"".join(bundle.chunks(each)) for each in bundle.of(platform).index.members}
            for platform in bundle.platforms
        }
        assert read[AMD] == {"all": b"all", "own": b"amd"}
        assert read[ARM] == {"all": b"all", "own": b"arm", "both": b"x"}
        assert read[OLD] == {"both": b"x"}
        assert bundle.own("runtime").name == "runtime"
        assert bundle.of("arm").own("runtime").name == section_name("runtime", OLD) == "runtime-linux-arm-v7!"
        assert bundle.of(ARM).of(AMD).index is bundle.index
        bundle.check()


def test_what_it_is_not_for_is_said(product: Path) -> None:
    with (
        Bundle.open(product) as bundle,
        pytest.raises(BundlerError, match="linux/amd64, linux/arm64") as caught,
    ):
        bundle.of("linux/riscv64")
    assert caught.value.code is ExitCode.NOT_FOUND


def test_one_name_and_version_are_asked_for(tmp_path: Path, runtime: Path) -> None:
    path = tmp_path / "shop.run"
    with BundleWriter(path, stub=STUB, runtime=runtime) as writer:
        edition = Edition(meta(platform=ARM, version="2"), runtime, {})
        with pytest.raises(BundlerError, match="linux/arm64 is of 'demo' '2'"):
            writer.finish(meta(), names={}, further=(edition,))
    assert not path.exists()

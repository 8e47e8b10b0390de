"""containers-registries.conf(5): which places are asked, in which order."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bundler.builder.net.registries import Place, Registries, Rule, read_rules
from bundler.core.errors import BundlerError, ExitCode
from bundler.core.reference import Reference

DIGEST = "@sha256:" + "a" * 64
MANUAL = """
unqualified-search-registries = ["example.com"]
[[registry]]
prefix = "example.com/foo"
insecure = false
blocked = false
location = "internal.example/bar"
[[registry.mirror]]
location = "mirror-0.local/mirror-for-foo"
[[registry.mirror]]
location = "mirror-1.local/mirrors/foo"
insecure = true
"""


BOTH = """
[[registry]]
prefix = "q.io"
mirror-by-digest-only = true
mirror = [{location = "m", pull-from-mirror = "all"}]
"""


def places(tmp_path: Path, text: Any, name: Any) -> Any:
    path = tmp_path / "registries.conf"
    path.write_text(text)
    rules = Registries.of({"CONTAINERS_REGISTRIES_CONF": str(path)})
    return [(place.name, place.insecure) for place in rules.places(Reference.parse(name))]


def test_the_manuals_example_gives_the_manuals_order(tmp_path: Path) -> None:
    assert places(tmp_path, MANUAL, "example.com/foo/image:latest") == [
        ("mirror-0.local/mirror-for-foo/image", False),
        ("mirror-1.local/mirrors/foo/image", True),
        ("internal.example/bar/image", False),
    ]


@pytest.mark.parametrize(
    ("text", "name", "expected"),
    [
        (MANUAL, "example.com/foobar/image", [("example.com/foobar/image", False)]),
        (MANUAL, "nginx", [("docker.io/library/nginx", False)]),
        (
            '[[registry]]\nlocation = "docker.io"\n[[registry.mirror]]\nlocation = "m:5000/hub/"',
            "nginx",
            [("m:5000/hub/library/nginx", False), ("docker.io/library/nginx", False)],
        ),
        (
            '[[registry]]\nprefix = "q.io"\nlocation = "a"\n[[registry]]\nprefix = "q.io/x"\nlocation = "b"',
            "q.io/x/y",
            [("b/y", False)],
        ),
        ('[[registry]]\nprefix = "q.io/x/y"\nlocation = "b/z"', "q.io/x/y:1", [("b/z", False)]),
        ('[[registry]]\nprefix = "*.local"\ninsecure = true', "a.b.local/x", [("a.b.local/x", True)]),
        ('[[registry]]\nprefix = "*.local"\ninsecure = true', "local/x", [("docker.io/local/x", False)]),
        ('[registries.insecure]\nregistries = ["h:5000"]', "h:5000/x", [("h:5000/x", True)]),
    ],
)
def test_the_longest_prefix_decides(tmp_path: Path, text: Any, name: str, expected: Any) -> None:
    assert places(tmp_path, text, name) == expected


@pytest.mark.parametrize(
    ("registry", "mirror", "by_tag", "by_digest"),
    [
        ("", "", 2, 2),
        ("mirror-by-digest-only = true", "", 1, 2),
        ("", 'pull-from-mirror = "digest-only"', 1, 2),
        ("", 'pull-from-mirror = "tag-only"', 2, 1),
        ("", 'pull-from-mirror = "all"', 2, 2),
    ],
)
def test_mirrors_for_tags_or_digests_only(
    tmp_path: Path, registry: str, mirror: str, by_tag: int, by_digest: int
) -> None:
    text = f'[[registry]]\nprefix = "q.io"\n{registry}\n[[registry.mirror]]\nlocation = "m"\n{mirror}\n'
    assert len(places(tmp_path, text, "q.io/x:1")) == by_tag
    assert len(places(tmp_path, text, f"q.io/x:1{DIGEST}")) == by_digest


@pytest.mark.parametrize(
    "text", ['[[registry]]\nprefix = "q.io"\nblocked = true', '[registries.block]\nregistries = ["q.io"]']
)
def test_what_is_blocked_is_not_asked(tmp_path: Path, text: str) -> None:
    with pytest.raises(BundlerError) as caught:
        places(tmp_path, text, "q.io/x:1")
    assert "blocks this image" in caught.value.what


@pytest.mark.parametrize(
    "text",
    [
        "not toml",
        "[[registry]]\ninsecure = true",
        '[[registry]]\nlocation = "https://q.io"',
        '[[registry]]\nprefix = "q.io"\nblocked = "yes"',
        '[[registry]]\nprefix = "*.q.io"\nlocation = "m"',
        '[[registry]]\nprefix = "q.io"\n[[registry.mirror]]\ninsecure = true',
        '[[registry]]\nprefix = "q.io"\n[[registry.mirror]]\nlocation = "m"\npull-from-mirror = "never"',
        BOTH,
        '[[registry]]\nprefix = "q"\nmirror = ["m"]',
        "[registries]\ninsecure = 3",
        '[[registry]]\nprefix = "q.io"\n[registries.block]\nregistries = ["a"]',
        "registry = 3",
        "registries = 3",
    ],
)
def test_a_file_that_is_wrong_is_told(tmp_path: Path, text: Any) -> None:
    path = tmp_path / "registries.conf"
    path.write_text(text)
    with pytest.raises(BundlerError) as caught:
        read_rules(path)
    assert caught.value.code == ExitCode.INPUT
    assert str(path) in str(caught.value)


@settings(deadline=None)  # it writes files, which a busy machine may do slowly
@given(st.binary(max_size=200))
def test_no_file_surprises_the_reader(tmp_path_factory: pytest.TempPathFactory, data: Any) -> None:
    path = tmp_path_factory.getbasetemp() / "any.conf"
    path.write_bytes(data)
    try:
        rules = read_rules(path)
    except BundlerError:
        return
    assert all(isinstance(rule, Rule) for rule in rules)


def test_the_users_file_comes_before_the_systems_and_drop_ins_replace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    system, user = tmp_path / "etc", tmp_path / "home/.config/containers"
    monkeypatch.setattr("bundler.builder.net.registries._SYSTEM", system)
    for folder in (system, user):
        (folder / "registries.conf.d").mkdir(parents=True)
    write = '[[registry]]\nprefix = "{}"\nlocation = "{}"\n'.format
    (system / "registries.conf").write_text(write("a", "system"))
    (system / "registries.conf.d/10.conf").write_text(write("b", "first"))
    (system / "registries.conf.d/20.conf").write_text(write("b", "second"))
    home = {"HOME": str(tmp_path / "home")}
    assert Registries.of(home).rules == (Rule("a", "system"), Rule("b", "second"))
    (user / "registries.conf").write_text(write("c", "user"))
    assert Registries.of(home).rules == (Rule("c", "user"), Rule("b", "second"))
    assert Registries.of({}).rules == (Rule("a", "system"), Rule("b", "second"))
    with pytest.raises(BundlerError):
        Registries.of({"CONTAINERS_REGISTRIES_CONF": str(tmp_path / "absent")})


def test_without_rules_the_name_is_the_place() -> None:
    assert Registries().places(Reference.parse("q.io/x:1")) == (Place("q.io/x"),)

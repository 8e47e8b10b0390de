"""core.reference: what people write becomes one full name."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bundler.core.digest import Digest
from bundler.core.errors import BundlerError, ExitCode
from bundler.core.reference import Reference

HEX = "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("text", "registry", "repository", "tag", "digest"),
    [
        ("nginx", "docker.io", "library/nginx", "latest", None),
        ("nginx:1.27", "docker.io", "library/nginx", "1.27", None),
        ("docker.io/nginx:1.27", "docker.io", "library/nginx", "1.27", None),
        ("index.docker.io/library/nginx", "docker.io", "library/nginx", "latest", None),
        ("calico/node:v3.27.0", "docker.io", "calico/node", "v3.27.0", None),
        ("quay.io/a/b:1", "quay.io", "a/b", "1", None),
        ("localhost/a:1", "localhost", "a", "1", None),
        ("localhost:5000/a:1", "localhost:5000", "a", "1", None),
        ("10.0.0.1:5000/x/y/z", "10.0.0.1:5000", "x/y/z", "latest", None),
        ("[::1]:5000/a:1", "[::1]:5000", "a", "1", None),
        ("registry.k8s.io/pause:3.9", "registry.k8s.io", "pause", "3.9", None),
        ("HOST/a:1", "HOST", "a", "1", None),
        (f"nginx@sha256:{HEX}", "docker.io", "library/nginx", None, HEX),
        (f"quay.io/a/b:1@sha256:{HEX}", "quay.io", "a/b", "1", HEX),
        ("a__b-c---e/f.g_h:_T.-", "docker.io", "a__b-c---e/f.g_h", "_T.-", None),
    ],
)
def test_names_are_completed(text: str, registry: str, repository: str, tag: str | None, digest: Any) -> None:
    expected = Reference(registry, repository, tag, Digest(digest) if digest else None)
    assert Reference.parse(text) == expected


def test_the_full_name_is_what_containerd_asks_for() -> None:
    assert str(Reference.parse("nginx")) == "docker.io/library/nginx:latest"
    assert str(Reference.parse(f"quay.io/a/b:1@sha256:{HEX}")) == f"quay.io/a/b:1@sha256:{HEX}"
    assert str(Reference.parse(f"b@sha256:{HEX}")) == f"docker.io/library/b@sha256:{HEX}"


def test_the_digest_decides_what_is_fetched() -> None:
    assert Reference.parse("a:1").wanted == "1"
    assert Reference.parse(f"a:1@sha256:{HEX}").wanted == f"sha256:{HEX}"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "empty"),
        (":1", "empty"),
        ("docker.io/Library/nginx", "write library"),
        ("Nginx", "write nginx"),
        ("a//b", "slash too many"),
        ("/a", "slash too many"),
        ("a/", "slash too many"),
        ("https://quay.io/a/b", "without http://"),
        ("a:", "not a tag"),
        ("a:" + "x" * 129, "not a tag"),
        ("a:.x", "not a tag"),
        ("a:1:2", "not a tag"),
        ("a b", "path"),
        ("a@sha256:12", "not a digest"),
        ("a@sha512:" + "0" * 128, "not a digest"),
        ("a@", "not a digest"),
        (HEX, "image id"),
        ("x.io:99999/a", "not a registry host"),
        ("-x.io/a", "not a registry host"),
        ("x.io/" + "a" * 260, "longer than 255"),
        ("{{ .Values.image }}", "path"),
        ("a\n", "path"),
        ("é/a", "path"),
    ],
)
def test_a_wrong_name_says_what_would_be_right(text: Any, says: str) -> None:
    with pytest.raises(BundlerError) as caught:
        Reference.parse(text)
    assert caught.value.code == ExitCode.INPUT
    assert says in str(caught.value)
    assert caught.value.fix


hosts = st.from_regex(r"([a-z0-9]{1,8}\.){1,3}[a-z]{2,5}(:[1-9][0-9]{0,3})?", fullmatch=True)
parts = st.from_regex(r"[a-z0-9]{1,6}((\.|_|__|-{1,3})[a-z0-9]{1,6}){0,2}", fullmatch=True)
tags = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}", fullmatch=True)
digests = st.from_regex(r"[0-9a-f]{64}", fullmatch=True).map(Digest)


@given(hosts, st.lists(parts, min_size=1, max_size=4), st.none() | tags, st.none() | digests)
def test_what_is_written_is_read_again(host: Any, path: Any, tag: Any, digest: Any) -> None:
    ref = Reference(host, "/".join(path), tag, digest)
    assert Reference.parse(str(ref)) == ref


@given(st.text(max_size=60) | st.from_regex(r"[a-zA-Z0-9./:@_\[\]-]{0,40}", fullmatch=True))
def test_any_text_gives_a_stable_name_or_a_clear_error(text: Any) -> None:
    try:
        ref = Reference.parse(text)
    except BundlerError:
        return
    assert Reference.parse(str(ref)) == ref

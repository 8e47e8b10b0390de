import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import stamina

from bundler.builder.cache.store import Store
from bundler.builder.net import http
from bundler.builder.net.fetch import Fetcher
from bundler.builder.net.mirrors import Mirrors
from bundler.core.digest import Digest
from bundler.core.errors import BundlerError, ExitCode
from tests.kits.servers import Server, content, endless, in_turn, self_signed, serving, status

BODY = os.urandom(299_999) + b"."  # an end that tests can put something else in place of
SUM = Digest.of(BODY)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "cache")


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as running:
        yield running


@pytest.fixture
def fetcher(store: Store) -> Iterator[Fetcher]:
    with Fetcher(store) as made:
        yield made


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retry at once: what is tested is what is tried, not how long is waited."""
    real = stamina.retry_context
    monkeypatch.setattr(
        stamina,
        "retry_context",
        lambda **kw: real(**{**kw, "wait_initial": 0, "wait_max": 0, "wait_jitter": 0}),
    )


def unfinished(store: Store) -> list[Path]:
    return [p for name in ("partial", "temp") for p in (store.root / name).rglob("*") if p.is_file()]


def ranges(server: Server) -> list[str | None]:
    return [headers.get("Range") for _, headers in server.seen]


def test_a_file_arrives_and_with_a_checksum_is_not_asked_for_again(
    server: Server, fetcher: Fetcher, store: Store
) -> None:
    server.answers["/f"] = content(BODY)
    blob = fetcher.fetch(server.url("/f"), SUM)
    assert store.path(blob.digest).read_bytes() == BODY
    assert fetcher.fetch(server.url("/f"), SUM) == blob
    assert len(server.seen) == 1


def test_a_cut_download_goes_on_by_range(server: Server, fetcher: Fetcher, store: Store) -> None:
    server.answers["/f"] = content(BODY, cut_after=[100_000, 50_000])
    assert fetcher.fetch(server.url("/f"), SUM, size=len(BODY)).size == len(BODY)
    assert ranges(server) == [None, "bytes=100000-", "bytes=150000-"]
    assert unfinished(store) == []


def test_many_cuts_are_borne_as_long_as_something_arrives(server: Server, fetcher: Fetcher) -> None:
    server.answers["/f"] = content(BODY, cut_after=[10_000] * 20)
    assert fetcher.fetch(server.url("/f"), SUM).size == len(BODY)


def test_a_download_without_checksum_is_resumed_too(server: Server, fetcher: Fetcher) -> None:
    server.answers["/f"] = content(BODY, cut_after=[100_000], etag='"v1"')
    assert fetcher.fetch(server.url("/f")).digest == SUM
    assert ranges(server) == [None, "bytes=100000-"]
    assert server.seen[1][1]["If-Range"] == '"v1"'


def test_a_server_without_ranges_begins_again(server: Server, fetcher: Fetcher) -> None:
    server.answers["/f"] = content(BODY, cut_after=[100_000], ranges=False)
    assert fetcher.fetch(server.url("/f"), SUM).size == len(BODY)


def test_the_next_run_goes_on_where_a_failed_one_stopped(
    server: Server, fetcher: Fetcher, store: Store
) -> None:
    server.answers["/f"] = content(BODY, cut_after=[100_000] + [0] * 10)
    with pytest.raises(BundlerError) as caught:
        fetcher.fetch(server.url("/f"), SUM)
    assert caught.value.code is ExitCode.NETWORK
    assert [p.stat().st_size for p in unfinished(store)] == [100_000]
    server.answers["/f"] = content(BODY)
    server.seen.clear()
    assert fetcher.fetch(server.url("/f"), SUM).size == len(BODY)
    assert ranges(server) == ["bytes=100000-"]


def test_a_rotten_part_of_an_earlier_run_is_fetched_anew(
    server: Server, fetcher: Fetcher, store: Store
) -> None:
    with store.partial(SUM) as partial:
        partial.append(b"rotten" * 1000)
    server.answers["/f"] = content(BODY)
    assert fetcher.fetch(server.url("/f"), SUM).size == len(BODY)
    assert ranges(server) == ["bytes=6000-", None]


def test_a_part_longer_than_the_file_is_fetched_anew(server: Server, fetcher: Fetcher, store: Store) -> None:
    with store.partial(SUM) as partial:
        partial.append(b"x" * (len(BODY) + 1))
    server.answers["/f"] = content(BODY)
    assert fetcher.fetch(server.url("/f"), SUM).size == len(BODY)


def test_a_lying_server_is_found_out(server: Server, fetcher: Fetcher, store: Store) -> None:
    server.answers["/f"] = content(BODY[:-1] + b"!")
    with pytest.raises(BundlerError, match="not what its digest says") as caught:
        fetcher.fetch(server.url("/f"), SUM)
    assert caught.value.code is ExitCode.INTEGRITY
    assert unfinished(store) == []
    assert store.find(SUM) is None


@pytest.mark.parametrize("checksum", [SUM, None])
def test_an_endless_body_ends_at_the_expected_size(
    server: Server, fetcher: Fetcher, store: Store, checksum: Digest | None
) -> None:
    server.answers["/f"] = endless
    with pytest.raises(BundlerError, match="sends more than it should") as caught:
        fetcher.fetch(server.url("/f"), checksum, size=len(BODY))
    assert caught.value.code is ExitCode.INTEGRITY
    assert unfinished(store) == []


def test_an_unchanged_file_without_checksum_is_not_sent_again(server: Server, fetcher: Fetcher) -> None:
    server.answers["/f"] = content(BODY, etag='"v1"')
    first = fetcher.fetch(server.url("/f"))
    assert fetcher.fetch(server.url("/f")) == first
    assert server.seen[1][1]["If-None-Match"] == '"v1"'
    server.answers["/f"] = content(b"changed", etag='"v2"')
    assert fetcher.fetch(server.url("/f")).digest == Digest.of(b"changed")


def test_offline_takes_what_is_there_and_asks_nobody(server: Server, fetcher: Fetcher, store: Store) -> None:
    server.answers["/f"] = content(BODY)
    blob = fetcher.fetch(server.url("/f"))
    server.seen.clear()
    with Fetcher(store, offline=True) as offline:
        assert offline.fetch(server.url("/f")) == blob
        assert offline.fetch(server.url("/elsewhere"), SUM) == blob
        with pytest.raises(BundlerError, match="not in the cache"):
            offline.fetch(server.url("/other"))
    assert server.seen == []


@pytest.mark.parametrize(
    ("code", "exit_code", "tries"),
    [(404, ExitCode.NOT_FOUND, 1), (403, ExitCode.NETWORK, 1), (503, ExitCode.NETWORK, 5)],
)
def test_statuses(server: Server, fetcher: Fetcher, code: int, exit_code: ExitCode, tries: int) -> None:
    server.answers["/f"] = status(code)
    with pytest.raises(BundlerError, match=str(code)) as caught:
        fetcher.fetch(server.url("/f"), SUM)
    assert caught.value.code is exit_code
    assert len(server.seen) == tries


def test_a_busy_server_is_asked_again_later(server: Server, fetcher: Fetcher) -> None:
    server.answers["/f"] = in_turn(status(429, {"Retry-After": "0"}), status(503), content(BODY))
    assert fetcher.fetch(server.url("/f")).digest == SUM


def test_redirects_are_followed_but_not_for_ever(server: Server, fetcher: Fetcher) -> None:
    server.answers["/a"] = status(302, {"Location": "/b"})
    server.answers["/b"] = content(BODY)
    server.answers["/loop"] = status(302, {"Location": "/loop"})
    assert fetcher.fetch(server.url("/a")).digest == SUM
    with pytest.raises(BundlerError, match="more than 10 redirects"):
        fetcher.fetch(server.url("/loop"))


def test_https_is_verified_and_never_left(
    server: Server, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = self_signed(tmp_path)
    server.answers["/plain"] = content(BODY)
    with serving(certificate) as secure:
        secure.answers["/f"] = content(BODY)
        secure.answers["/away"] = status(302, {"Location": server.url("/plain")})
        with Fetcher(store) as fetcher, pytest.raises(BundlerError, match="identity") as caught:
            fetcher.fetch(secure.url("/f"), SUM)
        assert caught.value.code is ExitCode.TRUST
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
        with Fetcher(store) as fetcher:
            assert fetcher.fetch(secure.url("/f"), SUM).size == len(BODY)
            with pytest.raises(BundlerError, match="plain http, which is refused"):
                fetcher.fetch(secure.url("/away"))
    assert server.seen == []


def test_nobody_there(fetcher: Fetcher) -> None:
    with pytest.raises(BundlerError, match="can't fetch it") as caught:
        fetcher.fetch("http://127.0.0.1:1/f")
    assert caught.value.code is ExitCode.NETWORK


def test_secrets_of_an_address_stay_out_of_messages(fetcher: Fetcher) -> None:
    with pytest.raises(BundlerError) as caught:
        fetcher.fetch("http://user:hunter2@127.0.0.1:1/f?token=hunter2")
    assert "hunter2" not in str(caught.value)
    assert "http://127.0.0.1:1/f" in str(caught.value)


def test_file_urls(tmp_path: Path, fetcher: Fetcher) -> None:
    (tmp_path / "a b").write_bytes(BODY)
    assert fetcher.fetch(f"file://{tmp_path}/a%20b").digest == SUM
    with pytest.raises(BundlerError, match="no such file"):
        fetcher.fetch(f"file://{tmp_path}/none")
    with pytest.raises(BundlerError, match="no such file"):
        fetcher.fetch(f"file://elsewhere{tmp_path}/a%20b")


@pytest.mark.parametrize("url", ["ftp://x/y", "no-scheme", ""])
def test_unknown_schemes(fetcher: Fetcher, url: str) -> None:
    with pytest.raises(BundlerError, match="can't fetch from") as caught:
        fetcher.fetch(url)
    assert caught.value.code is ExitCode.INPUT


def test_mirrors_stand_in_for_hosts(server: Server, store: Store) -> None:
    server.answers["/k8s/release/v1/kubelet"] = content(BODY)
    mirrors = Mirrors.parse(f"https://dl.k8s.io/ {server.url('/k8s/')}\n", "mirrors")
    with Fetcher(store, mirrors=mirrors) as fetcher:
        assert fetcher.fetch("https://dl.k8s.io/release/v1/kubelet").digest == SUM


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("5", 5.0),
        ("Thu, 01 Jan 1970 00:01:40 GMT", 90.0),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0),
        ("soon", None),
        ("", None),
        (" 5 ", 5.0),
        ("-5", None),
        ("1.5", None),
        ("²", None),
        ("9" * 400, None),
        ("5, 10", None),
        ("Thu, 01 Jan 1970 00:01:40", 90.0),
        ("Wed, 21 Oct 99999999999999999999 07:28:00 GMT", None),
        ("Wed, 99 Oct 2015 07:28:00 GMT", None),
        ("a" * 100_000, None),
    ],
)
def test_retry_after(value: str, seconds: float | None) -> None:
    assert http.retry_after(value, now=10.0) == seconds

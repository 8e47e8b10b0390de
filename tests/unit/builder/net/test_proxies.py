"""Proxies of the environment in every form: taken, or refused with the variable's name."""

import os

import pytest

from bundler.builder.net.http import make_client
from bundler.core.errors import BundlerError, ExitCode


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)


@pytest.mark.parametrize(
    "proxy",
    [
        "proxy:3128", "http://proxy:3128/", "http://u:p@proxy:3128", "https://proxy", "socks5://proxy:1080",
        "socks5h://proxy", "http://[::1]:3128", "[::1]:3128", "http://user:p@ss@proxy:1", "http://u:p%40@proxy:1",
    ],
)  # fmt: skip
@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
def test_a_proxy_is_taken(monkeypatch: pytest.MonkeyPatch, name: str, proxy: str) -> None:
    monkeypatch.setenv(name, proxy)
    make_client().close()


@pytest.mark.parametrize(
    "proxy",
    ["::1", "http://proxy:x", "socks4://proxy", "socks://proxy", "ftp://u:secret@proxy", "  http://proxy  "],
)
def test_a_proxy_that_cannot_be_used_is_named_and_no_fault_of_ours(
    monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    """An address without brackets, or a port that is none, was a traceback."""
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    with pytest.raises(BundlerError, match="HTTPS_PROXY=") as refused:
        make_client()
    assert refused.value.code is ExitCode.UNSUPPORTED
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    "without",
    [
        "::1", "[::1]", "[::1]:8080", "fe80::/10", "10.0.0.0/8,::1/128", ".example.com", "*.example.com", "*",
        " a , b ", "a b", "http://x", "x:99999", "x:y", ",,", "%%", "[::1", "1.2.3.4:5", "é.example",
    ],
)  # fmt: skip
def test_hosts_without_a_proxy_may_be_written_in_any_way(
    monkeypatch: pytest.MonkeyPatch, without: str
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy:1")
    monkeypatch.setenv("NO_PROXY", without)
    make_client().close()

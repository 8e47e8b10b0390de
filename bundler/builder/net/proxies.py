"""Proxies of the environment: which one a request takes, and which can't be used."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from bundler.core.errors import BundlerError, ExitCode

if TYPE_CHECKING:
    from collections.abc import Iterator

_VARIABLES = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY")


@contextlib.contextmanager
def usable_proxies() -> Iterator[None]:
    """Tell of a proxy that the HTTP library refuses. Raises BundlerError (UNSUPPORTED)."""
    import httpx2  # noqa: PLC0415  (loaded by who uses the network)

    try:
        yield
    except (ValueError, ImportError, httpx2.InvalidURL) as error:
        set_ = [f"{name}={_shown(value)}" for name, value in _set().items()]
        if not set_:
            raise
        raise BundlerError(
            "a proxy of the environment can't be used",
            where=", ".join(set_),
            why=str(error).partition("\n")[0],
            code=ExitCode.UNSUPPORTED,
            fix="name an http://, https://, socks5:// or socks5h:// proxy, or unset the variable",
        ) from error


def through_proxy(error: Exception) -> str:
    """What to add to an error of a request: the proxy that it went through, "" where it took none."""
    try:
        url = str(error.request.url)  # type: ignore[attr-defined]  # httpx2's errors have it, unless it was never sent
    except (AttributeError, RuntimeError):
        return ""
    proxy = proxy_of(url)
    return f"; asked through the proxy {proxy}" if proxy else ""


def proxy_of(url: str) -> str:
    """The proxy that a URL is asked through, as HOST:PORT with its variable; "" for none."""
    parts = urlsplit(url)
    if proxy_bypass(parts.hostname or ""):
        return ""
    proxies = getproxies()
    for scheme in (parts.scheme, "all"):
        if found := proxies.get(scheme):
            return f"{_shown(found) or repr(found)} ({scheme.upper()}_PROXY)"
    return ""


def _set() -> dict[str, str]:
    found = {}
    for name in _VARIABLES:
        if value := os.environ.get(name) or os.environ.get(name.lower()):
            found[name] = value
    return found


def _shown(proxy: str) -> str:
    """Without user and password."""
    parts = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
    host = parts.netloc.rpartition("@")[2]
    return host if parts.scheme in {"http", "https"} else f"{parts.scheme}://{host}"

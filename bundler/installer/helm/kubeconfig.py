"""A kubeconfig whose cluster is reached through a port of this process's own."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import urlsplit

import yaml

# These make Helm start a program or ask another service: what they need is unknown.
_ELSEWHERE: Final = frozenset({"exec", "auth-provider"})
_FILES: Final = ("certificate-authority", "client-certificate", "client-key", "tokenFile")


@dataclass(frozen=True, slots=True)
class Reached:
    """Where the API is. document: of this cluster and user alone. files: that it names, whole paths."""

    host: str
    port: int
    document: dict[str, Any]
    files: tuple[str, ...]

    @classmethod
    def read(cls, path: Path, context: str = "") -> Self | None:
        """None for one that only Helm itself can make sense of, or that needs more than the API."""
        try:
            whole = yaml.safe_load(path.read_bytes())
            chosen = _named(whole, "context", context or whole["current-context"])
            cluster, user = _named(whole, "cluster", chosen["cluster"]), _named(whole, "user", chosen["user"])
            url = urlsplit(cluster["server"])
            host, port = url.hostname, url.port or 443
        except (
            OSError,
            yaml.YAMLError,
            LookupError,
            TypeError,
            ValueError,
            AttributeError,
            StopIteration,
            RecursionError,
        ):
            return None
        if url.scheme != "https" or not host or "proxy-url" in cluster or _ELSEWHERE & user.keys():
            return None
        cluster, user = _absolute(cluster, path.parent), _absolute(user, path.parent)
        files = tuple(part[name] for part in (cluster, user) for name in _FILES if name in part)
        document = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "c",
            "contexts": [{"name": "c", "context": {**chosen, "cluster": "c", "user": "c"}}],
            "clusters": [{"name": "c", "cluster": {"tls-server-name": host, **cluster}}],
            "users": [{"name": "c", "user": user}],
        }
        return cls(host, port, document, files)

    def through(self, port: int) -> dict[str, Any]:
        """The same cluster behind a port of 127.0.0.1; its certificate is still the cluster's."""
        (only,) = self.document["clusters"]
        path = urlsplit(only["cluster"]["server"]).path
        cluster = {**only["cluster"], "server": f"https://127.0.0.1:{port}{path}"}
        return {**self.document, "clusters": [{**only, "cluster": cluster}]}


def _named(whole: Any, kind: str, name: str) -> dict[str, Any]:
    found = next(one[kind] for one in whole[f"{kind}s"] if one["name"] == name)
    return dict(found or {})


def _absolute(part: dict[str, Any], folder: Path) -> dict[str, Any]:
    return {key: str(folder / value) if key in _FILES else value for key, value in part.items()}

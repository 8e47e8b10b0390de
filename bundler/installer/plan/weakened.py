"""Settings of the Clusterfile and the bundle that undo what the cluster is hardened with: told, never silent.

Whoever writes them may mean it. Some can't stand beside ours, as the API server refuses both: then ours gives
way, since a cluster that doesn't start helps nobody.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from bundler.installer.plan.kubeadm_convert import Document

_TRUE: Final = frozenset({"true", "1", "t"})
AUTHENTICATION: Final = "authentication-config"  # which oidc-* and anonymous-auth can't stand beside

Arguments = Mapping[str, str]


def gives_way(asked: Document) -> str:
    """The argument of the API server for which `authentication-config` is left out; "" for none."""
    names = sorted(_arguments(asked, "apiServer"))
    return next((name for name in names if name == "anonymous-auth" or name.startswith("oidc-")), "")


def fitted(defaults: Document, asked: Document, kubelet: Document) -> dict[str, Any]:
    """Our ClusterConfiguration without what can't stand beside what was asked for."""
    without = {AUTHENTICATION} if gives_way(asked) else set()
    if kubelet.get("serverTLSBootstrap") is False:  # then no kubelet has a certificate of this CA
        without.add("kubelet-certificate-authority")
    server = _map(defaults.get("apiServer"))
    taken = {each.get("name") for each in _map(asked.get("apiServer")).get("extraVolumes") or ()}
    volumes = [
        {**each, "name": f"bundler-{each['name']}"} if each["name"] in taken else each
        for each in server.get("extraVolumes", ())
    ]
    arguments = [each for each in server.get("extraArgs", ()) if each["name"] not in without]
    return {**defaults, "apiServer": {**server, "extraArgs": arguments, "extraVolumes": volumes}}


def weakened(cluster: Document, kubelet: Document) -> Iterator[str]:
    """What the merged documents leave open, one line each; of what somebody asked for."""
    server = _arguments(cluster, "apiServer")
    for part, name, is_weak, why in _RULES:
        value = _arguments(cluster, part).get(name)
        if value is not None and is_weak(value):
            yield f"{part}.extraArgs {name}={value}: {why}"
    other = gives_way(cluster)
    if other and server.get("anonymous-auth", "true").lower() in _TRUE:
        yield f"apiServer.extraArgs {other}: requests without a name get beyond the health endpoints"
    yield from _of_kubelet(kubelet)


def _is_true(value: str) -> bool:
    return value.lower() in _TRUE


def _is_empty(value: str) -> bool:
    return not value.strip()


_Rule = tuple[str, str, Callable[[str], bool], str]
_RULES: Final[tuple[_Rule, ...]] = (
    *(
        (part, "profiling", _is_true, "anybody who reaches the port reads its memory")
        for part in ("apiServer", "controllerManager", "scheduler")
    ),
    ("apiServer", "audit-log-path", _is_empty, "nobody can tell who did what"),
    ("apiServer", "audit-policy-file", _is_empty, "nobody can tell who did what"),
    ("apiServer", "encryption-provider-config", _is_empty, "secrets lie readable in etcd"),
    ("apiServer", "admission-control-config-file", _is_empty, "Pod Security holds no pod to baseline"),
    ("apiServer", "kubelet-certificate-authority", _is_empty, "kubelets' certificates are not checked"),
    (
        "apiServer",
        "authorization-mode",
        lambda value: "AlwaysAllow" in value.split(","),
        "everybody may do everything",
    ),
    (
        "apiServer",
        "disable-admission-plugins",
        lambda value: bool({"PodSecurity", "NodeRestriction"} & set(value.split(","))),
        "what these plug-ins keep out gets in",
    ),
    ("apiServer", "token-auth-file", lambda value: not _is_empty(value), "its tokens are good for ever"),
)


def _of_kubelet(kubelet: Document) -> Iterator[str]:
    authentication = _map(kubelet.get("authentication"))
    if _map(authentication.get("anonymous")).get("enabled") is True:
        yield "KubeletConfiguration authentication.anonymous.enabled: anybody may ask a node for its pods"
    if _map(kubelet.get("authorization")).get("mode") == "AlwaysAllow":
        yield "KubeletConfiguration authorization.mode AlwaysAllow: anybody may run commands in pods"
    if kubelet.get("readOnlyPort"):
        yield f"KubeletConfiguration readOnlyPort {kubelet['readOnlyPort']}: it answers anybody"
    if kubelet.get("serverTLSBootstrap") is False:
        yield "KubeletConfiguration serverTLSBootstrap false: kubelets' certificates are their own"


def _arguments(cluster: Document, part: str) -> Arguments:
    listed = _map(cluster.get(part)).get("extraArgs")
    entries = listed if isinstance(listed, list) else ()
    return {
        str(each["name"]): str(each.get("value", ""))
        for each in entries
        if isinstance(each, Mapping) and "name" in each
    }


def _map(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}

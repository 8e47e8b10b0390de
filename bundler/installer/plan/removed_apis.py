"""APIs that clients still ask for and that the next version no longer has: from the API server's metrics."""

import re
from collections.abc import Iterable, Iterator
from typing import Final

from bundler.core.kubernetes_version import KubernetesVersion

_LABEL: Final = re.compile(r'(\w+)="([^"]*)"')
_RELEASE: Final = re.compile(r"1\.(\d+)")


def asked_for(lines: Iterable[str], target: KubernetesVersion) -> tuple[str, ...]:
    """A warning for each of them, once; lines: labels of `apiserver_requested_deprecated_apis`."""
    return tuple(dict.fromkeys(warning for line in lines for warning in _warning(line, target)))


def _warning(line: str, target: KubernetesVersion) -> Iterator[str]:
    labels = dict(_LABEL.findall(line))
    release = _RELEASE.fullmatch(labels.get("removed_release", ""))
    if release is None or not target.at_least(int(release[1])):
        return
    api = "/".join(filter(None, (labels.get("group", ""), labels.get("version", ""))))
    yield (
        f"a client requested {labels.get('resource', '')} of {api}, gone since Kubernetes v{release[0]}: "
        f"that client will fail on {target.text}"
    )

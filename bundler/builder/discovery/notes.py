"""Objects that bring images which nothing in the bundle names: what they are, for a warning. Pure."""

import re
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

from bundler.builder.discovery.podspec import Path, objects_in
from bundler.builder.discovery.rules import ImageRules

_VERSION = re.compile(r"v?[0-9]+\.[0-9]+(?:\.[0-9]+)?(?:[-+.][0-9A-Za-z.-]+)?")
_VERSIONS = ("version", "imageVersion", "serverVersion", "clusterVersion")
_OWN = re.compile(r"(?:[a-z0-9.-]+\.)?k8s\.io|[a-z0-9]+|(?:[a-z0-9.-]+\.)?(?:istio|cert-manager)\.io")
_HINT = "name what it makes the cluster pull with IMAGE, or silence this with --ignore-image"


def notes_on(data: object, rules: ImageRules, *, named: bool) -> Iterator[tuple[Path, str, str, str]]:
    """Path, rule, message and hint for each. named: pod specs or rules tell the document's images."""
    for where, value in objects_in(data):
        kind, version = value["kind"], value["apiVersion"]
        note = next(
            (
                rule.note
                for rule in rules.notes
                if fnmatchcase(kind, rule.kind) and fnmatchcase(version, rule.api_version)
            ),
            "",
        )
        if note:
            yield (*where, "kind"), "image-elsewhere", f"{kind}: {note}", _HINT
        elif not named and (found := _derived(value)):
            key, text = found
            message = f"{kind} may make the cluster pull images of the version {text}, named nowhere here"
            yield (*where, "spec", key), "image-derived", message, _HINT


def _derived(value: Mapping[str, Any]) -> tuple[str, str] | None:
    """The version that an operator may make names of: in the spec of a custom resource."""
    spec, group = value.get("spec"), value["apiVersion"].partition("/")[0]
    if not isinstance(spec, dict) or "/" not in value["apiVersion"] or _OWN.fullmatch(group):
        return None
    for key in _VERSIONS:
        text = spec.get(key)
        if isinstance(text, str | float) and not isinstance(text, bool) and _VERSION.fullmatch(str(text)):
            return key, str(text)
    return None

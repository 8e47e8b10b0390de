"""A chart made of manifests that are rendered already, so that Helm keeps every revision of them."""

import io
import json
import re
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_TEMPLATE: Final = """{{- range $path, $_ := .Files.Glob "manifests/**" }}
---
{{ $.Files.Get $path }}
{{- end }}
"""
_MANIFESTS: Final = (".yaml", ".yml")
_BETWEEN: Final = re.compile(r"(?m)^---[ \t]*(?:#.*)?$")  # where kubectl cuts documents
_DEFINES: Final = re.compile(r"(?m)^kind:[ \t]*[\"']?CustomResourceDefinition\b")


@dataclass(frozen=True, slots=True)
class Manifests:
    """Rendered documents by file name; definitions come before everything else and stay when it goes."""

    objects: Mapping[str, str]
    definitions: Mapping[str, str]


def of_folder(folder: Path) -> Manifests:
    """The manifests of an app that is no chart."""
    objects: dict[str, str] = {}
    definitions: dict[str, str] = {}
    for path in sorted(path for path in folder.rglob("*") if path.suffix in _MANIFESTS and path.is_file()):
        name = str(path.relative_to(folder)).replace("/", "-")
        for number, (text, definition) in enumerate(_documents(path)):
            (definitions if definition else objects)[f"{name}-{number}.yaml"] = text
    return Manifests(objects, definitions)


def _documents(path: Path) -> Iterator[tuple[str, bool]]:
    """Each document as it is written, and whether it defines a kind."""
    for text in _BETWEEN.split(path.read_text(encoding="utf-8")):
        if any(line.strip() and not line.lstrip().startswith("#") for line in text.splitlines()):
            yield text, bool(_DEFINES.search(text))


def of_rendered(rendered: Mapping[str, str], definitions: Iterable[Mapping[str, str]]) -> Manifests:
    """What Helm rendered of a chart, and the chart's definitions."""
    objects = {
        path.replace("/", "-"): text
        for path, text in rendered.items()
        if path.endswith(_MANIFESTS) and text.strip()
    }
    return Manifests(objects, {one["filename"].replace("/", "-"): one["data"] for one in definitions})


def packed(name: str, version: str, manifests: Manifests) -> bytes:
    """The chart as a .tgz."""
    about = {"apiVersion": "v2", "name": name, "version": version, "type": "application"}
    files = {
        "Chart.yaml": json.dumps(about),
        "templates/all.yaml": _TEMPLATE,
        **{f"manifests/{file}": text for file, text in manifests.objects.items()},
        **{f"crds/{file}": text for file, text in manifests.definitions.items()},
    }
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for path, text in sorted(files.items()):
            member = tarfile.TarInfo(f"{name}/{path}")
            member.size = len(text.encode())
            tar.addfile(member, io.BytesIO(text.encode()))
    return out.getvalue()

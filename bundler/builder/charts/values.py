"""Values of charts: files put over one another as `helm install -f a.yaml -f b.yaml` does it. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import yaml

from bundler.core.errors import BundlerError, ExitCode, Problems
from bundler.core.yamldoc import DUPLICATE, load_all

Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ValueSet:
    """Values that a site may choose; `name` is how the Kubefile names it."""

    name: str
    values: Values


class Reader(Protocol):
    """Reads values as Helm does (`bundler.builder.charts.helm.SdkHelm` is one)."""

    def values(self, text: str, where: object) -> Values:
        """The values of one YAML file. Raises BundlerError."""


def read_values(text: bytes, file: str, helm: Reader, *, own: bool = False) -> Values:
    """The values of one file, empty for an empty one. Raises Problems, and BundlerError (INPUT).

    Two readers: ours finds duplicate keys and says where they are; what a value is, Helm says, for whom `y`
    is true and `1e3` a number, which YAML 1.1's other readers deny. own: they are a chart's own, whose
    duplicate keys `doubled` tells; Helm takes the last of them.
    """
    try:
        documents = load_all(text, file)
    except Problems as error:
        if not own or any(one.rule != DUPLICATE for one in error.problems):
            raise
        return helm.values(text.decode(), file)
    data = documents[0].data if documents else None
    if len(documents) > 1 or not isinstance(data, dict | None):
        raise BundlerError(
            "not a file of values",
            where=file,
            why="it must hold one mapping",
            fix="write NAME: VALUE, as in the chart's values.yaml",
            code=ExitCode.INPUT,
        )
    return helm.values(text.decode(), file) if data else {}


def merged(layers: Iterable[Values]) -> dict[str, Any]:
    """Later values over earlier ones: mappings are merged, all else is replaced.

    A null stays one: for Helm it takes away what a chart further down sets.
    """
    result: dict[str, Any] = {}
    for layer in layers:
        for key, value in layer.items():
            known = result.get(key)
            both = isinstance(known, Mapping) and isinstance(value, Mapping)
            result[key] = merged((known, value)) if both else value  # type: ignore[arg-type]  # `both` says so
    return result


def written(values: Values) -> bytes:
    """As values.yaml, in the order they came; all text in quotes and ASCII, so that all read the same."""
    text: str = yaml.dump(dict(values), Dumper=_Quoting, sort_keys=False)
    return text.encode()


class _Quoting(yaml.SafeDumper):
    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002  (the name that PyYAML calls)
        return True


def _quoted(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"')


_Quoting.add_representer(str, _quoted)

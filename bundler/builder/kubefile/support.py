"""What is out of support: versions of Kubernetes, containerd and etcd, releases of distributions. Pure.

The table is dated. It has what the makers have announced; what isn't in it counts as supported.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from itertools import takewhile
from types import MappingProxyType
from typing import Final

from bundler.builder.kubefile.instructions import Add, Arg, Copy, Env, Image, Instruction, Label, Package
from bundler.builder.kubefile.words import ExpansionError, Word, expand, variables
from bundler.core.errors import Location

TABLE_OF: Final = date(2026, 11, 26)

# The last day of support, by minor version. All that is older than a table's first line has ended, too.
_VERSIONS: Final[Mapping[str, Mapping[tuple[int, int], date]]] = MappingProxyType(
    {
        "Kubernetes": {
            (1, 20): date(2022, 2, 28),
            (1, 21): date(2022, 6, 28),
            (1, 22): date(2022, 12, 8),
            (1, 23): date(2023, 2, 28),
            (1, 24): date(2023, 7, 28),
            (1, 25): date(2023, 10, 28),
            (1, 26): date(2024, 2, 28),
            (1, 27): date(2024, 7, 16),
            (1, 28): date(2024, 10, 22),
            (1, 29): date(2025, 2, 28),
            (1, 30): date(2025, 7, 15),
            (1, 31): date(2025, 11, 11),
            (1, 32): date(2026, 2, 28),
            (1, 33): date(2026, 6, 28),
            (1, 34): date(2026, 10, 27),
            (1, 35): date(2027, 2, 28),
            (1, 36): date(2027, 6, 28),
            (1, 37): date(2027, 10, 28),
        },
        "containerd": {
            (1, 6): date(2025, 7, 23),
            (1, 7): date(2026, 9, 30),
            (2, 0): date(2025, 11, 7),
            (2, 1): date(2026, 5, 5),
            (2, 2): date(2026, 11, 6),
            (2, 3): date(2028, 4, 30),
        },
        "etcd": {(3, 4): date(2026, 6, 30)},
    }
)
_SUITES: Final[Mapping[str, date]] = MappingProxyType(
    {
        "debian:wheezy": date(2018, 5, 31),
        "debian:jessie": date(2020, 6, 30),
        "debian:stretch": date(2022, 6, 30),
        "debian:buster": date(2024, 6, 30),
        "debian:bullseye": date(2026, 8, 31),
        "debian:bookworm": date(2028, 6, 30),
        "debian:trixie": date(2030, 6, 30),
        "ubuntu:trusty": date(2019, 4, 30),
        "ubuntu:xenial": date(2021, 4, 30),
        "ubuntu:bionic": date(2023, 5, 31),
        "ubuntu:focal": date(2025, 5, 31),
        "ubuntu:jammy": date(2027, 4, 30),
        "ubuntu:kinetic": date(2023, 7, 20),
        "ubuntu:lunar": date(2024, 1, 25),
        "ubuntu:mantic": date(2024, 7, 11),
        "ubuntu:noble": date(2029, 4, 30),
        "ubuntu:oracular": date(2025, 7, 10),
        "ubuntu:plucky": date(2026, 1, 15),
        "rhel:7": date(2024, 6, 30),
        "rhel:8": date(2029, 5, 31),
        "rhel:9": date(2032, 5, 31),
        "rocky:8": date(2029, 5, 31),
        "rocky:9": date(2032, 5, 31),
        "almalinux:8": date(2029, 5, 31),
        "almalinux:9": date(2032, 5, 31),
        "centos:7": date(2024, 6, 30),
        "centos:8": date(2024, 5, 31),
        "centos:9": date(2027, 5, 31),
        "ol:7": date(2024, 12, 31),
        "ol:8": date(2029, 7, 31),
        "fedora:40": date(2025, 5, 13),
        "fedora:41": date(2025, 12, 15),
        "amzn:2": date(2026, 6, 30),
    }
)
_LABELS: Final[Mapping[str, str]] = MappingProxyType(
    {"io.kubernetes.version": "Kubernetes", "io.containerd.version": "containerd"}
)
_IMAGES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "etcd": "etcd",
        **dict.fromkeys(
            ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy", "k3s", "k0s"),
            "Kubernetes",
        ),
    }
)
_NUMBER: Final = re.compile(r"v?(\d{1,4})\.(\d{1,4})(?:[.+~-].*)?")
_FILE: Final = re.compile(r"(?:^|[/_-])(containerd|etcd)(?:-static|-cni)?[-_/]v?(\d{1,4}\.\d{1,4})(?=[.-])")
# Where programs of Kubernetes are published, and of distributions that take its version for theirs.
_PUBLISHED: Final = re.compile(
    r"(?://(?:dl|cdn\.dl)\.k8s\.io|/kubernetes-release)(?:/release)?/v(\d{1,4}\.\d{1,4})(?=\.)"
    r"|/(?:k3s-io/k3s|k0sproject/k0s)/releases/download/v(\d{1,4}\.\d{1,4})(?=\.)"
)


@dataclass(frozen=True, slots=True)
class OutOfSupport:
    """Something that a Kubefile names. what: `Kubernetes 1.20`; ended: its last day of support."""

    where: Location
    what: str
    ended: date

    def __str__(self) -> str:
        return f"{self.what} has been out of support since {self.ended}: it gets no security fixes"


def support_of(product: str, version: str) -> date | None:
    """The last day of support of `Kubernetes 1.20.2` and the like; None where the table has none.

    A product of which only older versions are in the table counts as supported.
    """
    match = _NUMBER.fullmatch(version)
    table = _VERSIONS.get(product, {})
    if match is None or not table:
        return None
    minor = (int(match[1]), int(match[2]))
    return table[min(table)] if minor < min(table) else table.get(minor)


def support_of_suite(suite: str) -> date | None:
    """The last day of support of `debian:bullseye`; None where the table has none."""
    distribution, _, release = suite.partition(":")
    major = release.partition(".")[0]
    if found := _SUITES.get(suite) or _SUITES.get(f"{distribution}:{major}"):
        return found
    known = {int(number): last for number, last in _releases(distribution) if number.isdigit()}
    return known[min(known)] if known and major.isdigit() and int(major) < min(known) else None


def _releases(distribution: str) -> Iterator[tuple[str, date]]:
    return (
        (suite.partition(":")[2], last)
        for suite, last in _SUITES.items()
        if suite.startswith(f"{distribution}:")
    )


def out_of_support(
    instructions: Iterable[Instruction], today: date, given: Mapping[str, str] = MappingProxyType({})
) -> Iterator[OutOfSupport]:
    """What the lines name that has no support on that day.

    given: build arguments. A word with a variable that the lines don't set is passed over.
    """
    values: dict[str, str] = {}
    for instruction in instructions:
        match instruction:
            case Arg(values=assignments) | Env(values=assignments):
                for each in assignments:
                    default = _value(each.value, values) if each.value is not None else None
                    known = given.get(each.name.text, default) if isinstance(instruction, Arg) else default
                    if known is not None:
                        values[each.name.text] = known
            case _:
                for word, what, ended in _named(instruction, values):
                    if ended is not None and ended < today:
                        yield OutOfSupport(word.location, what, ended)


def _named(instruction: Instruction, values: Mapping[str, str]) -> Iterator[tuple[Word, str, date | None]]:
    """What an instruction names, and the last day of its support."""
    match instruction:
        case Package(suite=word) if suite := _value(word, values):
            yield word, suite, support_of_suite(suite)
        case Label(values=assignments):
            for each in assignments:
                name = _value(each.name, values) or ""  # which may stand in quotes
                if (product := _LABELS.get(name)) and each.value is not None:
                    yield each.value, *_dated(product, _value(each.value, values) or "")
        case Image(references=words):
            for word in words:
                yield from _image(word, _value(word, values) or "")
        case Add(sources=words) | Copy(sources=words):
            for word in words:
                text = _value(word, values) or ""
                yield from ((word, *_dated(product, version)) for product, version in _FILE.findall(text))
                for one, other in _PUBLISHED.findall(text):
                    yield word, *_dated("Kubernetes", one or other)


def _image(word: Word, name: str) -> Iterator[tuple[Word, str, date | None]]:
    base, _, tag = name.rpartition("/")[2].partition(":")
    if base in _IMAGES and tag:
        yield word, *_dated(_IMAGES[base], tag)


def _dated(product: str, version: str) -> tuple[str, date | None]:
    number = "".join(takewhile(lambda char: char.isdigit() or char == ".", version.removeprefix("v")))
    return f"{product} {number}", support_of(product, version)


def _value(word: Word, values: Mapping[str, str]) -> str | None:
    """The word with the variables that are known; None where one isn't."""
    if not variables(word.text) <= values.keys():
        return None
    try:
        return expand(word.text, values.get)
    except ExpansionError:
        return None

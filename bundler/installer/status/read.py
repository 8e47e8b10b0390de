"""From what status.sh printed to a `Condition`. Pure; a line that makes no sense is passed over."""

import base64
import binascii
import contextlib
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from cryptography import x509
from cryptography.x509.oid import NameOID

from bundler.installer.facts.answer_json import ODD, read_json
from bundler.installer.status.condition import (
    Condition,
    Contents,
    Disk,
    HelmRelease,
    HostCertificate,
    PastRun,
    Pod,
    RegistryStore,
    Unit,
    Workload,
)

Sections = Mapping[str, Sequence[str]]
_VERSION: Final = re.compile(r"v?\d+\.\d+\.\d+[\w.+~-]*")
_CERTIFICATE: Final = re.compile(r"-----BEGIN CERTIFICATE-----\n.+?\n-----END CERTIFICATE-----", re.DOTALL)
_LONGEST: Final = 400  # characters of anything that a host calls something


def condition(address: str, sections: Sections) -> Condition:
    """What one host shows of its condition."""
    memory = dict(_pairs(sections.get("status-memory", ())))
    uptime = next((_number(line) for line in sections.get("status-uptime", ())), 0.0)
    return Condition(
        address=address,
        uptime=uptime,
        load=tuple(_number(word) for line in sections.get("status-load", ()) for word in line.split())[:3],
        memory=_whole(memory.get("MemTotal", "")) << 10,
        memory_available=_whole(memory.get("MemAvailable", "")) << 10,
        units=_units(sections.get("status-units", ()), uptime),
        disks=_disks(sections.get("status-disks", ())),
        versions=_versions(sections.get("status-versions", ())),
        certificates=tuple(_certificates(sections.get("status-certificates", ()))),
        registry=_registry(sections.get("status-registry", ())),
        runs=tuple(_runs(sections.get("status-runs", ()))),
        contents=_contents(sections),
        holder=next(iter(sections.get("status-holder", ())), "")[:_LONGEST],
    )


def _number(text: str) -> float:
    with contextlib.suppress(ValueError):
        value = float(text[:40])
        return value if math.isfinite(value) else 0.0
    return 0.0


def _whole(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else 0


def _pairs(lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    for line in lines:
        key, _, value = line.partition(" ")
        yield key, value.strip()[:_LONGEST]


def _units(lines: Sequence[str], uptime: float) -> dict[str, Unit]:
    """From `systemctl show`: a unit begins where a property comes that is already known."""
    found: dict[str, Unit] = {}
    each: dict[str, str] = {}
    for line in [*lines, "Id=", "Id="]:
        key, _, value = line.partition("=")
        if key in each:
            if each.get("LoadState") == "loaded":
                found[each.get("Id", "").removesuffix(".service")] = _unit(each, uptime)
            each = {}
        each[key] = value
    return found


def _unit(each: Mapping[str, str], uptime: float) -> Unit:
    active = each.get("ActiveState") in {"active", "reloading"}
    since = _whole(each.get(f"{'Active' if active else 'Inactive'}EnterTimestampMonotonic", "")) / 1e6
    return Unit(active, max(0.0, uptime - since) if since else None, _whole(each.get("NRestarts", "")))


def _disks(lines: Iterable[str]) -> tuple[Disk, ...]:
    """Lines of `df -Pk` with our path behind; each file system once, under the path that says most."""
    found: dict[str, Disk] = {}
    for line in lines:
        words = line.split()
        if len(words) < 7:
            continue
        mount, path = words[5], words[6]
        disk = Disk(mount, words[0], path, _whole(words[2]) << 10, _whole(words[3]) << 10)
        found.setdefault(mount, disk)
    return tuple(found.values())


def _versions(lines: Iterable[str]) -> dict[str, str]:
    found = {name: _VERSION.search(text) for name, text in _pairs(lines)}
    return {name: match[0].removeprefix("v") for name, match in found.items() if match}


def _certificates(lines: Sequence[str]) -> Iterator[HostCertificate]:
    """Of a file with several the first counts: it is the one that is shown to others."""
    for file, text in _files(lines):
        with contextlib.suppress(ValueError, binascii.Error, IndexError):
            yield _certificate(file, text)


def _files(lines: Sequence[str]) -> Iterator[tuple[str, str]]:
    name, text = "", list[str]()
    for line in [*lines, "file "]:
        if line.startswith("file "):
            if name and text:
                yield name, "\n".join(text)
            name, text = line[5:][:_LONGEST], []
        else:
            text.append(line)


def _certificate(file: str, text: str) -> HostCertificate:
    """Raises ValueError for what is no certificate."""
    if text.startswith("data "):
        text = base64.b64decode(text.split("\n", 1)[0][5:], validate=True).decode("ascii")
    match = _CERTIFICATE.search(text)
    if match is None:
        raise ValueError("no certificate")
    made = x509.load_pem_x509_certificate(match[0].encode())
    names = made.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    subject = str(names[0].value)[:_LONGEST] if names else ""
    return HostCertificate(file, subject, made.not_valid_after_utc.timestamp(), _is_authority(made))


def _is_authority(made: x509.Certificate) -> bool:
    try:
        return made.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def _registry(lines: Sequence[str]) -> RegistryStore | None:
    if "there" not in lines:
        return None
    pairs = tuple(_pairs(lines))
    code = next((value for key, value in pairs if key == "code"), "")
    return RegistryStore(code[:3], frozenset(value for key, value in pairs if key == "has"))


def _runs(lines: Iterable[str]) -> Iterator[PastRun]:
    for line in lines:
        with contextlib.suppress(*ODD):
            yield _run(read_json(line))


def _run(told: Mapping[str, Any]) -> PastRun:
    words = {
        key: str(told.get(key, ""))[:_LONGEST]
        for key in ("operation", "result", "by", "product", "version", "kubernetes", "error")
    }
    ended, seconds = float(told["ended"]), float(told["seconds"])
    if not (math.isfinite(ended) and math.isfinite(seconds) and 0 <= ended < 1e11):
        raise ValueError("no moment")
    return PastRun(**words, ended=ended, seconds=seconds, steps=int(told.get("steps", 0)))


def _contents(sections: Sections) -> Contents | None:
    pods, workloads = list(sections.get("status-pods", ())), list(sections.get("status-workloads", ()))
    if not pods or pods.pop() != "answered" or not workloads or workloads.pop() != "answered":
        return None
    manifests: dict[str, tuple[str, ...]] = {}
    for line in sections.get("status-manifests", ()):
        app, kind, namespace, name = [*line.split("\t"), "", "", ""][:4]
        if kind and kind != "List":
            manifests[app] = (*manifests.get(app, ()), f"{kind}/{namespace}/{name}")
    clock = _clock(sections.get("status-clock", ()))
    return Contents(
        tuple(_each(lambda line: _pod(line, clock), pods)),
        tuple(_each(_workload, workloads)),
        _newest(_each(_release, sections.get("status-releases", ()))),
        manifests,
    )


def _each(read: Any, lines: Iterable[str]) -> Iterator[Any]:
    for line in lines:
        with contextlib.suppress(ValueError, IndexError):
            yield read(line)


def _pod(line: str, clock: float | None) -> Pod:
    namespace, name, node, phase, ready, restarts, reason, instance, deleted, began = _fields(
        line, 10, least=4
    )
    return Pod(
        namespace=namespace,
        name=name,
        node=node,
        phase=phase,
        ready=ready.count("1"),
        total=len(ready),
        unstarted=ready.count("s"),
        restarts=sum(map(_whole, restarts.split())),
        reason=" ".join(dict.fromkeys(reason.split())),
        instance=instance,
        deleted=bool(deleted),
        age=_age(began, clock),
    )


def _clock(lines: Iterable[str]) -> float | None:
    """The host's clock, in seconds since 1970."""
    said = next(iter(lines), "")
    return float(said) if said.isascii() and said.isdigit() and len(said) <= 11 else None


def _age(began: str, clock: float | None) -> float | None:
    """Seconds since a moment as the API writes it (RFC 3339, UTC), by the host's clock."""
    if not began or clock is None:
        return None
    with contextlib.suppress(ValueError):
        return clock - datetime.strptime(began, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC).timestamp()
    return None


def _workload(line: str) -> Workload:
    kind, namespace, name, wanted, ready, release, home = _fields(line, 7, least=3)
    made_by = f"{home or namespace}/{release}" if release else ""
    return Workload(kind, namespace, name, _whole(wanted), _whole(ready), made_by)


def _fields(line: str, count: int, *, least: int) -> list[str]:
    """The line's fields; trailing ones may have gone with white space at its end. Raises ValueError."""
    fields = line.split("\t")
    if len(fields) < least:
        raise ValueError("too few fields")
    return [each[:_LONGEST] for each in [*fields, *[""] * count][:count]]


def _release(line: str) -> HelmRelease:
    """`NAMESPACE NAME TYPE DATA AGE LABELS`, as kubectl prints a table."""
    words = line.split()
    labels = dict(part.partition("=")[::2] for part in words[5].split(","))
    if labels.get("owner") != "helm":
        raise ValueError("no release")
    return HelmRelease(
        words[0], labels.get("name", ""), labels.get("status", ""), _whole(labels.get("version", ""))
    )


def _newest(releases: Iterable[HelmRelease]) -> tuple[HelmRelease, ...]:
    found: dict[tuple[str, str], HelmRelease] = {}
    for each in releases:
        key = each.namespace, each.name
        if key not in found or found[key].revision < each.revision:
            found[key] = each
    return tuple(found[key] for key in sorted(found))

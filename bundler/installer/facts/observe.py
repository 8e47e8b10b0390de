"""From what observe.sh printed to observations. Pure; what makes no sense counts as not observed."""

import contextlib
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from bundler.installer.facts import apps
from bundler.installer.facts.answer_json import ODD, read_json
from bundler.installer.facts.api import ApiObservation, Budget, Cordon, Node, Owner, Pod
from bundler.installer.facts.certificates import certificates
from bundler.installer.facts.etcd import EtcdObservation, Member
from bundler.installer.facts.flat import flat_yaml
from bundler.installer.facts.numbers import seconds
from bundler.installer.facts.observed import (
    Component,
    FileState,
    HostObservation,
    JournalEntry,
    Traces,
    UnitState,
)
from bundler.installer.facts.seen import Absent, Present, Seen, Unknown
from bundler.installer.site.record import Record
from bundler.installer.site.record_json import from_json

Sections = Mapping[str, Sequence[str]]
_CONTROL_PLANE = "node-role.kubernetes.io/control-plane"
_KUBELET = re.compile(r"Kubernetes (v[0-9][\w.+-]*)")
_IMAGE = re.compile(r"(?:.*/)?([a-z0-9-]+):(v?[0-9][\w.-]*)(?:@sha256:[0-9a-f]{64})?")
# Of a distribution that is one program.
_PART = re.compile(r"part ([a-z-]+) (v[0-9][\w.+-]*)")
_MASTER = "node-role.kubernetes.io/master"  # before 1.24


def host(
    address: str, hostname: str, sections: Sections, journal: Mapping[str, JournalEntry], clock_offset: float
) -> HostObservation:
    """What a host shows of itself."""
    traces = frozenset(sections.get("traces", ()))
    marks = frozenset(sections.get("marks", ()))
    identity = [*sections.get("identity", ()), "", ""]
    record = _record("\n".join(sections.get("record", ())))
    return HostObservation(
        address=address,
        machine_id=identity[0] if identity[0] != "unknown" else "",
        boot_id=identity[1],
        node_name=hostname.strip().lower(),
        site=Present(record.value.site_id) if isinstance(record, Present) else Absent(),
        record=record,
        ours="ledger" in marks,
        removing="removing" in marks,
        traces=Traces(**{name: name in traces for name in Traces.__slots__}),
        files=_files(sections),
        units=_units(sections.get("units", ())),
        sysctls=_pairs(sections.get("sysctls", ())),
        images=frozenset(sections.get("images", ())),
        journal=journal,
        components=running(sections),
        generations=_pairs(sections.get("generations", ())),
        clock_offset=clock_offset,
        certificates=certificates(sections.get("certificates", ())),
        renewed=_moment(sections.get("renewed", ())),
        renewing="renewing" in marks,
        rotating="rotating" in marks,
    )


def _moment(lines: Sequence[str]) -> float:
    with contextlib.suppress(ValueError):
        return seconds(next(iter(lines), "0"))
    return 0.0


def _record(text: str) -> Seen[Record]:
    if not text.strip():
        return Absent()
    try:
        return Present(from_json(text))
    except ValueError as error:
        return Unknown(f"the record can't be read: {error}")


def _pairs(lines: Sequence[str]) -> dict[str, str]:
    rows = (line.partition(" ") for line in lines)
    return {key: " ".join(value.split()) for key, _, value in rows}


def _files(sections: Sections) -> dict[str, FileState]:
    """Written ones by digest, delivered ones by size and the digest that they arrived with."""
    sizes = {path: int(size) for size, _, path in (line.partition(" ") for line in sections.get("sizes", ()))}
    arrived = {line[65:]: line[:64] for line in sections.get("contents", ()) if len(line) > 65}
    found = {path: FileState(arrived.get(path, ""), size) for path, size in sizes.items()}
    for line in sections.get("written", ()):
        digest, _, path = line.partition("  ")
        found[path] = FileState(digest, found[path].size if path in found else 0)
    return found


def running(sections: Sections) -> dict[str, Component]:
    """The parts of Kubernetes on a host with what they run with, flags by their plain names."""
    found = _components(sections.get("components", ()))
    settings = {**_flags(sections.get("flags", ()))}
    if lines := sections.get("kubelet-config"):
        settings["kubelet"] = flat_yaml("\n".join(lines))
    return {name: replace(each, settings=settings.get(name, {})) for name, each in found.items()}


def _flags(lines: Sequence[str]) -> dict[str, dict[str, str]]:
    """Command lines, one word a line; the program's own name begins the next one."""
    found: dict[str, dict[str, str]] = {}
    mine: dict[str, str] = {}
    for line in lines:
        if line.startswith("--"):
            name, _, value = line[2:].partition("=")
            mine[name] = value
        else:
            mine = found.setdefault(line.rpartition("/")[2], {})
    return found


def _components(lines: Sequence[str]) -> dict[str, Component]:
    """Static pods by the image that their manifest names, and the kubelet by its own word."""
    found: dict[str, Component] = {}
    for line in lines:
        if match := _KUBELET.fullmatch(line.strip()):
            found["kubelet"] = Component(match[1])
        elif match := _PART.fullmatch(line.strip()) or _IMAGE.fullmatch(line.strip()):
            found[match[1]] = Component(match[2])
    return found


def _units(lines: Sequence[str]) -> dict[str, UnitState]:
    """From `systemctl show`: a unit's properties, then those of the next."""
    found: dict[str, UnitState] = {}
    each: dict[str, str] = {}
    for line in [*lines, "Id=end"]:
        key, _, value = line.partition("=")
        if key in each:
            _take(each, found)
            each = {}
        each[key] = value
    return found


def _take(each: Mapping[str, str], found: dict[str, UnitState]) -> None:
    if each.get("LoadState") not in {"not-found", None}:
        enabled = each.get("UnitFileState") in {"enabled", "enabled-runtime", "static"}
        active = each.get("ActiveState") in {"active", "activating", "reloading"}
        found[each.get("Id", "")] = UnitState(enabled, active)


def api(sections: Sections) -> Seen[ApiObservation]:
    """What the API says through this host: absent where this host has no cluster's configuration."""
    if "nodes" not in sections:
        return Absent()
    lines = list(sections["nodes"])
    if not lines or lines.pop() != "answered":
        return Unknown("the API does not answer")
    stored = _stored(sections.get("stored", ()))
    record = _record(stored.get(("bundler-record", "record"), ""))
    return Present(
        ApiObservation(
            uid=next(iter(sections.get("uid", ())), ""),
            name=_cluster_name(stored.get(("kubeadm-config", "ClusterConfiguration"), "")),
            nodes=tuple(sorted((_node(line) for line in lines), key=lambda node: node.name)),
            stored=_digests(stored),
            record=record,
            pods=tuple(_bare(line) for line in sections.get("bare", ())),
            releases=apps.releases(sections),
            budgets=tuple(_budget(line) for line in sections.get("budgets", ())),
        )
    )


def _cordon(annotation: str) -> Cordon:
    match annotation:
        case "" | "<no value>":
            return Cordon.PERSON
        case "maintenance":
            return Cordon.MAINTENANCE
        case _:
            return Cordon.OURS


def _bare(line: str) -> Pod:
    name, _, node = line.partition("\t")
    return Pod(name, node, Owner.NONE)


def _budget(line: str) -> Budget:
    name, pods, healthy = line.split("\t")
    return Budget(name, int(pods), int(healthy))


def _node(line: str) -> Node:
    _, name, addresses, labels, taints, ready, version, machine, cordoned, ours = line.split("\t")
    pairs = dict(part.partition("=")[::2] for part in labels.split())
    cordon = _cordon(ours) if cordoned else Cordon.NONE
    return Node(
        name=name,
        address=next(iter(addresses.split()), ""),
        control_plane=_CONTROL_PLANE in pairs or _MASTER in pairs,
        ready=ready == "True",
        version=version,
        machine_id=machine,
        cordon=cordon,
        labels=pairs,
        taints=frozenset(taints.split()),
    )


def _stored(lines: Sequence[str]) -> dict[tuple[str, str], str]:
    found: dict[tuple[str, str], str] = {}
    for line in lines:
        name, key, quoted = [*line.split("\t", 2), "", ""][:3]
        with contextlib.suppress(ValueError):
            found[name, key] = str(read_json(quoted))
    return found


def _digests(stored: Mapping[tuple[str, str], str]) -> dict[str, str]:
    """Of the texts; of the settings instead, where we stored them and the text is unchanged since."""
    texts: dict[str, str] = {}
    for (name, key), text in sorted(stored.items()):
        if name != "bundler-record" and key != "@settings":
            texts[name] = f"{texts.get(name, '')}{key}\n{text}"
    found = {name: hashlib.sha256(text.encode()).hexdigest()[:16] for name, text in texts.items()}
    for name, digest in found.items():
        settings, _, of_text = stored.get((name, "@settings"), "").partition(".")
        if settings and of_text == digest:
            found[name] = settings
    return found


def _cluster_name(text: str) -> str:
    rows = (line.partition(":") for line in text.splitlines() if not line.startswith(" "))
    return next((value.strip().strip("\"'") for key, _, value in rows if key == "clusterName"), "")


def etcd(sections: Sections) -> Seen[EtcdObservation]:
    """What etcd's member on this host says of all: a member is healthy that told its status."""
    if sections.get("voters"):
        return _voters(sections)
    try:
        listed: dict[str, Any] = read_json("\n".join(sections.get("members", ())))
    except ValueError:
        return Unknown("etcd does not answer") if "members" in sections else Absent()
    with contextlib.suppress(*ODD):
        status = read_json("\n".join(sections.get("status", ())) or "[]")
        known = {int(each["Status"]["header"]["member_id"]): each["Status"] for each in status}
        cluster = str(listed.get("header", {}).get("cluster_id", ""))
        members = tuple(_member(each, known) for each in listed.get("members", ()))
        return Present(EtcdObservation(cluster, members))
    return Unknown("etcd's answer can't be read")


def _voters(sections: Sections) -> Seen[EtcdObservation]:
    """Members as a distribution tells of them: NAME ADDRESS and whether it votes. Ready nodes are healthy."""
    answer = api(sections)
    nodes = answer.value.nodes if isinstance(answer, Present) else ()
    ready = {node.name for node in nodes if node.ready}
    rows = ([*line.split(), "", ""] for line in sections["voters"])
    return Present(
        EtcdObservation(
            "",
            tuple(
                Member(name, name, address.strip("[]"), learner=votes != "True", healthy=name in ready)
                for name, address, votes, *_ in rows
            ),
        )
    )


def _member(each: Mapping[str, Any], known: Mapping[int, Mapping[str, Any]]) -> Member:
    status = known.get(int(each["ID"]))
    peer = str(next(iter(each.get("peerURLs", ())), ""))
    errors = tuple(str(error) for error in (status or {}).get("errors") or ())
    top = max((int(s.get("raftIndex", 0)) for s in known.values()), default=0)
    return Member(
        id=f"{int(each['ID']):x}",
        name=str(each.get("name", "")),
        address=peer.partition("://")[2].rpartition(":")[0].strip("[]"),
        started=bool(each.get("name")),
        learner=bool(each.get("isLearner")),
        leader=status is not None and status.get("leader") == each["ID"],
        healthy=status is not None,
        lag=max(0, top - int(status.get("raftIndex", 0))) if status else 0,
        db_size=int(status.get("dbSize", 0)) if status else 0,
        alarms=errors,
    )

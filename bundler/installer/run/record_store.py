"""Keeping a site's record: a copy on every control plane, one in the cluster; compare, then swap.

Each control plane keeps its copy only if the one that it has is the one that was read. With the API up, the
ConfigMap decides who was first; without, a majority of the control planes has to agree.
"""

import json
from collections.abc import Callable, Mapping
from typing import Final

from bundler.core.errors import BundlerError, ExitCode
from bundler.core.words import counted
from bundler.installer.facts.journal import RECORD, REMOVING
from bundler.installer.scripts.render import script
from bundler.installer.site.quorum import majority
from bundler.installer.site.record import Record
from bundler.installer.site.record_json import to_json
from bundler.installer.transport.protocol import Transport

_TIMEOUT: Final = 60.0
_OTHER: Final = 77  # the script's exit status when the record is another one than was read


def age(record: Record | None) -> str:
    """Generation and serial as one word."""
    return f"{record.generation}.{record.serial}" if record else "none"


def commit(
    record: Record,
    before: Record | None,
    hosts: Mapping[str, Transport],
    cluster: Transport | None,
    each: Callable[[Mapping[str, Callable[[], int]]], Mapping[str, int]],
) -> None:
    """Keep the record. hosts: control planes that answer; cluster: one through which the API does, if any.

    each: runs the given calls, all at once. Raises BundlerError (BUSY) where another run was faster.
    """
    text = to_json(record).encode()
    if cluster is not None:
        _keep_in_cluster(text, age(before), cluster)
    asked = {address: _keeper(transport, text, record, before) for address, transport in hosts.items()}
    answers = each(asked)
    kept = [address for address, status in answers.items() if status == 0]
    others = [address for address, status in answers.items() if status == _OTHER]
    if others:
        raise _busy(others[0])
    if cluster is None and len(kept) < majority(len(hosts)):
        raise BundlerError(
            "the site's record can't be kept",
            where=", ".join(sorted(set(hosts) - set(kept))),
            why=f"{len(kept)} of {counted(len(hosts), 'control plane')} took it",
            code=ExitCode.STEP,
        )


def _keeper(transport: Transport, text: bytes, record: Record, before: Record | None) -> Callable[[], int]:
    made = script(
        "record.sh",
        file=RECORD,
        before=age(before),
        now=age(record),
        removing="" if record.operation == "delete" else REMOVING,
    )
    return lambda: transport.run(made, stdin=[text], timeout=_TIMEOUT).status


def _keep_in_cluster(text: bytes, before: str, cluster: Transport) -> None:
    outcome = cluster.run(
        script("kubectl.sh", "record-cluster.sh", before=before), stdin=[_manifest(text)], timeout=_TIMEOUT
    )
    if outcome.status == _OTHER:
        raise _busy(cluster.address)
    if outcome.status:
        raise BundlerError(
            "the site's record can't be kept in the cluster",
            where=cluster.address,
            why=outcome.stderr.strip()[-1000:],
            code=ExitCode.STEP,
        )


def _manifest(text: bytes) -> bytes:
    data = json.loads(text)
    made = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "bundler-record", "namespace": "kube-system"},
        "data": {"record": text.decode(), "age": f"{data['generation']}.{data['serial']}"},
    }
    return json.dumps(made).encode()


def _busy(where: str) -> BundlerError:
    return BundlerError(
        "another run has changed this site meanwhile",
        where=where,
        why="its record is another one than this run has read",
        code=ExitCode.BUSY,
        fix="find out whose run it is, then run the same command again",
    )

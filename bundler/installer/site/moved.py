"""A site whose machines have other addresses than its record says: identified by machine id. Pure."""

from collections.abc import Mapping
from dataclasses import replace

from bundler.installer.site.record import Record


def moves(record: Record, machines: Mapping[str, str]) -> Mapping[str, str]:
    """Old addresses with new ones, of the recorded hosts that moved. machines: machine ids by address."""
    at = {machine: address for address, machine in machines.items() if machine}
    return {
        host.address: at[host.machine_id]
        for host in record.hosts
        if at.get(host.machine_id, host.address) != host.address
        and machines.get(host.address) != host.machine_id
    }


def moved(record: Record, pairs: Mapping[str, str]) -> Record:
    """The record with every host at its new address."""
    hosts = tuple(replace(host, address=pairs.get(host.address, host.address)) for host in record.hosts)
    kept = {}
    for key, digest in record.kept.items():
        address, _, path = key.partition(" ")
        kept[f"{pairs.get(address, address)} {path}"] = digest
    found = {pairs.get(address, address): name for address, name in record.architectures.items()}
    return replace(record, hosts=hosts, kept=kept, architectures=found)

"""Whose a trace on this host is."""

import pytest

from tests.site.traces import is_anothers

OF_LAB = (
    "bundler-lab",
    "/run/netns/bundler-lab net:[4026532]",
    "/var/lib/bundler-site/lab/node-1/disk /",
    "/run/bundler-site/lab",
    "/sys/fs/cgroup/cpu/bundler-site-lab-node-1",
    "/src/bundler-fork/.venv/bin/python -m tests.site.watch /run/bundler-site/lab/watch.jsonl 10.77.0.1",
)


@pytest.mark.parametrize("trace", OF_LAB)
def test_a_trace_is_its_own_sites(trace: str) -> None:
    assert not is_anothers(trace, "lab")
    assert is_anothers(trace, "other")


@pytest.mark.parametrize("trace", ["/ /", "/mnt /", "eth0", "/usr/bin/systemd-nspawn --machine=mine"])
def test_what_names_no_site_counts(trace: str) -> None:
    assert not is_anothers(trace, "lab")

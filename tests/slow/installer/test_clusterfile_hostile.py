"""Small Clusterfiles that ask for much: ranges, aliases and faults without end stay cheap and short."""

import time

import pytest

from bundler.core.errors import Problems
from bundler.installer.site.clusterfile.read import read

HEAD = "apiVersion: bundler/v1\nkind: Cluster\nmetadata: {name: s}\nspec:\n"
FIRST = "  hosts:\n  - {ips: [10.0.0.1], roles: [control-plane]}\n"


def hosts(count: int, more: str) -> str:
    return "".join(f"  - {{ips: [10.1.{n // 250}.{n % 250 + 1}], {more}}}\n" for n in range(count))


def listed(words: int, stem: str) -> str:
    return ",".join(f"{stem}{n}" for n in range(words))


def shared(field: str, many: int, stem: str, more: str, on: int, uses: str) -> str:
    """A first host whose field is a long list, and others that use the same list by an alias."""
    first = f"  hosts:\n  - {{ips: [10.0.0.1], {field}: &a [{listed(many, stem)}]{more}}}\n"
    return HEAD + first + hosts(on, uses)


def lines(count: int, text: str) -> str:
    return "".join(f"{text}{n}: 1\n" for n in range(count))


RANGES = ", ".join(["10.0.0.1-10.0.30.1"] * 300)
LABELS = ", ".join(f"a{n}: b" for n in range(1200))
FIELDS = ", ".join(f"f{n}: 1" for n in range(1500))
LAUGHS = "".join(f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12))
MERGES = "".join(f"m{n}: &m{n} {{<<: [*m{n - 1}, *m{n - 1}], k{n}: v}}\n" for n in range(1, 40))
KUBEADM = "---\napiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\n"
ALONE = "  - {ips: [10.0.0.1], roles: [worker]}\n"
SIX = HEAD + FIRST + "  - {ips: [@], roles: [worker]}\n"

CASES = {
    "a field misspelt on 200 hosts": HEAD + FIRST + hosts(200, "rolls: [worker]"),
    "a role misspelt on 200 hosts": HEAD + FIRST + hosts(200, "roles: [wrker]"),
    "a port too high on 200 hosts": HEAD + FIRST + hosts(200, "roles: [worker], ssh: {port: 99999}"),
    "200 wrong addresses": HEAD + FIRST + "".join(ALONE.replace("0.1]", f"0.{n}]") for n in range(256, 456)),
    "one host 200 times": HEAD + FIRST + ALONE * 200,
    "one entry 2,000 times by an alias": HEAD + FIRST.replace("- {", "- &h {") + "  - *h\n" * 2000,
    "300 ranges of 10,000": HEAD + FIRST + "  - {ips: [10.2.0.1-10.2.39.15], roles: [worker]}\n" * 300,
    "ranges by aliases": HEAD
    + FIRST.replace("[10.0.0.1]", f"&i [{RANGES}]")
    + "  - {ips: *i, roles: [worker]}\n" * 250,
    "a range of IPv6 without end": SIX.replace("@", "'fd00::1-fd00::ffff:ffff:ffff'"),
    "ranges of IPv6 that overlap": SIX.replace("@", "'fd00::1-fd00::10', 'FD00:0::0005-fd00::20'"),
    "a range of both families": SIX.replace("@", "'fd00::1-10.0.0.9'"),
    "800 roles of their own": shared("roles", 800, "contrlplane", "", 150, "roles: *a"),
    "800 wrong taints": shared("taints", 800, "=:", ", roles: [master]", 150, "roles: [node], taints: *a"),
    "1,200 labels on 10,000 hosts": f"{HEAD}  hosts:\n"
    f"  - {{ips: [10.0.0.1-10.0.39.15], roles: [worker], labels: {{{LABELS}}}}}\n",
    "1,500 unknown fields in one line": HEAD + FIRST.replace("}", f", {FIELDS}}}"),
    "1,500 unknown fields": HEAD + lines(1500, "  field") + FIRST,
    "200 clusters": f"{HEAD}{FIRST}---\n" * 200,
    "700 documents of a strange kind": "apiVersion: v1\nkind: Foo\n---\n" * 700,
    "a billion laughs": f"a0: &a0 [x,x,x,x,x,x,x,x,x]\n{LAUGHS}{HEAD}{FIRST}",
    "merges that double": f"m0: &m0 {{k0: v}}\n{MERGES}{HEAD}{FIRST}",
    "5,000 levels": f"{HEAD}  x: {'[' * 5000}{']' * 5000}\n",
    "a number of 14,000 digits": f"{HEAD}  ssh: {{port: {'9' * 14000}}}\n{FIRST}",
    "1,000 unknown fields of kubeadm": HEAD + FIRST + KUBEADM + lines(1000, "fild"),
}


@pytest.mark.parametrize("name", CASES)
def test_a_small_file_is_refused_soon_and_in_few_words(name: str) -> None:
    began = time.process_time()
    with pytest.raises(Problems) as caught:
        read(CASES[name], "site.yaml")
    text = str(caught.value)
    assert time.process_time() - began < 15  # a tenth of a second each; one took minutes
    assert len(text.splitlines()) < 200
    assert len(text) < 40_000


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("a field misspelt on 200 hosts", "unknown field spec.hosts[1-200].rolls [unknown-field]"),
        ("a role misspelt on 200 hosts", "  200 times: lines 7-206"),
        ("a port too high on 200 hosts", "spec.hosts[1-200].ssh.port must be a port, from 1 to 65535"),
        ("200 wrong addresses", "site.yaml: 188 more like these [wrong-value]: lines 19-206"),
        ("one host 200 times", "  200 times: lines 7-206"),
        ("ranges of IPv6 that overlap", "fd00::5 and 11 more are listed twice"),
        ("200 clusters", "  199 times: lines 9, 16, 23, 30, 37, 44, 51, 58, 65, 72, 79, …, 1395"),
    ],
)
def test_equal_faults_are_one(name: str, line: str) -> None:
    with pytest.raises(Problems) as caught:
        read(CASES[name], "site.yaml")
    assert line in str(caught.value)

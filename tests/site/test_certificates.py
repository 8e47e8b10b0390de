"""Certificates renewed, settings changed, everything expired, another network: 1 + 1, in order."""

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import IPv4Network
from pathlib import Path

import pytest

from tests.site import lifecycle, power, product, ssh
from tests.site.commands import run
from tests.site.groups import host_groups
from tests.site.identity import Identity
from tests.site.network import BRIDGE
from tests.site.spec import SiteSpec

pytestmark = [pytest.mark.site, pytest.mark.rotating("certificates", kind="cluster")]

_CUSTOMER = IPv4Network("10.77.26.0/24")
_SHORT = 150  # seconds for which the certificates hold that are to expire
_EXPIRING = f"""\
set -eu
umask 077
config=$(mktemp)
period='certificateValidityPeriod: {_SHORT}s'
sed "s/^kind: ClusterConfiguration/&\\n$period/" /etc/bundler/kubeadm.yml >$config
kubeadm certs renew all --config $config
kubelet() {{
    conf=$(kubeadm kubeconfig user --config $config --org system:nodes --client-name system:node:$1 \\
        --validity-period {_SHORT}s)
    for part in certificate key; do
        printf '%s\\n' "$conf" | sed -n "s/^ *client-$part-data: *//p" | base64 -d
    done
}}
kubelet node-1 >/root/node-1.pem
kubelet node-2 >/root/node-2.pem
"""
_INSTALL = """\
install -m 0600 /root/k.pem "$(readlink -f /var/lib/kubelet/pki/kubelet-client-current.pem)"
"""


@pytest.fixture(scope="module")
def site(run_file: Path) -> Iterator[SiteSpec]:
    spec = SiteSpec("ce", IPv4Network("10.77.25.0/24"), 2)
    lifecycle.up(spec, lambda _: None)
    product.carry(spec, run_file)
    yield spec
    lifecycle.down(spec.name, lambda _: None)


def ran(spec: SiteSpec, *words: str, code: int = 0, timeout: float = 900) -> str:
    done = product.run(spec, *words, "-f site.yaml", timeout=timeout)
    assert done.returncode == code, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout + done.stderr


def ends(spec: SiteSpec) -> dict[str, str]:
    """When each certificate of each host ends."""
    done = product.run(spec, "certs status --json -f site.yaml")
    hosts = json.loads(done.stdout)["hosts"]
    return {
        f"{address} {each['name']}": each["notAfter"]
        for address, found in hosts.items()
        for each in found
        if not each["authority"] and not each["name"].startswith("site/")
    }


def test_a_site_is_installed_and_its_certificates_are_listed(site: SiteSpec) -> None:
    ran(site, timeout=1500)
    said = ran(site, "certs status")
    assert "CA (" in said
    names = {name.split()[1] for name in ends(site)}
    assert {"apiserver", "etcd/server", "admin.conf", "kubelet-client", "kubelet-server"} <= names


def test_every_certificate_is_renewed_and_nothing_else_changes(site: SiteSpec) -> None:
    before = ends(site)
    time.sleep(1)
    ran(site, "certs renew")
    after = ends(site)
    assert set(after) == set(before)
    assert [name for name in before if after[name] <= before[name]] == []
    assert product.ready_nodes(site) == {machine.name: True for machine in site.machines}
    assert "nothing to do" in ran(site, "apply")


def test_a_control_plane_renews_by_itself_in_the_last_days(site: SiteSpec) -> None:
    ran(site, "certs timer")
    first = site.machines[0]
    assert ssh.on(site, first, "systemctl is-enabled bundler-certs.timer").strip() == "enabled"
    before = ends(site)
    ssh.on(site, first, "systemctl start bundler-certs.service")
    assert ends(site) == before  # a year is left
    later = "sed -i 's/^days=.*/days=400/' /etc/bundler/certs-timed"  # as if its last days had come
    ssh.on(site, first, f"{later} && systemctl start bundler-certs.service", timeout=400)
    mine = [name for name in before if name.startswith(f"{first.address} ")]
    after = ends(site)
    assert [name for name in mine if after[name] <= before[name]] == []
    ran(site, "certs timer --off")
    gone = ssh.try_on(site, first, "ls /etc/bundler/certs-timed /etc/systemd/system/bundler-certs.timer")
    assert gone.stdout == ""
    assert "nothing to do" in ran(site, "apply")


def describe(spec: SiteSpec, flag: str) -> None:
    """A site.yaml with another number of pods for a node, and one more flag of the API server."""
    text = product.clusterfile(spec).replace("failCgroupV1: false\n", "failCgroupV1: false\nmaxPods: 77\n")
    api = f'apiServer: {{extraArgs: [{{name: {flag}, value: "9"}}]}}'
    file = spec.run_dir / "site.yaml"
    file.write_text(f"{text}---\napiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\n{api}\n")
    ssh.put(spec, spec.machines[0], [file], "/root/")


def test_a_changed_setting_reaches_the_running_cluster(site: SiteSpec) -> None:
    describe(site, "audit-log-maxage")
    said = ran(site, "plan")
    assert "audit-log-maxage" in said
    assert "maxPods" in said
    ran(site, "apply")
    for machine in site.machines:
        pods = product.kubectl(site, f"get node {machine.name} -o jsonpath={{.status.capacity.pods}}")
        assert pods == "77"
    running = "tr '\\0' '\\n' </proc/$(pgrep -x kube-apiserver)/cmdline"
    assert "--audit-log-maxage=9" in ssh.on(site, site.machines[0], running).split()
    assert "nothing to do" in ran(site, "apply")


def test_a_flag_that_no_server_knows_goes_back_by_itself(site: SiteSpec) -> None:
    describe(site, "no-such-flag")
    said = ran(site, "apply", code=12)
    assert "no-such-flag" in said
    assert product.kubectl(site, "get --raw /readyz") == "ok"
    describe(site, "audit-log-maxage")
    ran(site, "apply")
    assert "nothing to do" in ran(site, "apply")


def test_a_site_that_was_off_until_everything_expired_is_brought_back(site: SiteSpec) -> None:
    first, second = site.machines
    ssh.on(site, first, _EXPIRING)
    began = time.monotonic()
    for machine in site.machines:
        pem = ssh.on(site, first, f"cat /root/{machine.name}.pem")
        ssh.on(site, machine, f"cat >/root/k.pem <<'END'\n{pem}END\n{_INSTALL}")
    for machine in (first, second):
        power.off(site, machine, host_groups())
    time.sleep(max(0.0, _SHORT + 5 - (time.monotonic() - began)))
    for machine in (first, second):
        power.on(site, machine, host_groups())
    said = ran(site, "certs status", code=19)
    assert "expired" in said
    ran(site, "certs renew")
    assert product.ready_nodes(site) == {machine.name: True for machine in site.machines}
    product.wait_for_pages(site)
    ran(site, "certs status")
    assert "nothing to do" in ran(site, "apply")


def shipped(spec: SiteSpec, subnet: IPv4Network) -> SiteSpec:
    """The same machines, off and on again, with addresses of the customer's network."""
    there = replace(spec, subnet=subnet)
    width = there.subnet.prefixlen
    run("ip", "address", "add", f"{there.host_address}/{width}", "dev", spec.host_link)
    run("ip", "-netns", spec.netns, "address", "add", f"{there.gateway}/{width}", "dev", BRIDGE)
    before, after = (str(each.subnet.network_address).rpartition(".")[0] for each in (spec, there))
    known = Identity(spec.run_dir).known_hosts
    known.write_text(known.read_text() + known.read_text().replace(f"{before}.", f"{after}."))
    for machine in spec.machines:
        unit = "/etc/systemd/system/site-address.service"
        own = f"sed -i '/bundler begin/,$!s/{before}[.]/{after}./g' /etc/hosts"  # what is not ours there
        ssh.on(spec, machine, f"sed -i 's/{before}[.]/{after}./g' {unit} && {own} && sync")
    for machine in spec.machines:
        power.off(spec, machine, host_groups())
    for machine in there.machines:
        power.on(there, machine, host_groups())
    return there


def test_a_site_is_given_the_addresses_of_another_network(site: SiteSpec) -> None:
    product.kubectl(site, "create configmap kept --from-literal=key=value")
    first = site.machines[0]
    ssh.on(site, first, "cp /root/site.yaml /root/old.yaml")
    there = shipped(site, _CUSTOMER)
    old, new = (str(each.subnet.network_address).rpartition(".")[0] for each in (site, there))
    ssh.on(there, there.machines[0], f"cd /root && sed 's/{old}[.]/{new}./g' old.yaml >site.yaml")
    ssh.put(there, there.machines[0], [Identity(site.run_dir).known_hosts], "/root/.ssh/")
    assert "readdress" in ran(there, "apply", code=16)
    done = product.run(there, "readdress --from old.yaml --to site.yaml", timeout=900)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert product.ready_nodes(there) == {machine.name: True for machine in there.machines}
    for machine in there.machines:
        found = "get node {} -o jsonpath='{{.status.addresses[?(@.type==\"InternalIP\")].address}}'"
        assert product.kubectl(there, found.format(machine.name)) == str(machine.address)
    assert product.kubectl(there, "get configmap kept -o jsonpath={.data.key}") == "value"
    product.wait_for_pages(there)
    files = "/etc/kubernetes /etc/bundler /var/lib/kubelet/*.* /etc/hosts"
    for machine in there.machines:
        left = ssh.try_on(there, machine, f"grep -rlF '{old}.' {files} 2>/dev/null")
        assert left.stdout == ""
    assert "nothing to do" in ran(there, "apply")

"""What `check.sh` finds on a network of its own: open, refusing, forbidden and silent ports."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from bundler.installer.checks.ask import script
from bundler.installer.checks.catalogue import CHECKS
from bundler.installer.checks.model import Scene
from bundler.installer.checks.probe import Answer, parse
from bundler.installer.checks.probe import Path as Path_
from bundler.installer.facts.model import Facts
from bundler.installer.site.model import Host, Role, Site

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(
        os.geteuid() != 0 or not all(shutil.which(name) for name in ("unshare", "ip", "iptables", "bash")),
        reason="needs root, unshare, iproute2, iptables and bash to make a network of its own",
    ),
]

NETWORK = """
set -e
mount -t sysfs sysfs /sys
ip link set lo up
ip addr add 10.9.0.3/32 dev lo
ip link add wire0 mtu 1400 type bridge
ip addr add 10.9.0.2/24 dev wire0
ip link set wire0 up
iptables -A INPUT -d 10.9.0.3 -p tcp --dport 24 -j REJECT --reject-with icmp-admin-prohibited
iptables -A INPUT -d 10.9.0.3 -p tcp --dport 25 -j DROP
python3 -c '
import socket, time
server = socket.create_server(("10.9.0.3", 22))
time.sleep(60)
' &
listener=$!
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    ! (exec 3<>/dev/tcp/10.9.0.3/22) 2>/dev/null || break
    sleep 0.1
done
set +e
sh "$1" <"$2"
kill $listener
"""


def test_ports_as_another_host_sees_them(tmp_path: Path) -> None:
    body, asked = tmp_path / "check.sh", tmp_path / "asked"
    body.write_text(script(Host("10.9.0.2", frozenset({Role.WORKER}))))
    asked.write_text("link 10.9.0.3 22 23 24 25\n")
    ran = subprocess.run(
        ["unshare", "--net", "--mount", "bash", "-c", NETWORK, "network", body, asked],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    probe = parse("10.9.0.2", ran.stdout)
    answers = {link.port: link.answer for link in probe.links}
    assert answers == {22: Answer.OPEN, 23: Answer.REFUSED, 24: Answer.BLOCKED}, ran.stderr  # 25: no answer
    assert {link.address for link in probe.links} == {"10.9.0.3"}
    (wire,) = (each for each in probe.interfaces if each.name == "wire0")
    assert wire.mtu == 1400
    assert ("10.9.0.0/24", "wire0") in probe.routes


# This host, a bridge of another one, a third host behind it. The port that leads there may be too small for
# what both ends take for whole packets: the bridge drops those, and tells nobody.
BRIDGED = """
set -e
mount -t sysfs sysfs /sys
unshare --net sleep 60 & middle=$!
unshare --net sleep 60 & far=$!
sleep 0.3
ip link set lo up
ip link add here0 type veth peer name left0
ip link set left0 netns $middle
ip addr add 10.9.1.1/24 dev here0; ip link set here0 up
in_middle() { nsenter --net=/proc/$middle/ns/net "$@"; }
in_far() { nsenter --net=/proc/$far/ns/net "$@"; }
in_middle ip link add bridge0 type bridge
in_middle ip link add right0 type veth peer name far0
in_middle ip link set far0 netns $far
for port in left0 right0; do in_middle ip link set $port master bridge0; in_middle ip link set $port up; done
in_middle ip link set bridge0 up
in_far ip addr add 10.9.1.2/24 dev far0
in_far ip link set far0 up
in_middle ip link set right0 mtu "$MTU"
set +e
sh "$1" <"$2"
kill $middle $far
"""


@pytest.mark.skipif(shutil.which("ping") is None, reason="needs ping of iputils")
@pytest.mark.parametrize(("mtu", "large"), [("1500", 1), ("1400", 0)])
def test_a_link_in_between_that_is_too_small_is_found(tmp_path: Path, mtu: str, large: int) -> None:
    body, asked = tmp_path / "check.sh", tmp_path / "asked"
    hosts = (Host("10.9.1.1", frozenset({Role.CONTROL_PLANE})), Host("10.9.1.2", frozenset({Role.WORKER})))
    body.write_text(script(hosts[0]))
    asked.write_text("link 10.9.1.2 10250\n")
    ran = subprocess.run(
        ["unshare", "--net", "--mount", "bash", "-c", BRIDGED, "network", body, asked],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, "MTU": mtu},
    )
    probe = parse("10.9.1.1", ran.stdout)
    assert probe.paths == (Path_("10.9.1.2", 1500, large, 1),), ran.stderr
    site = Site("trial", hosts)
    scene = Scene(site, Facts({}, 0.0), {"10.9.1.1": probe}, {})
    looked = next(check for check in CHECKS if check.id == "link-mtu").look(scene)
    told = [(fault.where, fault.value) for fault in looked.faults]
    assert told == ([] if large else [("10.9.1.1 → 10.9.1.2", "1,500 bytes get lost")])

"""What a machine looks like: its files, packages, units, kernel settings, mounts, network rules.

Taken before an install and after `delete`; the two must be equal but for what EXCEPT lists with reasons.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from tests.site import ssh
from tests.site.commands import run
from tests.site.groups import host_groups
from tests.site.machine import group_name, leader
from tests.site.spec import Machine, SiteSpec

# Paths that may differ, each with the reason why that is no leftover of the install.
EXCEPT: Mapping[str, str] = {
    r"/var/log/.*": "logs tell what happened, also after the cluster is gone",
    r"/var/lib/systemd/.*": "timers' stamps and the random seed change on their own",
    r"/var/cache/(ldconfig|debconf|apt)/.*": "caches that dpkg and apt write whenever they run",
    r"/var/lib/dpkg/(status|status-old|available|lock.*|triggers/.*)": "what they say is in `packages`",
    r"/var/lib/dpkg/(statoverride|diversions|alternatives)(-old|/.*)?": "dpkg's backups of its tables",
    r"/var/lib/apt/(extended_states|lists/.*|periodic/.*|mirrors/.*)": "apt's memory of what was automatic",
    r"/etc/(ld\.so\.cache|passwd-|group-|shadow-|gshadow-|subuid-|subgid-)": "caches and Debian's backups",
    r"/root/\.config(/bundler(/.*)?)?": "the engineer's machine remembers who signed the product",
    r"/root/\.ssh(/.*)?": "ssh writes known_hosts where the engineer logs in",
    # The .run's own program, unpacked where it is started; it stays until a restart, as --help says.
    r"/var/tmp/bundler-0(/.*)?": "the .run's, not the cluster's",  # noqa: S108  (a pattern)
    r"/home/[^/]+/\.sudo_as_admin_successful": "sudo's own note that its user has used it",
    r"/var/(spool|mail|backups)(/.*)?": "backups that dpkg's daily timer makes",
}

_SCRIPT = r"""
set -eu
export LC_ALL=C
echo '# files'
find / /var/lib -xdev \( -path /proc -o -path /sys -o -path /dev -o -path /run -o -path /tmp \) -prune -o \
    -not -type s -printf '%p\t%y %m %u:%g %l\n' | sort -u
echo '# contents'
find /etc /usr/local /opt /root /home -xdev -type f -print0 | sort -z | xargs -0 sha256sum |
    sed 's/^\([^ ]*\)  \(.*\)/\2\t\1/'
echo '# packages'
dpkg-query -W -f '${Package} ${Version} ${db:Status-Abbrev}\n'
echo '# units'
systemctl list-unit-files --no-legend --no-pager | awk '{print $1, $2}'
systemctl list-units --no-legend --no-pager --plain --type=service,socket --state=active |
    awk '{print $1, "active"}'
echo '# settings'
for name in net/ipv4/ip_forward net/bridge/bridge-nf-call-iptables net/bridge/bridge-nf-call-ip6tables \
    net/ipv4/conf/all/rp_filter net/ipv4/conf/all/forwarding net/ipv6/conf/all/forwarding; do
    [ ! -r "/proc/sys/$name" ] || echo "$name $(cat "/proc/sys/$name")"
done
echo '# mounts'
cut -d ' ' -f 2,3 /proc/mounts | grep -v '^/run/user/' | sort
echo '# processes'
for folder in /proc/[0-9]*; do
    [ -s "$folder/cmdline" ] && tr '\0' ' ' <"$folder/cmdline" | cut -c 1-80 && echo
done | grep -E 'kube|etcd|containerd|registry|pause|runc|bundler' | sort || true
echo '# network'
ip -brief link | awk '{print $1}' | sort
ip route | sort
ip rule
"""
_MOVING = re.compile(
    r"^(user@|session-|run-|user-runtime-dir@|systemd-tmpfiles-clean|dpkg-db-backup|e2scrub)"
)


@dataclass(frozen=True, slots=True)
class Difference:
    """One line that only one of two footprints has; `sign`: `-` it was there before, `+` it came."""

    section: str
    sign: str
    line: str


def footprint(spec: SiteSpec, machine: Machine) -> dict[str, frozenset[str]]:
    """The machine's footprint by section, without what EXCEPT names."""
    sections: dict[str, set[str]] = {}
    current: set[str] = set()
    for line in ssh.on(spec, machine, _SCRIPT, timeout=120).splitlines():
        if line.startswith("# "):
            current = sections.setdefault(line[2:], set())
        elif line and not _MOVING.match(line):
            current.add(line)
    for name in ("files", "contents"):
        sections[name] = {line for line in sections[name] if not _excepted(line.split("\t")[0])}
    sections["iptables"] = _rules(spec, machine)
    return {name: frozenset(lines) for name, lines in sections.items()}


def differences(
    before: Mapping[str, frozenset[str]], after: Mapping[str, frozenset[str]]
) -> tuple[Difference, ...]:
    """What is in one and not in the other, by section."""
    found = []
    for section in sorted({*before, *after}):
        old, new = before.get(section, frozenset()), after.get(section, frozenset())
        found += [Difference(section, "-", line) for line in sorted(old - new)]
        found += [Difference(section, "+", line) for line in sorted(new - old)]
    return tuple(found)


def _excepted(path: str) -> bool:
    return any(re.fullmatch(pattern, path) for pattern in EXCEPT)


def _rules(spec: SiteSpec, machine: Machine) -> set[str]:
    """The machine's packet filter rules, read with this host's iptables: it may have none itself."""
    pid = leader(group_name(spec, machine), host_groups())
    saved = run("nsenter", f"--target={pid}", "--net", "--", "iptables-save")
    return {line for line in saved.splitlines() if line.startswith(("-A", ":")) and not _is_empty_chain(line)}


def _is_empty_chain(line: str) -> bool:
    """Built-in chains with policy ACCEPT: they come into being when they are first looked at."""
    return bool(re.match(r":(INPUT|OUTPUT|FORWARD|PREROUTING|POSTROUTING) ACCEPT", line))

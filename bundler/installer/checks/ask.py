"""The script that a host is asked with: `check.sh` with its variables, and the CIS table behind it. Pure."""

from typing import Final

from bundler.installer.checks.areas.disks import FOLDERS
from bundler.installer.checks.areas.kernel import KEYS, MODULES
from bundler.installer.checks.areas.leftovers import TRACES
from bundler.installer.checks.catalogue import UNITS
from bundler.installer.scripts import render as templates
from bundler.installer.site.model import Host

SAMPLES: Final = 100  # writes of etcd's size that are timed
TIMEOUT: Final = 60.0  # seconds for one host
_CIS: Final = "\ntell cis\n[ ! -e /etc/kubernetes/kubelet.conf ] || (\n{cis}) 2>/dev/null\ntell end\n"


def script(host: Host) -> str:
    """For one host; on a control plane etcd's disk is measured."""
    asked = templates.script(
        "check.sh",
        disk="/var/lib",
        samples=str(SAMPLES if host.is_control_plane else 5),
        keys=" ".join(KEYS),
        modules=" ".join(MODULES),
        units=" ".join(dict.fromkeys(UNITS)),
        folders=" ".join(FOLDERS),
        traces=" ".join(TRACES),
    )
    return str(asked) + _CIS.format(cis=templates.load("cis.sh"))

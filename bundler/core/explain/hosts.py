"""What goes wrong with single hosts: who they are, what they hold, how they answer."""

from bundler.core.errors import ExitCode
from bundler.core.explain.model import Explanation

HOSTS = (
    Explanation(
        "BND-HOST-SILENT",
        "a host does not answer",
        ("it is off, or its network is", "ssh listens elsewhere, or a firewall drops it"),
        (
            "power it on, then run the same command",
            "to go on without it for now: `--without HOST`",
            "if it is lost for good: `--gone HOST`",
        ),
        ExitCode.REFUSED,
    ),
    Explanation(
        "BND-HOST-LOGIN",
        "the host refused the login",
        (
            "the user, password or key of the Clusterfile is wrong",
            "sshd does not allow this authentication method",
        ),
        (
            "try it by hand: `ssh -p PORT -i KEY USER@HOST`",
            "correct `ssh` in the Clusterfile: for all hosts under spec.ssh, for one under its own entry",
        ),
        ExitCode.HOST,
    ),
    Explanation(
        "BND-HOST-ROOT",
        "the user can't become root",
        ("sudo asks for a password that was not given", "the user is not in sudoers"),
        ("give the password, or a rule with NOPASSWD for that user: `sudo -n true` must work",),
        ExitCode.HOST,
    ),
    Explanation(
        "BND-HOST-LOST",
        "the connection broke in the middle",
        ("the host rebooted or lost its network", "a firewall drops idle connections"),
        ("run the same command: it first checks what ran there, then continues",),
        ExitCode.HOST,
    ),
    Explanation(
        "BND-HOST-SESSIONS",
        "the host accepts the login but opens no session",
        ("sshd's MaxSessions is 0, or all its sessions are taken",),
        ("close other sessions, or raise MaxSessions in sshd_config",),
        ExitCode.HOST,
    ),
    Explanation(
        "BND-HOST-ANSWER",
        "a host answers with something that can't be read",
        (
            "a login script prints text",
            "tools of another system stand first in PATH",
            "the host is not trustworthy",
        ),
        (
            "make its shell quiet for logins that are not interactive: `ssh HOST true` prints nothing",
            "GNU coreutils and a POSIX shell are needed",
        ),
        ExitCode.HOST,
    ),
    Explanation(
        "BND-HOST-KEY",
        "a host shows another key than before",
        (
            "the machine was reinstalled",
            "another machine has its address",
            "the connection is being intercepted",
        ),
        (
            "ask the host's owner; compare `ssh-keyscan HOST` with the key on its console",
            "if it is right, remove the old line: `ssh-keygen -R HOST`; then run the same command",
        ),
        ExitCode.TRUST,
    ),
    Explanation(
        "BND-HOST-KEY-UNKNOWN",
        "a host shows an unknown key",
        ("this machine connects to it for the first time",),
        (
            "compare the fingerprint with that of `ssh-keygen -lf /etc/ssh/ssh_host_*.pub`",
            "accept it as the message says, or write `hostKey` into the Clusterfile",
        ),
        ExitCode.TRUST,
    ),
    Explanation(
        "BND-HOST-SPACE",
        "a disk of a host is too small for what goes there",
        ("images and programs need the room that the message names",),
        ("free it, or mount a larger disk there", "run the same command: what arrived is kept"),
        ExitCode.PREFLIGHT,
    ),
    Explanation(
        "BND-CLOCK",
        "a host's clock is wrong",
        ("it has no time server that it can reach", "its battery is empty"),
        (
            "set it: `timedatectl set-time`, or name time servers in the Clusterfile (`ntp`)",
            "run the same command",
        ),
        ExitCode.PREFLIGHT,
    ),
    Explanation(
        "BND-CLONES",
        "hosts have one machine id",
        ("they were cloned from one disk",),
        ("on all but one: `rm /etc/machine-id && systemd-machine-id-setup`, then reboot",),
        ExitCode.PREFLIGHT,
    ),
    Explanation(
        "BND-NODE-NAME",
        "hosts have one name",
        ("their hostname was never set",),
        ("`hostnamectl set-hostname NAME` on each, then run the same command",),
        ExitCode.PREFLIGHT,
    ),
    Explanation(
        "BND-OTHER-SITE",
        "hosts belong to another site",
        ("an address in the Clusterfile is that of another cluster's machine",),
        ("take it out of the Clusterfile", "or delete that site first, with its own file"),
        ExitCode.REFUSED,
    ),
    Explanation(
        "BND-LEFTOVERS",
        "a cluster that this product did not make is in the way",
        ("the machine was used for another Kubernetes before",),
        ("if it may be deleted, follow the fix on each host", "otherwise use other hosts"),
        ExitCode.REFUSED,
    ),
    Explanation(
        "BND-READDRESS",
        "machines of this site have other addresses",
        ("DHCP assigned new ones", "the site was moved to another network"),
        ("`./product.run readdress --from old.yaml --to new.yaml`",),
        ExitCode.REFUSED,
    ),
    Explanation(
        "BND-REPLACED",
        "another machine answers at a control plane's address",
        ("the machine was replaced, and the new one has its address",),
        ("if the old one is gone: `./product.run --replaced HOST -f site.yaml`",),
        ExitCode.REFUSED,
    ),
    Explanation(
        "BND-GONE-RETURNED",
        "a host that was removed as lost is back with its old data",
        ("it was off while it was removed, and was switched on again",),
        ("clear it as the fix says, then run the same command: it joins again",),
        ExitCode.REFUSED,
    ),
    Explanation(
        "BND-STEP-TIMEOUT",
        "a command on a host took longer than its limit",
        ("a slow disk or a machine that is overloaded", "a service hangs"),
        ("look at the host's load: `uptime`, `iostat`", "allow more time: `--timeout-factor 3`"),
        ExitCode.STEP,
    ),
    Explanation(
        "BND-STEP-SPACE",
        "a step failed because a disk is full",
        ("logs, images or another program filled it",),
        ("free space where the message says", "run the same command"),
        ExitCode.SPACE,
    ),
    Explanation(
        "BND-STEP-READ-ONLY",
        "a step failed because a file system is mounted read-only",
        (
            "the kernel remounted it after errors of the disk",
            "it is mounted so on purpose, as /usr of an immutable system is",
        ),
        (
            "look for errors of the disk on that host: `journalctl -k`, `findmnt -O ro`",
            "repair the disk, or mount the file system writable; then run the same command",
        ),
        ExitCode.STEP,
    ),
    Explanation(
        "BND-COPY-DAMAGED",
        "files arrived damaged on a host",
        ("its memory or disk is bad", "something in between corrupts data"),
        ("run the same command once more", "if it happens again, test the host's memory and disk"),
        ExitCode.INTEGRITY,
    ),
    Explanation(
        "BND-TAKEN-OVER",
        "another run has taken this host over",
        ("this run was silent for so long that its lock expired",),
        ("let the other run end", "then run the same command"),
        ExitCode.BUSY,
    ),
)

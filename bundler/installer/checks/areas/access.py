"""How a host is reached."""

from collections.abc import Iterator
from typing import Final

from bundler.core.errors import ExitCode
from bundler.installer.checks.areas.build import ERROR, NOTE, WARNING, above, below, least, most
from bundler.installer.checks.look import each
from bundler.installer.checks.model import Area, Check, Fault, Looked, Scene, Seen


def _silent(scene: Scene) -> Looked:
    found = tuple(_faults(scene))
    return Looked(found, len(scene.site.hosts))


def _faults(scene: Scene) -> Iterator[Fault]:
    for address, error in scene.silent.items():
        words = " ".join(filter(None, (error.what, error.why.strip().split("\n")[0])))
        key = "the host key has changed; " if error.code is ExitCode.TRUST else ""
        yield Fault(address, key + words, fix=error.fix, hosts=(address,))


def _slow(seen: Seen) -> str:
    took = seen.probe.seconds
    own = sum(seen.probe.fsync)
    return above(took - own, 20 + seen.limits.answer_seconds, f"{took:.1f} s")


def _sessions(seen: Seen) -> str:
    count = seen.probe.number("sessions")
    return below(count, seen.limits.ssh_sessions, f"MaxSessions {count:.0f}")


def _copy(scene: Scene) -> Looked:
    limit = scene.limits.copy_speed
    slow = {address: speed for address, speed in scene.speed.items() if speed < limit}
    faults = tuple(Fault(a, f"{speed:,.1f} MiB/s", hosts=(a,)) for a, speed in slow.items())
    return Looked(faults, len(scene.speed))


CHECKS: Final = (
    Check(
        "host-silent",
        Area.ACCESS,
        ERROR,
        "every host answers",
        "nothing is known of it, so nothing can be installed there",
        "log in by hand with the Clusterfile's user and key; then run the same command again",
        _silent,
        strict=True,
    ),
    Check(
        "answer-slow",
        Area.ACCESS,
        WARNING,
        "the host answers in time",
        "a slow login or a slow disk makes every step slow",
        "look at its load, at DNS in sshd (UseDNS no) and at its disk",
        each(_slow),
        limit=most("answer_seconds"),
    ),
    Check(
        "ssh-sessions",
        Area.ACCESS,
        NOTE,
        "sshd takes several sessions on one connection",
        "fewer steps run at once there",
        "raise MaxSessions in /etc/ssh/sshd_config",
        each(_sessions),
        limit=least("ssh_sessions"),
    ),
    Check(
        "copy-speed",
        Area.ACCESS,
        WARNING,
        "copies from this machine are fast enough",
        "the install takes as long as its copies",
        "use a wired link to the site, or run the .run from a machine that is nearer",
        _copy,
        limit=least("copy_speed"),
    ),
)

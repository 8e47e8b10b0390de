"""Measure a copy to a host over ssh beside scp: the payload's files, through a real sshd on loopback.

    python -m tests.bench.deliver [--runs N]

Both log in anew and copy to an empty folder. Ours verifies each file on the host before it counts, and keeps
journal and ledger there; scp verifies nothing.

"""

import argparse
import shutil
import sys
from functools import partial
from pathlib import Path
from statistics import median
from unittest import mock

from bundler.core.archive.reader import Bundle
from bundler.installer.facts import journal
from bundler.installer.plan.steps import Deliver, Delivery, Phase
from bundler.installer.run.deliver import BundleSource, deliver
from bundler.installer.scripts.render import load
from bundler.installer.site.model import Host, Login, Role
from bundler.installer.transport.hostkeys import KnownHosts
from bundler.installer.transport.login import Credentials, Trust
from bundler.installer.transport.ssh import open_ssh
from tests.bench.kit import Job, lacking, measured, payload_run, scratch, seconds, table, title
from tests.bench.payload import default_folder, payload
from tests.real.sshd import ADDRESS, Sshd, running

AGAIN = "ours"  # the word with which this program starts itself to be measured


def ours(product: Path, port: int, home: Path, target: Path) -> None:
    """Copy the blobs of a .run to a host, as an installation does."""
    state = str(target / "state")
    host = Host(ADDRESS, frozenset({Role.WORKER}), Login(port=port, key_file=str(home / "user_key")))
    own = mock.patch.multiple(  # not this machine's
        journal, STATE=state, JOURNAL=f"{state}/journal", CONTENTS=f"{state}/contents"
    )
    with own, Bundle.open(product) as bundle:
        blobs = [each.path for each in bundle.index.members if each.path.startswith("images/blobs/")]
        files = tuple(Delivery(path, f"{target}/{path}", 0o644) for path in blobs)
        step = Deliver(id="copy", host=ADDRESS, phase=Phase.DISTRIBUTE, reason="a benchmark", files=files)
        transport = open_ssh(host, Credentials.of(host, None, home), Trust(KnownHosts.of_user(home)))
        try:
            prelude = load("ledger.sh").replace("/var/lib/bundler", state)
            outcome = deliver(step, transport, BundleSource(bundle), prelude, lambda _count: None)
        finally:
            transport.close()
    if outcome.status:
        raise OSError(outcome.stderr)


def jobs(folder: Path, server: Sshd) -> dict[str, Job]:
    """The two copies."""
    target = folder / "to"
    layout = payload(default_folder())
    known = f"UserKnownHostsFile={server.home}/.ssh/known_hosts"
    options = ("-q", "-r", "-F", "/dev/null", "-P", str(server.port), "-i", server.user_key, "-o", known)
    mine = (
        sys.executable,
        "-m",
        "tests.bench.deliver",
        AGAIN,
        payload_run(folder),
        str(server.port),
        server.home,
    )
    return {
        "bundler": Job((*mine, server.home, target), partial(_empty, target)),
        "scp": Job(("scp", *options, layout / "blobs", f"root@{ADDRESS}:{target}/"), partial(_empty, target)),
    }


def _empty(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()


def measure(runs: int) -> None:
    """A server, and both in turn."""
    size = sum(blob.stat().st_size for blob in (payload(default_folder()) / "blobs/sha256").iterdir())
    with scratch() as folder:
        place = folder / "sshd"
        place.mkdir()
        with running(place) as server:
            server.trust()
            costs = measured(jobs(folder, server), runs)
        walls = {name: median(cost.wall for cost in each) for name, each in costs.items()}
        title(f"Copying {size / 1e6:.0f} MB to a host over ssh on loopback")
        rates = [f"{seconds(wall)}, {size / wall / 1e6:.0f} MB/s" for wall in walls.values()]
        ratio = f"{walls['scp'] / walls['bundler']:.2f}"
        table(("bundler, verified, median", "scp, median", "of scp's rate"), [(*rates, ratio)])


def main() -> int:
    """Entry point; prints a table."""
    if sys.argv[1:2] == [AGAIN]:
        ours(Path(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]), Path(sys.argv[5]))
        return 0
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs
    if lacking("scp"):
        return 2
    measure(runs)
    return 0


if __name__ == "__main__":
    sys.exit(main())

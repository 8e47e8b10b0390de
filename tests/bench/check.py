"""How long `check` takes for many hosts: loopback addresses of one sshd, all on this machine.

python -m tests.bench.check [HOSTS]
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.real import check_kit
from tests.real.sshd import running

OPTIONS = ("ListenAddress 0.0.0.0", "MaxStartups 1000", "MaxSessions 10")


def main(words: list[str]) -> None:
    hosts = int(words[0]) if words else 100
    with tempfile.TemporaryDirectory(prefix="bundler-bench-") as folder:
        place = Path(folder)
        run = check_kit.make(place / "shop.run")
        with running(place / "sshd", options=OPTIONS) as server:
            site = place / "site.yaml"
            site.write_text(check_kit.site(server, hosts), encoding="utf-8")
            command = [sys.executable, "-m", "bundler.installer.cli.main", "check", "-f", str(site)]
            begun = time.monotonic()
            ran = subprocess.run(
                [*command, "--allow-unsigned", *words[1:]],
                env={**os.environ, "HOME": str(server.home), "BUNDLER_RUN_FILE": str(run)},
                capture_output=True,
                text=True,
                timeout=600,
                check=False,
            )
            took = time.monotonic() - begun
        sys.stderr.write(ran.stderr[-2000:])
        sys.stdout.write(ran.stdout)
        sys.stdout.write(
            f"{hosts} hosts on one machine of {os.cpu_count()} CPUs: {took:.1f} s, exit {ran.returncode}\n"
        )


if __name__ == "__main__":
    main(sys.argv[1:])

"""Measure what `serve` hands out beside nginx: the payload's blobs, over loopback, by the same curl.

    python -m tests.bench.serve [--runs N]

nginx serves the files of the payload's layout with sendfile, `serve` the same blobs out of the .run. curl
gets all of them several times on one connection that is kept open, and on four at once.
"""

import argparse
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from tests.bench.kit import Job, environment, lacking, measured, payload_run, scratch, seconds, table, title
from tests.bench.payload import default_folder, payload
from tests.real.sshd import await_port, free_port

_ROUNDS = 3
_NGINX = """
user root;
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/nginx.log;
worker_processes auto;
events {{ worker_connections 256; }}
http {{
    access_log off;
    sendfile on;
    tcp_nopush on;
    keepalive_requests 100000;
    server {{ listen 127.0.0.1:{port}; root {root}; }}
}}
"""


@contextmanager
def started(argv: Sequence[str | Path], port: int) -> Iterator[None]:
    """A server while this lasts, ended by its own pid."""
    server = subprocess.Popen(argv, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        await_port(port)
        yield
    finally:
        server.terminate()
        server.wait(10)


def fetch(base: str, names: list[str], at_once: int) -> Job:
    """curl, getting everything."""
    argv: list[str | Path] = ["curl", "--silent", "--fail", "--parallel-max", str(at_once)]
    argv += ["--parallel"] if at_once > 1 else []
    for name in names * _ROUNDS:
        argv += ["--output", "/dev/null", f"{base}/{name}"]
    return Job(argv)


def measure(runs: int) -> None:
    """Both servers at once; curl asks them in turn."""
    layout = payload(default_folder())
    names = [f"blobs/sha256/{path.name}" for path in sorted((layout / "blobs/sha256").iterdir())]
    size = sum((layout / name).stat().st_size for name in names) * _ROUNDS
    with scratch() as folder:
        product, ours, theirs = payload_run(folder), free_port(), free_port()
        config = folder / "nginx.conf"
        config.write_text(_NGINX.format(folder=folder, port=theirs, root=layout))
        serve = (product, "serve", "--allow-unsigned", "--listen", f"127.0.0.1:{ours}")
        with started(("nginx", "-c", config), theirs), started(serve, ours):
            title(f"Handing out {size / 1e6:.0f} MB of blobs over loopback")
            rows = []
            for at_once in (1, 4):
                jobs = {
                    "serve": fetch(f"http://127.0.0.1:{ours}/images", names, at_once),
                    "nginx": fetch(f"http://127.0.0.1:{theirs}", names, at_once),
                }
                costs = measured(jobs, runs)
                walls = {name: median(cost.wall for cost in each) for name, each in costs.items()}
                ratio = walls["nginx"] / walls["serve"]
                shown = [f"{seconds(wall)}, {size / wall / 1e6:.0f} MB/s" for wall in walls.values()]
                rows.append((f"{at_once} at once", *shown, f"{ratio:.2f}", "≥ 0.8"))
            table(("", "`serve`, median", "nginx, median", "of nginx's rate", "goal"), rows)


def main() -> int:
    """Entry point; prints a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=7)
    runs = parser.parse_args().runs
    if lacking("nginx", "curl"):
        return 2
    measure(runs)
    return 0


if __name__ == "__main__":
    sys.exit(main())

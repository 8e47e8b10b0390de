"""Ask the API through a node's own way to it, ten times a second, while something befalls the site.

Run on this host in the node's network namespace, so that the node needs no client of ours. Each request has a
connection of its own and reads from etcd; one is begun every tenth of a second, however long others take.
"""

import base64
import http.client
import json
import re
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.site import ssh
from tests.site.groups import host_groups
from tests.site.machine import group_name, leader
from tests.site.product import REPOSITORY
from tests.site.spec import Machine, SiteSpec

_PAUSE = 0.1
_LIMIT = 3.0  # seconds for one request
_PATH = "/api/v1/namespaces/default"


@dataclass(frozen=True, slots=True)
class Answer:
    """One request: when it began (time.time), how long it took, and what became of it."""

    began: float
    seconds: float
    said: str

    @property
    def good(self) -> bool:
        """Whether the API answered it."""
        return self.said == "200"


@dataclass(slots=True)
class Record:
    """All answers, in the order in which their requests began; filled when the probe has ended."""

    answers: list[Answer] = field(default_factory=list)

    def failed(self) -> list[Answer]:
        """Those that went wrong."""
        return [each for each in self.answers if not each.good]

    def back_after(self, moment: float) -> float:
        """Seconds from a moment until requests began of which none went wrong any more; 0 if none did."""
        wrong = [each.began for each in self.failed() if each.began > moment - _LIMIT]
        return max(wrong) - moment + _PAUSE if wrong else 0.0


@contextmanager
def probing(spec: SiteSpec, asker: Machine, administrator: Machine, folder: Path) -> Iterator[Record]:
    """Ask from `asker` with the certificate of `administrator`'s admin.conf until the block ends."""
    config = ssh.on(spec, administrator, "cat /etc/kubernetes/admin.conf")
    for kind in ("certificate", "key"):
        found = re.search(rf"client-{kind}-data: (\S+)", config)
        assert found, "admin.conf has no client certificate"
        (folder / kind).write_bytes(base64.b64decode(found[1]))
    pid = leader(group_name(spec, asker), host_groups())
    argv = [
        "nsenter",
        f"--target={pid}",
        "--net",
        "--",
        sys.executable,
        "-m",
        "tests.site.probe",
        str(folder),
    ]
    record = Record()
    process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY)
    try:
        yield record
    finally:
        said, _ = process.communicate("", timeout=_LIMIT * 4)
        record.answers += [Answer(*each) for each in json.loads(said)]


def _ask(context: ssl.SSLContext, answers: list[tuple[float, float, str]]) -> None:
    began = time.time()
    connection = http.client.HTTPSConnection("127.0.0.1", 6443, timeout=_LIMIT, context=context)
    try:
        connection.request("GET", _PATH)
        said = str(connection.getresponse().status)
    except (OSError, http.client.HTTPException) as error:
        said = f"{type(error).__name__}: {error}"
    finally:
        connection.close()
    answers.append((began, time.time() - began, said))


def _until_the_end(over: threading.Event) -> None:
    sys.stdin.read()
    over.set()


def _main(arguments: Sequence[str]) -> None:
    folder = Path(arguments[0])
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.load_cert_chain(folder / "certificate", folder / "key")
    over = threading.Event()
    threading.Thread(target=_until_the_end, args=(over,), daemon=True).start()
    answers: list[tuple[float, float, str]] = []
    threads: list[threading.Thread] = []
    while not over.wait(_PAUSE):
        threads.append(threading.Thread(target=_ask, args=(context, answers)))
        threads[-1].start()
    for thread in threads:
        thread.join()
    sys.stdout.write(json.dumps(sorted(answers)))


if __name__ == "__main__":
    _main(sys.argv[1:])

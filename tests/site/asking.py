"""Ask the demo's page ten times a second, from this host, while something befalls the site.

Each request has a connection of its own; one is begun every tenth of a second at each address, however long
others take. What was asked of the API is `probe`'s.
"""

import http.client
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv4Address

from tests.site.probe import Answer, Record

PORT = 30080
_PAUSE = 0.1
_LIMIT = 3.0  # seconds for one request


@contextmanager
def asking(*addresses: IPv4Address) -> Iterator[Record]:
    """Ask at these nodes' ports until the block ends; the record is filled meanwhile."""
    record, over = Record(), threading.Event()
    askers = [threading.Thread(target=_ask_on, args=(str(each), record, over)) for each in addresses]
    for asker in askers:
        asker.start()
    try:
        yield record
    finally:
        over.set()
        for asker in askers:
            asker.join()
        record.answers.sort(key=lambda each: each.began)


def between(record: Record, began: float, ended: float) -> Record:
    """The answers to requests that began in this time (time.time)."""
    return Record([each for each in record.answers if began <= each.began < ended])


def _ask_on(address: str, record: Record, over: threading.Event) -> None:
    threads: list[threading.Thread] = []
    while not over.wait(_PAUSE):
        threads = [each for each in threads if each.is_alive()]
        threads.append(threading.Thread(target=_ask, args=(address, record)))
        threads[-1].start()
    for thread in threads:
        thread.join()


def _ask(address: str, record: Record) -> None:
    began = time.time()
    connection = http.client.HTTPConnection(address, PORT, timeout=_LIMIT)
    try:
        connection.request("GET", "/")
        answer = connection.getresponse()
        answer.read()
        said = str(answer.status)
    except (OSError, http.client.HTTPException) as error:
        said = f"{address}: {type(error).__name__}: {error}"
    finally:
        connection.close()
    record.answers.append(Answer(began, time.time() - began, said))

"""What mirrors of packages have in common: a key that signs, and a server on loopback."""

import contextlib
import functools
import http.server
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Key:
    """A key of gpg's in a home of its own. public: its public half as gpgv reads it."""

    home: Path
    public: Path

    def gpg(self, *words: str | Path) -> bytes:
        command = ["gpg", "--homedir", self.home, "--batch", "--yes", "--quiet", *words]
        return subprocess.run(command, check=True, timeout=60, stdout=subprocess.PIPE).stdout


@contextlib.contextmanager
def signing_key(folder: Path) -> Iterator[Key]:
    """A key for as long as this lasts; its public half lies in `folder`."""
    # The agent's socket is in gpg's home, and its path may have 107 bytes: a test's own folder is too deep.
    with tempfile.TemporaryDirectory(prefix="gnupg-") as home:
        key = Key(Path(home), folder / "keyring.gpg")
        key.gpg("--passphrase", "", "--quick-gen-key", "test <test@example.org>", "rsa2048", "sign", "never")
        key.gpg("--output", key.public, "--export")
        try:
            yield key
        finally:
            subprocess.run(["gpgconf", "--homedir", home, "--kill", "gpg-agent"], check=False, timeout=60)


@contextlib.contextmanager
def serving(root: Path) -> Iterator[tuple[int, list[str]]]:
    requests: list[str] = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def do_GET(self) -> None:
            requests.append(self.path)
            super().do_GET()

        def log_message(self, *_: object) -> None:
            pass

    httpd = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(root)))
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield httpd.server_address[1], requests
    finally:
        httpd.shutdown()
        httpd.server_close()
        thread.join(10)

"""What mirrors of packages have in common: a key that signs, and a server on loopback."""

import contextlib
import functools
import http.server
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Key:
    """A key of gpg's in a home of its own. public: its public half as gpgv reads it."""

    home: Path
    public: Path

    @classmethod
    def make(cls, folder: Path) -> "Key":
        home = folder / "gnupg"
        home.mkdir(parents=True, mode=0o700)
        made = cls(home, folder / "keyring.gpg")
        made.gpg("--passphrase", "", "--quick-gen-key", "test <test@example.org>", "rsa2048", "sign", "never")
        made.gpg("--output", made.public, "--export")
        return made

    def gpg(self, *words: str | Path) -> bytes:
        command = ["gpg", "--homedir", self.home, "--batch", "--yes", "--quiet", *words]
        return subprocess.run(command, check=True, timeout=60, stdout=subprocess.PIPE).stdout

    def rest(self) -> None:
        """End the agent that gpg has started."""
        subprocess.run(["gpgconf", "--homedir", self.home, "--kill", "gpg-agent"], check=False, timeout=60)


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

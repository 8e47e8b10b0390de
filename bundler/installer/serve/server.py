"""The HTTP server: threads, a bounded number of connections, and bytes straight from the file.

Stored content is handed to the kernel by sendfile(2), or read and encrypted with TLS; whoever pulls an image,
a chart or a package verifies its digest. Compressed content is verified before its last piece leaves.
"""

import contextlib
import os
import select
import socket
import ssl
import threading
from collections.abc import Iterable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

from bundler.core.archive.parts import Span
from bundler.core.archive.reader import Bundle
from bundler.core.errors import BundlerError
from bundler.core.index import Member
from bundler.installer.serve.answers import Reply, reply
from bundler.installer.serve.contents import Contents

CONNECTIONS: Final = 128  # at once; others wait to be accepted
IDLE: Final = 30.0  # seconds that a silent client keeps its connection
_PIECE: Final = 1 << 18  # bytes read at once where the kernel can't send by itself


class Server(ThreadingHTTPServer):
    """Serves a bundle's contents at an address; `context` makes it speak TLS."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(
        self, address: tuple[str, int], bundle: Bundle, contents: Contents, context: ssl.SSLContext | None
    ) -> None:
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self.bundle = bundle
        self.contents = contents
        self.context = context
        self._room = threading.BoundedSemaphore(CONNECTIONS)
        super().__init__(address, Handler)

    def process_request(
        self, request: socket.socket | tuple[bytes, socket.socket], client_address: object
    ) -> None:
        """Hand a connection to a thread of its own, once there is room for one."""
        self._room.acquire()
        super().process_request(request, client_address)

    def process_request_thread(
        self, request: socket.socket | tuple[bytes, socket.socket], client_address: object
    ) -> None:
        """A connection from its begin to its end."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._room.release()

    def finish_request(
        self, request: socket.socket | tuple[bytes, socket.socket], client_address: object
    ) -> None:
        """Greet in the connection's own thread, so that a slow client keeps no other waiting."""
        assert isinstance(request, socket.socket)  # noqa: S101  (TCP always gives one)
        request.settimeout(IDLE)
        request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.context is None:
            super().finish_request(request, client_address)
            return
        with self.context.wrap_socket(request, server_side=True) as encrypted:
            super().finish_request(encrypted, client_address)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away, or spoke something else, is no event."""


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    server: Server
    protocol_version = "HTTP/1.1"
    server_version = "bundler"
    sys_version = ""
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        """Answer with a body."""
        self._answer(body=True)

    def do_HEAD(self) -> None:
        """Answer without one."""
        self._answer(body=False)

    def log_message(self, *_: object) -> None:
        """Nothing is logged of who pulls what."""

    def _answer(self, *, body: bool) -> None:
        if self.headers.get("Content-Length", "0") != "0" or "Transfer-Encoding" in self.headers:
            self.close_connection = True  # its body isn't read, so nothing behind it can be
        headers = {name.lower(): value for name, value in self.headers.items()}
        try:
            found = reply(self.server.contents, self.path, headers)
        except ValueError:  # an address that is none
            self.send_error(400)
            return
        self.send_response(found.status)
        for name, value in found.headers.items():
            self.send_header(name, value)
        if found.status != 304:
            self.send_header("Content-Type", found.entry.media_type)
            self.send_header("Content-Length", str(found.stop - found.start))
        self.end_headers()
        if body and found.stop > found.start:
            self._send(found)

    def _send(self, found: Reply) -> None:
        content = found.entry.content
        if isinstance(content, bytes):
            self.wfile.write(content[found.start : found.stop])
            return
        spans = self.server.bundle.spans(content, found.start, found.stop)
        try:
            if spans is None:
                for piece in _unpacked(self.server.bundle, content, found.start, found.stop):
                    self.wfile.write(piece)
            elif self.server.context is None:
                _hand_over(self.connection, spans)
            else:
                self._read(spans)
        except BundlerError:
            self.close_connection = True  # damaged: the client sees that the end is missing

    def _read(self, spans: Iterable[Span]) -> None:
        for span in spans:
            self.wfile.write(os.pread(span.fd, span.length, span.offset))


def _hand_over(connection: socket.socket, spans: Iterable[Span]) -> None:
    """Let the kernel send stretches of the file, whole, within the connection's time limit."""
    target = connection.fileno()
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
    for span in spans:
        offset, left = span.offset, span.length
        while left:
            try:
                sent = os.sendfile(target, span.fd, offset, left)
            except BlockingIOError:
                _await_room(connection)
                continue
            if sent == 0:
                raise ConnectionError("the file ended")
            offset, left = offset + sent, left - sent
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 0)


def _await_room(connection: socket.socket) -> None:
    poll = select.poll()
    poll.register(connection, select.POLLOUT)
    if not poll.poll(IDLE * 1000):
        raise TimeoutError("the client stopped reading")


def _unpacked(bundle: Bundle, member: Member, start: int, stop: int) -> Iterator[bytes]:
    """Bytes of a compressed member; it is read from its begin. The last piece only when all is right."""
    place, held = 0, b""
    whole = stop == member.size
    with contextlib.closing(bundle.chunks(member)) as chunks:  # type: ignore[type-var]  # it is a generator
        for chunk in chunks:
            piece = chunk[max(0, start - place) : max(0, stop - place)]
            place += len(chunk)
            if held:
                yield held
            held = piece
            if place >= stop and not whole:
                break
    if held:
        yield held

"""The page's server: stdlib only, on this machine only unless told otherwise.

`/` is the page, `/picture` a stream of JPEGs (multipart/x-mixed-replace), `/poses` one of
server-sent events. Every client has a thread; who reads slowly misses frames and holds up nobody.
"""

import logging
import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import Any

from h2ot_edge.errors import UsageError
from h2ot_edge.live_view.board import Board
from h2ot_edge.live_view.hosts import named_so

__all__ = ["PageServer"]

_logger = logging.getLogger(__name__)

_MOST_STREAMS = 32
_IDLE_S = 5.0
"""After so long without anything new a stream says that it is still there."""
_STUCK_S = 10.0
"""A client that takes nothing for so long is given up."""
_SEND_BYTES = 1 << 16
"""What waits in the system to be sent; more would be pictures that are old when they arrive."""
_LEAVE_S = 1.0

_NEXT = b"\r\n--h2ot-picture\r\nContent-Type: image/jpeg\r\n\r\n"
"""Sent right behind a picture: Chromium shows one when it has the headers of the next."""

_HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
"""Of every answer; the second keeps pages of others from showing the camera's picture."""


class PageServer:
    """Serves from the moment it is made until `close`.

    Args:
        page: HTML.
        policy: Content-Security-Policy of the page.
        host: name or address to listen at.
        port: 0 for any that is free.

    Attributes:
        url: where the page is.
        pictures: JPEGs.
        messages: JSON, one line each.
        opened: set when the first page has asked for pictures.

    Raises:
        UsageError: nothing can listen there.
    """

    def __init__(self, page: bytes, policy: str, *, host: str, port: int) -> None:
        self.pictures: Board[bytes] = Board()
        self.messages: Board[str] = Board()
        self.opened = threading.Event()
        self._server = _listening(self, page, policy, host, port)
        shown = f"[{host}]" if ":" in host else host
        self.url = f"http://{shown}:{self._server.server_address[1]}/"
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.1,), name="h2ot-edge-page", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Tell every page that this was the end, and free the port."""
        self.pictures.end()
        self.messages.end()
        self._server.wait_empty(_LEAVE_S)
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _listening(view: PageServer, page: bytes, policy: str, host: str, port: int) -> "_Server":
    if not 0 <= port <= 65535:
        raise UsageError(f"port: expected 0 to 65535, got {port}")
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return _Server(view, page, policy, host, port, family)
    except (OSError, UnicodeError) as error:
        why = getattr(error, "strerror", None) or error
        raise UsageError(
            f"the page cannot be served at {host} port {port} ({why}); give "
            "another --port, or 0 for any that is free; --host is an address of this machine"
        ) from error


class _Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True

    def __init__(
        self, view: PageServer, page: bytes, policy: str, host: str, port: int, family: int
    ) -> None:
        self.view, self.page, self.policy, self.host = view, page, policy, host
        self.address_family = family
        self._streams = 0
        self._changed = threading.Condition()
        super().__init__((host, port), _Handler)

    @contextmanager
    def stream(self) -> Iterator[bool]:
        """Count a stream; whether there was room for one more."""
        with self._changed:
            room = self._streams < _MOST_STREAMS
            self._streams += room
        try:
            yield room
        finally:
            with self._changed:
                self._streams -= room
                self._changed.notify_all()

    def wait_empty(self, seconds: float) -> None:
        """Until all streams have ended, but not for longer."""
        with self._changed:
            self._changed.wait_for(lambda: self._streams == 0, seconds)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no error of ours."""
        _logger.debug("the page's client %s", client_address, exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = _STUCK_S

    def do_GET(self) -> None:
        """Answer."""
        answers = {"/": self._page, "/picture": self._pictures, "/poses": self._messages}
        answer = answers.get(self.path.partition("?")[0])
        if not named_so(self.headers.get("Host"), self.server.host):
            self._refuse(HTTPStatus.FORBIDDEN, "open this page by the address that was printed")
        elif answer is None:
            self._refuse(HTTPStatus.NOT_FOUND, "there is / and nothing else")
        else:
            answer()

    def _page(self) -> None:
        self._begin("text/html; charset=utf-8", length=len(self.server.page))
        self.wfile.write(self.server.page)

    def _pictures(self) -> None:
        view = self.server.view
        with self.server.stream() as room, view.pictures.follow(_IDLE_S) as jpegs:
            if not room:
                return self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, "too many pages are open")
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BYTES)
            self._begin("multipart/x-mixed-replace; boundary=h2ot-picture")
            self.wfile.write(_NEXT)
            view.opened.set()
            last = b""
            for jpeg in jpegs:
                last = jpeg or last
                if last:
                    self.wfile.write(last + _NEXT)
        return None

    def _messages(self) -> None:
        # Followed before the page is told that it is connected, so that it misses nothing.
        with self.server.stream() as room, self.server.view.messages.follow(_IDLE_S) as messages:
            if not room:
                return self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, "too many pages are open")
            self._begin("text/event-stream")
            self.wfile.write(b": hello\n\n")
            for message in messages:
                self.wfile.write(f"data: {message}\n\n".encode() if message else b": wait\n\n")
            self.wfile.write(b"event: end\ndata: {}\n\n")
        return None

    def _begin(self, kind: str, *, length: int | None = None) -> None:
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", kind)
        if length is not None:
            self.send_header("Content-Length", str(length))
            self.send_header("Content-Security-Policy", self.server.policy)
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        self.end_headers()

    def _refuse(self, status: HTTPStatus, words: str) -> None:
        body = f"{words}\n".encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def version_string(self) -> str:
        """Nobody needs to know which Python this is."""
        return "h2ot-edge"

    def log_message(self, format: str, *arguments: Any) -> None:
        """To the log, at level debug."""
        _logger.debug("page: " + format, *arguments)  # noqa: G003

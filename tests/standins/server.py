"""The common ground of the vendor stand-ins: a scriptable HTTP/1.1 server on a free loopback port.

A request is routed to an *operation* ("send", "chat", …). What happens then can be scripted per
operation with behaviours (`exchange.py`). Everything is recorded, and `wait_for` lets a test wait
for an effect without sleeping.
"""

import re
import socket
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from email.message import Message
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self, TypeVar
from urllib.parse import parse_qsl, urlsplit

from tests.standins.exchange import Answer, Behaviour, Handler, Request, json_answer

T = TypeVar("T")


class StandIn:
    """A vendor on loopback, listening between `__enter__` and `__exit__`."""

    def __init__(self) -> None:
        #: Guards everything recorded, and wakes `wait_for` whenever it may have changed.
        self.changed = threading.Condition()
        self._routes: list[tuple[str, re.Pattern[str], str, Handler]] = []
        self._requests: list[Request] = []
        self._queued: dict[str, deque[Behaviour]] = {}
        self._standing: dict[str, Behaviour] = {}
        self._server = _Server(self)

    @property
    def url(self) -> str:
        """The origin, without a trailing slash."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.close()

    def requests(self, operation: str | None = None) -> list[Request]:
        """Return what has arrived so far, of all operations or of one."""
        with self.changed:
            return [r for r in self._requests if operation in (None, r.operation)]

    def queue(self, operation: str, *behaviours: Behaviour) -> None:
        """Let the next requests of `operation` meet `behaviours`, one each, in this order."""
        with self.changed:
            self._queued.setdefault(operation, deque()).extend(behaviours)

    def whenever(self, operation: str, behaviour: Behaviour | None) -> None:
        """Let every request with nothing queued meet `behaviour`; None is the ordinary answer."""
        with self.changed:
            if behaviour is None:
                self._standing.pop(operation, None)
            else:
                self._standing[operation] = behaviour

    def wait_for(self, predicate: Callable[[], T], timeout: float = 5.0) -> T:
        """Return the first true result of `predicate`, asked again whenever something happened.

        Raises `TimeoutError`, naming how many requests of each operation came, after `timeout`
        seconds.
        """
        with self.changed:
            result = self.changed.wait_for(predicate, timeout)
            if not result:
                seen = dict(Counter(request.operation for request in self._requests))
                raise TimeoutError(f"not so within {timeout} s; requests: {seen}")
            return result

    def route(self, method: str, path: str, operation: str, handler: Handler) -> None:
        """Call `handler` for requests whose whole path matches the pattern `path`."""
        self._routes.append((method, re.compile(path), operation, handler))

    def unknown(self, request: Request) -> Answer:
        """Answer a request that no route takes; vendors override it with their own words."""
        return json_answer({"error": f"no such resource: {request.path}"}, 404)

    def answer(self, method: str, target: str, headers: Message, body: bytes) -> Answer:
        """Record the request and find its answer by script or by route."""
        at = time.monotonic()
        split = urlsplit(target)
        operation, parts, handler = self._routed(method, split.path)
        request = Request(
            operation=operation,
            method=method,
            path=split.path,
            parts=parts,
            query=dict(parse_qsl(split.query, keep_blank_values=True)),
            headers=headers,
            body=body,
            at=at,
        )
        with self.changed:
            self._requests.append(request)
            self.changed.notify_all()
            behaviour = self._behaviour(operation)

        def proceed(request: Request) -> Answer:
            answer = handler(request)
            with self.changed:
                self.changed.notify_all()
            return answer

        return behaviour(request, proceed) if behaviour else proceed(request)

    def _routed(self, method: str, path: str) -> tuple[str, Mapping[str, str], Handler]:
        for wanted, pattern, operation, handler in self._routes:
            if wanted == method and (match := pattern.fullmatch(path)):
                return operation, match.groupdict(), handler
        return "unknown", {}, self.unknown

    def _behaviour(self, operation: str) -> Behaviour | None:
        if queued := self._queued.get(operation):
            return queued.popleft()
        return self._standing.get(operation)


class _Server(ThreadingHTTPServer):
    """One thread a connection; `close` ends them all, whatever they are waiting for."""

    request_queue_size = 1024

    def __init__(self, stand_in: StandIn) -> None:
        self.stand_in = stand_in
        self.closing = threading.Event()
        self._connections: dict[socket.socket, threading.Thread] = {}
        self._lock = threading.Lock()
        self._acceptor = threading.Thread(target=self._accept, daemon=True)
        super().__init__(("127.0.0.1", 0), _Connection)

    def start(self) -> None:
        self._acceptor.start()

    def close(self) -> None:
        self.closing.set()
        # Somebody has to knock, or the acceptor would never look up.
        socket.create_connection(("127.0.0.1", self.server_port)).close()
        self._acceptor.join()
        self.server_close()
        with self._lock:
            threads = list(self._connections.values())
            for connection in self._connections:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join(timeout=5)

    def _accept(self) -> None:
        # `serve_forever` would wake up many times a second; idle stand-ins cost nothing.
        while not self.closing.is_set():
            self.handle_request()

    def process_request(self, request: Any, client_address: Any) -> None:
        thread = threading.Thread(
            target=self.process_request_thread, args=(request, client_address), daemon=True
        )
        # Known before it starts, so that `close` cannot miss it.
        with self._lock:
            self._connections[request] = thread
        thread.start()

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._connections.pop(request, None)
        super().shutdown_request(request)


class _Connection(BaseHTTPRequestHandler):
    """Reads requests off one connection and writes their answers."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def handle(self) -> None:
        # The peer may go away at any moment: that is what half of the behaviours are for.
        try:
            super().handle()
        except OSError:
            self.close_connection = True

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        answer = self.server.stand_in.answer(self.command, self.path, self.headers, body)
        if answer.delay:
            self.server.closing.wait(answer.delay)
        if answer.hang_up or self.server.closing.is_set():
            self.close_connection = True
        else:
            self._write(answer)

    do_GET = do_HEAD = do_POST = do_DELETE = _serve  # noqa: N815 - http.server's names

    def _write(self, answer: Answer) -> None:
        if isinstance(answer.body, bytes):
            content = b"" if self.command == "HEAD" else answer.body
            self.wfile.write(_head(answer, f"Content-Length: {len(answer.body)}") + content)
        else:
            self.wfile.write(_head(answer, "Transfer-Encoding: chunked"))
            self._write_pieces(answer.body, answer.pause)

    def _write_pieces(self, pieces: Iterable[bytes], pause: float) -> None:
        for piece in pieces:
            if self.server.closing.wait(pause) if pause else self.server.closing.is_set():
                self.close_connection = True
                return
            self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: tests read the record instead."""


def _head(answer: Answer, length: str) -> bytes:
    lines = [
        f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}",
        f"Content-Type: {answer.content_type}",
        *(f"{name}: {value}" for name, value in answer.headers.items()),
        length,
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

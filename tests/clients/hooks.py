"""Receivers of webhooks: an HTTPS server on loopback that answers as it is told, and the libraries that receivers use."""

import base64
import json
import secrets
import socket
import socketserver
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler
from typing import Any

from cloudevents.core.bindings.http import HTTPMessage, from_structured
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from authority import Pair, certificate


def new_secret() -> str:
    """A secret of Standard Webhooks."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


@dataclass(frozen=True)
class Call:
    """A request as received."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes
    # When, by the monotonic clock.
    at: float = field(default_factory=time.monotonic)

    def header(self, name: str) -> str:
        """The value of a header that is there once."""
        values = [value for given, value in self.headers if given.lower() == name]
        assert len(values) == 1, f"{name} is there {len(values)} times"
        return values[0]

    @property
    def id(self) -> str:
        return self.header("webhook-id")

    @property
    def signatures(self) -> list[str]:
        return self.header("webhook-signature").split(" ")

    def json(self) -> Any:
        return json.loads(self.body)

    def verifies(self, secret: str) -> bool:
        """Whether the library of Standard Webhooks takes it with this secret, signature and time."""
        try:
            Webhook(secret).verify(self.body, dict(self.headers))
        except WebhookVerificationError as refused:
            assert "No matching signature" in str(refused), refused
            return False
        return True

    def event(self) -> CloudEvent:
        """The event, by the SDK of CloudEvents, which checks what every event must have."""
        assert self.header("content-type") == "application/cloudevents+json"
        event = from_structured(HTTPMessage(dict(self.headers), self.body), JSONFormat(), CloudEvent)
        assert isinstance(event, CloudEvent)
        assert isinstance(event.get_time(), datetime)
        return event

    @property
    def kind(self) -> str:
        """What of: `address-changed` and the like."""
        return self.event().get_type().removeprefix("connect-guard.")


@dataclass(frozen=True)
class Answer:
    status: int = 204
    headers: tuple[tuple[str, str], ...] = ()
    # Seconds before it.
    delay: float = 0


class Receiver:
    """A receiver. Use it as a context; its port is its own all the time, and closed until `start` and after `stop`."""

    def __init__(self, *, listens: bool = True) -> None:
        # What the next calls are answered, one each; 204 after that.
        self.answers: deque[Answer] = deque()
        self.connections = 0
        self._listens = listens
        self._calls: list[Call] = []
        self._changed = threading.Condition()
        self._tls = certificate("hooks", "localhost", "127.0.0.1").server_context()
        self._reserved = socket.socket()
        self._reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._reserved.bind(("127.0.0.1", 0))
        self.port = self._reserved.getsockname()[1]
        self._server: _Server | None = None

    def __enter__(self) -> "Receiver":
        if self._listens:
            self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._reserved.close()

    def start(self) -> None:
        self._server = _Server(("127.0.0.1", self.port), _Handler)
        self._server.receiver = self
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        """Closes the port and every connection."""
        server, self._server = self._server, None
        if server is not None:
            server.shutdown()
            server.server_close()
            for connection in list(server.open):
                with suppress(OSError):  # the other side may have closed it
                    connection.shutdown(socket.SHUT_RDWR)

    def present(self, pair: Pair) -> None:
        """New connections meet this certificate."""
        self._tls = pair.server_context()

    def url(self, path: str = "/hook") -> str:
        return f"https://localhost:{self.port}{path}"

    def calls(self) -> list[Call]:
        with self._changed:
            return list(self._calls)

    def wait(self, count: int, seconds: float = 20) -> list[Call]:
        """The calls, once there are so many."""
        self._wait(lambda: len(self._calls) >= count, f"{count} calls", seconds)
        return self.calls()

    def wait_for(self, kind: str, count: int = 1, seconds: float = 20) -> list[Call]:
        """The CloudEvents of this kind, once there are so many."""

        def found() -> list[Call]:
            return [call for call in self._calls if call.kind == kind]

        self._wait(lambda: len(found()) >= count, f"{count} of {kind}", seconds)
        return found()

    def wait_for_connections(self, count: int, seconds: float = 20) -> None:
        self._wait(lambda: self.connections >= count, f"{count} connections", seconds)

    def _wait(self, holds: Callable[[], bool], what: str, seconds: float) -> None:
        with self._changed:
            arrived = self._changed.wait_for(holds, seconds)
            assert arrived, f"not {what} within {seconds} s: {[call.body for call in self._calls]}"

    # What the server says.

    def connected(self) -> ssl.SSLContext:
        with self._changed:
            self.connections += 1
            self._changed.notify_all()
            return self._tls

    def called(self, call: Call) -> Answer:
        with self._changed:
            if _is_heartbeat(call):
                return Answer()  # it comes by the calendar, and not by what a test does
            self._calls.append(call)
            self._changed.notify_all()
            return self.answers.popleft() if self.answers else Answer()


def _is_heartbeat(call: Call) -> bool:
    return b"heartbeat" in call.body or b"weekly message" in call.body


class _Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    receiver: Receiver

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.open: set[Any] = set()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Connections that break off are no news here."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def setup(self) -> None:
        self.request.settimeout(30)
        self.request = self.server.receiver.connected().wrap_socket(self.request, server_side=True)
        self.server.open.add(self.request)
        super().setup()

    def finish(self) -> None:
        self.server.open.discard(self.request)
        super().finish()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        answer = self.server.receiver.called(Call("POST", self.path, list(self.headers.items()), body))
        time.sleep(answer.delay)
        self.send_response(answer.status)
        for name, value in answer.headers:
            self.send_header(name, value)
        if answer.status != 204:
            self.send_header("Content-Length", "0")
        self.end_headers()

    def do_GET(self) -> None:
        self.server.receiver.called(Call("GET", self.path, list(self.headers.items()), b""))
        self.send_error(405)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Nothing: the calls are kept."""

"""Somebody who reads along between a relay and the guard: TLS on both sides, and every octet of either direction is kept."""

import select
import socket
import socketserver
import ssl
import threading
from typing import Any

from authority import authority, certificate


class Wiretap:
    """It looks like the guard, and passes everything on to it. Use it as a context."""

    def __init__(self, port: int) -> None:
        self._heard = bytearray()
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _Connection)
        self._server.tap = self
        self._server.towards = port
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> "Wiretap":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"https://localhost:{self._server.server_address[1]}"

    def heard(self) -> bytes:
        """What both sides have said so far."""
        with self._lock:
            return bytes(self._heard)

    def hear(self, octets: bytes) -> None:
        with self._lock:
            self._heard += octets


class _Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    daemon_threads = True
    block_on_close = False
    tap: Wiretap
    towards: int

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that breaks off is no news here."""


class _Connection(socketserver.BaseRequestHandler):
    server: _Server

    def handle(self) -> None:
        own = certificate("guard", "localhost", "127.0.0.1").server_context()
        trusting = ssl.create_default_context(cafile=str(authority("guard").file))
        with socket.create_connection(("127.0.0.1", self.server.towards), 20) as plain:
            onward = trusting.wrap_socket(plain, server_hostname="localhost")
            inward = own.wrap_socket(self.request, server_side=True)
            self._pass_on({inward: onward, onward: inward})

    def _pass_on(self, sinks: dict[ssl.SSLSocket, ssl.SSLSocket]) -> None:
        """Until one side is gone."""
        while True:
            ready = [source for source in sinks if source.pending()] or select.select(list(sinks), [], [])[0]
            for source in ready:
                source.setblocking(False)
                try:
                    octets = source.recv(65536)
                except ssl.SSLWantReadError:  # TLS's own
                    continue
                finally:
                    source.setblocking(True)
                if not octets:
                    return
                self.server.tap.hear(octets)
                sinks[source].sendall(octets)

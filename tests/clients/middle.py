"""Somebody between the guard and the mail server, who can read and change what is sent in clear."""

import contextlib
import socket
import threading


class Middle:
    """Passes everything on; while it `strips`, the server's offer of STARTTLS does not arrive. Use it as a context."""

    def __init__(self, to: int) -> None:
        self.strips = True
        # What whoever connected has sent while the offer was taken away.
        self.read = b""
        self.connections = 0
        self._to = to
        self._changed = threading.Condition()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self) -> "Middle":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()

    def wait_for_connections(self, count: int, seconds: float = 20) -> None:
        with self._changed:
            arrived = self._changed.wait_for(lambda: self.connections >= count, seconds)
            assert arrived, f"{self.connections} connections after {seconds} s, not {count}"

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # the listener was shut down
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._pass, args=(client,), daemon=True).start()

    def _pass(self, client: socket.socket) -> None:
        strips = self.strips
        with client, contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self._to)) as server:
            back = threading.Thread(target=self._back, args=(server, client, strips), daemon=True)
            back.start()
            while octets := client.recv(65536):
                if strips:
                    self.read += octets
                server.sendall(octets)
            server.shutdown(socket.SHUT_WR)
            back.join()
        with self._changed:
            self.connections += 1
            self._changed.notify_all()

    @staticmethod
    def _back(server: socket.socket, client: socket.socket, strips: bool) -> None:
        with contextlib.suppress(OSError):  # either may have gone
            while octets := server.recv(65536):
                # As middleboxes do it that want to read mail.
                client.sendall(octets.replace(b"STARTTLS", b"XXXXXXXX") if strips else octets)
            client.shutdown(socket.SHUT_WR)

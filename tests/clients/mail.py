"""A mail server: aiosmtpd, which takes mail over STARTTLS only, and only with the right password."""

import socket
import threading
from dataclasses import dataclass
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

from authority import certificate

USER = b"connect-guard"
PASSWORD = b"a password of the mail server"


@dataclass(frozen=True)
class Received:
    sender: str
    recipients: list[str]
    message: EmailMessage

    @property
    def subject(self) -> str:
        return self.message["Subject"]

    def part(self, kind: str) -> str:
        """The text of the part of this kind, `text/plain` or `text/html`."""
        parts = [part for part in self.message.walk() if part.get_content_type() == kind]
        assert len(parts) == 1, f"{len(parts)} parts of {kind}"
        return parts[0].get_content()


class MailServer:
    """The server. Use it as a context; it starts listening when it is entered, or later with `start`."""

    def __init__(self) -> None:
        self.password = PASSWORD
        self.certificate = certificate("mail", "localhost", "127.0.0.1")
        self.port = _free_port()
        self.refused_logins = 0
        self._mails: list[Received] = []
        self._changed = threading.Condition()
        self._controller: Controller | None = None

    def __enter__(self) -> "MailServer":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        self._controller = Controller(
            self,
            hostname="127.0.0.1",
            port=self.port,
            server_hostname="localhost",
            tls_context=self.certificate.server_context(),
            require_starttls=True,
            auth_required=True,
            authenticator=self._authenticate,
        )
        self._controller.start()

    def stop(self) -> None:
        if self._controller is not None:
            self._controller.stop(no_assert=True)
            self._controller = None

    def wait(self, count: int, seconds: float = 20) -> list[Received]:
        """The mails, once there are so many."""
        with self._changed:
            arrived = self._changed.wait_for(lambda: len(self._mails) >= count, seconds)
            assert arrived, f"{len(self._mails)} mails after {seconds} s, not {count}"
            return list(self._mails)

    def wait_for_refused_logins(self, count: int, seconds: float = 20) -> None:
        with self._changed:
            arrived = self._changed.wait_for(lambda: self.refused_logins >= count, seconds)
            assert arrived, f"{self.refused_logins} refused logins after {seconds} s, not {count}"

    def received(self) -> list[Received]:
        with self._changed:
            return list(self._mails)

    # What aiosmtpd calls.

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        message = message_from_bytes(envelope.content, policy=default)
        assert isinstance(message, EmailMessage)
        if message["X-Connect-Guard-Event"].startswith("heartbeat;"):
            # It comes by the calendar, and not by what a test does.
            return "250 OK"
        with self._changed:
            self._mails.append(Received(envelope.mail_from, list(envelope.rcpt_tos), message))
            self._changed.notify_all()
        return "250 OK"

    def _authenticate(self, server: Any, session: Any, envelope: Any, mechanism: str, login: Any) -> AuthResult:
        if isinstance(login, LoginPassword) and (login.login, login.password) == (USER, self.password):
            return AuthResult(success=True)
        with self._changed:
            self.refused_logins += 1
            self._changed.notify_all()
        # `handled=False`: the server itself then answers 535. By default it would answer nothing.
        return AuthResult(success=False, handled=False)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]

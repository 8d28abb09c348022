"""Mail servers: aiosmtpd here, and nodemailer's smtp-server in `smtp_server.py`; what is common to both, and their troubles.

Each takes mail over TLS only, and only with the right password, unless a test says otherwise.
"""

import asyncio
import socket
import threading
import time
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import MISSING, AuthResult, LoginPassword

from authority import certificate

USER = b"connect-guard"
PASSWORD = b"a password of the mail server"
MECHANISMS = ("LOGIN", "PLAIN")
# It does not know of TLS that was there before it.
warnings.filterwarnings("ignore", "Requiring AUTH while not requiring TLS", module="aiosmtpd")


@dataclass(frozen=True)
class Received:
    sender: str
    recipients: list[str]
    # As it was received, the dots of SMTP taken off.
    source: bytes
    # By which the sender logged in.
    mechanism: str
    # When, by the monotonic clock.
    at: float = field(default_factory=time.monotonic)

    @property
    def message(self) -> EmailMessage:
        message = message_from_bytes(self.source, policy=default)
        assert isinstance(message, EmailMessage)
        return message

    @property
    def subject(self) -> str:
        return self.message["Subject"]

    @property
    def id(self) -> str:
        return self.message["Message-ID"]

    @property
    def kind(self) -> str:
        """What of: `address-changed` and the like."""
        return self.message.get("X-Connect-Guard-Event", "").partition(";")[0]

    @property
    def content(self) -> bytes:
        """The source without what parts its parts, which each attempt draws anew."""
        boundary = self.message.get_boundary("")
        return self.source.replace(boundary.encode(), b"") if boundary else self.source

    def part(self, kind: str) -> str:
        """The text of the part of this kind, `text/plain` or `text/html`."""
        parts = [part for part in self.message.walk() if part.get_content_type() == kind]
        assert len(parts) == 1, f"{len(parts)} parts of {kind}"
        return parts[0].get_content()


@dataclass
class Trouble:
    """What goes wrong at a step: `auth`, `sender`, `recipient` or `content`."""

    step: str
    # What is answered instead; the step succeeds without.
    reply: str = ""
    # For this recipient only.
    to: str | None = None
    # So often; for ever without.
    times: int | None = None
    # Seconds before the answer.
    delay: float = 0
    # The connection is closed instead of an answer. A message whose content has come was taken.
    drops: bool = False
    # There never is an answer.
    silent: bool = False


class MailServer(ABC):
    """A server. Use it as a context; it starts listening with `start`. Its port is its own before and after that too."""

    def __init__(self) -> None:
        self.password = PASSWORD
        self.certificate = certificate("mail", "localhost", "127.0.0.1")
        self.mechanisms = MECHANISMS
        # TLS from the first octet; STARTTLS otherwise.
        self.implicit = False
        self.troubles: list[Trouble] = []
        self.refused_logins = 0
        # So often each step was come to.
        self.steps: dict[str, int] = {}
        self.heartbeats: list[Received] = []
        self._mails: list[Received] = []
        self._changed = threading.Condition()
        # Bound, so that nobody else is given the port; whoever connects is refused until somebody listens.
        self._reserved = socket.socket()
        self._reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._reserved.bind(("127.0.0.1", 0))
        self.port = self._reserved.getsockname()[1]

    def __enter__(self) -> "MailServer":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._reserved.close()

    @abstractmethod
    def start(self) -> None:
        """Listens."""

    @abstractmethod
    def stop(self) -> None:
        """Closes the port and every connection."""

    def wait(self, count: int, seconds: float = 20) -> list[Received]:
        """The mails, once there are so many."""
        self.wait_until(lambda: len(self._mails) >= count, f"{count} mails", seconds)
        return self.received()

    def wait_for_heartbeats(self, count: int) -> None:
        """The calendar's mails after a first start: once they are there, nothing else is under way."""
        self.wait_until(lambda: len(self.heartbeats) >= count, f"{count} heartbeats", 20)

    def wait_for_refused_logins(self, count: int, seconds: float = 20) -> None:
        self.wait_until(lambda: self.refused_logins >= count, f"{count} refused logins", seconds)

    def wait_for_step(self, step: str, count: int = 1, seconds: float = 20) -> None:
        self.wait_until(lambda: self.steps.get(step, 0) >= count, f"{count} times {step}", seconds)

    def wait_until(self, holds: Callable[[], bool], what: str, seconds: float) -> None:
        with self._changed:
            arrived = self._changed.wait_for(holds, seconds)
            assert arrived, f"not {what} within {seconds} s: {len(self._mails)} mails, steps {self.steps}"

    def received(self) -> list[Received]:
        with self._changed:
            return list(self._mails)

    # What the servers ask and say.

    def _meets(self, step: str, to: str | None = None) -> Trouble | None:
        with self._changed:
            self.steps[step] = self.steps.get(step, 0) + 1
            self._changed.notify_all()
            for trouble in self.troubles:
                if trouble.step == step and trouble.to in (None, to) and trouble.times != 0:
                    trouble.times = None if trouble.times is None else trouble.times - 1
                    return trouble
        return None

    def _logs_in(self, user: bytes, password: bytes) -> bool:
        if (user, password) == (USER, self.password):
            return True
        with self._changed:
            self.refused_logins += 1
            self._changed.notify_all()
        return False

    def _takes(self, mail: Received) -> None:
        with self._changed:
            # A heartbeat comes by the calendar, and not by what a test does.
            (self.heartbeats if mail.kind == "heartbeat" else self._mails).append(mail)
            self._changed.notify_all()


class Aiosmtpd(MailServer):
    """aiosmtpd's server, in a thread of this process."""

    def __init__(self) -> None:
        super().__init__()
        self._controller: Controller | None = None

    def start(self) -> None:
        context = self.certificate.server_context()
        tls = {"ssl_context": context} if self.implicit else {"tls_context": context}
        self._controller = Controller(
            self,
            hostname="127.0.0.1",
            port=self.port,
            server_hostname="localhost",
            require_starttls=not self.implicit,
            auth_required=True,
            auth_require_tls=not self.implicit,
            auth_exclude_mechanism=[name for name in MECHANISMS if name not in self.mechanisms],
            authenticator=self._authenticate,
            **tls,
        )
        self._controller.start()

    def stop(self) -> None:
        if self._controller is not None:
            self._controller.stop(no_assert=True)
            self._controller = None

    # What aiosmtpd calls.

    async def handle_AUTH(self, server: Any, session: Any, envelope: Any, arguments: list[str]) -> Any:
        session.mechanism = arguments[0]
        return await self._instead(server, self._meets("auth")) or MISSING

    async def handle_MAIL(self, server: Any, session: Any, envelope: Any, address: str, options: list[str]) -> str:
        if said := await self._instead(server, self._meets("sender")):
            return said
        envelope.mail_from = address
        return "250 2.1.0 OK"

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: list[str]) -> str:
        if said := await self._instead(server, self._meets("recipient", address)):
            return said
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        trouble = self._meets("content", envelope.rcpt_tos[0])
        if trouble is None or not trouble.reply:
            self._takes(Received(envelope.mail_from, list(envelope.rcpt_tos), envelope.content, session.mechanism))
        return await self._instead(server, trouble) or "250 2.0.0 OK"

    @staticmethod
    async def _instead(server: Any, trouble: Trouble | None) -> str:
        """What is said instead; nothing when all is well."""
        if trouble is None:
            return ""
        await asyncio.sleep(trouble.delay)
        if trouble.drops:
            server.transport.abort()
        if trouble.drops or trouble.silent:
            await asyncio.Event().wait()
        return trouble.reply

    def _authenticate(self, server: Any, session: Any, envelope: Any, mechanism: str, login: Any) -> AuthResult:
        if isinstance(login, LoginPassword) and self._logs_in(login.login, login.password):
            return AuthResult(success=True)
        # `handled=False`: the server itself then answers 535. By default it would answer nothing.
        return AuthResult(success=False, handled=False)

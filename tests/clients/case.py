"""What every test with a guard does before and after."""

import sys
import unittest
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from botocore.exceptions import ClientError

from callers import refused
from guard import command
from mail import PASSWORD, Aiosmtpd, MailServer
from smtp_server import SmtpServer
from upstream import CREDENTIALS, UPDATE
from world import World


class GuardCase(unittest.TestCase):
    """One guard, one Connect, one mail server for each test; and what must hold at the end of any of them."""

    starts_mail = True
    mail_server: type[MailServer] = Aiosmtpd

    def prepare(self, world: World) -> None:
        """Before the guard is started: what is another world for this test."""

    def setUp(self) -> None:
        self.world = self.enterContext(self._running_world())
        self.upstream = self.world.upstream

    def assert_updates(self, *bodies: object) -> None:
        """Connect was sent exactly these updates of identities."""
        self.assertEqual([request.json() for request in self.upstream.seen(UPDATE)], list(bodies))

    def assert_decisions(self, *expected: str) -> None:
        """The guard's log says that this became of each request so far."""
        found = self.world.guard.events("request", len(expected))
        became = ["allowed" if event["decision"] == "allowed" else event["code"] for event in found]
        self.assertEqual(became, list(expected))

    def refused(self, code: str, status: int) -> AbstractContextManager[ClientError]:
        """The call inside is answered with this error."""
        return refused(code, status)

    @contextmanager
    def _running_world(self) -> Iterator[World]:
        world = World(self.id(), mail=self.starts_mail, mail_server=self.mail_server)
        self.prepare(world)
        with world:
            yield world
        self._check_what_is_left()

    def _check_what_is_left(self) -> None:
        self.assertEqual(self.upstream.bad_signatures, [], "botocore agrees with every signature of the guard")
        verified = command("audit", "verify", "--store", self.world.ledger, directory=self.world.directory)
        self.assertEqual(verified.returncode, 0, verified.stderr)
        log = self.world.guard.log()
        self.assertNotIn("panicked", log)
        secrets = [key.secret for key in self.world.keys.values()]
        for secret in [*secrets, CREDENTIALS.secret_key, PASSWORD.decode()]:
            self.assertNotIn(secret, log)
        for user in self.upstream.users.values():
            for name in ("Email", "SecondaryEmail"):
                if address := user.identity.get(name):
                    self.assertNotIn(address, log, "addresses are not for logs")


def at_each_mail_server(case: type[GuardCase]) -> None:
    """Makes a class of scenarios two, one for each mail server: there is none of its own name."""
    for server in (Aiosmtpd, SmtpServer):
        name = f"{case.__name__}At{server.__name__}"
        twin = type(name, (case,), {"mail_server": server, "__module__": case.__module__})
        setattr(sys.modules[case.__module__], name, twin)

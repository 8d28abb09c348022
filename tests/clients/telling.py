"""What the tests of mails and webhooks share: a change, those who are told of it, and the account of what arrived."""

import html
import re
from collections import Counter

from callers import sdk
from case import GuardCase
from hooks import Receiver
from mail import Received
from upstream import INSTANCE, MARY
from world import SECURITY

OLD, OLD_SECONDARY, NEW = "mary.major@example.com", "mary@old.example.org", "marym@example.com"
EVERYBODY = sorted([*SECURITY, OLD, OLD_SECONDARY, NEW])
FAILING = "notices cannot be handed in; they wait"


class Telling(GuardCase):
    """After every test: each delivery that the outbox calls made arrived, and nothing else did; none arrived twice, but for
    `repeats` that a test says."""

    repeats = 0

    def setUp(self) -> None:
        super().setUp()
        self.upstream.users[MARY].identity["SecondaryEmail"] = OLD_SECONDARY

    def change(self, role: str = "IdentityDesk", email: str = NEW) -> None:
        client = sdk(self.world, self.world.keys[role])
        client.update_user_identity_info(InstanceId=INSTANCE, UserId=MARY, IdentityInfo={"Email": email})

    def refusal(self) -> None:
        with self.refused("AccessDeniedException", 403):
            self.change("HelpDesk", "mary@example.com")

    def receiver(self, *, listens: bool = True) -> Receiver:
        """A receiver of webhooks, until the test ends."""
        return self.enterContext(Receiver(listens=listens))

    def mails(self, count: int, seconds: float = 20) -> dict[str, Received]:
        """The mails by recipient: exactly so many, each to one recipient who got no other."""
        mails = self.world.mail.wait(count, seconds)
        by_recipient = {mail.recipients[0]: mail for mail in mails}
        self.assertEqual(len(by_recipient), count, [mail.recipients for mail in mails])
        for mail in mails:
            self.assertEqual(len(mail.recipients), 1)
            self.assertEqual(mail.message["To"], mail.recipients[0])
        return by_recipient

    def failing(self) -> str:
        """Why a channel fails, once one does."""
        return self.world.guard.wait_for(lambda event: event.get("message") == FAILING)["why"]

    def both_parts(self, mail: Received) -> list[str]:
        """The text, and what a reader of the HTML sees: both with their line breaks as spaces."""
        self.assertEqual(mail.message.get_content_type(), "multipart/alternative")
        kinds = [part.get_content_type() for part in mail.message.iter_parts()]
        self.assertEqual(kinds, ["text/plain", "text/html"])
        seen = html.unescape(re.sub(r"<[^>]*>", "", mail.part("text/html").partition("<body")[2]))
        return [re.sub(r"\s+", " ", text) for text in (mail.part("text/plain"), seen)]

    def _check_what_is_left(self) -> None:
        super()._check_what_is_left()
        mails = self.world.mail.received()
        once = {mail.id: mail for mail in mails}
        self.assertEqual(len(mails) - len(once), self.repeats, "repeats")
        for mail in mails:
            self.assertEqual(mail.content, once[mail.id].content, "a repeat is the same message")
        made = [each for each in self.world.deliveries("--state", "delivered") if each["channel"] == "mail"]
        self.assert_accounted([mail for mail in once.values() if mail.kind != "test"], made)

    def assert_accounted(self, mails: list[Received], made: list[dict[str, object]]) -> None:
        """Each of these deliveries is one of these mails."""
        self.assertEqual(
            Counter((mail.kind, mail.recipients[0]) for mail in mails),
            Counter((each["kind"], each["recipient"]) for each in made),
        )

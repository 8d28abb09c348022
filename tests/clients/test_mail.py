"""Who is told, by a mail server that others wrote: who gets which mail, what it says to whom, and that none is lost."""

import html
import re

from authority import certificate
from callers import sdk
from case import GuardCase
from mail import PASSWORD, Received
from upstream import INSTANCE, MARY, UPDATE
from world import SECURITY

OLD, OLD_SECONDARY, NEW = "mary.major@example.com", "mary@old.example.org", "marym@example.com"
EVERYBODY = sorted([*SECURITY, OLD, OLD_SECONDARY, NEW])


class Telling(GuardCase):
    def setUp(self) -> None:
        super().setUp()
        self.upstream.users[MARY].identity["SecondaryEmail"] = OLD_SECONDARY

    def change(self, role: str = "IdentityDesk", email: str = NEW) -> None:
        client = sdk(self.world, self.world.keys[role])
        client.update_user_identity_info(InstanceId=INSTANCE, UserId=MARY, IdentityInfo={"Email": email})

    def mails(self, count: int, seconds: float = 20) -> dict[str, Received]:
        """The mails by recipient: exactly so many, each to one recipient who got no other."""
        mails = self.world.mail.wait(count, seconds)
        by_recipient = {mail.recipients[0]: mail for mail in mails}
        self.assertEqual(len(by_recipient), count, [mail.recipients for mail in mails])
        for mail in mails:
            self.assertEqual(len(mail.recipients), 1)
            self.assertEqual(mail.message["To"], mail.recipients[0])
        return by_recipient

    def both_parts(self, mail: Received) -> list[str]:
        """The text, and what a reader of the HTML sees: both with their line breaks as spaces."""
        self.assertEqual(mail.message.get_content_type(), "multipart/alternative")
        kinds = [part.get_content_type() for part in mail.message.iter_parts()]
        self.assertEqual(kinds, ["text/plain", "text/html"])
        seen = html.unescape(re.sub(r"<[^>]*>", "", mail.part("text/html").partition("<body")[2]))
        return [re.sub(r"\s+", " ", text) for text in (mail.part("text/plain"), seen)]


class AChange(Telling):
    def setUp(self) -> None:
        super().setUp()
        self.change()
        self.told = self.mails(5)

    def test_everybody_concerned_is_told_once(self) -> None:
        self.assertEqual(sorted(self.told), EVERYBODY)

    def test_the_subjects_say_to_whom_they_speak(self) -> None:
        for address in SECURITY:
            self.assertEqual(self.told[address].subject, "Primary e-mail address changed: Amazon Connect user marym")
        for address in (OLD, OLD_SECONDARY):
            self.assertEqual(
                self.told[address].subject, "The primary e-mail address of your Amazon Connect user changed"
            )
        self.assertEqual(self.told[NEW].subject, "This address was set for an Amazon Connect user")

    def test_the_security_team_reads_everything(self) -> None:
        for address in SECURITY:
            for part in self.both_parts(self.told[address]):
                for text in (
                    "UpdateUserIdentityInfo, done",
                    OLD,
                    NEW,
                    MARY,
                    "marym (Mary Major)",
                    "arn:aws:iam::111122223333:role/IdentityDesk",
                    f"guard-key:{self.world.keys['IdentityDesk'].key_id}",
                    "127.0.0.1",
                    "Boto3",
                    "identity-desk (",
                    "rules.toml:4)",
                    INSTANCE,
                ):
                    self.assertIn(text, part)

    def test_the_old_addresses_read_the_new_one_masked(self) -> None:
        for address in (OLD, OLD_SECONDARY):
            for part in self.both_parts(self.told[address]):
                self.assertIn("m***@example.com", part)
                self.assertNotIn(NEW, part)
                self.assertIn("If you did not: tell your security team or administrator now", part)

    def test_the_new_address_reads_neither_the_old_ones_nor_who_changed_it(self) -> None:
        for part in self.both_parts(self.told[NEW]):
            for text in (OLD, OLD_SECONDARY, "IdentityDesk", INSTANCE, "127.0.0.1", "Mary", "identity-desk"):
                self.assertNotIn(text, part)

    def test_they_can_be_recognised_and_answer_nobody(self) -> None:
        ids = set()
        for mail in self.told.values():
            self.assertEqual(mail.message["From"], "connect-guard@example.com")
            self.assertEqual(mail.message["Auto-Submitted"], "auto-generated")
            self.assertTrue(mail.message["Date"])
            self.assertTrue(mail.message["List-Id"])
            self.assertRegex(mail.message["X-Connect-Guard-Event"], r"^address-changed; record=")
            self.assertRegex(mail.message["Message-ID"], r"^<\S+@example\.com>$")
            ids.add(mail.message["Message-ID"])
        self.assertEqual(len(ids), len(self.told), "each has an id of its own")

    def test_there_is_nothing_to_click_on(self) -> None:
        for mail in self.told.values():
            for part in (mail.part("text/plain"), mail.part("text/html")):
                self.assertNotRegex(part, r"(?i)https?://|<a\b|<img|<form|<script")


class ARefusal(Telling):
    def test_the_security_team_and_the_old_addresses_are_told_and_not_the_refused_one(self) -> None:
        with self.refused("AccessDeniedException", 403):
            self.change("HelpDesk")
        told = self.mails(4)
        self.assertEqual(sorted(told), sorted([*SECURITY, OLD, OLD_SECONDARY]))
        for address in SECURITY:
            self.assertEqual(
                told[address].subject, "Refused: change of primary e-mail address, Amazon Connect user marym"
            )
            for part in self.both_parts(told[address]):
                for text in ("no-rule", NEW, "role/HelpDesk", "UpdateUserIdentityInfo"):
                    self.assertIn(text, part)
        for address in (OLD, OLD_SECONDARY):
            self.assertIn("Somebody tried to change", told[address].subject)
            for part in self.both_parts(told[address]):
                self.assertNotIn(NEW, part)
                self.assertIn("nothing changed", part)

    def test_a_change_of_a_name_is_nobodys_mail(self) -> None:
        client = sdk(self.world, self.world.keys["IdentityDesk"])
        client.update_user_identity_info(InstanceId=INSTANCE, UserId=MARY, IdentityInfo={"FirstName": "Mia"})
        self.change()  # its five mails come after any that the first would cause
        self.assertEqual(sorted(self.mails(5)), EVERYBODY)


class ServerTrouble(Telling):
    starts_mail = False

    def test_mails_wait_for_the_right_password(self) -> None:
        self.world.mail.password = b"another one"
        self.world.mail.start()
        self.change()
        self.world.mail.wait_for_refused_logins(5)
        self.assertEqual(self.world.mail.received(), [])
        self.world.mail.password = PASSWORD
        self.assertEqual(sorted(self.mails(5, 60)), EVERYBODY)

    def test_mails_wait_for_a_server_that_can_be_trusted(self) -> None:
        trusted = self.world.mail.certificate
        self.world.mail.certificate = certificate("stranger", "localhost")
        self.world.mail.start()
        self.change()
        self.world.guard.wait_for(lambda event: event["level"] in ("WARN", "ERROR"))
        self.world.mail.stop()
        self.assertEqual(self.world.mail.received(), [])
        self.world.mail.certificate = trusted
        self.world.mail.start()
        self.assertEqual(sorted(self.mails(5, 60)), EVERYBODY)

    def test_changes_made_while_the_server_is_down_are_told_when_it_is_up(self) -> None:
        self.change()
        with self.refused("AccessDeniedException", 403):
            self.change("HelpDesk", "mary@example.com")
        self.assertEqual(len(self.upstream.seen(UPDATE)), 1, "the outbox is what a change waits for, not the server")
        self.world.mail.start()
        mails = self.world.mail.wait(9, 60)
        changed = sorted(
            mail.recipients[0] for mail in mails if "address-changed" in mail.message["X-Connect-Guard-Event"]
        )
        self.assertEqual(changed, EVERYBODY)

    def test_what_was_not_told_before_a_crash_is_told_after_it(self) -> None:
        self.change()
        self.world.restart_after_a_crash()
        self.world.mail.start()
        self.assertEqual(sorted(self.mails(5, 90)), EVERYBODY)

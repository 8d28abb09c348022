"""Who is told, by mail servers that others wrote: who gets which mail, and what it says to whom."""

from callers import sdk
from case import at_each_mail_server
from telling import EVERYBODY, NEW, OLD, OLD_SECONDARY, Telling
from upstream import INSTANCE, MARY
from world import SECURITY


@at_each_mail_server
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
                self.assertRegex(part, r"Outcome:? done")
                for text in (
                    "UpdateUserIdentityInfo",
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


@at_each_mail_server
class ARefusal(Telling):
    def test_h7_the_security_team_and_the_old_addresses_are_told_and_not_the_refused_one(self) -> None:
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

"""Mail servers in trouble, and people on the way to them: nothing is lost, nothing is doubled, nothing is said in clear."""

import time

from authority import certificate
from case import at_each_mail_server
from hooks import Receiver, new_secret
from mail import PASSWORD, Trouble
from middle import Middle
from telling import EVERYBODY, NEW, OLD, OLD_SECONDARY, Telling
from world import SECURITY, World


class Unusable(Telling):
    """The server cannot be used before it can. What a first start tells meets that first, and then the change does."""

    def waits(self, why: str) -> None:
        """A change is not told now, for this reason."""
        self.assertIn(why, self.failing())
        self.change()
        self.assertEqual(len(self.world.deliveries("--state", "waiting")), 5)
        self.assertEqual((self.world.mail.received(), self.world.mail.heartbeats), ([], []))

    def arrives(self) -> None:
        self.assertEqual(sorted(self.mails(5, 60)), EVERYBODY)
        self.world.wait_until_nothing_waits()
        self.assertEqual([mail.kind for mail in self.world.mail.received()], ["address-changed"] * 5)


@at_each_mail_server
class AServerThatIsDown(Unusable):
    starts_mail = False

    def test_everybody_is_told_when_it_is_up(self) -> None:
        self.waits("cannot be reached")
        self.world.mail.start()
        self.arrives()

    def test_o6_what_was_not_told_before_a_crash_is_told_after_it(self) -> None:
        self.waits("cannot be reached")
        self.world.restart_after_a_crash()
        self.world.mail.start()
        self.arrives()


class AWrongCertificate(Unusable):
    authority: str
    name: str

    def prepare(self, world: World) -> None:
        self.right = world.mail.certificate
        world.mail.certificate = certificate(self.authority, self.name)

    def test_nobody_logs_in_and_mails_wait_for_the_right_one(self) -> None:
        self.waits("TLS with the mail server failed")
        self.assertEqual(self.world.mail.steps, {})
        self.world.mail.stop()
        self.world.mail.certificate = self.right
        self.world.mail.start()
        self.arrives()


@at_each_mail_server
class ACertificateOfAStranger(AWrongCertificate):
    authority, name = "stranger", "localhost"


@at_each_mail_server
class ACertificateForAnotherName(AWrongCertificate):
    authority, name = "mail", "mail.example.com"


del AWrongCertificate  # it is none by itself, and is not to be found


@at_each_mail_server
class AWrongPassword(Unusable):
    def prepare(self, world: World) -> None:
        world.password = "the one before"

    def test_mails_wait_until_the_guard_reads_the_right_one(self) -> None:
        self.waits("did not accept AUTH: 535")
        self.assertGreaterEqual(self.world.mail.refused_logins, 1)
        self.world.secret("smtp", PASSWORD.decode())
        self.world.guard.read_again()
        self.arrives()
        self.assertNotIn("the one before", self.world.guard.log())


@at_each_mail_server
class AServerThatNeverAnswersAuth(Telling):
    def prepare(self, world: World) -> None:
        world.mail_settings = 'timeout = "8s"'
        world.mail.troubles = [Trouble("auth", silent=True)]

    def test_mails_wait_and_so_does_nobody_else(self) -> None:
        self.assertIn("AUTH was not answered within", self.failing())
        begun = time.monotonic()
        self.change()
        self.assertLess(time.monotonic() - begun, 7, "a caller does not wait for the mail server")
        self.world.mail.troubles = []
        self.assertEqual(sorted(self.mails(5, 60)), EVERYBODY)


@at_each_mail_server
class SomebodyOnTheWay(Telling):
    """They take the offer of STARTTLS away, and read."""

    def prepare(self, world: World) -> None:
        self.middle = self.enterContext(Middle(world.mail.port))
        world.mail_port = self.middle.port

    def test_nothing_is_said_in_clear(self) -> None:
        self.assertIn("does not offer STARTTLS", self.failing())
        self.middle.wait_for_connections(1)
        self.change()
        self.assertEqual(self.world.mail.received(), [])
        lines = set(self.middle.read.split(b"\r\n")) - {b""}
        self.assertEqual(lines, {b"EHLO example.com"}, "neither a name, a password nor a message")
        self.assertEqual(self.world.mail.steps, {})
        self.middle.strips = False
        self.assertEqual(sorted(self.mails(5, 60)), EVERYBODY)


@at_each_mail_server
class AMessageInTrouble(Telling):
    """The server works; then something goes wrong with a message."""

    def setUp(self) -> None:
        super().setUp()
        self.world.mail.wait_for_heartbeats(len(SECURITY))
        self.world.wait_until_nothing_waits()

    def test_fault_02_a_slow_server_holds_up_no_caller(self) -> None:
        self.world.mail.troubles = [Trouble(step, delay=0.6) for step in ("sender", "recipient", "content")]
        self.change()
        answered = time.monotonic()
        told = self.mails(5)
        self.assertEqual(sorted(told), EVERYBODY)
        self.assertGreater(min(mail.at for mail in told.values()), answered)

    def test_a_mailbox_that_is_busy_is_tried_again(self) -> None:
        busy = [Trouble("recipient", "451 4.3.0 try again later", to=each, times=1) for each in (OLD, SECURITY[0])]
        self.world.mail.troubles = busy
        self.change()
        told = self.mails(5, 40)
        self.assertEqual(sorted(told), EVERYBODY)
        self.assertEqual({mail.recipients[0] for mail in self.world.mail.received()[3:]}, {OLD, SECURITY[0]})
        self.assertEqual(self.world.mail.steps["recipient"], len(SECURITY) + 7, "two were tried twice")

    def test_a_connection_that_breaks_after_data_repeats_one_message(self) -> None:
        self.repeats = 1
        self.world.mail.troubles = [Trouble("content", drops=True, times=1)]
        self.change()
        mails = self.world.mail.wait(6, 40)
        self.assertEqual(sorted({mail.recipients[0] for mail in mails}), EVERYBODY)
        self.world.wait_until_nothing_waits()

    def test_a_connection_that_breaks_before_data_repeats_none(self) -> None:
        self.world.mail.troubles = [Trouble("recipient", drops=True, times=1)]
        self.change()
        self.assertEqual(sorted(self.mails(5, 40)), EVERYBODY)
        self.world.wait_until_nothing_waits()


@at_each_mail_server
class AMailboxThatIsNotThere(Telling):
    def prepare(self, world: World) -> None:
        self.siem = self.enterContext(Receiver())
        world.add_hook("siem", self.siem, new_secret())
        world.add_route('kinds = ["delivery-failing"]', 'hooks = ["siem"]')

    def test_h6_the_others_are_told_and_so_is_another_channel(self) -> None:
        refused = Trouble("recipient", f"550 5.1.1 <{OLD_SECONDARY}>: unknown mailbox", to=OLD_SECONDARY)
        self.world.mail.troubles = [refused]
        self.change()
        [alarm] = self.siem.wait_for("delivery-failing")
        told = self.mails(4)
        self.assertEqual(sorted(told), sorted([*SECURITY, OLD, NEW]))
        self.world.wait_until_nothing_waits()
        event = alarm.json()["data"]["event"]
        self.assertEqual(event["channel"], "mail")
        self.assertIn("550 5.1.1 <address> unknown mailbox", event["why"])
        self.assertNotIn(OLD_SECONDARY, alarm.body.decode())
        [dead] = self.world.deliveries("--state", "dead")
        self.assertEqual({mail.kind for mail in self.world.mail.received()}, {"address-changed"})
        self.assertEqual((dead["recipient"], dead["kind"], dead["attempts"]), (OLD_SECONDARY, "address-changed", 1))

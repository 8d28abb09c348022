"""Many mails: a flood of refusals hides and delays no change; a server that is down slows no caller."""

import re
import statistics
import time
from concurrent.futures import ThreadPoolExecutor

from botocore.exceptions import ClientError

from callers import sdk
from case import at_each_mail_server
from mail import Received
from telling import OLD, OLD_SECONDARY, Telling
from upstream import INSTANCE, MARY, User
from world import SECURITY, World

REFUSALS = 200
CHANGES = 25
KIM = User(
    "87654321-2222-1234-1234-111234567893",
    "kim",
    {"FirstName": "Kim", "LastName": "Lee", "Email": "kim.lee@example.com"},
)


@at_each_mail_server
class AFlood(Telling):
    """Refusals of the same kind to the same recipient: one goes at once, the others in one message after a minute."""

    def prepare(self, world: World) -> None:
        world.upstream.users[KIM.id] = KIM
        world.limits = "caller = { per_second = 1000.0, burst = 1000 }\ncaller_read_share = 1.0"

    def refused_changes(self, count: int) -> None:
        client = sdk(self.world, self.world.keys["HelpDesk"])
        for number in range(count):
            try:
                client.update_user_identity_info(
                    InstanceId=INSTANCE, UserId=MARY, IdentityInfo={"Email": f"mary{number}@example.com"}
                )
            except ClientError as error:
                self.assertEqual(error.response["Error"]["Code"], "AccessDeniedException")
            else:
                self.fail("it was allowed")

    def test_h8_a_change_is_told_before_it_and_every_refusal_is_counted(self) -> None:
        with ThreadPoolExecutor() as pool:
            flood = [pool.submit(self.refused_changes, REFUSALS // 2) for _ in range(2)]
            self.world.mail.wait(1)
            sdk(self.world, self.world.keys["IdentityDesk"]).update_user_identity_info(
                InstanceId=INSTANCE, UserId=KIM.id, IdentityInfo={"Email": "kim@example.com"}
            )
            answered = time.monotonic()
            self.assertTrue(any(not each.done() for each in flood), "the change is made in the midst of them")
            for each in flood:
                each.result()
        everybody = [*SECURITY, OLD, OLD_SECONDARY]
        mails = self.world.mail.wait(4 + 2 * len(everybody), 100)
        changed = [mail for mail in mails if mail.kind == "address-changed"]
        self.assertEqual(
            sorted(mail.recipients[0] for mail in changed),
            sorted([*SECURITY, "kim.lee@example.com", "kim@example.com"]),
        )
        self.assertLess(max(mail.at for mail in changed) - answered, 30)
        digests = [mail for mail in mails if mail.kind == "repeated-refusals"]
        self.assertLess(max(mail.at for mail in changed), min(mail.at for mail in digests))
        self.world.wait_until_nothing_waits()
        for address in everybody:
            told = [mail for mail in mails if mail.recipients == [address] and mail not in changed]
            self.assertEqual([mail.kind for mail in told], ["address-change-refused", "repeated-refusals"])
            self.assertEqual(self.counted(told[1], address in SECURITY), REFUSALS - 1)

    def counted(self, digest: Received, everything: bool) -> int:
        """The refusals that a digest stands for; each of its counts says the same."""
        found = re.match(r"[0-9]+(?= (changes|attempts) )", digest.subject)
        assert found is not None, digest.subject
        if everything:
            for part in self.both_parts(digest):
                for name in ("arn:aws:iam::111122223333:role/HelpDesk", "marym", "no-rule"):
                    self.assertIn(f"{found[0]} x {name}", part)
        return int(found[0])

    def assert_accounted(self, mails: list[Received], made: list[dict[str, object]]) -> None:
        """A digest is many deliveries."""
        super().assert_accounted(
            [mail for mail in mails if mail.kind == "address-changed"],
            [each for each in made if each["kind"] == "address-changed"],
        )
        self.assertEqual(len(made), 4 + 4 * REFUSALS)


@at_each_mail_server
class AServerThatGoesDown(Telling):
    def seconds(self, first: int) -> float:
        """How long a change takes: the median of some."""
        client, taken = sdk(self.world, self.world.keys["IdentityDesk"]), []
        for number in range(first, first + CHANGES):
            begun = time.monotonic()
            client.update_user_identity_info(
                InstanceId=INSTANCE, UserId=MARY, IdentityInfo={"SecondaryEmail": f"mary{number}@example.org"}
            )
            taken.append(time.monotonic() - begun)
        return statistics.median(taken)

    def test_callers_do_not_notice_and_nothing_is_lost(self) -> None:
        up = self.seconds(0)
        self.world.wait_until_nothing_waits()
        self.world.mail.stop()
        down = self.seconds(CHANGES)
        self.assertLess(down / up, 5, f"{up} s while it is up, {down} s while it is down")
        self.assertIn("mail server", self.failing())
        self.world.mail.start()
        # The security team twice, the address at work, the private one before and the one after.
        self.world.mail.wait(2 * CHANGES * 5, 60)
        self.world.wait_until_nothing_waits()

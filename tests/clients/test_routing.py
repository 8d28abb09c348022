"""Who is told what as the configuration has it, and who has to have been told before a change is made."""

from botocore.config import Config

from callers import sdk
from hooks import Answer as HookAnswer
from hooks import Receiver, new_secret
from telling import EVERYBODY, NEW, OLD, OLD_SECONDARY, Telling
from upstream import INSTANCE, MARY, UPDATE, Answer, Fault
from world import World


HOOK_SAYS_NO = HookAnswer(500)


class Routes(Telling):
    """By kind and instance, in German; by severity; and a hook that is shown no values."""

    def prepare(self, world: World) -> None:
        self.masked, self.open = self.receiver(), self.receiver()
        world.add_hook("masked", self.masked, new_secret(), "masked = true")
        world.add_hook("open", self.open, new_secret())
        world.add_route('kinds = ["address-change-refused"]', 'hooks = ["masked", "open"]')
        world.add_route(
            'kinds = ["address-changed"]', f'instances = ["{INSTANCE}"]', 'mail = ["amt@example.com"]', 'language = "de"'
        )
        world.add_route('severity = "critical"', 'mail = ["pager@example.com"]')

    def test_a_change_is_told_in_the_language_of_the_route(self) -> None:
        self.change()
        told = self.mails(6)
        self.assertEqual(sorted(told), sorted([*EVERYBODY, "amt@example.com"]))
        german = told["amt@example.com"]
        self.assertEqual(german.subject, "Primäre E-Mail-Adresse geändert: Amazon-Connect-Benutzer marym")
        for part in self.both_parts(german):
            self.assertIn("E-Mail-Adresse eines Amazon-Connect-Benutzers wurde geändert", part)
            self.assertIn(NEW, part)
        self.world.wait_until_nothing_waits()
        self.assertEqual(self.masked.calls() + self.open.calls(), [])

    def test_a_refusal_goes_to_the_hooks_and_one_of_them_is_shown_no_value(self) -> None:
        self.refusal()
        [masked], [shown] = self.masked.wait(1), self.open.wait(1)
        self.assertEqual((masked.kind, shown.kind), ("address-change-refused", "address-change-refused"))
        self.assertEqual((masked.json()["data"]["masked"], shown.json()["data"]["masked"]), (True, False))
        for value in ("mary@example.com", OLD, OLD_SECONDARY, "Major"):
            self.assertNotIn(value, masked.body.decode())
        self.assertIn("mary@example.com", shown.body.decode())
        self.world.wait_until_nothing_waits()
        self.assertEqual(
            {mail.recipients[0] for mail in self.world.mail.received()}, set(EVERYBODY) - {NEW}, "no route but everybody's"
        )

    def test_what_is_critical_goes_to_its_route_too(self) -> None:
        self.upstream.fail(UPDATE, Fault(Answer(hang_up=True), carried_out=True))
        self.change()
        self.world.mail.wait(3)
        self.world.wait_until_nothing_waits()
        mails = [mail for mail in self.world.mail.received() if mail.recipients == ["pager@example.com"]]
        # Whoever was told that it may have happened is told what did.
        self.assertEqual([mail.kind for mail in mails], ["may-have-changed", "address-changed"])


class Acknowledged(Telling):
    """`notify.before = "acknowledged"`: the hook has to have taken the announcement before Connect is asked."""

    def prepare(self, world: World) -> None:
        self.siem = self.enterContext(Receiver(listens=False))
        self.secret = new_secret()
        world.notify = 'before = "acknowledged"\nacknowledged_by = ["hook:siem"]\npatience = "2s"'
        world.add_hook("siem", self.siem, self.secret)
        world.add_route('kinds = ["address-changed"]', 'hooks = ["siem"]')

    def once(self) -> None:
        """A change, asked for once."""
        client = sdk(self.world, self.world.keys["IdentityDesk"], config=Config(retries={"total_max_attempts": 1}))
        client.update_user_identity_info(InstanceId=INSTANCE, UserId=MARY, IdentityInfo={"Email": NEW})

    def assert_unmade(self) -> None:
        with self.refused("ServiceUnavailableException", 503) as caught:
            self.once()
        self.assertIn("not sent to Amazon Connect", str(caught))
        self.assertEqual(self.upstream.seen(UPDATE), [])
        self.assertEqual(self.upstream.users[MARY].identity["Email"], OLD)

    def test_nothing_is_changed_while_the_hook_is_down(self) -> None:
        self.assert_unmade()
        self.assertEqual([mail for mail in self.world.mail.received() if mail.kind == "address-changed"], [])
        self.siem.start()
        self.once()
        self.assertEqual(len(self.upstream.seen(UPDATE)), 1)

    def test_nor_while_it_says_no(self) -> None:
        self.siem.start()
        self.siem.answers.extend([HOOK_SAYS_NO])
        self.assert_unmade()

    def test_it_is_announced_and_then_made_and_then_told(self) -> None:
        self.siem.start()
        self.once()
        [announced] = self.siem.wait_for("announced")
        [changed] = self.siem.wait_for("address-changed")
        [update] = self.upstream.seen(UPDATE)
        self.assertLess(announced.at, update.at)
        self.assertLess(update.at, changed.at)
        for call in (announced, changed):
            self.assertTrue(call.verifies(self.secret))
            self.assertEqual(call.json()["data"]["fields"], [{"field": "Email", "before": OLD, "after": NEW}])
        self.assertEqual(
            (announced.json()["data"]["outcome"], changed.json()["data"]["outcome"]), ("not-sent", "done")
        )
        self.assertEqual(sorted(self.mails(5)), EVERYBODY)

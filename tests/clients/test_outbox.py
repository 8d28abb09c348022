"""The outbox for operators: `notify` beside a running guard, `health`, and what the status listener says meanwhile."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable

from prometheus_client.openmetrics.parser import text_string_to_metric_families

from guard import command
from hooks import Answer, new_secret
from telling import EVERYBODY, NEW, OLD_SECONDARY, Telling
from world import World

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


class Outbox(Telling):
    def prepare(self, world: World) -> None:
        self.siem, self.secret = self.receiver(), new_secret()
        world.add_hook("siem", self.siem, self.secret)
        world.add_route('kinds = ["address-changed", "delivery-failing", "delivery-mended"]', 'hooks = ["siem"]')
        world.add_status()

    def asked(self, path: str) -> tuple[int, str]:
        """What the status listener answers."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.world.guard.status_port}{path}", timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def samples(self) -> Samples:
        """The metrics, as Prometheus's own parser of OpenMetrics reads them."""
        status, text = self.asked("/metrics")
        self.assertEqual(status, 200)
        for address in (*EVERYBODY, "marym", "Major"):
            self.assertNotIn(address, text)
        return {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

    def metric(self, name: str, **labels: str) -> float | None:
        return self.samples().get((f"connect_guard_{name}", frozenset(labels.items())))

    def wait_for_metric(self, holds: Callable[[float | None], bool], name: str, **labels: str) -> None:
        """Returns once it holds of the metric: what is measured is kept for a moment."""
        until = time.monotonic() + 10
        while not holds(value := self.metric(name, **labels)):
            self.assertLess(time.monotonic(), until, f"{name} is {value}")
            time.sleep(0.2)

    def assert_ready(self) -> None:
        self.assertEqual(self.asked("/readyz"), (200, "ok\n"))
        url = f"http://127.0.0.1:{self.world.guard.status_port}"
        for more in ((), ("--ready",)):
            done = command("health", "--url", url, *more, directory=self.world.directory)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


class ADeadLetter(Outbox):
    def test_it_is_listed_and_shown_and_arrives_when_it_is_tried_again(self) -> None:
        self.siem.answers.append(Answer(410))
        self.change()
        self.siem.wait(1)
        self.world.mail.wait(7)
        self.world.wait_until_nothing_waits()
        [dead] = self.world.deliveries("--state", "dead", "--channel", "hook:siem", "--kind", "address-changed")
        self.wait_for_metric(lambda value: value == 1, "outbox_dead", channel="hook:siem", urgency="now")
        self.assertEqual(self.metric("deliveries_total", channel="hook:siem", result="dead"), 1)

        plain = self.world.command("notify", "list", "--state", "dead")
        self.assertEqual(plain.returncode, 0, plain.stderr)
        self.assertIn("hook:siem", plain.stdout)
        shown = self.world.command("notify", "show", str(dead["id"]))
        for done in (plain, shown):
            for address in (NEW, OLD_SECONDARY):
                self.assertNotIn(address, done.stdout + done.stderr)
        revealed = self.world.command("notify", "show", str(dead["id"]), "--reveal")
        self.assertIn("Subject: Primary e-mail address changed: Amazon Connect user marym", revealed.stdout)
        self.assertIn(NEW, revealed.stdout)

        again = self.world.command("notify", "retry", str(dead["id"]))
        self.assertEqual((again.returncode, again.stdout), (0, "1 due now\n"), again.stderr)
        first, second = self.siem.wait(2)
        self.assertEqual((first.id, first.body), (second.id, second.body))
        self.assertTrue(second.verifies(self.secret))
        self.world.wait_until_nothing_waits()
        self.assertEqual(self.world.deliveries("--state", "dead"), [])
        self.wait_for_metric(lambda value: not value, "outbox_dead", channel="hook:siem", urgency="now")

    def test_what_was_delivered_is_not_tried_again(self) -> None:
        self.change()
        self.siem.wait(1)
        self.mails(5)
        self.world.wait_until_nothing_waits()
        made = [str(each["id"]) for each in self.world.deliveries("--state", "delivered")]
        again = self.world.command("notify", "retry", *made)
        self.assertEqual(again.returncode, 1)
        self.assertIn("none of these waits or was given up", again.stderr)


class WhileMailIsDown(Outbox):
    starts_mail = False

    def test_what_waits_is_counted_and_the_guard_is_ready(self) -> None:
        self.assertIn("cannot be reached", self.failing())
        begun = time.time()
        self.change()
        self.siem.wait(1)
        self.wait_for_metric(lambda value: value == 5, "outbox_waiting", channel="mail", urgency="now")
        oldest = self.metric("outbox_oldest_timestamp_seconds", channel="mail", urgency="now")
        self.assertTrue(oldest is not None and begun - 2 <= oldest <= time.time(), oldest)
        failing = self.metric("channel_failing_since_timestamp_seconds", channel="mail")
        self.assertTrue(failing is not None and begun - 30 <= failing <= time.time(), failing)
        self.assertIsNone(self.metric("channel_failing_since_timestamp_seconds", channel="hook:siem"))
        self.assertGreaterEqual(self.metric("deliveries_total", channel="mail", result="retried") or 0, 1)
        self.assert_ready()
        waiting = self.world.deliveries("--state", "waiting")
        self.assertEqual(sorted(each["recipient"] for each in waiting), EVERYBODY)

        self.world.mail.start()
        self.assertEqual(sorted(self.mails(5, 60)), EVERYBODY)
        self.world.wait_until_nothing_waits()
        self.wait_for_metric(lambda value: not value, "outbox_waiting", channel="mail", urgency="now")
        self.assertIsNone(self.metric("channel_failing_since_timestamp_seconds", channel="mail"))
        self.assertGreaterEqual(self.metric("deliveries_total", channel="mail", result="delivered") or 0, 5)
        self.assertEqual(self.metric("outbox_dead", channel="mail", urgency="now") or 0, 0)
        self.assert_ready()

    def test_an_outage_and_its_end_are_told_by_another_channel(self) -> None:
        self.change()
        [failing] = self.siem.wait_for("delivery-failing", seconds=40)
        self.assertTrue(failing.verifies(self.secret))
        self.assertEqual(failing.json()["data"]["severity"], "critical")
        self.assertEqual(failing.json()["data"]["event"]["channel"], "mail")
        self.assertGreaterEqual(failing.json()["data"]["event"]["waiting"], 5)
        self.world.mail.start()
        [mended] = self.siem.wait_for("delivery-mended", seconds=60)
        self.assertEqual(mended.json()["data"]["event"]["channel"], "mail")
        self.assertLess(failing.at, mended.at)
        self.world.wait_until_nothing_waits()
        changes = [mail.recipients[0] for mail in self.world.mail.received() if mail.kind == "address-changed"]
        self.assertEqual(sorted(changes), EVERYBODY)


class ATest(Outbox):
    def steps(self, channel: str) -> tuple[int, list[bool]]:
        """What `notify test` ends with, and how each of its steps went."""
        done = self.world.command("--format", "json", "notify", "test", "--channel", channel)
        told = json.loads(done.stdout)
        self.assertEqual(told["ok"], done.returncode == 0, done.stderr)
        return done.returncode, [step["ok"] for step in told["steps"]]

    def test_to_mail(self) -> None:
        self.assertEqual(self.steps("mail:kim@example.com"), (0, [True, True, True]))
        mail = self.mails(1)["kim@example.com"]
        self.assertEqual(mail.kind, "test")
        self.assertEqual(self.world.deliveries(), [], "nothing is recorded")

    def test_to_a_hook(self) -> None:
        self.assertEqual(self.steps("hook:siem"), (0, [True, True, True]))
        [call] = self.siem.wait_for("test")
        self.assertTrue(call.verifies(self.secret))
        self.siem.answers.append(Answer(403))
        self.assertEqual(self.steps("hook:siem"), (1, [True, True, False]))

    def test_with_a_wrong_password(self) -> None:
        self.world.secret("smtp", "wrong")
        self.assertEqual(self.steps("mail:kim@example.com"), (1, [False]))
        self.assertEqual((self.world.mail.refused_logins, self.world.mail.received()), (1, []))


del Outbox  # it has no scenario, and is not to be found

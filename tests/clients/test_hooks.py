"""Webhooks, by receivers with the libraries that receivers use: what arrives and verifies, and receivers in trouble."""

import base64
import json
import os
import re
import time
from typing import Any
from unittest import mock

import boto3
from botocore.stub import Stubber

from authority import certificate
from hooks import Answer, Call, new_secret
from places import ROOT
from telling import NEW, OLD, OLD_SECONDARY, Telling
from upstream import INSTANCE, MARY
from world import SECURITY, World

TOPIC = "arn:aws:sns:us-east-1:111122223333:connect-guard"
ROUTING_KEY = "0123456789abcdef0123456789ABCDEF"


class Siem(Telling):
    """One receiver of CloudEvents, called `siem`, which is told of every change."""

    listens = True
    more: tuple[str, ...] = ()
    private = True

    def prepare(self, world: World) -> None:
        self.secret = new_secret()
        self.siem = self.receiver(listens=self.listens)
        world.add_hook("siem", self.siem, self.secret, *self.more, private=self.private)
        world.add_route('kinds = ["address-changed", "address-change-refused"]', 'hooks = ["siem"]')

    def told_again(self, count: int = 2) -> list[Call]:
        """So many calls of one message: each verifies, and says the same."""
        calls = self.siem.wait(count, 40)
        self.assertEqual(len({call.id for call in calls}), 1)
        self.assertEqual(len({call.body for call in calls}), 1)
        for call in calls:
            self.assertTrue(call.verifies(self.secret))
        self.world.wait_until_nothing_waits()
        self.assertEqual(len(self.siem.calls()), count)
        return calls


class CloudEvents(Siem):
    def test_an_event_says_what_the_mail_says_and_verifies_with_its_secret_only(self) -> None:
        self.change()
        [call] = self.siem.wait(1)
        self.assertEqual((call.method, call.target), ("POST", "/siem"))
        self.assertTrue(call.verifies(self.secret))
        self.assertFalse(call.verifies(new_secret()))
        self.assertEqual(len(call.signatures), 1)
        event = call.event()
        self.assertEqual((event.get_specversion(), event.get_type()), ("1.0", "connect-guard.address-changed"))
        self.assertEqual((event.get_id(), event.get_source()), (call.id, "urn:connect-guard:guard"))
        self.assertEqual(event.get_datacontenttype(), "application/json")
        told = event.get_data()
        assert isinstance(told, dict)
        self.assertEqual((told["severity"], told["outcome"], told["masked"]), ("warning", "done", False))
        self.assertEqual(told["fields"], [{"field": "Email", "before": OLD, "after": NEW}])
        self.assertEqual((told["target"]["id"], told["target"]["instance"]), (MARY, INSTANCE))
        self.assertEqual(told["caller"]["principal"], "arn:aws:iam::111122223333:role/IdentityDesk")
        self.assertIsNone(told["refusal"])
        mail = self.mails(5)[SECURITY[0]]
        self.assertEqual(mail.message["X-Connect-Guard-Event"], f"address-changed; record={event.get_subject()}")

    def test_while_a_secret_is_replaced_both_verify(self) -> None:
        before, self.secret = self.secret, new_secret()
        self.world.tables = self.world.tables.replace(
            'secret_file = "secrets/siem"', 'secret_file = "secrets/siem-new"\nprevious_file = "secrets/siem"'
        )
        self.world.secret("siem-new", self.secret)
        self.world.configure()
        self.world.guard.read_again()
        self.world.guard.wait_for(lambda event: event.get("message") == "the callers' keys were read again")
        self.change()
        [call] = self.siem.wait(1)
        self.assertEqual(len(call.signatures), 2)
        self.assertTrue(call.verifies(self.secret) and call.verifies(before))
        self.assertFalse(call.verifies(new_secret()))


class AReceiverInTrouble(Siem):
    def test_500_then_fine(self) -> None:
        self.siem.answers.append(Answer(500))
        self.change()
        first, again = self.told_again()
        self.assertGreaterEqual(int(again.header("webhook-timestamp")), int(first.header("webhook-timestamp")) + 4)

    def test_429_leaves_it_alone_for_as_long_as_it_asks(self) -> None:
        self.siem.answers.append(Answer(429, (("Retry-After", "7"),)))
        self.change()
        [first] = self.siem.wait(1)
        self.refusal()  # it waits as well, and is tried before the other is tried again
        calls = self.siem.wait(3, 40)
        self.assertGreaterEqual(calls[1].at - first.at, 7)
        self.assertEqual([call.kind for call in calls], ["address-changed", "address-change-refused", "address-changed"])
        self.assertEqual((calls[2].id, calls[2].body), (first.id, first.body))
        self.world.wait_until_nothing_waits()
        self.assertEqual(len(self.siem.calls()), 3)

    def test_410_is_a_dead_letter_and_the_mail_says_so(self) -> None:
        self.siem.answers.append(Answer(410))
        self.change()
        mails = [mail for mail in self.world.mail.wait(7) if mail.kind == "delivery-failing"]
        self.assertEqual(sorted(mail.recipients[0] for mail in mails), sorted(SECURITY))
        for part in self.both_parts(mails[0]):
            self.assertIn("hook:siem", part)
            self.assertIn("410", part)
        self.world.wait_until_nothing_waits()
        [dead] = self.world.deliveries("--state", "dead")
        self.assertEqual((dead["channel"], dead["kind"], dead["attempts"]), ("hook:siem", "address-changed", 1))
        self.assertEqual(len(self.siem.calls()), 1)

    def test_h9_a_redirect_is_not_followed(self) -> None:
        elsewhere = self.receiver()
        self.siem.answers.append(Answer(307, (("Location", elsewhere.url("/siem")),)))
        self.change()
        self.told_again()
        self.assertEqual((elsewhere.connections, elsewhere.calls()), (0, []))

    def test_a_certificate_of_a_stranger(self) -> None:
        self.siem.stop()
        self.siem.present(certificate("stranger", "localhost"))
        self.siem.start()
        before = self.siem.connections
        self.change()
        self.siem.wait_for_connections(before + 1)
        self.assertIn("webhook was not answered", self.failing())
        self.siem.stop()
        self.assertEqual(self.siem.calls(), [])
        self.siem.present(certificate("hooks", "localhost", "127.0.0.1"))
        self.siem.start()
        self.told_again(1)


class ASlowReceiver(Siem):
    more = ('timeout = "4s"',)

    def test_slow_is_taken_and_too_slow_is_told_again(self) -> None:
        self.siem.answers.extend([Answer(delay=0.5)])
        self.refusal()
        self.siem.wait(1)
        self.siem.answers.extend([Answer(delay=8)])
        begun = time.monotonic()
        self.change()
        self.assertLess(time.monotonic() - begun, 4, "a caller does not wait for the receiver")
        calls = self.siem.wait(3, 40)
        self.assertEqual([call.kind for call in calls], ["address-change-refused"] + ["address-changed"] * 2)
        self.assertEqual((calls[1].id, calls[1].body), (calls[2].id, calls[2].body))
        self.world.wait_until_nothing_waits()
        self.assertEqual(len(self.siem.calls()), 3)


class APrivateAddress(Siem):
    private = False

    def test_it_is_not_connected_to_unless_the_configuration_names_it(self) -> None:
        self.change()
        self.assertIn("webhook was not answered", self.failing())
        self.mails(5)
        self.assertEqual((self.siem.connections, self.siem.calls()), (0, []))
        [waiting] = self.world.deliveries("--state", "waiting")
        self.assertEqual((waiting["channel"], waiting["kind"]), ("hook:siem", "address-changed"))


class OtherShapes(Telling):
    """What the makers of three products document: which members there must be."""

    def prepare(self, world: World) -> None:
        self.slack, self.teams, self.pager = self.receiver(), self.receiver(), self.receiver()
        world.add_hook("slack", self.slack, form="slack")
        world.add_hook("teams", self.teams, form="teams")
        world.add_hook("pager", self.pager, ROUTING_KEY, form="pagerduty")
        world.add_route('hooks = ["slack", "teams", "pager"]')

    def one(self, call: Call) -> dict[str, object]:
        """What one call says: JSON, without a signature and without a value."""
        self.assertEqual(call.header("content-type"), "application/json")
        self.assertNotIn("webhook-signature", {name.lower() for name, _ in call.headers})
        for value in (OLD, OLD_SECONDARY, NEW):
            self.assertNotIn(value, call.body.decode())
        told = call.json()
        assert isinstance(told, dict)
        return told

    def test_each_is_what_its_maker_documents(self) -> None:
        self.change()
        [slack], [teams], [pager] = self.slack.wait(1), self.teams.wait(1), self.pager.wait(1)
        self.assert_slack(self.one(slack))
        self.assert_teams(self.one(teams))
        self.assert_pager(self.one(pager), pager.id)

    def assert_slack(self, told: dict) -> None:
        """An incoming webhook: `text`, and blocks of header and section, each with a text object."""
        self.assertIn("e-mail address changed", told["text"])
        self.assertEqual(told["blocks"][0]["type"], "header")
        self.assertLessEqual(len(told["blocks"]), 50)
        for block in told["blocks"]:
            self.assertIn(block["type"], ("header", "section"))
            self.assertEqual(block["text"]["type"], "plain_text")
            self.assertTrue(0 < len(block["text"]["text"]) <= (150 if block["type"] == "header" else 3000))

    def assert_teams(self, told: dict) -> None:
        """A workflow's webhook: a message with one attachment, an adaptive card."""
        self.assertEqual(told["type"], "message")
        [attachment] = told["attachments"]
        self.assertEqual(attachment["contentType"], "application/vnd.microsoft.card.adaptive")
        card = attachment["content"]
        self.assertEqual((card["type"], card["version"]), ("AdaptiveCard", "1.4"))
        self.assertIn("e-mail address changed", json.dumps(card["body"][0]))
        self.assertLess(len(json.dumps(told)), 28 * 1024)

    def assert_pager(self, told: dict, id: str) -> None:
        """Events API v2: routing key, action, and a payload of summary, source and severity."""
        self.assertEqual((told["routing_key"], told["event_action"], told["dedup_key"]), (ROUTING_KEY, "trigger", id))
        self.assertIn("e-mail address changed", told["payload"]["summary"])
        self.assertEqual((told["payload"]["source"], told["payload"]["severity"]), ("guard", "warning"))
        self.assertTrue(told["payload"]["custom_details"]["masked"])


class TheReadme(Siem):
    """What the README says that a receiver is to do, run as it stands there; botocore checks what it sends to AWS."""

    def prepare(self, world: World) -> None:
        super().prepare(world)
        text = (ROOT / "README.md").read_text()
        self.blocks = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
        self.assertEqual(len(self.blocks), 2)

    def relay(self, call: Call, service: str, answer: dict, sent: dict | None, **changed: str) -> dict:
        """What the function answers to this call; `sent` is what the service is to be asked, if anything."""
        recipe: dict[str, Any] = {}
        method = {"events": "put_events", "sns": "publish"}[service]
        for block in self.blocks:
            if service == "sns":
                block = re.sub(r"^    # (boto3.*)$", r"    return \1", block, flags=re.MULTILINE)
            exec(compile(block, "README.md", "exec"), recipe)
        client = boto3.client(service, "us-east-1", aws_access_key_id="AKIDEXAMPLE", aws_secret_access_key="x")
        stub = Stubber(client)
        if sent is not None:
            stub.add_response(method, answer, sent)
        headers = {name.lower(): value for name, value in call.headers}
        event = {"headers": headers, "body": call.body.decode(), "isBase64Encoded": False}
        settings = {"SECRET": self.secret, "TOPIC": TOPIC, **changed}
        with stub, mock.patch.object(boto3, "client", lambda name: client), mock.patch.dict(os.environ, settings):
            answered = recipe["handler"](event, None)
            event.update(body=base64.b64encode(call.body).decode(), isBase64Encoded=True)
            if sent is not None:
                stub.add_response(method, answer, sent)
            self.assertEqual(recipe["handler"](event, None), answered)
        stub.assert_no_pending_responses()
        return answered

    def test_its_function_relays_what_verifies_and_nothing_else(self) -> None:
        self.change()
        [call] = self.siem.wait(1)
        entry = {"Source": "connect-guard", "DetailType": "connect-guard.address-changed", "Detail": call.body.decode()}
        put = {"Entries": [entry]}
        self.assertEqual(self.relay(call, "events", {"FailedEntryCount": 0}, put), {"statusCode": 204})
        self.assertEqual(self.relay(call, "events", {"FailedEntryCount": 1}, put), {"statusCode": 500})
        self.assertEqual(self.relay(call, "events", {}, None, SECRET=new_secret()), {"statusCode": 401})
        publish = {"TopicArn": TOPIC, "Message": call.body.decode()}
        self.assertEqual(self.relay(call, "sns", {"MessageId": "1"}, publish)["MessageId"], "1")


del Siem  # it has no scenario, and is not to be found

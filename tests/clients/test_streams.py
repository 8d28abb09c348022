"""Records streamed to rsyslog over TLS, with both of its TLS libraries: what it reads is what an export has. And to a webhook,
and to a receiver that never reads."""

import json
import socket
import ssl
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from authority import authority, certificate
from callers import sdk
from case import GuardCase
from hooks import Answer, Receiver, new_secret
from rsyslog import Rsyslog, client_pair
from upstream import INSTANCE, MARY, UPDATE
from world import World

SEVERITIES = {"refusal": 4, "strangers": 4, "intent": 5, "outcome": 5}


class Streaming(GuardCase):
    driver = "ossl"
    required = "false"
    listens = True

    def prepare(self, world: World) -> None:
        self.siem = Rsyslog(self.id(), self.driver)
        self.addCleanup(self.siem.stop)
        if self.listens:
            self.siem.start()
        client_pair(world.directory)
        world.add_status()
        world.tables += f"""
[[stream]]
name        = "siem"
kind        = "syslog"
address     = "localhost:{self.siem.port}"
ca_file     = "{authority("siem").file}"
certificate = "siem-client.pem"
key_file    = "siem-client.key"
facility    = "authpriv"
required    = {self.required}
timeout     = "2s"
"""

    def name_her(self, name: str) -> None:
        client = sdk(self.world, self.world.keys["HelpDesk"])
        client.update_user_identity_info(InstanceId=INSTANCE, UserId=MARY, IdentityInfo={"FirstName": name})

    def exported(self) -> list[dict[str, Any]]:
        """The guard's records, as `audit export` writes them now."""
        to = self.world.directory / f"export-{time.monotonic_ns()}.jsonl"
        done = self.world.command("audit", "export", "--to", str(to))
        self.assertEqual(done.returncode, 0, done.stderr)
        lines = [json.loads(line) for line in to.read_text(encoding="utf-8").splitlines()]
        return [line for line in lines if "record" in line]

    def all_came(self) -> list[dict[str, Any]]:
        """The lines that came, once every record of now is among them: nothing left out, and what came again in order."""
        exported = self.exported()
        self.wait(lambda: {line["seq"] for line in self.siem.records()} >= {line["seq"] for line in exported})
        came = self.siem.records()
        known = {line["seq"]: line for line in exported}
        highest = 0
        for line in came:
            self.assertLessEqual(line["seq"], highest + 1)
            highest = max(highest, line["seq"])
            self.assertEqual(line, known.get(line["seq"], line))
        return came

    def wait(self, holds: Callable[[], bool]) -> None:
        until = time.monotonic() + 40
        while not holds():
            self.assertLess(time.monotonic(), until, self.siem.said() + self.world.guard.log())
            time.sleep(0.05)


class OverOpenSsl(Streaming):
    def test_rsyslog_reads_every_record_as_it_is(self) -> None:
        for name in ("Maria", "M\u00e4ry\U0001f510", "Mary"):
            self.name_her(name)
            with self.refused("AccessDeniedException", 403):
                sdk(self.world, self.world.keys["Reporting"]).update_user_identity_info(
                    InstanceId=INSTANCE, UserId=MARY, IdentityInfo={"FirstName": name}
                )
        came = self.all_came()
        self.assertEqual([line["seq"] for line in came], list(range(1, len(came) + 1)), "each once")
        for message, line in zip(self.siem.messages(), came, strict=False):
            record = line["record"]
            self.assertEqual((message["app"], message["data"], message["kind"]), ("connect-guard", "-", record["kind"]))
            self.assertEqual(int(message["pri"]), 10 * 8 + SEVERITIES.get(record["kind"], 6))
            self.assertEqual(message["at"].replace("+00:00", "Z"), record["at"])
            self.assertTrue(message["host"] and message["process"].isdecimal())
            self.assertNotIn("@example", message["text"])
        kinds = {line["record"]["kind"] for line in came}
        self.assertLessEqual({"start", "intent", "outcome", "refusal"}, kinds)

    def test_rsyslog_that_goes_and_comes_loses_nothing(self) -> None:
        for number, kill in enumerate((False, True)):
            self.name_her(f"Before{number}")
            self.siem.stop(kill=kill)
            self.name_her(f"Away{number}")
            self.siem.start()
            self.name_her(f"Back{number}")
            self.all_came()

    def test_a_guard_that_is_killed_leaves_nothing_out(self) -> None:
        self.name_her("One")
        self.world.restart_after_a_crash()
        self.name_her("Two")
        came = self.all_came()
        self.assertGreaterEqual(sum(line["record"]["kind"] == "start" for line in came), 2)

    def test_config_check_tries_it(self) -> None:
        # Nothing here is STS, which other trials want.
        done = self.world.command("config", "check", "--online", "--format", "plain")
        self.assertRegex(done.stdout, r"(?m)^stream siem: holds: ", done.stderr)
        self.siem.stop()
        done = self.world.command("config", "check", "--online", "--format", "plain")
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stdout, r"(?m)^stream siem: fails: ", done.stderr)
        # The endpoint was asked without a signature, as whoever only looks asks.
        self.assertEqual(set(self.upstream.bad_signatures), {"GET /: no Authorization of the expected form"})
        self.upstream.bad_signatures.clear()


class AHostileName(Streaming):
    """Records name the file of the rule: its name is what would part a message where lines are messages."""

    name = "p\u00f6l\ni\rc\x1b\x7fy <13>1 - \U0001f510.toml"

    def prepare(self, world: World) -> None:
        super().prepare(world)
        write = world.write

        def hostile() -> None:
            write()
            for file in (world.directory / "policies").glob("*.toml"):
                file.rename(file.with_name(f"{file.stem}-{self.name}"))

        world.write = hostile  # type: ignore[method-assign]

    def test_every_record_is_one_message(self) -> None:
        self.name_her("Maria")
        came = self.all_came()
        self.assertEqual([line["seq"] for line in came], list(range(1, len(came) + 1)), "each once")
        grounds = [line["record"]["basis"]["grounds"][0]["place"] for line in came if line["record"]["kind"] == "intent"]
        self.assertIn("p\u00f6l", grounds[0])
        for message in self.siem.messages():
            self.assertNotRegex(message["text"], r"[\x00-\x1f]|#0[0-9]{2}")


class OverGnuTls(Streaming):
    driver = "gtls"

    def test_rsyslog_reads_every_record_as_it_is(self) -> None:
        self.name_her("M\u00e4ry\U0001f510")
        came = self.all_came()
        self.assertEqual([line["seq"] for line in came], list(range(1, len(came) + 1)), "each once")


class ARequiredStream(Streaming):
    required = "true"
    listens = False

    def test_without_rsyslog_nothing_is_changed(self) -> None:
        with self.refused("ServiceUnavailableException", 503):
            self.name_her("One")
        self.assertEqual(self.upstream.seen(UPDATE), [])
        self.siem.start()
        # It is tried again every two seconds at least.
        time.sleep(4)
        self.name_her("Two")
        self.all_came()

    def test_a_stranger_gets_nothing_and_holds_up_what_must_be_seen(self) -> None:
        self.siem.present(certificate("stranger", "localhost"))
        self.siem.start()
        with self.refused("ServiceUnavailableException", 503):
            self.name_her("One")
        self.assertEqual((self.upstream.seen(UPDATE), self.siem.messages()), ([], []))


class AWebhook(GuardCase):
    """Lines, signed, to a receiver that has to take them before a change is made."""

    def prepare(self, world: World) -> None:
        self.secret = new_secret()
        self.collector = self.enterContext(Receiver())
        world.tables += f"""
[[stream]]
name        = "collector"
kind        = "webhook"
url         = "{self.collector.url("/in")}"
ca_file     = "{authority("hooks").file}"
private     = ["127.0.0.0/8"]
secret_file = "{world.secret("collector", self.secret)}"
required    = true
timeout     = "10s"
kinds       = ["intent", "outcome"]
"""

    def test_lines_are_taken_before_the_change_and_again_after_503(self) -> None:
        self.collector.answers.extend([Answer(503), Answer(500)])
        client = sdk(self.world, self.world.keys["HelpDesk"])
        client.update_user_identity_info(InstanceId=INSTANCE, UserId=MARY, IdentityInfo={"FirstName": "Maria"})
        calls = self.collector.wait(4)
        self.assertEqual(len({call.body for call in calls[:3]}), 1)
        self.assertEqual(len({call.id for call in calls[:3]}), 1)
        for call in calls:
            self.assertTrue(call.verifies(self.secret))
            self.assertEqual((call.target, call.header("content-type")), ("/in", "application/x-ndjson"))
        lines = [json.loads(line) for call in calls[2:] for line in call.body.splitlines()]
        self.assertEqual([line["record"]["kind"] for line in lines], ["intent", "outcome"])
        self.assertEqual(len(self.upstream.seen(UPDATE)), 1)


class AReceiverThatNeverReads(GuardCase):
    """It shakes hands, and then nothing."""

    def prepare(self, world: World) -> None:
        listening = socket.socket()
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        self.addCleanup(listening.close)
        context = certificate("siem", "localhost").server_context()
        self.sessions: list[ssl.SSLSocket] = []

        def accept() -> None:
            with suppress(OSError):
                while True:
                    self.sessions.append(context.wrap_socket(listening.accept()[0], server_side=True))

        threading.Thread(target=accept, daemon=True).start()
        self.stream = f"""
[[stream]]
name     = "siem"
kind     = "syslog"
address  = "localhost:{listening.getsockname()[1]}"
ca_file  = "{authority("siem").file}"
timeout  = "1s"
"""
        world.tables += self.stream
        world.limits = "caller = { per_second = 10000.0, burst = 10000 }"

    def name_her(self, name: str) -> float:
        """How long it takes."""
        client = sdk(self.world, self.world.keys["HelpDesk"])
        begun = time.monotonic()
        client.update_user_identity_info(InstanceId=INSTANCE, UserId=MARY, IdentityInfo={"FirstName": name})
        return time.monotonic() - begun

    def test_it_holds_up_nothing_unless_it_is_required(self) -> None:
        client = sdk(self.world, self.world.keys["Reporting"])
        for _ in range(400):
            client.describe_user(InstanceId=INSTANCE, UserId=MARY)
        stalled = "the stream brings nothing: it is tried again"
        self.world.guard.wait_for(lambda event: event.get("message") == stalled, 40)
        self.assertLess(self.name_her("Maria"), 5)
        self.world.tables = self.world.tables.replace(self.stream, self.stream + "required = true\n")
        self.world.configure()
        self.world.guard.read_again()
        self.world.guard.wait_for(lambda event: event.get("message") == "the callers' keys were read again")
        time.sleep(1)
        with self.refused("ServiceUnavailableException", 503):
            self.name_her("Mary")
        self.assertEqual(len(self.upstream.seen(UPDATE)), 1)

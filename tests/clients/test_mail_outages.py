"""Long outages and many mails: a week without a mail server, ten thousand notices that wait, a guard that is killed again and
again while it hands them over. Nothing is lost, nothing is told twice, and no caller waits."""

import re
import sqlite3
import statistics
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

from botocore.exceptions import ClientError

import places
from callers import sdk
from case import at_each_mail_server
from mail import Received
from smtp_server import SmtpServer
from telling import Telling
from upstream import INSTANCE, User
from world import SECURITY, World

# Messages under way at the same time.
HANDS = 4
DAY = 24 * 60 * 60


def agent(number: int) -> User:
    """A user of whom nobody else is told anything."""
    addresses = {"Email": f"agent{number}.old@example.com", "SecondaryEmail": f"agent{number}@example.org"}
    names = {"FirstName": "Given", "LastName": f"Family{number}"}
    return User(f"87654321-2222-1234-1234-{number:012}", f"agent{number}", names | addresses)


def record(mail: Received) -> int:
    """The number of the record that a mail is about."""
    found = re.search(r"record=[^/]+/(\d+)", mail.message["X-Connect-Guard-Event"])
    assert found is not None, mail.message["X-Connect-Guard-Event"]
    return int(found[1])


class Many(Telling):
    """Users enough, and no limit that anybody reaches."""

    starts_mail = False
    users = 0

    def prepare(self, world: World) -> None:
        for number in range(self.users):
            world.upstream.users[agent(number).id] = agent(number)
        world.limits = (
            "caller = { per_second = 100000.0, burst = 100000 }\ncaller_read_share = 1.0\n"
        )

    def asks(self, role: str, numbers: range, domain: str = "example.com") -> None:
        """Changes the address of each of these users, or is refused that."""
        client = sdk(self.world, self.world.keys[role])
        for number in numbers:
            try:
                client.update_user_identity_info(
                    InstanceId=INSTANCE, UserId=agent(number).id, IdentityInfo={"Email": f"agent{number}@{domain}"}
                )
            except ClientError as error:
                self.assertEqual((role, error.response["Error"]["Code"]), ("HelpDesk", "AccessDeniedException"))

    def took(self, role: str, numbers: range, domain: str) -> float:
        """The same; the median of what each took in the guard itself, in milliseconds: Connect is a part of these tests."""
        before = len(self.world.guard.events("request", 0))
        self.asks(role, numbers, domain)
        lines = self.world.guard.events("request", before + len(numbers))[before:]
        # One that was too fast for a quota was answered at once, and came again.
        found = [each for each in lines if "observe_ms" in each]
        self.assertGreater(len(found), len(numbers) // 2)
        return statistics.median(each["total_ms"] - each["observe_ms"] for each in found)

    def arrive(self, mails: int, seconds: float) -> list[Received]:
        """Everything that waited, once it is so much: each with an id of its own."""
        arrived = self.world.mail.wait(mails, seconds)
        ids = {mail.id for mail in arrived}
        self.assertTrue(all(re.fullmatch(r"<[^@<>\s]+@example\.com>", each) for each in ids))
        return arrived

    def say(self, words: str) -> None:
        print(f"     {self.id().split('.')[-2]}: {words}", file=sys.stderr, flush=True)


@at_each_mail_server
class AWeekWithoutAServer(Many):
    """The clock is moved while the guard runs; it is killed once in the middle of the week."""

    users = 12

    def prepare(self, world: World) -> None:
        super().prepare(world)
        assert places.FAKETIME is not None, "libfaketime is missing"
        self.offset = world.directory / "offset"
        self.pass_days(0)
        world.environment = {
            "LD_PRELOAD": str(places.FAKETIME),
            "FAKETIME_TIMESTAMP_FILE": str(self.offset),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }

    def pass_days(self, days: int) -> None:
        after = self.offset.with_suffix(".next")
        after.write_text(f"+{days * DAY}", encoding="ascii")
        after.rename(self.offset)

    def tried(self, least: int) -> None:
        """Once the guard has tried so often since somebody looked."""
        until = time.monotonic() + 60
        while sum(each["attempts"] for each in self.waiting()) < least:
            self.assertLess(time.monotonic(), until, self.world.guard.log())
            time.sleep(0.2)

    def waiting(self) -> list[dict[str, Any]]:
        return [each for each in self.world.deliveries() if each["state"] in ("waiting", "under-way")]

    def test_fault_01_nothing_is_lost_and_the_order_is_kept(self) -> None:
        self.asks("IdentityDesk", range(self.users))
        changes = [each for each in self.waiting() if each["kind"] == "address-changed"]
        self.assertEqual(len(changes), 5 * self.users)
        for day in range(1, 8):
            before = sum(each["attempts"] for each in self.waiting())
            self.pass_days(day)
            self.tried(before + 1)
            if day == 3:
                self.world.restart_after_a_crash()
        waiting = self.waiting()
        ids = {each["id"] for each in waiting}
        self.assertLessEqual({each["id"] for each in changes}, ids, "what waited on the first day waits still")
        tried = {each["record"]["seq"] for each in waiting if each["attempts"] > 0}
        self.world.mail.start()
        # Whatever tried last would wait for two minutes yet.
        self.pass_days(8)
        self.arrive(5 * self.users, 120)
        self.world.wait_until_nothing_waits(90)
        arrived = self.world.mail.received()
        mails = [mail for mail in arrived if mail.kind == "address-changed"]
        self.assertEqual(len({mail.id for mail in mails}), 5 * self.users)
        # A heartbeat of each of two weeks, and that the server was gone: nothing else.
        others = {mail.kind for mail in arrived} - {"address-changed"}
        self.assertLessEqual(others, {"delivery-failing", "delivery-mended"})
        # Whatever did not try itself meanwhile comes in the order of the changes, but for those that are under way together.
        order = [record(mail) for mail in mails if record(mail) not in tried]
        places = {number: place for place, number in enumerate(sorted(set(order)))}
        latest = 0
        for number in order:
            latest = max(latest, places[number])
            self.assertLessEqual(latest - places[number], HANDS, order)
        self.assertGreater(len(places), self.users // 3, "most of them did not try")


class TenThousandWait(Many):
    """Refusals of 2,500 users, each told to two people of his own and to two of the security team: 10,000 deliveries."""

    mail_server = SmtpServer
    users = 2600
    refusals = 2500

    def test_they_arrive_once_and_nobody_waits_for_them(self) -> None:
        changed = self.refusals
        calm = range(changed + 1, changed + 31)
        busy = range(changed + 31, changed + 61)
        with ThreadPoolExecutor(4) as pool:
            flood = [pool.submit(self.asks, "HelpDesk", range(first, self.refusals, 4), "example.net") for first in range(4)]
            for each in flood:
                each.result()
        self.assertGreaterEqual(len(self.due()), 4 * self.refusals)
        before = self.took("HelpDesk", calm, "example.net")
        self.asks("IdentityDesk", range(changed, changed + 1))

        self.world.mail.start()
        begun = time.monotonic()
        first = self.world.mail.wait(1, 90)[0]
        drains = time.monotonic()
        during = self.took("HelpDesk", busy, "example.net")
        there = len(self.world.mail.received())
        own = 2 * (self.refusals + len(calm) + len(busy))
        self.assertLess(there, own, "it was over before anybody asked")
        self.until(lambda: self.of_users() >= own + 3, 600)  # and the three of the change
        seconds = time.monotonic() - drains
        # What is folded has a time of its own, some minutes away.
        folded = self.due()
        for some in range(0, len(folded), 500):
            done = self.world.command("notify", "retry", *map(str, folded[some : some + 500]))
            self.assertEqual(done.returncode, 0, done.stderr)
        self.until(lambda: not self.due(), 240)

        mails = self.world.mail.received()
        self.assertIn(first.kind, ("address-changed", "delivery-failing"), "what is urgent is first")
        # One that tried whether the server is back has a time of its own.
        change = self.world.deliveries("--kind", "address-changed")
        at_once = sum(each["attempts"] <= 1 for each in change)
        early = sum(mail.kind == "address-changed" for mail in mails[:50])
        self.assertGreaterEqual(early, max(at_once, 3), "the change is not delayed by the refusals")
        refused = Counter(mail.recipients[0] for mail in mails if mail.kind == "address-change-refused")
        for number in [*range(self.refusals), *calm, *busy]:
            for address in agent(number).identity["Email"], agent(number).identity["SecondaryEmail"]:
                self.assertEqual(refused.pop(address, 0), 1, address)
        self.assertLessEqual(refused.keys(), set(SECURITY))
        asked = self.refusals + len(calm) + len(busy)
        for address in SECURITY:
            self.assertEqual(self.told_of(mails, address), asked)
        self.say(
            f"{own} mails in {seconds:.1f} s ({own / seconds:.0f} a second); the first {drains - begun:.1f} s after the server "
            f"was up; a request took {before:.1f} ms before and {during:.1f} ms meanwhile"
        )
        # The mail server and the callers are on this machine, too, and other tests: four times was seen on two busy cores.
        self.assertLess(during / before, 15)

    def of_users(self) -> int:
        """The mails that did not go to the security team."""
        return sum(mail.recipients[0] not in SECURITY for mail in self.world.mail.received())

    def due(self) -> list[int]:
        """Every delivery that waits: `notify list` lists a thousand of them."""
        ledger = f"file:{self.world.directory / 'ledger.db'}?mode=ro"
        with closing(sqlite3.connect(ledger, timeout=20, uri=True)) as connection:
            return [number for (number,) in connection.execute("SELECT id FROM outbox WHERE state = 'due' ORDER BY id")]

    def until(self, holds: Callable[[], bool], seconds: float) -> None:
        until = time.monotonic() + seconds
        while not holds():
            self.assertLess(time.monotonic(), until, f"{len(self.due())} wait\n{self.world.guard.log()[-2000:]}")
            time.sleep(0.2)

    def told_of(self, mails: list[Received], address: str) -> int:
        """How many refusals somebody was told of, one by one or counted."""
        told = 0
        for mail in mails:
            if mail.recipients == [address] and mail.kind == "address-change-refused":
                told += 1
            elif mail.recipients == [address] and mail.kind == "repeated-refusals":
                found = re.match(r"[0-9]+(?= (changes|attempts) )", mail.subject)
                assert found is not None, mail.subject
                told += int(found[0])
        return told

    def assert_accounted(self, mails: list[Received], made: list[dict[str, object]]) -> None:
        """The list is bounded, and a digest is many deliveries: the test has counted."""


@at_each_mail_server
class KilledWhileItHandsOver(Many):
    users = 60
    kills = 4

    def _check_what_is_left(self) -> None:
        mails = self.world.mail.received()
        self.repeats = len(mails) - len({mail.id for mail in mails})
        super()._check_what_is_left()

    def test_a_kill_repeats_one_message_at_most_and_as_the_same(self) -> None:
        self.asks("IdentityDesk", range(self.users))
        self.assertIn("cannot be reached", self.failing())
        self.world.mail.start()
        arrived = 0
        for kill in range(1, self.kills + 1):
            self.world.mail.wait(arrived + 15 + 7 * kill, 90)
            self.world.guard.kill()
            # What it had under way may still be taken.
            arrived = len(self.world.mail.received())
            self.assertLess(arrived, 5 * self.users, "it was over before it was killed")
            self.world.guard.start()
        # What was under way is claimed for a minute.
        self.world.wait_until_nothing_waits(150)
        mails = [mail for mail in self.world.mail.received() if mail.kind == "address-changed"]
        times = Counter(mail.id for mail in mails)
        self.assertEqual(len(times), 5 * self.users)
        self.assertLessEqual(sum(times.values()) - len(times), self.kills)
        whom: dict[tuple[int, str], set[str]] = defaultdict(set)
        for mail in mails:
            whom[record(mail), mail.recipients[0]].add(mail.id)
        self.assertEqual({len(ids) for ids in whom.values()}, {1}, "a repeat has the same Message-ID")
        self.say(f"{len(mails) - len(times)} repeats in {self.kills} kills")


del Many  # it is none by itself, and is not to be found

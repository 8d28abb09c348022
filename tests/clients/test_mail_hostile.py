"""Names and programs that somebody chose in order to be read: whatever they hold, one message comes of them, with the headers
and the elements of any other."""

import unicodedata
from collections import Counter
from html.parser import HTMLParser

from botocore.config import Config

from callers import sdk
from case import at_each_mail_server
from mail import Received
from telling import OLD, Telling
from upstream import INSTANCE, MARY, UPDATE
from world import SECURITY

CALM = "calm"
SUM = "{{ 73939 * 91139 }}"
HOSTILE = [
    "a\r\nBcc: eve@example.com\r\n\r\nbody",
    "a\r\n.\r\nMAIL FROM:<eve@example.com>\r\n",
    "a\n.\nRCPT TO:<eve@example.com>\n",
    "a\r.\rb",
    "bell\x07 escape\x1b[2J",
    "<script>alert(1)</script><img src=x onerror=alert(1)><a href='https://example.com'>here</a>",
    "</td></tr></table><h1>Nothing to see</h1>",
    SUM + " {% raw %} ${73939 * 91139}",
    "\u202egro.elpmaxe\u202c \u2066hidden\u2069 \u200b\ufeff",
    "=?UTF-8?Q?Subject=3A?= \u2028line\u2029paragraph\x85next",
    "x" * 255,
    "\u0130" * 255,
]
# A program says what it is in a header of HTTP, which holds less.
PROGRAMS = ["<b>7</b> " + SUM + " https://example.com/?a=<script>", "%0d%0aBcc:%20eve@example.com", "y" * 255]
HEADERS = sorted(
    "From To Subject Date Message-ID Auto-Submitted List-Id X-Connect-Guard-Event MIME-Version Content-Type".split()
)


class Elements(HTMLParser):
    """The elements of a page, with their attributes: each once, since a row more is there when seconds passed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: set[tuple[str, tuple[tuple[str, str | None], ...]]] = set()
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.add((tag, tuple(attrs)))


@at_each_mail_server
class Values(Telling):
    def told(self, number: int, name: str, program: str) -> dict[str, Received]:
        """The mails of one change of a user of this name, made with this program; by recipient."""
        mary = self.upstream.users[MARY]
        mary.username = name
        mary.identity |= {"FirstName": name, "LastName": name}
        private = mary.identity["SecondaryEmail"]
        before = len(self.world.mail.received())
        client = sdk(self.world, self.world.keys["IdentityDesk"], config=Config(user_agent=program))
        new = f"mary{number}@example.org"
        client.update_user_identity_info(InstanceId=INSTANCE, UserId=MARY, IdentityInfo={"SecondaryEmail": new})
        mails = self.world.mail.wait(before + 5)[before:]
        roles = {new: "new", private: "private", OLD: "old"}
        told = {roles.get(mail.recipients[0], mail.recipients[0]): mail for mail in mails}
        self.assertEqual(sorted(told), sorted([*SECURITY, *roles.values()]), name)
        return told

    def test_h2_whatever_they_hold_it_is_words(self) -> None:
        calm = self.told(0, CALM, "program")
        elements = {to: Elements(mail.part("text/html")).found for to, mail in calm.items()}
        chosen = [(name, "program") for name in HOSTILE] + [("calm", program) for program in PROGRAMS]
        for number, (name, program) in enumerate(chosen, 1):
            for to, mail in self.told(number, name, program).items():
                with self.subTest(name=name[:40], program=program[:40], to=to):
                    self.assert_harmless(mail)
                    self.assertEqual(Elements(mail.part("text/html")).found, elements[to])
        self.world.wait_until_nothing_waits()
        self.assertEqual(len(self.world.mail.received()), 5 * (1 + len(chosen)), "and no message more")

    def test_h1_a_nul_is_more_than_one_reading_and_nothing_is_done(self) -> None:
        self.upstream.users[MARY].username = "nul\0nul"
        with self.refused("ServiceUnavailableException", 503):
            sdk(
                self.world, self.world.keys["IdentityDesk"], config=Config(retries={"total_max_attempts": 1})
            ).update_user_identity_info(
                InstanceId=INSTANCE, UserId=MARY, IdentityInfo={"SecondaryEmail": "mary@example.org"}
            )
        self.assertEqual(self.upstream.seen(UPDATE), [])
        self.assertEqual(self.world.deliveries(), [])

    def assert_harmless(self, mail: Received) -> None:
        message = mail.message
        self.assertEqual(sorted(message.keys()), HEADERS)
        self.assertEqual([part.defects for part in message.walk()], [[], [], []])
        self.assertEqual(len(mail.recipients), 1)
        lines = mail.source.split(b"\r\n")
        for line in lines:
            self.assertNotRegex(line, rb"[\r\n\0]")
            self.assertNotEqual(line, b".")
            self.assertLessEqual(len(line), 998)
        self.assertTrue(mail.source.isascii())
        for text in (mail.subject, mail.part("text/plain"), mail.part("text/html")):
            kinds = Counter(unicodedata.category(letter) for letter in text if letter not in "\r\n")
            self.assertFalse(kinds.keys() & {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}, kinds)
            self.assertNotIn(str(73939 * 91139), text, "nothing is calculated")
            self.assertNotIn("://", text)
        self.assertNotIn("\n", mail.subject)

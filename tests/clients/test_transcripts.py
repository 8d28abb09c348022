"""What people see when something is wrong, word for word: compared with `transcripts/`, where ids, ports and times have
placeholders. `UPDATE_TRANSCRIPTS=1` writes them anew."""

import os
import re
import shlex
import shutil
import subprocess
import unittest

import places
from callers import cli_1, update
from case import GuardCase
from guard import command

_PLACEHOLDERS = [
    (r"\b[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\b", "[ID]"),
    (r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "[TIME]"),
    (r"\bGK[A-Z2-7]{18}\b", "[KEY]"),
    (r"\b(localhost|127\.0\.0\.1):\d+\b", r"\1:[PORT]"),
    # Several reads are under way at once: which one fails first is chance.
    (r"\b(DescribeUser|DescribeInstance|SearchEmailAddresses)(: no connection)", r"[READ]\2"),
    (r'("\w+_ms":)[\d.]+', r"\1[MILLIS]"),
    (r'("record":)\d+', r"\1[RECORD]"),
]


class Transcript:
    """What was run, and what it said."""

    def __init__(self) -> None:
        self._lines: list[str] = []

    def ran(self, shown: str, done: subprocess.CompletedProcess[str]) -> None:
        self._lines += [
            f"$ {shown}",
            *(done.stdout + done.stderr).strip().splitlines(),
            f"[exit {done.returncode}]",
            "",
        ]

    def add(self, title: str, *lines: str) -> None:
        self._lines += [f"# {title}", *lines, ""]

    def text(self) -> str:
        text = "\n".join(self._lines)
        for pattern, placeholder in _PLACEHOLDERS:
            text = re.sub(pattern, placeholder, text)
        return text

    def check(self, case: unittest.TestCase, name: str) -> None:
        file = places.TRANSCRIPTS / f"{name}.txt"
        if os.environ.get("UPDATE_TRANSCRIPTS"):
            file.write_text(self.text(), encoding="utf-8")
        case.maxDiff = None
        case.assertEqual(self.text(), file.read_text(encoding="utf-8"))


class WrongFiles(unittest.TestCase):
    def setUp(self) -> None:
        self.directory = places.new_directory(self.id())
        shutil.copytree(places.HERE / "broken", self.directory, dirs_exist_ok=True)
        self.transcript = Transcript()

    def run_it(self, *arguments: str) -> None:
        done = command(*arguments, directory=self.directory)
        self.transcript.ran(f"connect-guard {shlex.join(arguments)}", done)

    def test_a_broken_configuration(self) -> None:
        self.run_it("config", "check", "--config", "config.toml")
        self.run_it("serve", "--config", "nowhere.toml")
        self.transcript.check(self, "broken-configuration")

    def test_a_broken_policy(self) -> None:
        self.run_it("policy", "check", "policies")
        self.transcript.check(self, "broken-policy")

    def test_a_policy_whose_own_test_fails(self) -> None:
        self.run_it("policy", "check", "failing-test")
        self.transcript.check(self, "failing-policy-test")


class Calls(GuardCase):
    def setUp(self) -> None:
        super().setUp()
        self.transcript = Transcript()

    def call(self, role: str) -> None:
        arguments = update("marym@example.com")
        done = cli_1(self.world, self.world.keys[role], *arguments, AWS_MAX_ATTEMPTS="1")
        self.transcript.ran(f"AWS_MAX_ATTEMPTS=1 aws connect {shlex.join(arguments)}", done)

    def log(self, *messages: str) -> None:
        self.world.guard.events("request", 1)
        lines = [line for line in self.world.guard.log().splitlines() if any(f'"{word}"' in line for word in messages)]
        self.transcript.add("the guard's log", *lines)

    def test_a_call_that_is_refused(self) -> None:
        self.call("HelpDesk")
        self.log("refused", "request")
        self.transcript.check(self, "refused-call")

    def test_a_call_while_connect_is_not_there(self) -> None:
        self.upstream.stop()
        self.call("IdentityDesk")
        self.log("request")
        self.transcript.check(self, "connect-not-there")

"""The commands of the guard: what they print where, and their exit codes."""

import json
import shutil
import sqlite3
import subprocess
import unittest
from contextlib import closing

import places
from callers import sdk
from case import GuardCase
from guard import command
from upstream import INSTANCE, MARY

Ran = subprocess.CompletedProcess[str]
DONE, FAILED, USAGE, INVALID, LEDGER_BROKEN = 0, 1, 2, 3, 5


class Commands(unittest.TestCase):
    def setUp(self) -> None:
        self.directory = places.new_directory(self.id())

    def run_it(self, *arguments: str) -> Ran:
        return command(*arguments, directory=self.directory)


class Policy(Commands):
    def test_a_policy_that_holds(self) -> None:
        done = self.run_it("policy", "check", str(places.HERE / "policies"))
        self.assertEqual(done.returncode, DONE, done.stderr)

    def test_the_policies_that_come_with_the_guard_hold(self) -> None:
        done = self.run_it("policy", "check", str(places.ROOT / "policies"))
        self.assertEqual(done.returncode, DONE, done.stderr)

    def test_a_policy_that_is_faulty(self) -> None:
        done = self.run_it("policy", "check", str(places.HERE / "broken" / "policies"))
        self.assertEqual((done.returncode, done.stdout), (INVALID, ""))
        self.assertIn("desk.toml:", done.stderr)

    def test_a_policy_that_is_not_there(self) -> None:
        self.assertEqual(self.run_it("policy", "check", "nowhere").returncode, INVALID)


class Keys(Commands):
    def test_the_secret_alone_is_on_standard_output(self) -> None:
        issued = self.run_it("caller", "issue", "--principal", "arn:aws:iam::111122223333:role/IdentityDesk")
        self.assertEqual(issued.returncode, DONE, issued.stderr)
        self.assertRegex(issued.stdout, r"^[A-Za-z0-9_-]{43}\n$")
        self.assertNotIn(issued.stdout.strip(), issued.stderr)
        self.assertRegex(issued.stderr, r'key_id +=? *"GK[A-Z2-7]{18}"')

    def test_no_two_keys_are_equal(self) -> None:
        arguments = ("--format", "json", "caller", "issue", "--principal", "arn:aws:iam::111122223333:role/X")
        first, second = (json.loads(self.run_it(*arguments).stdout) for _ in range(2))
        self.assertNotEqual(first["key_id"], second["key_id"])
        self.assertNotEqual(first["secret"], second["secret"])

    def test_what_is_no_principal(self) -> None:
        for principal in ("mary", "*", "arn:aws:iam::111122223333:role/*"):
            done = self.run_it("caller", "issue", "--principal", principal)
            self.assertEqual((done.returncode, done.stdout), (USAGE, ""), principal)

    def test_a_key_holds_ninety_days_at_most(self) -> None:
        for days in ("0", "91"):
            done = self.run_it("caller", "issue", "--principal", "arn:aws:iam::111122223333:role/X", "--days", days)
            self.assertEqual((done.returncode, done.stdout), (USAGE, ""), days)


class Usage(Commands):
    def test_what_is_no_command(self) -> None:
        for arguments in ((), ("frobnicate",), ("serve", "--permissive"), ("policy",), ("config", "check")):
            with self.subTest(arguments):
                done = self.run_it(*arguments)
                self.assertEqual((done.returncode, done.stdout), (USAGE, ""))

    def test_help_and_version_are_data(self) -> None:
        for argument in ("--help", "--version"):
            done = self.run_it(argument)
            self.assertEqual((done.returncode, done.stderr), (DONE, ""))
            self.assertIn("connect-guard", done.stdout)


class Serve(Commands):
    def test_a_faulty_configuration_opens_no_port(self) -> None:
        shutil.copytree(places.HERE / "broken", self.directory, dirs_exist_ok=True)
        done = self.run_it("serve", "--config", "config.toml")
        self.assertEqual((done.returncode, done.stdout), (INVALID, ""))
        self.assertNotIn("listening", done.stderr)

    def test_a_configuration_that_is_not_there(self) -> None:
        self.assertEqual(self.run_it("serve", "--config", "nowhere.toml").returncode, INVALID)


class Ledgers(GuardCase):
    """The ledger of a guard that made two changes."""

    def setUp(self) -> None:
        super().setUp()
        client = sdk(self.world, self.world.keys["HelpDesk"])
        for name in ("One", "Two"):
            client.update_user_identity_info(InstanceId=INSTANCE, UserId=MARY, IdentityInfo={"FirstName": name})

    def run_it(self, *arguments: str) -> Ran:
        return command(*arguments, directory=self.world.directory)


class ARunningGuard(Ledgers):
    def test_its_configuration_is_checked_beside_it(self) -> None:
        done = self.run_it("config", "check", "--config", "config.toml")
        self.assertEqual(done.returncode, DONE, done.stderr)

    def test_its_ledger_is_verified_beside_it(self) -> None:
        for place in (("--config", "config.toml"), ("--store", self.world.ledger)):
            done = self.run_it("--format", "json", "audit", "verify", *place)
            self.assertEqual(done.returncode, DONE, done.stderr)
            verified = json.loads(done.stdout)
            self.assertGreaterEqual(verified["records"], 4)
            self.assertEqual((verified["open"], verified["faults"]), (0, []))


class ALedgerThatSomebodyLaidHandsOn(Ledgers):
    def setUp(self) -> None:
        super().setUp()
        self.world.guard.stop()
        self.copy = self.world.directory / "copy.db"
        shutil.copy(self.world.directory / "ledger.db", self.copy)
        self.execute("DROP TRIGGER records_are_not_changed", "DROP TRIGGER records_are_not_deleted")

    def execute(self, *statements: str) -> int:
        """Runs them on the copy; how many rows the last one changed."""
        with closing(sqlite3.connect(self.copy)) as connection, connection:
            return [connection.execute(statement).rowcount for statement in statements][-1]

    def verify(self) -> Ran:
        return self.run_it("audit", "verify", "--store", f"sqlite:{self.copy}")

    def test_untouched_records_verify(self) -> None:
        done = self.verify()
        self.assertEqual(done.returncode, DONE, done.stderr)

    def test_a_changed_record_shows(self) -> None:
        changed = self.execute(
            "UPDATE records SET bytes = CAST(replace(CAST(bytes AS TEXT), 'HelpDesk', 'HelpDisk') AS BLOB) "
            "WHERE seq = (SELECT min(seq) FROM records WHERE instr(bytes, CAST('HelpDesk' AS BLOB)) > 0)"
        )
        self.assertEqual(changed, 1)
        self.assertEqual(self.verify().returncode, LEDGER_BROKEN)

    def test_a_missing_record_shows(self) -> None:
        self.assertEqual(self.execute("DELETE FROM records WHERE seq = 2"), 1)
        self.assertEqual(self.verify().returncode, LEDGER_BROKEN)

    def test_what_is_no_ledger(self) -> None:
        done = self.run_it("audit", "verify", "--store", "sqlite:nowhere.db")
        self.assertEqual((done.returncode, done.stdout), (FAILED, ""))

"""Freezes: who may stop every change at once, and who may lift that, with a session and with a guard key."""

import json
import subprocess

import applications
from callers import refused, sdk
from guard import command
from moto_server import Credentials
from proving import AUDIENCE, DESK, NEW, Proving, issuer, moto
from upstream import INSTANCE, MARY
from world import Key, World

SHARED = (moto, issuer)


class Freezes(Proving):
    def prepare(self, world: World) -> None:
        super().prepare(world)
        world.roles += ("SecurityOnCall", "SecurityLead")

    def setUp(self) -> None:
        super().setUp()
        self.on_call = self.moto.assume("SecurityOnCall", "kim")
        self.lead = self.moto.assume("SecurityLead", "lee")

    def run_it(self, who: Credentials | Key, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A command, as somebody with AWS credentials or with a guard key."""
        at = ["--session-url", self.world.guard.session_url, "--ca-file", str(self.world.authority), "--audience", AUDIENCE]
        if isinstance(who, Key):
            file = self.world.directory / "secrets" / who.key_id
            at += ["--key-id", who.key_id, "--secret-file", str(file)]
            return command("--format", "json", *arguments, *at, directory=self.home("person"))
        return command("--format", "json", *arguments, *at, directory=self.home("person"), **who.environment())

    def frozen(self, who: Credentials | Key, *scope: str) -> str:
        """Freezes; gives the freeze's id."""
        done = self.run_it(who, "freeze", *scope, "--reason", "an incident, INC-7")
        self.assertEqual(done.returncode, 0, done.stderr)
        freeze: str = json.loads(done.stdout)["id"]
        return freeze

    def listed(self, who: Credentials | Key) -> list[dict[str, str]]:
        done = self.run_it(who, "freeze", "--list")
        self.assertEqual(done.returncode, 0, done.stderr)
        found: list[dict[str, str]] = json.loads(done.stdout)
        return found

    def change(self) -> None:
        client = sdk(self.world, self.world.keys["IdentityDesk"])
        client.update_user_identity_info(InstanceId=INSTANCE, UserId=MARY, IdentityInfo={"Email": NEW})

    def assert_frozen_and_lifted(self, one: Credentials | Key, other: Credentials | Key) -> None:
        freeze = self.frozen(one, "--all")
        with refused("AccessDeniedException", 403):
            self.change()
        [listed] = self.listed(other)
        self.assertEqual((listed["id"], listed["scope"], listed["reason"]), (freeze, "all", "an incident, INC-7"))
        self.assertIn("SecurityOnCall", listed["by"])
        # Whoever may freeze may not lift.
        done = self.run_it(one, "unfreeze", freeze, "--reason", "over")
        self.assertEqual((done.returncode, done.stdout), (4, ""), done.stderr)
        done = self.run_it(other, "unfreeze", freeze, "--reason", "over")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.listed(other), [])
        self.change()
        self.assert_changed(1)

    def test_with_a_session(self) -> None:
        self.assert_frozen_and_lifted(self.on_call, self.lead)

    def test_with_a_guard_key(self) -> None:
        self.assert_frozen_and_lifted(self.world.keys["SecurityOnCall"], self.world.keys["SecurityLead"])

    def test_of_one_caller_and_of_one_instance(self) -> None:
        caller = self.frozen(self.on_call, "--caller", DESK)
        with refused("AccessDeniedException", 403):
            self.change()
        # Whatever the session is called.
        kim = self.moto.assume("IdentityDesk", "another")
        home = self.home("boto3")
        said = self.change_by(applications.boto3(home, **self.profile(home, kim), **self.at_the_guard()))
        self.assertEqual(said.code, "AccessDeniedException", said)
        instance = self.frozen(self.on_call, "--instance", INSTANCE)
        self.assertEqual({one["scope"] for one in self.listed(self.lead)}, {f"caller:{DESK}", f"instance:{INSTANCE}"})
        self.assertEqual(self.run_it(self.lead, "unfreeze", caller, "--reason", "over").returncode, 0)
        with refused("AccessDeniedException", 403):
            self.change()
        self.assertEqual(self.run_it(self.lead, "unfreeze", instance, "--reason", "over").returncode, 0)
        self.change()
        self.assert_changed(1)

    def test_by_somebody_who_may_not(self) -> None:
        desk = self.moto.assume("IdentityDesk", "kim")
        for who in (desk, self.world.keys["IdentityDesk"], self.lead):
            done = self.run_it(who, "freeze", "--all", "--reason", "because I can")
            self.assertEqual((done.returncode, done.stdout), (4, ""), done.stderr)
            self.assertIn("AccessDeniedException", done.stderr)
        self.assertEqual(self.run_it(desk, "freeze", "--list").returncode, 4)
        self.assertEqual(self.listed(self.lead), [])
        done = self.run_it(self.lead, "unfreeze", "nothing", "--reason", "over")
        self.assertEqual((done.returncode, done.stdout), (1, ""), done.stderr)
        self.change()
        self.assert_changed(1)

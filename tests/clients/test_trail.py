"""What CloudTrail says: the guard works for each caller in a session named after them, with credentials that moto's STS gives,
and Connect takes no others."""

import applications
from callers import sdk
from proving import NEW, Proving, issuer, moto
from upstream import ACCOUNT, INSTANCE, MARY, UPDATE
from world import World

SHARED = (moto, issuer)
ROLE = f"arn:aws:iam::{ACCOUNT}:role/connect-guard"
ORDINARY = f"arn:aws:iam::{ACCOUNT}:role/connect-guard-ordinary"


class TheTrail(Proving):
    settings = 'session_name = "caller"'
    roles = (ROLE,)

    def prepare(self, world: World) -> None:
        super().prepare(world)
        self.external_id = self.id()
        world.upstream_settings = (
            f'role = "{ROLE}"\nexternal_id = "{self.external_id}"\nsts_address = "127.0.0.1:{self.moto.port}"\n'
            f'sts_ca_file = "{self.moto.authority}"\n{self.settings}\n'
        )
        # Connect takes what STS gave to this guard for its role, and nothing else.
        world.upstream.keys = lambda: {
            key: issued.keys
            for key, issued in self.moto.issued().items()
            if issued.role in self.roles and issued.external_id == self.external_id
        }

    def names(self, operation: str) -> list[str]:
        """The sessions that requests for an operation were signed in."""
        issued = self.moto.issued()
        keys = [
            request.header("authorization").partition("Credential=")[2].partition("/")[0]
            for request in self.upstream.seen(operation)
        ]
        return [issued[key].session for key in keys]

    def change_as(self, session: str, role: str = "IdentityDesk") -> None:
        home = self.home(f"{role}-{session}")
        own = self.moto.assume(role, session)
        said = self.change_by(applications.boto3(home, **self.profile(home, own), **self.at_the_guard()))
        self.assertTrue(said.ok, said)


class EachCaller(TheTrail):
    def test_is_named(self) -> None:
        self.change_as("kim")
        self.change_as("lee@example.com")
        client = sdk(self.world, self.world.keys["IdentityDesk"])
        client.update_user_identity_info(InstanceId=INSTANCE, UserId=MARY, IdentityInfo={"Email": NEW})
        self.assertEqual(
            self.names(UPDATE), ["IdentityDesk,kim", "IdentityDesk,lee@example.com", "IdentityDesk"]
        )
        # What the guard reads for itself it reads as itself.
        self.assertLessEqual(set(self.names("DescribeInstance")), {"connect-guard"})
        # The name of a session is not for logs.
        self.assertNotIn("lee@example.com", self.world.guard.log())

    def test_has_one_session_for_many_changes(self) -> None:
        home = self.home("kim")
        own = self.moto.assume("IdentityDesk", "kim")
        with applications.boto3(home, **self.profile(home, own), **self.at_the_guard()) as application:
            for _ in range(3):
                self.assertTrue(self.changes(application).ok)
        self.assertEqual(self.names(UPDATE), ["IdentityDesk,kim"] * 3)
        asked = [one.session for one in self.moto.issued().values() if one.external_id == self.external_id]
        self.assertEqual(asked.count("IdentityDesk,kim"), 1)


class WithAnotherRoleForOrdinaryOperations(TheTrail):
    settings = f'session_name = "caller"\nordinary_role = "{ORDINARY}"'
    roles = (ROLE, ORDINARY)

    def test_each_has_its_own(self) -> None:
        self.change_as("kim")
        sdk(self.world, self.world.keys["Reporting"]).list_users(InstanceId=INSTANCE)
        issued = self.moto.issued()

        def roles(operation: str) -> set[str]:
            requests = self.upstream.seen(operation)
            keys = [one.header("authorization").partition("Credential=")[2].partition("/")[0] for one in requests]
            return {issued[key].role for key in keys}

        self.assertEqual(roles(UPDATE), {ROLE})
        self.assertEqual(roles("DescribeUser"), {ROLE})
        self.assertEqual(roles("ListUsers"), {ORDINARY})
        self.assertEqual(self.names("ListUsers"), ["Reporting"])


class WithSourceIdentity(TheTrail):
    settings = 'session_name = "caller"\nsource_identity = true'

    def test_each_caller_is_named(self) -> None:
        self.change_as("kim")
        self.assertEqual(self.names(UPDATE), ["IdentityDesk,kim"])


class WithAFixedName(TheTrail):
    settings = 'session_name = "fixed"'

    def test_nobody_is_named(self) -> None:
        self.change_as("kim")
        self.assertEqual(self.names(UPDATE), ["connect-guard"])

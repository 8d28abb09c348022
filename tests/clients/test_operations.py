"""The other ways to a login: creating a user, and giving one more power. Allowed within closed lists, and told."""

from typing import Any

from callers import sdk
from case import GuardCase
from upstream import INSTANCE, MARY
from world import SECURITY


class Onboarding(GuardCase):
    def setUp(self) -> None:
        super().setUp()
        self.client = sdk(self.world, self.world.keys["Onboarding"])

    def create(self, **more: Any) -> dict[str, Any]:
        asked = {
            "Username": "paulo",
            "IdentityInfo": {"FirstName": "Paulo", "LastName": "Santos", "Email": "paulo@example.com"},
            "PhoneConfig": {"PhoneType": "SOFT_PHONE", "AutoAccept": False, "AfterContactWorkTimeLimit": 0},
            "SecurityProfileIds": ["profile-agent"],
            "RoutingProfileId": "routing-profile",
            "InstanceId": INSTANCE,
        }
        return self.client.create_user(**(asked | more))

    def events(self, count: int) -> dict[str, str]:
        return {
            mail.recipients[0]: mail.message["X-Connect-Guard-Event"].partition(";")[0]
            for mail in self.world.mail.wait(count)
        }


class CreateUser(Onboarding):
    def test_a_user_is_created_and_the_security_team_and_the_user_are_told(self) -> None:
        created = self.create()
        self.assertEqual(self.upstream.users[created["UserId"]].username, "paulo")
        self.assertEqual(len(self.upstream.seen("CreateUser")), 1)
        self.assertEqual(self.events(3), dict.fromkeys([*SECURITY, "paulo@example.com"], "user-created"))

    def test_neither_a_password_nor_power_nor_another_address_is_given(self) -> None:
        elsewhere = {"FirstName": "Paulo", "LastName": "Santos", "Email": "paulo@example.net"}
        for more in (
            {"Password": "Correct-Horse-7"},
            {"SecurityProfileIds": ["profile-admin"]},
            {"SecurityProfileIds": ["profile-agent", "profile-admin"]},
            {"IdentityInfo": elsewhere},
        ):
            with self.subTest(more), self.refused("AccessDeniedException", 403):
                self.create(**more)
        self.assertEqual(self.upstream.seen("CreateUser"), [])
        self.assertNotIn("Correct-Horse-7", self.world.guard.log())


class UpdateUserSecurityProfiles(Onboarding):
    def update(self, *profiles: str) -> None:
        self.client.update_user_security_profiles(InstanceId=INSTANCE, UserId=MARY, SecurityProfileIds=list(profiles))

    def test_a_profile_that_a_rule_grants_is_given_and_told(self) -> None:
        self.update("profile-lead")
        self.assertEqual(self.upstream.users[MARY].profiles, ["profile-lead"])
        [request] = self.upstream.seen("UpdateUserSecurityProfiles")
        self.assertEqual(request.body, b'{"SecurityProfileIds":["profile-lead"]}')
        self.assertEqual(self.events(2), dict.fromkeys(SECURITY, "sensitive-done"))

    def test_a_protected_permission_is_never_given(self) -> None:
        with self.refused("AccessDeniedException", 403):
            self.update("profile-agent", "profile-admin")
        self.assert_decisions("protected")
        self.assertEqual(self.upstream.seen("UpdateUserSecurityProfiles"), [])

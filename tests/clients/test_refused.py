"""Changes that are refused: one attempt, an error that every client understands, and nothing sent to Connect."""

from callers import attempts, cli_1, cli_2, sdk, update
from case import GuardCase
from upstream import ADMINISTRATOR, INSTANCE, INSTANCE_ARN, MARY, UPDATE, User

JOHN = "87654321-2222-1234-1234-111234567893"


class Refused(GuardCase):
    def setUp(self) -> None:
        super().setUp()
        self.calls = 0

    def change(self, role: str, identity: dict[str, str], user: str = MARY, instance: str = INSTANCE) -> None:
        client = sdk(self.world, self.world.keys[role])
        client.update_user_identity_info(InstanceId=instance, UserId=user, IdentityInfo=identity)

    def assert_denied(self, because: str, role: str, identity: dict[str, str], user: str = MARY) -> None:
        """Refused for this reason, after one attempt, with nothing sent; the caller does not learn the reason."""
        with self.refused("AccessDeniedException", 403) as error:
            self.change(role, identity, user)
        self.assertEqual(attempts(error), 1)
        self.assertNotIn(because, str(error))
        self.assertNotIn("rule", str(error))
        self.calls += 1
        self.assert_decisions(*[because] * self.calls)
        self.assertEqual(self.upstream.seen(UPDATE), [])


class ByPolicy(Refused):
    def test_a_field_that_no_rule_gives_the_caller(self) -> None:
        self.assert_denied("no-rule", "HelpDesk", {"Email": "marym@example.com"})
        recipients = sorted(mail.recipients for mail in self.world.mail.wait(3))
        self.assertEqual(recipients, [["mary.major@example.com"], ["security@example.com"], ["soc@example.com"]])

    def test_one_refused_field_refuses_the_whole_change(self) -> None:
        self.assert_denied("no-rule", "HelpDesk", {"FirstName": "Mia", "Email": "marym@example.com"})

    def test_a_caller_without_a_rule(self) -> None:
        self.assert_denied("no-rule", "Stranger", {"FirstName": "Mia"})
        self.assertEqual(self.upstream.requests, [], "nothing is read for a caller whom no rule names")

    def test_an_address_other_than_the_templates(self) -> None:
        for address in ("mary@example.com", "marym@evil-example.com", "marym@example.com.example.net"):
            with self.subTest(address):
                self.assert_denied("no-rule", "IdentityDesk", {"Email": address})

    def test_a_user_who_may_edit_users_is_protected(self) -> None:
        self.assert_denied("protected", "IdentityDesk", {"Email": "admin@example.com"}, ADMINISTRATOR)

    def test_an_address_of_the_instances_own_channel(self) -> None:
        self.upstream.users[JOHN] = User(JOHN, "help", {"FirstName": "John", "Email": "john@example.com"})
        self.assert_denied("address-shared", "IdentityDesk", {"Email": "help@example.com"}, JOHN)

    def test_an_email_on_an_instance_that_has_its_users_elsewhere(self) -> None:
        self.upstream.directory = "SAML"
        self.assert_denied("email-on-saml", "IdentityDesk", {"Email": "marym@example.com"})

    def test_a_secondary_address_of_another_domain(self) -> None:
        self.assert_denied("no-rule", "IdentityDesk", {"SecondaryEmail": "mary@example.net"})

    def test_an_address_that_another_user_was_given(self) -> None:
        self.upstream.users[JOHN] = User(JOHN, "john", {"FirstName": "John", "Email": "john@example.com"})
        self.change("IdentityDesk", {"SecondaryEmail": "shared@example.org"})
        with self.refused("AccessDeniedException", 403):
            self.change("IdentityDesk", {"SecondaryEmail": "shared@example.org"}, JOHN)
        self.assert_decisions("allowed", "address-in-use")
        self.assertEqual(len(self.upstream.seen(UPDATE)), 1)


class ByTheClis(GuardCase):
    def test_both_say_access_denied_and_try_once(self) -> None:
        for cli, status in ((cli_1, 255), (cli_2, 254)):
            done = cli(self.world, self.world.keys["HelpDesk"], *update("marym@example.com"))
            self.assertEqual((done.returncode, done.stdout), (status, ""))
            self.assertIn(
                "An error occurred (AccessDeniedException) when calling the UpdateUserIdentityInfo operation:",
                done.stderr,
            )
        self.assert_decisions("no-rule", "no-rule")
        self.assertEqual(self.upstream.seen(UPDATE), [])


class Targets(Refused):
    def test_ids_of_dots(self) -> None:
        for user, instance in (("..", INSTANCE), (".", INSTANCE), (MARY, "..")):
            with self.subTest(user=user, instance=instance), self.refused("InvalidRequestException", 400):
                self.change("IdentityDesk", {"FirstName": "Mia"}, user, instance)
        self.assertEqual(self.upstream.requests, [])

    def test_s1_ids_with_a_path_in_them(self) -> None:
        for user in ("a/b", f"../{MARY}", f"{MARY}/../{ADMINISTRATOR}", "%2e%2e", f"{MARY}\n"):
            with self.subTest(user), self.refused("InvalidRequestException", 400):
                self.change("IdentityDesk", {"FirstName": "Mia"}, user)
        self.assertEqual(self.upstream.requests, [])

    def test_ids_that_are_none(self) -> None:
        for user in ("*", "mary@example.com", "a" * 300):
            with self.subTest(user), self.refused("InvalidParameterException", 400):
                self.change("IdentityDesk", {"FirstName": "Mia"}, user)
        self.assertEqual(self.upstream.requests, [])

    def test_a_user_of_another_instance(self) -> None:
        other = INSTANCE_ARN.replace("a1b2c3d4", "b1b2c3d4")
        with self.refused("InvalidParameterException", 400):
            self.change("IdentityDesk", {"FirstName": "Mia"}, f"{other}/agent/{MARY}")
        self.assertEqual(self.upstream.requests, [])

    def test_an_instance_that_is_not_served(self) -> None:
        with self.refused("AccessDeniedException", 403):
            self.change("IdentityDesk", {"FirstName": "Mia"}, instance="b1b2c3d4-5678-90ab-cdef-EXAMPLE22222")
        self.assertEqual(self.upstream.requests, [])

    def test_a_user_that_connect_does_not_know(self) -> None:
        with self.refused("ResourceNotFoundException", 404) as error:
            self.change("IdentityDesk", {"FirstName": "Mia"}, "87654321-2222-1234-1234-111234567899")
        self.assertEqual(attempts(error), 1)
        self.assertEqual(self.upstream.seen(UPDATE), [])


class Values(Refused):
    def test_what_is_no_address(self) -> None:
        for address in ("", "a\nb", "mary", "Mary <marym@example.com>", "märy@example.com", "u%x.example@example.com"):
            with self.subTest(address), self.refused("InvalidParameterException", 400):
                self.change("IdentityDesk", {"Email": address})
        self.assertEqual(self.upstream.requests, [])

    def test_a_change_of_nothing(self) -> None:
        with self.refused("InvalidRequestException", 400):
            self.change("IdentityDesk", {})
        self.assertEqual(self.upstream.requests, [])


class OtherDoors(GuardCase):
    def test_a_login_for_whoever_signs_is_never_passed_on(self) -> None:
        with self.refused("AccessDeniedException", 403):
            sdk(self.world, self.world.keys["Reporting"]).get_federation_token(InstanceId=INSTANCE)
        self.assert_decisions("operation-forbidden")
        self.assertEqual(self.upstream.requests, [])

    def test_a_wildcard_reaches_neither_writes_nor_sensitive_operations(self) -> None:
        client = sdk(self.world, self.world.keys["Reporting"])
        calls = [
            lambda: client.update_user_security_profiles(
                InstanceId=INSTANCE, UserId=MARY, SecurityProfileIds=["profile-admin"]
            ),
            lambda: client.delete_user(InstanceId=INSTANCE, UserId=MARY),
            lambda: client.update_user_identity_info(
                InstanceId=INSTANCE, UserId=MARY, IdentityInfo={"FirstName": "Mia"}
            ),
            lambda: client.create_user(
                InstanceId=INSTANCE,
                Username="eve",
                PhoneConfig={"PhoneType": "SOFT_PHONE"},
                SecurityProfileIds=["profile-admin"],
                RoutingProfileId="routing-profile",
            ),
            lambda: client.stop_contact(InstanceId=INSTANCE, ContactId="contact"),
        ]
        for call in calls:
            with self.refused("AccessDeniedException", 403):
                call()
        self.assert_decisions(*["no-rule"] * len(calls))
        self.assertEqual(self.upstream.requests, [])

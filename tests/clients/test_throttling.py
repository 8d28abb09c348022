"""Quotas: a caller who has used his up is throttled, and every client says so after its own number of attempts."""

from typing import Any

from botocore.config import Config

from callers import attempts, cli_1, cli_2, sdk
from case import GuardCase
from upstream import INSTANCE, MARY, UPDATE


class Quota(GuardCase):
    def setUp(self) -> None:
        super().setUp()
        self.key = self.world.keys["Batch"]
        self.rename("First")

    def rename(self, name: str, mode: str = "legacy") -> dict[str, Any]:
        client = sdk(self.world, self.key, config=Config(retries={"mode": mode}))
        return client.update_user_identity_info(InstanceId=INSTANCE, UserId=MARY, IdentityInfo={"FirstName": name})

    def tearDown(self) -> None:
        self.assertEqual(len(self.upstream.seen(UPDATE)), 1, "only the first was sent")

    def assert_throttled(self, mode: str, tries: int) -> None:
        with self.refused("ThrottlingException", 429) as error:
            self.rename("Second", mode)
        headers = error.response["ResponseMetadata"]["HTTPHeaders"]
        # There is no room for an hour: a client that was told so would sleep as long.
        self.assertEqual({name for name in headers if name.endswith("retry-after")}, set())
        self.assertEqual(attempts(error), tries)
        self.assert_decisions("allowed", *["quota"] * tries)

    def test_boto3_tries_five_times(self) -> None:
        self.assert_throttled("legacy", 5)

    def test_boto3_in_standard_mode_tries_three_times(self) -> None:
        self.assert_throttled("standard", 3)

    def test_the_clis_say_how_often_they_tried(self) -> None:
        arguments = [
            "update-user-identity-info",
            "--identity-info",
            "FirstName=Second",
            "--user-id",
            MARY,
            "--instance-id",
            INSTANCE,
        ]
        for cli, status, retries in ((cli_1, 255, 4), (cli_2, 254, 2)):
            done = cli(self.world, self.key, *arguments)
            self.assertEqual((done.returncode, done.stdout), (status, ""))
            self.assertIn("(ThrottlingException) when calling the UpdateUserIdentityInfo operation", done.stderr)
            self.assertIn(f"(reached max retries: {retries})", done.stderr)

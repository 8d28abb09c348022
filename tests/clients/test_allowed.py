"""Changes that the policy allows: the caller's clients are unmodified, and Connect gets one request that the guard built."""

import json
import subprocess
import sys
from unittest import mock

from botocore.awsrequest import AWSHTTPSConnection

import places
from callers import DOCUMENTED, cli_1, cli_2, sdk
from case import GuardCase
from upstream import CREDENTIALS, HOST, INSTANCE, INSTANCE_ARN, MARY, REGION, UPDATE

DOCUMENTED_BODY = {"IdentityInfo": {"FirstName": "Mary", "LastName": "Major", "Email": "marym@example.com"}}


class TheDocumentedExample(GuardCase):
    def check(self) -> None:
        [update] = self.upstream.seen(UPDATE)
        self.assertEqual(update.target, f"/users/{INSTANCE}/{MARY}/identity-info")
        self.assertEqual(
            update.body,
            b'{"IdentityInfo":{"FirstName":"Mary","LastName":"Major","Email":"marym@example.com"}}',
        )
        self.assertEqual(update.header("host"), HOST)
        self.assertIn(f"Credential={CREDENTIALS.access_key}/", update.header("authorization"))
        self.assertEqual(
            update.header_names() - {"user-agent", "x-amz-user-agent", "x-amz-content-sha256"},
            {"host", "content-type", "content-length", "x-amz-date", "authorization"},
        )
        for program in ("aws-cli", "Boto3"):
            self.assertNotIn(program, str(update.headers))
        self.assertEqual(self.upstream.users[MARY].identity["Email"], "marym@example.com")
        self.assert_decisions("allowed")

    def test_aws_cli_1(self) -> None:
        done = cli_1(self.world, self.world.keys["IdentityDesk"], *DOCUMENTED)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))
        self.check()

    def test_aws_cli_2(self) -> None:
        done = cli_2(self.world, self.world.keys["IdentityDesk"], *DOCUMENTED)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))
        self.check()

    def test_boto3(self) -> None:
        client = sdk(self.world, self.world.keys["IdentityDesk"])
        answer = client.update_user_identity_info(InstanceId=INSTANCE, UserId=MARY, **DOCUMENTED_BODY)
        self.assertEqual(answer["ResponseMetadata"]["HTTPStatusCode"], 200)
        self.assertEqual(answer["ResponseMetadata"]["RetryAttempts"], 0)
        self.assertTrue(answer["ResponseMetadata"]["RequestId"])
        self.check()

    def test_boto3_told_by_its_environment(self) -> None:
        key = self.world.keys["IdentityDesk"]
        program = (
            "import boto3; boto3.client('connect').update_user_identity_info("
            f"InstanceId='{INSTANCE}', UserId='{MARY}', **{DOCUMENTED_BODY})"
        )
        variables = {
            "AWS_ACCESS_KEY_ID": key.key_id,
            "AWS_SECRET_ACCESS_KEY": key.secret,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ENDPOINT_URL_CONNECT": self.world.guard.url,
            "AWS_CA_BUNDLE": str(self.world.authority),
        }
        done = subprocess.run(
            [sys.executable, "-c", program],
            env=places.environment(self.world.directory, **variables),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.check()


class Identifiers(GuardCase):
    def test_arns_are_the_same_target_for_boto3(self) -> None:
        client = sdk(self.world, self.world.keys["IdentityDesk"])
        client.update_user_identity_info(
            InstanceId=INSTANCE_ARN, UserId=f"{INSTANCE_ARN}/agent/{MARY}", **DOCUMENTED_BODY
        )
        [update] = self.upstream.seen(UPDATE)
        self.assertEqual(update.target, f"/users/{INSTANCE}/{MARY}/identity-info")

    def test_arns_are_the_same_target_for_the_aws_cli(self) -> None:
        arguments = ["--instance-id", INSTANCE_ARN, "--user-id", f"{INSTANCE_ARN}/agent/{MARY}"]
        for number, cli in enumerate((cli_1, cli_2)):
            identity = f"FirstName=Name{number}"
            done = cli(
                self.world,
                self.world.keys["HelpDesk"],
                "update-user-identity-info",
                "--identity-info",
                identity,
                *arguments,
            )
            self.assertEqual(done.returncode, 0, done.stderr)
        self.assert_updates({"IdentityInfo": {"FirstName": "Name0"}}, {"IdentityInfo": {"FirstName": "Name1"}})


class Names(GuardCase):
    ODD = ["Zoë", "O'Brien", 'Ana "Nan"', "back\\slash", "李小龍", "Ünïcødé 😀", "a/b?c=d&e#f%20", "{{x}} ${y} <b>"]

    def test_whatever_people_are_called_arrives_from_boto3(self) -> None:
        client = sdk(self.world, self.world.keys["HelpDesk"])
        for name in self.ODD:
            client.update_user_identity_info(InstanceId=INSTANCE, UserId=MARY, IdentityInfo={"LastName": name})
            self.assertEqual(self.upstream.users[MARY].identity["LastName"], name)
        self.assert_updates(*({"IdentityInfo": {"LastName": name}} for name in self.ODD))

    def test_an_emoji_and_quotes_arrive_from_both_clis(self) -> None:
        for name, cli in (('Zoë "😀" O\'Major', cli_1), ("Zoë 'x' \\ 李", cli_2)):
            document = json.dumps({"LastName": name}, ensure_ascii=False)
            done = cli(
                self.world,
                self.world.keys["HelpDesk"],
                "update-user-identity-info",
                "--identity-info",
                document,
                "--user-id",
                MARY,
                "--instance-id",
                INSTANCE,
            )
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(self.upstream.users[MARY].identity["LastName"], name)


class Connections(GuardCase):
    def test_two_calls_of_a_client_are_one_connection(self) -> None:
        client = sdk(self.world, self.world.keys["HelpDesk"])
        connect = AWSHTTPSConnection.connect
        with mock.patch.object(AWSHTTPSConnection, "connect", autospec=True, side_effect=connect) as connected:
            for name in ("One", "Two"):
                client.update_user_identity_info(InstanceId=INSTANCE, UserId=MARY, IdentityInfo={"FirstName": name})
        self.assertEqual(connected.call_count, 1)
        self.assertEqual(len(self.upstream.seen(UPDATE)), 2)


class SecondaryEmail(GuardCase):
    def test_it_is_set_and_removed_where_a_rule_says_so(self) -> None:
        client = sdk(self.world, self.world.keys["IdentityDesk"])
        for value in ("mary@example.org", ""):
            client.update_user_identity_info(InstanceId=INSTANCE, UserId=MARY, IdentityInfo={"SecondaryEmail": value})
            self.assertEqual(self.upstream.users[MARY].identity["SecondaryEmail"], value)
        self.assert_updates(
            {"IdentityInfo": {"SecondaryEmail": "mary@example.org"}}, {"IdentityInfo": {"SecondaryEmail": ""}}
        )

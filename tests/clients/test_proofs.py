"""Who may ask at all: a request that is not proven is answered as AWS answers it, and nothing is sent to Connect."""

import datetime
import http.client
import ssl
from dataclasses import replace
from typing import Any
from unittest import mock
from urllib.parse import urlsplit

import boto3
from botocore import UNSIGNED
from botocore.config import Config

from callers import attempts, cli_1, cli_2, sdk, update
from case import GuardCase
from upstream import INSTANCE, MARY
from world import Key


class Unproven(GuardCase):
    def change(self, client: Any) -> None:
        client.update_user_identity_info(InstanceId=INSTANCE, UserId=MARY, IdentityInfo={"FirstName": "Mia"})

    def assert_unproven(self, code: str, client: Any) -> str:
        """It is; gives what the caller is told."""
        with self.refused(code, 403) as error:
            self.change(client)
        self.assertEqual(attempts(error), 1)
        self.assertEqual(self.upstream.requests, [])
        return error.response["Error"]["Message"]

    @property
    def key(self) -> Key:
        return self.world.keys["IdentityDesk"]


class ByBoto3(Unproven):
    def test_without_a_signature(self) -> None:
        client = boto3.client(
            "connect",
            region_name="us-east-1",
            endpoint_url=self.world.guard.url,
            verify=str(self.world.authority),
            config=Config(signature_version=UNSIGNED),
        )
        self.assert_unproven("MissingAuthenticationTokenException", client)

    def test_with_a_wrong_secret(self) -> None:
        self.assert_unproven("InvalidSignatureException", sdk(self.world, replace(self.key, secret="x" * 43)))

    def test_with_the_secret_of_another_caller(self) -> None:
        other = self.world.keys["HelpDesk"].secret
        self.assert_unproven("InvalidSignatureException", sdk(self.world, replace(self.key, secret=other)))

    def test_with_a_key_that_aws_issued(self) -> None:
        key = replace(self.key, key_id="AKIAIOSFODNN7EXAMPLE")
        self.assert_unproven("UnrecognizedClientException", sdk(self.world, key))

    def test_an_unknown_key_looks_like_a_wrong_secret(self) -> None:
        unknown = replace(self.key, key_id="GKBBBBBBBBBBBBBBBBBB")
        wrong = replace(self.key, secret="x" * 43)
        told = [self.assert_unproven("InvalidSignatureException", sdk(self.world, key)) for key in (unknown, wrong)]
        self.assertEqual(told[0], told[1])

    def test_with_a_session_token_beside_a_guard_key(self) -> None:
        self.assert_unproven("UnrecognizedClientException", sdk(self.world, self.key, token="a-token"))

    def test_with_a_clock_that_is_ten_minutes_off(self) -> None:
        for minutes in (10, -10):
            now = datetime.datetime.now(datetime.UTC) + datetime.timedelta(minutes=minutes)
            with mock.patch("botocore.auth.get_current_datetime", return_value=now.replace(tzinfo=None)):
                self.assert_unproven("RequestTimeTooSkewed", sdk(self.world, self.key))

    def test_for_another_region(self) -> None:
        client = boto3.client(
            "connect",
            region_name="eu-west-2",
            endpoint_url=self.world.guard.url,
            verify=str(self.world.authority),
            aws_access_key_id=self.key.key_id,
            aws_secret_access_key=self.key.secret,
        )
        self.assert_unproven("InvalidSignatureException", client)

    def test_by_a_signed_address(self) -> None:
        url = sdk(self.world, self.key).generate_presigned_url(
            "describe_user", Params={"InstanceId": INSTANCE, "UserId": MARY}
        )
        parts = urlsplit(url)
        context = ssl.create_default_context(cafile=str(self.world.authority))
        connection = http.client.HTTPSConnection(parts.netloc, context=context, timeout=20)
        self.addCleanup(connection.close)
        connection.request("GET", f"{parts.path}?{parts.query}")
        answer = connection.getresponse()
        self.assertEqual((answer.status, answer.headers["x-amzn-ErrorType"]), (403, "InvalidSignatureException"))
        self.assertEqual(self.upstream.requests, [])


class ByTheClis(Unproven):
    def assert_said(self, code: str, key: Key, *more: str) -> None:
        for cli, status in ((cli_1, 255), (cli_2, 254)):
            done = cli(self.world, key, *update("marym@example.com"), *more)
            self.assertEqual((done.returncode, done.stdout), (status, ""))
            self.assertIn(f"An error occurred ({code}) when calling", done.stderr)
            self.assertNotIn("retries", done.stderr, "it tried once")
        self.assertEqual(self.upstream.requests, [])

    def test_without_a_signature(self) -> None:
        self.assert_said("MissingAuthenticationTokenException", self.key, "--no-sign-request")

    def test_with_a_wrong_secret(self) -> None:
        self.assert_said("InvalidSignatureException", replace(self.key, secret="x" * 43))

    def test_with_a_key_that_aws_issued(self) -> None:
        self.assert_said("UnrecognizedClientException", replace(self.key, key_id="AKIAIOSFODNN7EXAMPLE"))

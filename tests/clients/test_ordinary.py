"""Ordinary operations: passed on for whom a rule names, with Connect's own answers."""

import json

from callers import cli_1, cli_2, sdk
from case import GuardCase
from upstream import ADMINISTRATOR, CREDENTIALS, INSTANCE, MARY, Fault, error


class Reads(GuardCase):
    def test_boto3_pages_through_users(self) -> None:
        pages = sdk(self.world, self.world.keys["Reporting"]).get_paginator("list_users")
        found = [
            user["Id"]
            for page in pages.paginate(InstanceId=INSTANCE, PaginationConfig={"PageSize": 1})
            for user in page["UserSummaryList"]
        ]
        self.assertEqual(found, [MARY, ADMINISTRATOR])
        self.assertEqual(len(self.upstream.seen("ListUsers")), 2)

    def test_both_clis_page_through_users(self) -> None:
        arguments = ["list-users", "--instance-id", INSTANCE, "--page-size", "1", "--output", "json"]
        for cli in (cli_1, cli_2):
            done = cli(self.world, self.world.keys["Reporting"], *arguments)
            self.assertEqual(done.returncode, 0, done.stderr)
            found = [user["Id"] for user in json.loads(done.stdout)["UserSummaryList"]]
            self.assertEqual(found, [MARY, ADMINISTRATOR])

    def test_an_operation_without_an_instance(self) -> None:
        done = cli_1(self.world, self.world.keys["Reporting"], "list-instances", "--output", "json")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(json.loads(done.stdout)["InstanceSummaryList"][0]["Id"], INSTANCE)

    def test_what_is_passed_on_is_signed_by_the_guard(self) -> None:
        sdk(self.world, self.world.keys["Reporting"]).describe_user(InstanceId=INSTANCE, UserId=MARY)
        [request] = self.upstream.seen("DescribeUser")
        self.assertIn(f"Credential={CREDENTIALS.access_key}/", request.header("authorization"))

    def test_a_body_arrives_with_every_member(self) -> None:
        criteria = {"StringCondition": {"FieldName": "Username", "Value": "marym", "ComparisonType": "EXACT"}}
        answer = sdk(self.world, self.world.keys["Reporting"]).search_users(
            InstanceId=INSTANCE, SearchCriteria=criteria, MaxResults=5
        )
        self.assertEqual([user["Id"] for user in answer["Users"]], [MARY])
        [request] = self.upstream.seen("SearchUsers")
        self.assertEqual(request.json(), {"InstanceId": INSTANCE, "SearchCriteria": criteria, "MaxResults": 5})

    def test_a_caller_without_a_rule_reads_nothing(self) -> None:
        with self.refused("AccessDeniedException", 403):
            sdk(self.world, self.world.keys["HelpDesk"]).list_users(InstanceId=INSTANCE)
        self.assertEqual(self.upstream.requests, [])


class ConnectsOwnErrors(GuardCase):
    def test_they_reach_the_caller(self) -> None:
        with self.refused("ResourceNotFoundException", 404) as caught:
            sdk(self.world, self.world.keys["Reporting"]).describe_user(InstanceId=INSTANCE, UserId="nobody")
        self.assertIn("The specified resource was not found.", str(caught))

    def test_a_client_that_is_throttled_tries_again(self) -> None:
        self.upstream.fail("ListUsers", Fault(error(429, "TooManyRequestsException")))
        answer = sdk(self.world, self.world.keys["Reporting"]).list_users(InstanceId=INSTANCE)
        self.assertEqual(len(answer["UserSummaryList"]), 2)
        self.assertEqual(answer["ResponseMetadata"]["RetryAttempts"], 1)

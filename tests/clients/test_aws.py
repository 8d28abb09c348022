"""What `connect-guard aws` writes: valid by the tools of others, and of the effect that it is written for."""

import json
import subprocess
import tempfile
import unittest
from functools import cache
from pathlib import Path
from typing import Any

import parliament
from cfnlint.api import lint_file
from cfnlint.config import ManualArgs
from moto.events.models import EventPattern
from moto.iam.policy_validation import IAMPolicyDocumentValidator

import places
from guard import command
from iam import Context, Document, allowed, denied, listed

FIXTURE = places.ROOT / "tests" / "cli" / "aws.in"
ROUTES = places.ROOT / "tests" / "data" / "connect-routes.tsv"
LEVELS = ("identity", "privilege", "instance")

IAM = "arn:aws:iam::111122223333"
GUARD = f"{IAM}:role/guards/connect-guard"
ORDINARY = f"{IAM}:role/guards/connect-guard-ordinary"
TASK = f"{IAM}:role/connect-guard-task"
ADMIN = f"{IAM}:role/SecurityDeploy"
BREAK_GLASS = f"{IAM}:role/ConnectBreakGlass"
EXEMPT = f"{IAM}:role/ScimProvisioning"
# Everybody who is nobody here; the last has no name at all.
OTHERS = (
    f"{IAM}:role/Administrator",
    f"{IAM}:role/connect-guard",
    f"{IAM}:role/guards/connect-guard2",
    f"{IAM}:user/mallory",
    f"{IAM}:root",
    "arn:aws:iam::444455556666:role/guards/connect-guard",
    ORDINARY,
    TASK,
    ADMIN,
    None,
)

CONNECT = "arn:aws:connect:us-east-1:111122223333:instance"
FIRST, SECOND, OTHER = (f"{CONNECT}/a1b2c3d4-5678-90ab-cdef-EXAMPLE{n}" for n in ("11111", "22222", "99999"))
USER = f"{FIRST}/agent/87654321-2222-1234-1234-111234567891"
HOME: Context = {"aws:SourceVpce": "vpce-0example", "aws:ViaAWSService": "false"}
# What parliament 1.6.4 does not know yet, and what no reference names at all.
NEWER_THAN_PARLIAMENT = {
    "AssociateEmailAddressAlias",
    "AssociateQueueEmailAddresses",
    "AssociateSecurityProfiles",
    "CreateNotification",
    "DeleteNotification",
    "DisassociateEmailAddressAlias",
    "DisassociateQueueEmailAddresses",
    "DisassociateSecurityProfiles",
    "UpdateNotificationContent",
    "UpdateUserNotificationStatus",
}
IN_NO_REFERENCE = {"UpdateUserConfig", "UpdateCrossRegionRouting", "DeleteAllEntitySessions", "DeleteSession"}


def ran(*arguments: str) -> subprocess.CompletedProcess[str]:
    done = command("aws", *arguments, "--config", "config.toml", directory=FIXTURE)
    assert done.returncode == 0, done.stderr
    return done


@cache
def written(*arguments: str) -> Any:
    return json.loads(ran(*arguments, "--format", "json").stdout)


def scp(level: str) -> list[Document]:
    return written("scp", "--level", level)["policies"]


def role(arn: str) -> tuple[Document, list[Document]]:
    """The trust policy and the policies of a role."""
    [found] = [one for one in written("role")["roles"] if arn.endswith(f":role{one['path']}{one['name']}")]
    return found["trust"], [policy["document"] for policy in found["policies"]]


def as_principal(arn: str | None, at: Context = HOME) -> Context:
    return at if arn is None else {"aws:PrincipalArn": arn, **at}


def guarded() -> dict[str, str]:
    """Operations and their classes: those that the guard guards."""
    rows = [line.split("\t") for line in ROUTES.read_text().splitlines() if not line.startswith("#")]
    return {row[2]: row[3] for row in rows if row[3] in ("identity", "sensitive")}


class Tools(unittest.TestCase):
    """What others' tools say of the documents."""

    def documents(self) -> list[Document]:
        found = [policy for level in LEVELS for policy in scp(level)]
        return found + [policy for arn in (GUARD, ORDINARY) for policy in role(arn)[1]]

    def test_parliament_finds_nothing(self) -> None:
        unknown: set[str] = set()
        for document in self.documents():
            found = parliament.analyze_policy_string(json.dumps(document)).findings
            new = [each for each in found if each.issue == "UNKNOWN_ACTION"]
            self.assertEqual([str(each) for each in found if each not in new], [], document)
            unknown |= {each.location["string"].removeprefix("connect:") for each in new}
        self.assertEqual(unknown, NEWER_THAN_PARLIAMENT | IN_NO_REFERENCE)

    def test_parliament_finds_what_is_wrong(self) -> None:
        document = json.loads(json.dumps(role(ORDINARY)[1][0]).replace(":instance/", ":instances/"))
        found = parliament.analyze_policy_string(json.dumps(document)).findings
        self.assertIn("RESOURCE_MISMATCH", {each.issue for each in found})

    def test_moto_takes_the_policies_of_roles(self) -> None:
        for arn in (GUARD, ORDINARY):
            for document in role(arn)[1]:
                IAMPolicyDocumentValidator(json.dumps(document)).validate()

    def assert_linted(self, *arguments: str) -> None:
        with tempfile.TemporaryDirectory() as directory:
            for form in ((), ("--yaml",)):
                template = Path(directory) / "template"
                template.write_text(ran(*arguments, *form, "--format", "cloudformation").stdout)
                found = lint_file(template, config=ManualArgs(regions=["us-east-1"]))
                unknown = [f"'{name.lower()}' is not one of" for name in IN_NO_REFERENCE]
                left = [str(each) for each in found if not any(one in str(each) for one in unknown)]
                self.assertEqual(left, [], arguments)

    def test_cfn_lint_finds_nothing_in_roles(self) -> None:
        self.assert_linted("role")

    def test_cfn_lint_finds_nothing_in_service_control_policies(self) -> None:
        self.assert_linted("scp")

    def test_cfn_lint_finds_nothing_in_the_widest_service_control_policies(self) -> None:
        self.assert_linted("scp", "--level", "instance")

    def test_cfn_lint_finds_nothing_in_alarms(self) -> None:
        self.assert_linted("alarm")

    def test_cfn_lint_finds_what_is_wrong(self) -> None:
        with tempfile.TemporaryDirectory() as directory:
            template = Path(directory) / "template"
            template.write_text(ran("alarm", "--format", "cloudformation").stdout.replace("ENABLED_WITH_ALL", "ALL"))
            found = lint_file(template, config=ManualArgs(regions=["us-east-1"]))
            self.assertTrue(any("ALL_CLOUDTRAIL" in str(each) for each in found))

    def test_what_is_handed_in_fits(self) -> None:
        for level in LEVELS:
            lines = ran("scp", "--level", level, "--minify").stdout.splitlines()
            self.assertEqual([json.loads(line) for line in lines], scp(level))
            self.assertTrue(all(len(line.encode()) <= 5120 for line in lines))


class ServiceControlPolicies(unittest.TestCase):
    """Simulated calls, in an account that the policies bind."""

    def assert_denied(self, level: str, arn: str | None, action: str, resource: str, at: Context = HOME) -> None:
        self.assertTrue(denied(scp(level), action, resource, as_principal(arn, at)), f"{level}: {arn}: {action}")

    def assert_open(self, level: str, arn: str | None, action: str, resource: str, at: Context = HOME) -> None:
        self.assertEqual(denied(scp(level), action, resource, as_principal(arn, at)), [], f"{level}: {arn}: {action}")

    def closed(self, level: str) -> set[str]:
        """The operations of a level, by what a stranger is denied."""
        tried = {f"connect:{name}" for name in guarded()}
        return {name for name in tried if denied(scp(level), name, USER, as_principal(OTHERS[0]))}

    def test_each_level_closes_more(self) -> None:
        identity, privilege, instance = (self.closed(level) for level in LEVELS)
        self.assertEqual(
            identity, {"connect:CreateUser", "connect:DeleteUser", "connect:UpdateUserIdentityInfo"}
        )
        self.assertLess(identity, privilege)
        self.assertLess(privilege, instance)
        self.assertEqual(instance, {f"connect:{name}" for name in guarded()})
        for name in ("UpdateUserSecurityProfiles", "CreateSecurityProfile", "UpdateAuthenticationProfile"):
            self.assertIn(f"connect:{name}", privilege)

    def test_everybody_else_is_denied_what_is_closed(self) -> None:
        for level in LEVELS:
            for action in self.closed(level):
                for arn in OTHERS:
                    self.assert_denied(level, arn, action, USER)

    def test_the_guard_and_whoever_is_exempt_are_not(self) -> None:
        for level in LEVELS:
            for action in self.closed(level):
                for arn in (GUARD, BREAK_GLASS, EXEMPT):
                    self.assert_open(level, arn, action, USER)

    def test_agents_sign_in_and_everything_else_goes_on(self) -> None:
        guarded_names = {f"connect:{name}" for name in guarded()}
        for level in LEVELS:
            for arn in (*OTHERS, GUARD):
                for action in ("connect:GetFederationToken", "connect:DescribeUser", "connect:ListQueues", "s3:GetObject"):
                    self.assert_open(level, arn, action, FIRST)
            for action in guarded_names - self.closed(level):
                self.assert_open(level, OTHERS[0], action, FIRST)

    def test_tags_are_closed_on_users_and_security_profiles_only(self) -> None:
        for action in ("connect:TagResource", "connect:UntagResource"):
            self.assert_open("identity", OTHERS[0], action, USER)
            for level in ("privilege", "instance"):
                for closed in (USER, f"{FIRST}/security-profile/p1"):
                    self.assert_denied(level, OTHERS[0], action, closed)
                    self.assert_open(level, GUARD, action, closed)
                for open_ in (f"{FIRST}/queue/q1", FIRST, "arn:aws:connect:us-east-1:111122223333:phone-number/n1"):
                    self.assert_open(level, OTHERS[0], action, open_)

    def test_nobody_signs_in_as_administrator_but_in_an_emergency(self) -> None:
        action = "connect:AdminGetEmergencyAccessToken"
        for level in LEVELS:
            for arn in (*OTHERS, GUARD, EXEMPT):
                self.assert_denied(level, arn, action, FIRST)
            self.assert_open(level, BREAK_GLASS, action, FIRST)

    def test_the_guards_roles_are_of_use_in_its_networks_only(self) -> None:
        away = {"aws:SourceIp": "198.51.100.7", "aws:ViaAWSService": "false"}
        elsewhere = ({"aws:SourceVpce": "vpce-0other", "aws:ViaAWSService": "false"}, away, {"aws:ViaAWSService": "false"}, {})
        here = (HOME, {**away, "aws:SourceIp": "203.0.113.9"}, {**away, "aws:ViaAWSService": "true"})
        for arn in (GUARD, ORDINARY):
            for action in ("connect:ListQueues", "s3:GetObject"):
                for at in elsewhere:
                    self.assert_denied("identity", arn, action, "*", at)
                for at in here:
                    self.assert_open("identity", arn, action, "*", at)
        self.assert_open("identity", OTHERS[0], "connect:ListQueues", "*", away)

    def test_only_the_guard_assumes_its_roles(self) -> None:
        for wanted in (GUARD, ORDINARY):
            for arn in {*OTHERS, BREAK_GLASS, EXEMPT, GUARD} - {TASK}:
                self.assert_denied("identity", arn, "sts:AssumeRole", wanted)
            self.assert_open("identity", TASK, "sts:AssumeRole", wanted)
        self.assert_denied("identity", OTHERS[0], "sts:AssumeRole", TASK)
        self.assert_open("identity", OTHERS[0], "sts:AssumeRole", BREAK_GLASS)
        self.assert_open("identity", OTHERS[0], "sts:AssumeRole", f"{IAM}:role/Another")

    def test_nobody_else_changes_the_roles_or_lends_them(self) -> None:
        actions = ("PassRole", "UpdateAssumeRolePolicy", "PutRolePolicy", "AttachRolePolicy", "CreateRole", "DeleteRole")
        for wanted in (GUARD, ORDINARY, TASK, BREAK_GLASS, ADMIN, EXEMPT):
            for action in actions:
                for arn in {*OTHERS, GUARD, EXEMPT} - {ADMIN}:
                    self.assert_denied("identity", arn, f"iam:{action}", wanted)
                for arn in (ADMIN, BREAK_GLASS):
                    self.assert_open("identity", arn, f"iam:{action}", wanted)
                self.assert_open("identity", OTHERS[0], f"iam:{action}", f"{IAM}:role/Another")
        policy = f"{IAM}:policy/guards/connect-guard-identity"
        for action in ("iam:CreatePolicyVersion", "iam:SetDefaultPolicyVersion", "iam:DeletePolicy"):
            self.assert_denied("identity", OTHERS[0], action, policy)
            self.assert_open("identity", ADMIN, action, policy)

    def test_nobody_else_silences_the_alarms(self) -> None:
        rule = "arn:aws:events:us-east-1:111122223333:rule/connect-guard-bypass"
        topic = "arn:aws:sns:us-east-1:111122223333:connect-guard-alarm"
        subscription = f"{topic}:00000000-0000-4000-8000-000000000001"
        for action, resource in (
            ("events:DisableRule", rule),
            ("events:RemoveTargets", rule),
            ("sns:DeleteTopic", topic),
            ("sns:PutDataProtectionPolicy", topic),
            ("sns:SetSubscriptionAttributes", subscription),
            ("sns:Unsubscribe", subscription),
            ("iam:UpdateSAMLProvider", f"{IAM}:saml-provider/desk"),
            ("iam:UpdateOpenIDConnectProviderThumbprint", f"{IAM}:oidc-provider/issuer.example.com"),
            ("iam:AddClientIDToOpenIDConnectProvider", f"{IAM}:oidc-provider/issuer.example.com"),
        ):
            self.assert_denied("identity", OTHERS[0], action, resource)
            self.assert_open("identity", ADMIN, action, resource)


class Roles(unittest.TestCase):
    """What the guard's roles may do by themselves."""

    def test_changes_are_made_where_the_policy_lets_them_be_made(self) -> None:
        _, changes = role(GUARD)
        self.assertTrue(allowed(changes, "connect:UpdateUserIdentityInfo", USER, HOME))
        for elsewhere in (USER.replace("11111", "22222", 1), f"{OTHER}/agent/u", USER.replace("us-east-1", "us-west-2"), FIRST):
            self.assertFalse(allowed(changes, "connect:UpdateUserIdentityInfo", elsewhere, HOME), elsewhere)
        for read in ("DescribeUser",):
            self.assertTrue(allowed(changes, f"connect:{read}", f"{SECOND}/agent/u", HOME))
        for action in ("connect:CreateUser", "connect:DeleteUser", "connect:GetFederationToken", "connect:ListQueues", "iam:PassRole"):
            self.assertFalse(allowed(changes, action, USER, HOME), action)

    def test_tags_are_two_doors(self) -> None:
        queue = f"{FIRST}/queue/q1"
        (_, changes), (_, ordinary) = role(GUARD), role(ORDINARY)
        tag = "connect:TagResource"
        self.assertEqual([allowed(changes, tag, one, HOME) for one in (USER, queue)], [True, False])
        self.assertEqual([allowed(ordinary, tag, one, HOME) for one in (USER, queue)], [False, True])

    def test_the_ordinary_role_changes_nobody(self) -> None:
        _, ordinary = role(ORDINARY)
        self.assertTrue(allowed(ordinary, "connect:ListQueues", f"{FIRST}/queue/q1", HOME))
        for name in guarded():
            self.assertFalse(allowed(ordinary, f"connect:{name}", USER, HOME), name)

    def test_they_are_of_no_use_elsewhere(self) -> None:
        for arn, action, resource in ((GUARD, "connect:DescribeUser", USER), (ORDINARY, "connect:DescribeUser", USER)):
            _, policies = role(arn)
            self.assertTrue(allowed(policies, action, resource, HOME))
            self.assertFalse(allowed(policies, action, resource, {"aws:SourceIp": "198.51.100.7"}))

    def test_who_may_assume_them(self) -> None:
        for arn in (GUARD, ORDINARY):
            trust, _ = role(arn)
            for statement in trust["Statement"]:
                self.assertEqual(statement["Principal"], {"AWS": [TASK]})
            by_the_guard = {**HOME, "sts:ExternalId": "example"}
            self.assertTrue(allowed([trust], "sts:AssumeRole", arn, by_the_guard))
            by_address = {"aws:SourceIp": "203.0.113.9", "sts:ExternalId": "example"}
            self.assertTrue(allowed([trust], "sts:AssumeRole", arn, by_address))
            for wrong in (HOME, {"sts:ExternalId": "example"}, {**by_address, "aws:SourceIp": "198.51.100.7"}):
                self.assertFalse(allowed([trust], "sts:AssumeRole", arn, wrong))


def event(what: str, identity: dict[str, Any], source: str = "connect", /, **parameters: Any) -> dict[str, Any]:
    """An event of `EventBridge` as CloudTrail gives it."""
    return {
        "version": "0",
        "id": "00000000-0000-4000-8000-000000000001",
        "detail-type": "AWS API Call via CloudTrail",
        "source": f"aws.{source}",
        "account": "111122223333",
        "time": "2027-03-12T10:00:00Z",
        "region": "us-east-1",
        "resources": [],
        "detail": {
            "eventVersion": "1.11",
            "userIdentity": identity,
            "eventTime": "2027-03-12T10:00:00Z",
            "eventSource": f"{source}.amazonaws.com",
            "eventName": what,
            "awsRegion": "us-east-1",
            "sourceIPAddress": "192.0.2.7",
            "userAgent": "aws-sdk-go-v2/1.30",
            "requestParameters": parameters or None,
            "responseElements": None,
            "eventType": "AwsApiCall",
            "managementEvent": True,
            "recipientAccountId": "111122223333",
        },
    }


def session(arn: str) -> dict[str, Any]:
    name = arn.rpartition("/")[2]
    issuer = {"type": "Role", "principalId": "AROAEXAMPLE", "arn": arn, "accountId": "111122223333", "userName": name}
    return {
        "type": "AssumedRole",
        "principalId": "AROAEXAMPLE:kim",
        "arn": f"arn:aws:sts::111122223333:assumed-role/{name}/kim",
        "accountId": "111122223333",
        "sessionContext": {"sessionIssuer": issuer, "attributes": {"mfaAuthenticated": "false"}},
    }


MALLORY = {"type": "IAMUser", "principalId": "AIDAEXAMPLE", "arn": f"{IAM}:user/mallory", "userName": "mallory"}
ROOT = {"type": "Root", "principalId": "111122223333", "arn": f"{IAM}:root", "accountId": "111122223333"}
SERVICE = {"type": "AWSService", "invokedBy": "connect.amazonaws.com"}
WEBSITE = session(f"{IAM}:role/aws-service-role/connect.amazonaws.com/AWSServiceRoleForAmazonConnect_EXAMPLE")


class Alarms(unittest.TestCase):
    """Which rules an event reaches, by moto's reading of patterns."""

    def rung(self, what: dict[str, Any], level: str = "privilege") -> set[str]:
        rules = written("alarm", "--level", level)["rules"]
        matching = {
            rule["name"].removeprefix("connect-guard-").rstrip("-0123456789")
            for rule in rules
            if EventPattern.load(json.dumps(rule["pattern"])).matches_event(what)
        }
        return matching

    def test_patterns_are_as_short_as_they_have_to_be(self) -> None:
        for level in LEVELS:
            for rule in written("alarm", "--level", level)["rules"]:
                self.assertLessEqual(len(json.dumps(rule["pattern"], separators=(",", ":"))), 2048, rule["name"])

    def test_whoever_is_not_the_guard(self) -> None:
        for name in ("UpdateUserIdentityInfo", "CreateUser", "DeleteUser", "UpdateUserSecurityProfiles", "AdminGetEmergencyAccessToken"):
            for who in (session(f"{IAM}:role/HelpDesk"), session(EXEMPT), session(ORDINARY), MALLORY, ROOT, SERVICE, WEBSITE):
                self.assertEqual(self.rung(event(name, who)), {"bypass"}, f"{name}: {who}")
            self.assertEqual(self.rung(event(name, session(GUARD))), set(), name)

    def test_each_level_rings_for_what_it_closes(self) -> None:
        for level, many in (("identity", 3), ("privilege", 15), ("instance", 49)):
            rung = {name for name in guarded() if "bypass" in self.rung(event(name, MALLORY), level)}
            self.assertEqual(len(rung), many, level)

    def test_what_is_nobodys_business(self) -> None:
        for name in ("GetFederationToken", "ListQueues", "StartOutboundVoiceContact"):
            self.assertEqual(self.rung(event(name, MALLORY)), set())

    def test_tags(self) -> None:
        for key in ("resourceArn", "ResourceArn"):
            for arn in (USER, USER.replace(":", "%3A").replace("/", "%2F"), f"{FIRST}/security-profile/p1"):
                tagged = event("TagResource", MALLORY, **{key: arn})
                self.assertEqual(self.rung(tagged), {"tags"})
                self.assertEqual(self.rung(event("TagResource", session(GUARD), **{key: arn})), set())
            self.assertEqual(self.rung(event("TagResource", MALLORY, **{key: f"{FIRST}/queue/q1"})), set())

    def test_the_role_for_emergencies(self) -> None:
        using = session(BREAK_GLASS)
        self.assertEqual(self.rung(event("DescribeUser", using)), {"break-glass"})
        self.assertEqual(self.rung(event("GetObject", using, "s3")), {"break-glass"})
        self.assertEqual(self.rung(event("DeleteUser", using)), {"break-glass", "bypass"})
        for who in (MALLORY, session(ADMIN)):
            self.assertEqual(self.rung(event("AssumeRole", who, "sts", roleArn=BREAK_GLASS)), {"break-glass"})
        states = {rule["name"]: rule["state"] for rule in written("alarm")["rules"]}
        # Reads reach a rule in this state only.
        self.assertEqual(states["connect-guard-break-glass"], "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS")

    def test_the_guards_roles_asked_for_by_somebody_else(self) -> None:
        for wanted in (GUARD, ORDINARY):
            self.assertEqual(self.rung(event("AssumeRole", MALLORY, "sts", roleArn=wanted)), {"assumed"})
            self.assertEqual(self.rung(event("AssumeRole", session(TASK), "sts", roleArn=wanted)), set())
        self.assertEqual(self.rung(event("AssumeRole", MALLORY, "sts", roleArn=f"{IAM}:role/Another")), set())

    def test_changes_of_roles_policies_and_alarms(self) -> None:
        admin = session(ADMIN)
        for name in ("connect-guard", "connect-guard-ordinary", "connect-guard-task", "ConnectBreakGlass", "SecurityDeploy"):
            self.assertEqual(self.rung(event("UpdateAssumeRolePolicy", admin, "iam", roleName=name)), {"roles"})
        self.assertEqual(self.rung(event("PutRolePolicy", admin, "iam", roleName="Another")), set())
        arn = f"{IAM}:policy/guards/connect-guard-identity"
        self.assertEqual(self.rung(event("CreatePolicyVersion", admin, "iam", policyArn=arn)), {"roles"})
        for name in ("DetachPolicy", "UpdatePolicy", "MoveAccount"):
            self.assertEqual(self.rung(event(name, admin, "organizations", policyId="p-example")), {"organization"})
        self.assertEqual(self.rung(event("DisableRule", admin, "events", name="connect-guard-bypass")), {"silenced"})
        self.assertEqual(self.rung(event("DisableRule", admin, "events", name="another")), set())
        self.assertEqual(self.rung(event("StopLogging", admin, "cloudtrail", name="trail")), {"silenced"})
        topic = "arn:aws:sns:us-east-1:111122223333:connect-guard-alarm"
        self.assertEqual(self.rung(event("DeleteTopic", admin, "sns", topicArn=topic)), {"silenced"})
        gone = event("Unsubscribe", admin, "sns", subscriptionArn=f"{topic}:00000000-0000-4000-8000-000000000001")
        self.assertEqual(self.rung(gone), {"silenced"})
        quiet = event("SetSubscriptionAttributes", admin, "sns", subscriptionArn=f"{topic}:00000000-0000-4000-8000-000000000001")
        self.assertEqual(self.rung(quiet), {"silenced"})
        self.assertEqual(self.rung(event("PutDataProtectionPolicy", admin, "sns", resourceArn=topic)), {"silenced"})
        saml = event("UpdateSAMLProvider", admin, "iam", sAMLProviderArn=f"{IAM}:saml-provider/desk")
        self.assertEqual(self.rung(saml), {"providers"})

    def test_the_topic_takes_what_the_rules_say(self) -> None:
        template = json.loads(ran("alarm", "--format", "cloudformation").stdout)
        by_type: dict[str, list[Document]] = {}
        for resource in template["Resources"].values():
            by_type.setdefault(resource["Type"], []).append(resource["Properties"])
        self.assertEqual([one["Endpoint"] for one in by_type["AWS::SNS::Subscription"]], ["security@example.com"])
        [policy] = by_type["AWS::SNS::TopicPolicy"]
        [statement] = policy["PolicyDocument"]["Statement"]
        self.assertEqual(listed(statement["Principal"]["Service"]), ["events.amazonaws.com"])
        for rule in by_type["AWS::Events::Rule"]:
            self.assertEqual([target["Arn"] for target in rule["Targets"]], [{"Ref": "Topic"}])

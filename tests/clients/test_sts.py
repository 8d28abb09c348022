"""Sessions for whoever holds AWS credentials: `connect-guard credentials` as the SDKs' `credential_process`, moto's STS that says
who it was, and proofs that are none."""

import datetime
import json
from typing import Any

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as Keys

import applications
import places
from callers import refused, sdk
from guard import command
from moto_server import Credentials, Moto
from proving import AUDIENCE, NEW, Answer, Moving, Proving, moto, issuer
from upstream import ACCOUNT, INSTANCE, MARY, REGION
from world import Key, World

SHARED = (moto, issuer)
BODY = b"Action=GetCallerIdentity&Version=2011-06-15"
DATE = "%Y%m%dT%H%M%SZ"


def proof(own: Credentials, nonce: str, audience: str = AUDIENCE, region: str = REGION, at: str = "") -> dict[str, Any]:
    """A proof, signed by botocore: the second description of what `connect-guard credentials` signs."""
    headers = {
        "accept": "text/xml",
        "content-type": "application/x-www-form-urlencoded; charset=utf-8",
        "host": f"sts.{region}.amazonaws.com",
        "x-connect-guard-audience": audience,
        "x-connect-guard-nonce": nonce,
    }
    request = AWSRequest("POST", f"https://sts.{region}.amazonaws.com/", headers, BODY)
    auth = SigV4Auth(Keys(own.access_key, own.secret_key, own.token), "sts", region)
    date = at or datetime.datetime.now(datetime.UTC).strftime(DATE)
    request.context["timestamp"] = date
    request.headers["X-Amz-Date"] = date
    request.headers["X-Amz-Security-Token"] = own.token
    signature = auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request)
    return {
        "nonce": nonce,
        "region": region,
        "accessKeyId": own.access_key,
        "date": date,
        "securityToken": own.token,
        "signature": signature,
    }


class Sts(Proving):
    """Kim of the identity desk."""

    def setUp(self) -> None:
        super().setUp()
        self.kim = self.moto.assume("IdentityDesk", "kim")

    def nonce(self, port: int = 0) -> str:
        answer = self.ask("/v1/nonce", b"", port=port)
        self.assertEqual(answer.status, 200, answer.body)
        nonce: str = answer.json()["nonce"]
        return nonce

    def send(self, parts: dict[str, Any], port: int = 0) -> Answer:
        return self.ask("/v1/session/sts", json.dumps(parts).encode(), port=port)

    def session(self, parts: dict[str, Any]) -> tuple[Key, str]:
        """A key and its session token."""
        answer = self.send(parts)
        self.assertEqual(answer.status, 200, answer.body)
        given = answer.json()
        key = Key(given["AccessKeyId"], given["SecretAccessKey"], given["Principal"], given["Expiration"])
        return key, given["SessionToken"]

    def change_with(self, key: Key, token: str) -> None:
        client = sdk(self.world, key, token=token)
        client.update_user_identity_info(InstanceId=INSTANCE, UserId=MARY, IdentityInfo={"Email": NEW})

    def assert_no_session(self, answer: Answer, status: int, error: str, code: str) -> str:
        """Nobody is given one: the caller is told this error, the log says this code. Gives what the caller is told."""
        self.assertEqual(answer.error, (status, error), answer.body)
        self.assertEqual(self.world.guard.events("no session", 1)[-1]["code"], code)
        self.assertEqual(self.issued(), [])
        message: str = answer.json()["Message"]
        return message


class EveryClient(Sts):
    def test_has_its_session_by_credential_process(self) -> None:
        for name, application in applications.ALL.items():
            with self.subTest(name):
                home = self.home(name)
                said = self.change_by(application(home, **self.profile(home, self.kim), **self.at_the_guard()))
                self.assertTrue(said.ok, said)
        self.assert_changed(len(applications.ALL))
        # Each home has had one.
        self.assertEqual(len(self.issued()), len(applications.ALL))
        for event in self.issued():
            self.assertEqual((event["voucher"], event["principal"]), ("sts", f"arn:aws:iam::{ACCOUNT}:role/IdentityDesk"))
        self.assertNotIn(self.kim.secret_key, self.world.guard.log())
        self.assertNotIn(self.kim.token, self.world.guard.log())

    def test_is_told_what_it_may_not(self) -> None:
        helper = self.moto.assume("HelpDesk", "lee")
        for name, application in applications.ALL.items():
            with self.subTest(name):
                home = self.home(name)
                said = self.change_by(application(home, **self.profile(home, helper), **self.at_the_guard()))
                self.assertEqual((said.ok, said.code), (False, "AccessDeniedException"), said)
        self.assert_changed(0)

    def test_is_told_why_there_is_no_session(self) -> None:
        other = self.moto.assume("IdentityDesk", "kim", account="444455556666")
        for name, application in applications.ALL.items():
            with self.subTest(name):
                home = self.home(name)
                said = self.change_by(application(home, **self.profile(home, other), **self.at_the_guard()))
                self.assertFalse(said.ok)
                # JavaScript says only that its process failed.
                if name != "JavaScript":
                    told = "403 AccessDeniedException: sessions are for users and roles of configured accounts"
                    self.assertIn(told, said.message)
        self.assertEqual(self.issued(), [])
        self.assert_changed(0)


class TheCommand(Sts):
    def run_it(self, own: Credentials, *arguments: str, audience: str = AUDIENCE, home: str = "person") -> Any:
        return command(
            "credentials", "--session-url", self.world.guard.session_url, "--ca-file", str(self.world.authority),
            "--audience", audience, *arguments,
            directory=self.home(home), **own.environment(),
        )  # fmt: skip

    def test_keeps_its_session_for_the_next_run(self) -> None:
        said = [self.run_it(self.kim) for _ in range(3)]
        self.assertEqual([done.returncode for done in said], [0, 0, 0], said[0].stderr)
        self.assertEqual(len({done.stdout for done in said}), 1)
        self.assertEqual(len(self.issued()), 1)
        other = self.run_it(self.moto.assume("HelpDesk", "lee"))
        self.assertNotEqual(other.stdout, said[0].stdout, "another person has another session")
        given = json.loads(other.stdout)
        self.assertEqual(given["Version"], 1)
        self.assertTrue(given["AccessKeyId"].startswith("GS"))

    def test_signs_nothing_for_another_audience(self) -> None:
        done = self.run_it(self.kim, audience="other.example.com")
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("is `guard.example.com`, not `other.example.com`: nothing was signed for it", done.stderr)
        # Without one it is the host of the URL.
        done = command(
            "credentials", "--session-url", self.world.guard.session_url, "--ca-file", str(self.world.authority),
            directory=self.home("person"), **self.kim.environment(),
        )  # fmt: skip
        self.assertIn("is `guard.example.com`, not `localhost`", done.stderr)
        self.assertEqual(self.issued(), [])

    def test_trusts_nobody_else(self) -> None:
        done = command(
            "credentials", "--session-url", self.world.guard.session_url, "--audience", AUDIENCE,
            "--ca-file", str(self.moto.authority), directory=self.home("person"), **self.kim.environment(),
        )  # fmt: skip
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("session listener", done.stderr)


class AProof(Sts):
    def test_by_another_signer_is_as_good(self) -> None:
        key, token = self.session(proof(self.kim, self.nonce()))
        self.assertEqual(key.principal, self.kim.arn)
        self.change_with(key, token)
        self.assert_changed(1)

    def test_is_good_once(self) -> None:
        parts = proof(self.kim, self.nonce())
        key, token = self.session(parts)
        again = self.send(parts)
        self.assertEqual(again.error, (403, "InvalidSignatureException"))
        self.assertIn("used before", again.json()["Message"])
        # And so is its nonce, in whatever proof.
        again = self.send(proof(self.moto.assume("HelpDesk", "lee"), parts["nonce"]))
        self.assertEqual(again.error, (403, "InvalidSignatureException"))
        self.assertEqual(len(self.issued()), 1)
        self.change_with(key, token)

    def test_with_a_nonce_of_nobody(self) -> None:
        nonce = self.nonce()
        for other in ("x" * len(nonce), nonce[:-1] + ("A" if nonce[-1] != "A" else "B")):
            answer = self.send(proof(self.kim, other))
            self.assert_no_session(answer, 403, "InvalidSignatureException", "nonce")

    def test_of_another_account(self) -> None:
        other = self.moto.assume("IdentityDesk", "kim", account="444455556666")
        answer = self.send(proof(other, self.nonce()))
        self.assert_no_session(answer, 403, "AccessDeniedException", "sts-account")

    def test_for_a_foreign_host(self) -> None:
        answer = self.send(proof(self.kim, self.nonce(), region="us-west-2"))
        told = self.assert_no_session(answer, 400, "InvalidRequestException", "sts-region")
        self.assertIn("not asked in this region", told)
        for region in ("attacker.example.com/", "us-east-1.example.com", "us-east-1@127.0.0.1", ""):
            answer = self.send({**proof(self.kim, self.nonce()), "region": region})
            self.assert_no_session(answer, 400, "InvalidRequestException", "malformed")
        for name in ("host", "url", "headers", "body", "method"):
            answer = self.send({**proof(self.kim, self.nonce()), name: "https://attacker.example.com"})
            self.assert_no_session(answer, 400, "InvalidRequestException", "malformed")

    def test_with_a_part_that_is_there_twice(self) -> None:
        parts = proof(self.kim, self.nonce())
        for name in parts:
            body = json.dumps(parts)[:-1] + f', "{name}": {json.dumps(parts[name])}}}'
            answer = self.ask("/v1/session/sts", body.encode())
            self.assert_no_session(answer, 400, "InvalidRequestException", "malformed")

    def test_v1_that_carries_more_than_its_parts(self) -> None:
        for name in ("signature", "date", "accessKeyId", "securityToken", "nonce"):
            for more in ("\r\nx-injected: 1", ", SignedHeaders=host", " "):
                parts = proof(self.kim, self.nonce())
                answer = self.send({**parts, name: parts[name] + more})
                self.assert_no_session(answer, 400, "InvalidRequestException", "malformed")


class AProofInTime(Sts, Moving):
    lifetime = "1m"

    def test_is_signed_within_five_minutes(self) -> None:
        for minutes in (-6, 6):
            at = datetime.datetime.now(datetime.UTC) + datetime.timedelta(minutes=minutes)
            answer = self.send(proof(self.kim, self.nonce(), at=at.strftime(DATE)))
            self.assert_no_session(answer, 403, "RequestTimeTooSkewed", "skewed")

    def test_is_of_a_nonce_that_holds(self) -> None:
        parts = proof(self.kim, self.nonce())
        self.seconds_pass(61)
        self.assert_no_session(self.send(parts), 403, "ExpiredTokenException", "nonce-over")

    def test_is_good_for_as_long_as_its_session(self) -> None:
        key, token = self.session(proof(self.kim, self.nonce()))
        self.change_with(key, token)
        self.seconds_pass(61)
        with refused("ExpiredTokenException", 403):
            self.change_with(key, token)
        self.assert_changed(1)


class AnStsThatChecks(Sts):
    """Every signature, as AWS does: it alone can say whether a proof is one."""

    def prepare(self, world: World) -> None:
        own = self.enterContext(Moto())
        super().prepare(world)
        self.moto = own
        world.tables = world.tables.replace(f"127.0.0.1:{moto().port}", f"127.0.0.1:{own.port}")

    def setUp(self) -> None:
        super().setUp()
        self.lee = self.moto.assume("HelpDesk", "lee")
        self.moto.check_signatures()

    def test_refuses_what_is_signed_for_another_guard_or_by_nobody(self) -> None:
        nonce = self.nonce()
        good = proof(self.kim, nonce)
        other = proof(self.kim, nonce, audience="other.example.com")
        forged = {**good, "signature": "0" * 64}
        stolen = {**good, "accessKeyId": self.lee.access_key, "securityToken": self.lee.token}
        moved = {**good, "nonce": self.nonce()}
        dated = {**good, "date": (datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=9)).strftime(DATE)}
        for parts in (other, forged, stolen, moved, dated):
            answer = self.send(parts)
            self.assertEqual(answer.error, (403, "InvalidSignatureException"), answer.body)
            self.assertIn("STS refuses the proof", answer.json()["Message"])
        self.assertEqual(self.issued(), [])
        # None of them has spent the nonce.
        key, _ = self.session(good)
        self.assertEqual(key.principal, self.kim.arn)

    def test_takes_what_the_command_signs(self) -> None:
        home = self.home("boto3")
        said = self.change_by(applications.boto3(home, **self.profile(home, self.kim), **self.at_the_guard()))
        self.assertTrue(said.ok, said)
        self.assert_changed(1)


class WithoutSts(Sts):
    def prepare(self, world: World) -> None:
        super().prepare(world)
        nowhere = places.free_port()
        world.tables = world.tables.replace(f"127.0.0.1:{self.moto.port}", f"127.0.0.1:{nowhere}")

    def test_there_is_no_session(self) -> None:
        answer = self.send(proof(self.kim, self.nonce()))
        self.assert_no_session(answer, 503, "ServiceUnavailableException", "sts-unavailable")
        for secret in (self.kim.secret_key, self.kim.token):
            self.assertNotIn(secret, self.world.guard.log())

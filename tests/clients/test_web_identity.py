"""Sessions for whoever has a token of an issuer: the SDKs' own AssumeRoleWithWebIdentity, asked of the guard, and tokens of
npm's oidc-provider, whose keys change while the guard runs."""

import base64
import json
from urllib.parse import urlencode

import applications
from callers import refused, sdk
from issuer import SUBJECT, Issuer
from proving import DESK, NEW, Answer, Moving, Proving, issuer, moto
from upstream import INSTANCE, MARY
from world import Key, World

SHARED = (moto, issuer)
FORM = "application/x-www-form-urlencoded"


class Tokens(Proving):
    def assume(self, token: str, role: str = DESK, **more: str) -> Answer:
        """AssumeRoleWithWebIdentity, written here."""
        members = {
            "Action": "AssumeRoleWithWebIdentity",
            "Version": "2011-06-15",
            "RoleArn": role,
            "RoleSessionName": "api",
            "WebIdentityToken": token,
            **more,
        }
        return self.ask("/", urlencode(members).encode(), FORM)

    def code(self, answer: Answer) -> tuple[int, str]:
        """Status and code of an error in the form of STS."""
        code = answer.body.partition(b"<Code>")[2].partition(b"</Code>")[0]
        return answer.status, code.decode()

    def session(self, token: str) -> tuple[Key, str]:
        answer = self.assume(token)
        self.assertEqual(answer.status, 200, answer.body)

        def element(name: str) -> str:
            return answer.body.partition(f"<{name}>".encode())[2].partition(b"</")[0].decode()

        key = Key(element("AccessKeyId"), element("SecretAccessKey"), DESK, element("Expiration"))
        return key, element("SessionToken")

    def change_with(self, key: Key, token: str) -> None:
        client = sdk(self.world, key, token=token)
        client.update_user_identity_info(InstanceId=INSTANCE, UserId=MARY, IdentityInfo={"Email": NEW})


class EveryClient(Tokens):
    def test_asks_the_guard_itself(self) -> None:
        # Debian's AWS CLI 2 knows no variable for the endpoint of STS.
        clients = {name: made for name, made in applications.ALL.items() if name != "the AWS CLI, version 2"}
        for name, application in clients.items():
            with self.subTest(name):
                file = self.token_file(name=f"token-{name}")
                variables = self.at_the_guard() | self.by_web_identity(file)
                said = self.change_by(application(self.home(name), **variables))
                self.assertTrue(said.ok, said)
        self.assert_changed(len(clients))
        self.assertEqual({event["voucher"] for event in self.issued()}, {"web-identity"})
        self.assertNotIn(SUBJECT, self.world.guard.log())
        self.assertNotIn("preferred_username", self.world.guard.log())

    def test_asks_by_the_cli_of_the_system(self) -> None:
        cli = applications.cli_2(
            self.home("cli"), **self.at_the_guard(), AWS_ENDPOINT_URL_STS=self.world.guard.session_url
        )
        done = cli.run(
            "sts", "assume-role-with-web-identity", "--role-arn", DESK, "--role-session-name", "api",
            "--web-identity-token", self.issuer.token(),
        )  # fmt: skip
        self.assertEqual(done.returncode, 0, done.stderr)
        answered = json.loads(done.stdout)
        self.assertEqual(answered["SubjectFromWebIdentityToken"], SUBJECT)
        self.assertEqual(answered["Provider"], self.issuer.url)
        given = answered["Credentials"]
        own = {
            "AWS_ACCESS_KEY_ID": given["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": given["SecretAccessKey"],
            "AWS_SESSION_TOKEN": given["SessionToken"],
        }
        said = self.change_by(applications.cli_2(self.home("cli"), **self.at_the_guard(), **own))
        self.assertTrue(said.ok, said)

    def test_asks_by_credential_process(self) -> None:
        arguments = ["--web-identity-token-file", str(self.token_file()), "--role", DESK]
        for name, application in applications.ALL.items():
            with self.subTest(name):
                home = self.home(name)
                said = self.change_by(application(home, **self.profile(home, None, *arguments), **self.at_the_guard()))
                self.assertTrue(said.ok, said)
        self.assert_changed(len(applications.ALL))

    def test_is_told_why_there_is_no_session(self) -> None:
        for name, application in applications.ALL.items():
            if name == "the AWS CLI, version 2":
                continue
            with self.subTest(name):
                file = self.token_file(self.issuer.token("https://other.example.com"), f"token-{name}")
                variables = self.at_the_guard() | self.by_web_identity(file)
                said = self.change_by(application(self.home(name), **variables))
                # JavaScript's name for it.
                code = (said.code or "").removesuffix("Exception")
                self.assertEqual((said.ok, code), (False, "InvalidIdentityToken"), said)
                self.assertIn("Incorrect token audience", said.message)
        self.assertEqual(self.issued(), [])
        self.assert_changed(0)


class AToken(Tokens):
    def test_is_for_the_role_that_its_claims_are(self) -> None:
        token = self.issuer.token()
        for role in ("arn:aws:iam::111122223333:role/HelpDesk", "arn:aws:iam::444455556666:role/IdentityDesk"):
            self.assertEqual(self.code(self.assume(token, role)), (403, "AccessDenied"))
        self.assertEqual(self.issued(), [])
        self.change_with(*self.session(token))

    def test_that_somebody_changed(self) -> None:
        header, claims, signature = self.issuer.token().split(".")

        def encoded(value: object) -> str:
            return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

        def decoded(part: str) -> dict[str, object]:
            found: dict[str, object] = json.loads(base64.urlsafe_b64decode(part + "=="))
            return found

        known, said = decoded(header), decoded(claims)
        for token in (
            f"{header}.{encoded({**said, 'sub': 'system:serviceaccount:desk:admin'})}.{signature}",
            f"{header}.{encoded({**said, 'exp': 4_102_444_800})}.{signature}",
            f"{encoded({**known, 'alg': 'none'})}.{claims}.",
            f"{encoded({**known, 'alg': 'none'})}.{claims}.{signature}",
            f"{encoded({**known, 'alg': 'HS256'})}.{claims}.{signature}",
            f"{encoded({**known, 'alg': 'RS512'})}.{claims}.{signature}",
            f"{encoded({**known, 'kid': 'another'})}.{claims}.{signature}",
            f"{encoded({**known, 'jwk': {}, 'jku': 'https://attacker.example.com'})}.{claims}.{signature}",
            f"{header}.{claims}.{signature[:-8]}AAAAAAAA",
            f"{header}.{encoded({**said, 'iss': 'https://attacker.example.com'})}.{signature}",
        ):
            self.assertEqual(self.code(self.assume(token)), (400, "InvalidIdentityToken"), token)
        self.assertEqual(self.issued(), [])

    def test_of_another_issuer(self) -> None:
        with Issuer() as other:
            answer = self.assume(other.token())
        self.assertEqual(self.code(answer), (400, "InvalidIdentityToken"))
        self.assertIn(b"No OpenIDConnect provider found", answer.body)

    def test_with_a_parameter_that_is_there_twice(self) -> None:
        token = self.issuer.token()
        for more in (
            {"action": "GetCallerIdentity"},
            {"rolearn": "arn:aws:iam::111122223333:role/SecurityLead"},
            {"webidentitytoken": "x"},
        ):
            self.assertEqual(self.code(self.assume(token, **more)), (400, "MalformedInput"))
        twice = urlencode([("Action", "AssumeRoleWithWebIdentity"), ("Version", "2011-06-15")] + [("RoleArn", DESK)] * 2)
        answer = self.ask("/", f"{twice}&RoleSessionName=api&WebIdentityToken={token}".encode(), FORM)
        self.assertEqual(self.code(answer), (400, "MalformedInput"))
        for name in ("Policy", "PolicyArns.member.1.arn", "ProviderId", "DurationMinutes"):
            self.assertEqual(self.code(self.assume(token, **{name: "x"})), (400, "ValidationError"))
        self.assertEqual(self.code(self.assume(token, Action="GetCallerIdentity")), (400, "InvalidAction"))
        self.assertEqual(self.issued(), [])


class OfAnIssuerOfItsOwn(Tokens, Moving):
    """Whose tokens hold for so many seconds."""

    holds = 3600

    def prepare(self, world: World) -> None:
        own = self.enterContext(Issuer(self.holds))
        super().prepare(world)
        world.tables = world.tables.replace(issuer().url, own.url).replace(str(issuer().authority), str(own.authority))
        self.issuer = own


class ATokenInTime(OfAnIssuerOfItsOwn):
    holds = 60

    def test_ends_and_its_session_with_it(self) -> None:
        token = self.issuer.token()
        key, session = self.session(token)
        self.change_with(key, session)
        # The guard's sessions hold for fifteen minutes, but none outlives its token.
        self.seconds_pass(61)
        with refused("ExpiredTokenException", 403):
            self.change_with(key, session)
        for seconds in (61, 100):
            self.seconds_pass(seconds)
            self.assertEqual(self.code(self.assume(token)), (400, "ExpiredTokenException"))
        self.assert_changed(1)

    def test_is_not_of_the_future(self) -> None:
        token = self.issuer.token()
        self.seconds_pass(-100)
        self.assertEqual(self.code(self.assume(token)), (400, "InvalidIdentityToken"))


class AnIssuer(OfAnIssuerOfItsOwn):
    def test_may_change_its_keys_while_the_guard_runs(self) -> None:
        old = self.issuer.token()
        self.assertEqual(self.assume(old).status, 200)
        self.issuer.rotate()
        new = self.issuer.token()
        # It read the issuer's keys just now, and does so every thirty seconds at most, whatever tokens name.
        self.assertEqual(self.code(self.assume(new)), (400, "InvalidIdentityToken"))
        self.seconds_pass(31)
        self.assertEqual(self.assume(new).status, 200)
        self.assertEqual(self.assume(old).status, 200, "its key is still published")
        self.issuer.forget()
        self.assertEqual(self.assume(old).status, 200, "keys are kept for ten minutes")
        # A key that it does not know makes the guard look again: what is no longer published is no longer believed.
        self.issuer.rotate()
        self.seconds_pass(62)
        self.assertEqual(self.assume(self.issuer.token()).status, 200)
        self.assertEqual(self.code(self.assume(old)), (400, "InvalidIdentityToken"))
        self.assertEqual(self.assume(new).status, 200)
        self.assertEqual(len(self.issued()), 6)

    def test_may_forget_a_key(self) -> None:
        token = self.issuer.token()
        self.assertEqual(self.assume(token).status, 200)
        self.issuer.rotate()
        self.issuer.forget()
        self.seconds_pass(9 * 60)
        self.assertEqual(self.assume(token).status, 200)
        self.seconds_pass(11 * 60)
        self.assertEqual(self.code(self.assume(token)), (400, "InvalidIdentityToken"))

    def test_that_is_away_is_believed_for_a_while(self) -> None:
        token = self.issuer.token()
        self.assertEqual(self.assume(token).status, 200)
        self.issuer.stop()
        self.seconds_pass(30 * 60)
        self.assertEqual(self.assume(token).status, 200)

    def test_that_is_away_from_the_start(self) -> None:
        token = self.issuer.token()
        self.issuer.stop()
        self.assertEqual(self.code(self.assume(token)), (400, "IDPCommunicationError"))

"""Client certificates: in place of a signature at a gateway, and for a session at a session listener."""

import ssl

import boto3
from botocore import UNSIGNED
from botocore.config import Config

import applications
from authority import Pair, authority, certificate
from callers import refused
from guard import command
from proving import DESK, NEW, SPIFFE, Proving, badge, issuer, moto
from upstream import INSTANCE, MARY, REGION

SHARED = (moto, issuer)


class ACertificate(Proving):
    def setUp(self) -> None:
        super().setUp()
        self.desk = badge("desk", SPIFFE)
        # What a gateway, and a session listener, with `client_ca` are called.
        self.gateway = f"https://localhost:{self.world.guard.ports[1]}"
        self.sessions = f"https://localhost:{self.world.guard.session_ports[1]}"

    def change(self, pair: Pair | None, url: str = "") -> None:
        config = Config(signature_version=UNSIGNED, retries={"total_max_attempts": 1})
        if pair is not None:
            config = config.merge(Config(client_cert=(str(pair.certificate), str(pair.key))))
        client = boto3.client(
            "connect",
            region_name=REGION,
            endpoint_url=url or self.gateway,
            verify=str(self.world.authority),
            config=config,
        )
        client.update_user_identity_info(InstanceId=INSTANCE, UserId=MARY, IdentityInfo={"Email": NEW})

    def with_it(self, pair: Pair) -> dict[str, str]:
        return {"CLIENT_CERTIFICATE": str(pair.certificate), "CLIENT_KEY": str(pair.key)}

    def of(self, pair: Pair) -> list[str]:
        return ["--certificate", str(pair.certificate), "--key-file", str(pair.key)]

    def test_stands_in_place_of_a_signature(self) -> None:
        for name in ("boto3", "JavaScript"):
            with self.subTest(name):
                variables = self.at_the_guard() | {"AWS_ENDPOINT_URL_CONNECT": self.gateway} | self.with_it(self.desk)
                said = self.change_by(applications.ALL[name](self.home(name), **variables))
                self.assertTrue(said.ok, said)
        self.assert_changed(2)
        self.assertEqual(self.issued(), [])

    def test_gives_a_session_in_every_client(self) -> None:
        for name, application in applications.ALL.items():
            with self.subTest(name):
                home = self.home(name)
                profile = self.profile(home, None, *self.of(self.desk), url=self.sessions)
                said = self.change_by(application(home, **profile, **self.at_the_guard()))
                self.assertTrue(said.ok, said)
        self.assert_changed(len(applications.ALL))
        self.assertEqual(
            [(event["voucher"], event["principal"]) for event in self.issued()],
            [("certificate", DESK)] * len(applications.ALL),
        )

    def test_of_somebody_else_is_nobody(self) -> None:
        other = badge("other", f"{SPIFFE}/other")
        with refused("UnrecognizedClientException", 403):
            self.change(other)
        done = command(
            "credentials", "--session-url", self.sessions, "--ca-file", str(self.world.authority), *self.of(other),
            directory=self.home("other"),
        )  # fmt: skip
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("403 UnrecognizedClientException", done.stderr)
        self.assert_changed(0)

    def test_of_another_authority_is_none(self) -> None:
        forged = authority("stranger").issue_client("desk", SPIFFE)
        for pair in (forged, None):
            with self.assertRaisesRegex(Exception, "(?i)ssl|alert|connection"):
                self.change(pair)
        done = command(
            "credentials", "--session-url", self.sessions, "--ca-file", str(self.world.authority), *self.of(forged),
            directory=self.home("forged"),
        )  # fmt: skip
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertEqual(self.issued(), [])
        self.assert_changed(0)

    def test_is_asked_for_where_it_counts_alone(self) -> None:
        # Unsigned, at the gateway that takes signatures: a certificate is not even looked at.
        with refused("MissingAuthenticationTokenException", 403):
            self.change(self.desk, self.world.guard.url)
        # At the session listener that asks for no certificate there is none to show.
        answer = self.ask("/v1/session/certificate", b"")
        self.assertEqual(answer.error, (403, "MissingAuthenticationTokenException"))
        # The one that asks for it answers nobody without, whatever else proves who somebody is.
        with self.assertRaises((ssl.SSLError, ConnectionError)):
            self.ask("/v1/nonce", b"", port=self.world.guard.session_ports[1])

    def test_is_not_the_one_of_the_server(self) -> None:
        own = certificate("guard", "localhost", "127.0.0.1")
        with self.assertRaisesRegex(Exception, "(?i)ssl|alert|connection"):
            self.change(own)
        self.assert_changed(0)

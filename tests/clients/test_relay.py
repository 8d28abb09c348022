"""A relay beside an application: the program keeps its own AWS credentials, uses AWS with them, and Connect through the relay.
What the guard and Connect are sent is read along, and holds nothing of them."""

import http.client
import json
import uuid

import applications
from guard import Relay
from proving import AUDIENCE, DESK, SPIFFE, Proving, badge, issuer, moto
from upstream import REGION
from wiretap import Wiretap

SHARED = (moto, issuer)


class Relayed(Proving):
    """An application with credentials of AWS that are no business of the guard's."""

    def setUp(self) -> None:
        super().setUp()
        self.own = self.moto.assume("Application", "pod-7")
        self.bucket = f"reports-{uuid.uuid4()}"
        self.moto.client("s3").create_bucket(Bucket=self.bucket)

    def relay(self, name: str, *lines: str, gateway: str = "", session: str = "", **environment: str) -> Relay:
        """A relay with these lines in `[relay]`; it runs until the test ends."""
        file = self.world.directory / f"{name}.toml"
        file.write_text(
            "\n".join([
                "[listen]",
                'address = "127.0.0.1:0"',
                "[relay]",
                f'gateway = "{gateway or self.world.guard.url}"',
                f'session = "{session or self.world.guard.session_url}"',
                f'ca_file = "{self.world.authority}"',
                f'region = "{REGION}"',
                *lines,
                "[log]",
                'format = "json"',
                "",
            ]),
            encoding="utf-8",
        )  # fmt: skip
        return self.enterContext(Relay(file, **environment))

    def by_token(self) -> list[str]:
        return ['proof = "web-identity"', f'token_file = "{self.token_file()}"', f'role = "{DESK}"']

    def beside(self, relay: Relay, **more: str) -> dict[str, str]:
        """What the application is told: its own credentials, where S3 is, and where the relay is."""
        return {
            **self.own.environment(),
            "AWS_CA_BUNDLE": str(self.moto.authority),
            "NODE_EXTRA_CA_CERTS": str(self.moto.authority),
            "AWS_ENDPOINT_URL_S3": f"https://127.0.0.1:{self.moto.port}",
            "AWS_ENDPOINT_URL_STS": f"https://127.0.0.1:{self.moto.port}",
            "AWS_ENDPOINT_URL_CONNECT": relay.url,
            **more,
        }

    def stored(self) -> list[str]:
        found = self.moto.client("s3").list_objects_v2(Bucket=self.bucket)
        return [one["Key"] for one in found.get("Contents", [])]

    def assert_nothing_of_its_own(self, *octets: bytes) -> None:
        """None of these holds anything of the application's own credentials; nor do records, or what Connect was sent."""
        connect = "".join(f"{one.target} {one.headers} {one.body!r}" for one in self.upstream.requests)
        ledger = b"".join(file.read_bytes() for file in self.world.directory.glob("ledger.db*"))
        everything = b"".join([*octets, connect.encode(), self.world.guard.log().encode(), ledger])
        for part in (self.own.access_key, self.own.secret_key, self.own.token):
            self.assertNotIn(part.encode(), everything)


class AnApplication(Relayed):
    def test_uses_aws_by_itself_and_connect_by_the_relay(self) -> None:
        gateway = self.enterContext(Wiretap(self.world.guard.port))
        session = self.enterContext(Wiretap(self.world.guard.session_ports[0]))
        relay = self.relay("relay", *self.by_token(), gateway=gateway.url, session=session.url)
        for name, application in applications.BESIDE.items():
            with self.subTest(name), application(self.home(name), **self.beside(relay)) as running:
                for number in (1, 2):
                    put = running.put(self.bucket, f"{name} {number}")
                    self.assertTrue(put.ok, put)
                    said = self.changes(running)
                    self.assertTrue(said.ok, said)
        self.assert_changed(2 * len(applications.BESIDE))
        self.assertEqual(sorted(self.stored()), sorted(f"{name} {number}" for name in applications.BESIDE for number in (1, 2)))
        # One session for all of them, and what was read along is what was meant to be.
        self.assertEqual(len(self.issued()), 1)
        self.assertIn(b"/identity-info", gateway.heard())
        self.assertIn(b"AssumeRoleWithWebIdentity", session.heard())
        self.assert_nothing_of_its_own(gateway.heard(), session.heard(), relay.log().encode())

    def test_keeps_running_while_the_gateway_does_not(self) -> None:
        relay = self.relay("relay", *self.by_token())
        once = self.beside(relay, AWS_MAX_ATTEMPTS="1")
        running = {
            name: self.enterContext(application(self.home(name), **once))
            for name, application in applications.BESIDE.items()
        }
        for name, each in running.items():
            self.assertTrue(self.changes(each).ok, name)
        sessions = len(self.issued())
        self.world.guard.stop()
        for name, each in running.items():
            with self.subTest(name):
                said = self.changes(each)
                self.assertEqual((said.ok, said.code), (False, "ServiceUnavailableException"), said)
                self.assertIn("The request was not carried out: the guard cannot be reached", said.message)
                self.assertTrue(each.put(self.bucket, name).ok, "AWS is there")
        self.world.guard.start()
        for name, each in running.items():
            self.assertTrue(self.changes(each).ok, name)
        self.assert_changed(2 * len(running))
        self.assertEqual((sessions, self.issued()), (1, []), "the session outlives the gateway that gave it")
        self.assert_nothing_of_its_own(relay.log().encode())

    def test_is_answered_as_aws_does(self) -> None:
        relay = self.relay("relay", *self.by_token())
        self.world.guard.stop()
        connection = http.client.HTTPConnection("127.0.0.1", relay.port, timeout=20)
        self.addCleanup(connection.close)
        connection.request("POST", "/users/x/y/identity-info", b"{}", {"Content-Type": "application/json"})
        answer = connection.getresponse()
        said = json.loads(answer.read())
        self.assertEqual((answer.status, answer.headers["x-amzn-ErrorType"]), (503, "ServiceUnavailableException"))
        self.assertEqual(answer.headers["Content-Type"], "application/json")
        self.assertEqual(answer.headers["Retry-After"], "1")
        self.assertIn(answer.headers["x-amzn-RequestId"], said["Message"])
        self.world.guard.start()

    def test_is_refused_as_by_the_guard(self) -> None:
        helper = 'role = "arn:aws:iam::111122223333:role/HelpDesk"'
        relay = self.relay("relay", *self.by_token()[:2], helper)
        for name, application in applications.BESIDE.items():
            with self.subTest(name):
                said = self.change_by(application(self.home(name), **self.beside(relay, AWS_MAX_ATTEMPTS="1")))
                self.assertEqual((said.ok, said.code), (False, "ServiceUnavailableException"), said)
        self.assert_changed(0)
        self.assertIn("AccessDenied", relay.log())


class EveryProof(Relayed):
    def test_is_had_by_the_relay(self) -> None:
        pod = self.moto.assume("IdentityDesk", "pod-7")
        desk = badge("desk", SPIFFE)
        shown = [f'certificate = "{desk.certificate}"', f'key_file = "{desk.key}"']
        by_certificate = f"https://localhost:{self.world.guard.session_ports[1]}"
        relays = {
            "sts": self.relay("sts", 'proof = "sts"', f'audience = "{AUDIENCE}"', **pod.environment()),
            "web-identity": self.relay("web-identity", *self.by_token()),
            "certificate": self.relay("certificate", 'proof = "certificate"', *shown, session=by_certificate),
        }
        for proof, relay in relays.items():
            for name, application in applications.BESIDE.items():
                with self.subTest(f"{proof}, {name}"):
                    said = self.change_by(application(self.home(name), **self.beside(relay)))
                    self.assertTrue(said.ok, said)
        self.assert_changed(len(relays) * len(applications.BESIDE))
        self.assertEqual({event["voucher"] for event in self.issued()}, set(relays))
        self.assertEqual(len(self.issued()), len(relays))
        for relay in relays.values():
            self.assert_nothing_of_its_own(relay.log().encode())
            self.assertNotIn(pod.secret_key, relay.log())
            self.assertNotIn(pod.token, relay.log())

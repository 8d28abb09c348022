"""Two guards with the same session keys, each with a ledger of its own; and a third one that is somebody else's."""

import applications
from callers import refused, sdk
from guard import Guard
from proving import NEW, issuer, moto
from test_sts import Sts, proof
from upstream import CREDENTIALS, INSTANCE, MARY
from world import Key

SHARED = (moto, issuer)


class Guards(Sts):
    """Those that stand beside the world's own."""

    def beside(self, name: str, key: str = "session", audience: str | None = None) -> Guard:
        """One with its own ledger, and these session keys and this audience."""
        text = self.world.configuration.read_text(encoding="utf-8")
        for port in (self.world.port, self.session_port):
            text = text.replace(f"127.0.0.1:{port}", "127.0.0.1:0")
        text = text.replace('url = "sqlite:ledger.db"', f'url = "sqlite:{name}.db"\nreplica = "{name}"')
        if key != "session":
            self.world.secret(key, key.encode().hex().ljust(64, "1"))
            text = text.replace('id = "session"\n', f'id = "{key}"\n').replace("secrets/session", f"secrets/{key}")
        if audience is not None:
            text = text.replace('audience = "guard.example.com"', f'audience = "{audience}"')
        file = self.world.directory / f"{name}.toml"
        file.write_text(text, encoding="utf-8")
        own = {"AWS_ACCESS_KEY_ID": CREDENTIALS.access_key, "AWS_SECRET_ACCESS_KEY": CREDENTIALS.secret_key}
        return self.enterContext(Guard(file, **own))


class TwoGuards(Guards):
    def test_take_the_sessions_and_the_nonces_of_each_other(self) -> None:
        other = self.beside("other")
        [at_other] = other.session_ports[:1]
        # A nonce of one is good at the other; what was issued there is good here, and the other way round.
        answer = self.send(proof(self.kim, self.nonce()), port=at_other)
        self.assertEqual(answer.status, 200, answer.body)
        given = answer.json()
        own = {
            "AWS_ACCESS_KEY_ID": given["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": given["SecretAccessKey"],
            "AWS_SESSION_TOKEN": given["SessionToken"],
        }
        for guard in (other, self.world.guard):
            variables = self.at_the_guard() | own | {"AWS_ENDPOINT_URL_CONNECT": guard.url}
            said = self.change_by(applications.boto3(self.home("boto3"), **variables))
            self.assertTrue(said.ok, said)
        self.assertEqual(len(self.issued()), 0, "the other one has it on record")
        self.assertEqual(len(other.events("session issued", 1)), 1)
        self.assert_changed(2)

    def test_know_spent_nonces_by_their_own_ledgers(self) -> None:
        other = self.beside("other")
        parts = proof(self.kim, self.nonce())
        for port in (self.world.guard.session_ports[0], other.session_ports[0]):
            self.assertEqual(self.send(parts, port=port).status, 200)
            self.assertEqual(self.send(parts, port=port).error, (403, "InvalidSignatureException"))

    def test_are_one_for_every_client(self) -> None:
        other = self.beside("other")
        for name, application in applications.ALL.items():
            with self.subTest(name):
                home = self.home(name)
                variables = self.at_the_guard() | {"AWS_ENDPOINT_URL_CONNECT": other.url}
                said = self.change_by(application(home, **self.profile(home, self.kim), **variables))
                self.assertTrue(said.ok, said)
        self.assertEqual(len(self.issued()), len(applications.ALL))
        self.assertEqual(other.events("session issued", 0), [])


class AForeignGuard(Guards):
    """Its session keys are its own; it may even say that it is this one."""

    def test_gives_sessions_that_are_nothing_here(self) -> None:
        foreign = self.beside("foreign", key="foreign")
        answer = self.send(proof(self.kim, self.nonce(foreign.session_ports[0])), port=foreign.session_ports[0])
        self.assertEqual(answer.status, 200, answer.body)
        given = answer.json()
        key = Key(given["AccessKeyId"], given["SecretAccessKey"], "", "")
        client = sdk(self.world, key, token=given["SessionToken"])
        with refused("InvalidSignatureException", 403):
            client.update_user_identity_info(InstanceId=INSTANCE, UserId=MARY, IdentityInfo={"Email": NEW})
        self.assert_changed(0)

    def test_cannot_pass_a_proof_on(self) -> None:
        foreign = self.beside("foreign", key="foreign", audience="foreign.example.com")
        [theirs] = foreign.session_ports[:1]
        # A proof for the other guard is none here, with its nonce or with one of this guard's.
        for parts in (
            proof(self.kim, self.nonce(theirs), audience="foreign.example.com"),
            proof(self.kim, self.nonce(theirs)),
        ):
            self.assert_no_session(self.send(parts), 403, "InvalidSignatureException", "nonce")
        # And whoever asks there with the audience of this guard is told so, and signs nothing.
        home = self.home("boto3")
        url = f"https://localhost:{theirs}"
        said = self.change_by(applications.boto3(home, **self.profile(home, self.kim, url=url), **self.at_the_guard()))
        self.assertFalse(said.ok)
        self.assertIn("is `foreign.example.com`, not `guard.example.com`: nothing was signed for it", said.message)
        self.assertEqual(foreign.events("session issued", 0), [])

"""What the tests of proofs share: a guard that gives sessions for every proof, moto's STS, an issuer, certificates."""

import functools
import http.client
import json
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import places
from applications import Application, Cli, Said
from authority import Pair, authority, certificate
from case import GuardCase
from issuer import AUDIENCE as TOKEN_AUDIENCE
from issuer import SUBJECT, Issuer
from moto_server import Credentials, Moto
from upstream import ACCOUNT, REGION, UPDATE, User
from world import World

# What proofs by STS are made for.
AUDIENCE = "guard.example.com"
DESK = f"arn:aws:iam::{ACCOUNT}:role/IdentityDesk"
SPIFFE = "spiffe://example.com/contact-center/desk"
NEW = "marym@example.com"


@functools.cache
def moto() -> Moto:
    """AWS, for all tests of a run: they change nothing there that another one could meet."""
    return Moto()


@functools.cache
def issuer() -> Issuer:
    """An issuer, for all tests of a run that leave its keys alone."""
    return Issuer()


@functools.cache
def badge(name: str, spiffe: str) -> Pair:
    """A client certificate of the authority whose certificates the guard takes."""
    return authority("callers").issue_client(name, spiffe)


@dataclass(frozen=True)
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> tuple[int, str | None]:
        return self.status, self.headers["x-amzn-ErrorType"]


class Proving(GuardCase):
    """The first gateway takes signatures, the second one certificates; the first session listener knows STS and the issuer,
    the second one asks for certificates."""

    # Those of all tests, unless one has its own.
    moto: Moto
    issuer: Issuer
    lifetime = "15m"

    def prepare(self, world: World) -> None:
        self.moto, self.issuer = moto(), issuer()
        world.port = places.free_port()
        self.session_port = places.free_port()
        world.tables += self.listeners() + self.sessions(world)

    def listeners(self) -> str:
        guard, callers = certificate("guard", "localhost", "127.0.0.1"), authority("callers").file
        own = f'certificate = "{guard.certificate}"\nkey_file = "{guard.key}"'
        return f"""
[[listen]]
kind = "gateway"
address = "127.0.0.1:0"
{own}
client_ca = "{callers}"
require = "certificate"

[[listen]]
kind = "session"
address = "127.0.0.1:{self.session_port}"
{own}

[[listen]]
kind = "session"
address = "127.0.0.1:0"
{own}
client_ca = "{callers}"

[[certificate]]
spiffe = "{SPIFFE}"
principal = "{DESK}"
"""

    def sessions(self, world: World, key: str = "session", audience: str = AUDIENCE) -> str:
        secret = world.directory / "secrets" / key
        if not secret.exists():
            world.secret(key, key.encode().hex().ljust(64, "0"))
        return f"""
[session]
audience = "{audience}"
lifetime = "{self.lifetime}"

[[session.key]]
id = "{key}"
secret_file = "secrets/{key}"

[session.sts]
accounts = ["{ACCOUNT}"]
regions = ["{REGION}"]
address = "127.0.0.1:{self.moto.port}"
ca_file = "{self.moto.authority}"

[[session.issuer]]
issuer = "{self.issuer.url}"
audiences = ["{TOKEN_AUDIENCE}"]
algorithms = ["RS256"]
jwks_url = "{self.issuer.jwks_url}"
ca_file = "{self.issuer.authority}"
private = ["127.0.0.0/8"]

[[session.role]]
issuer = "{self.issuer.url}"
claims = {{ sub = "{SUBJECT}" }}
role = "{DESK}"
carry = ["preferred_username"]

[freeze]
may_freeze = ["arn:aws:iam::{ACCOUNT}:role/SecurityOnCall"]
may_unfreeze = ["arn:aws:iam::{ACCOUNT}:role/SecurityLead"]

"""

    def home(self, name: str) -> Path:
        """A home directory: what is kept there is kept for one application."""
        home = self.world.directory / f"home-{name.replace(' ', '-').replace(',', '')}"
        home.mkdir(exist_ok=True, mode=0o700)
        return home

    def at_the_guard(self) -> dict[str, str]:
        """Where Connect is, and whom to trust there."""
        trusted = str(self.world.authority)
        return {
            "AWS_ENDPOINT_URL_CONNECT": self.world.guard.url,
            "AWS_CA_BUNDLE": trusted,
            "NODE_EXTRA_CA_CERTS": trusted,
        }

    def profile(self, home: Path, own: Credentials | None, *arguments: str, url: str = "") -> dict[str, str]:
        """A home whose default credentials are a session of the guard's, had by `connect-guard credentials`: with AWS's own
        credentials in a profile beside it, or by the other proof that `arguments` name."""
        # What people write into their files.
        url = url or self.world.guard.session_url
        process = f"{places.BINARY} credentials --session-url {url} --ca-file {self.world.authority} "
        process += " ".join(["--audience", AUDIENCE, *arguments])
        lines = ["[default]", f"credential_process = {process}", f"region = {REGION}", ""]
        if own is not None:
            lines[1] += " --profile own"
            lines += ["[profile own]", f"aws_access_key_id = {own.access_key}"]
            lines += [f"aws_secret_access_key = {own.secret_key}", f"aws_session_token = {own.token}", ""]
        config = home / "config"
        config.write_text("\n".join(lines), encoding="ascii")
        config.chmod(0o600)
        return {"AWS_CONFIG_FILE": str(config)}

    def token_file(self, token: str | None = None, name: str = "token") -> Path:
        """A web identity token, as a pod is given it."""
        file = self.world.directory / name
        file.write_text(self.issuer.token() if token is None else token, encoding="ascii")
        return file

    def by_web_identity(self, file: Path, role: str = DESK) -> dict[str, str]:
        """The variables with which every SDK asks for a session itself."""
        return {
            "AWS_WEB_IDENTITY_TOKEN_FILE": str(file),
            "AWS_ROLE_ARN": role,
            "AWS_ROLE_SESSION_NAME": "api",
            "AWS_ENDPOINT_URL_STS": self.world.guard.session_url,
        }

    def ask(self, target: str, body: bytes, kind: str = "application/json", port: int = 0, method: str = "POST") -> Answer:
        """Asks a session listener, the first one unless another is named."""
        context = ssl.create_default_context(cafile=str(self.world.authority))
        port = port or self.world.guard.session_ports[0]
        connection = http.client.HTTPSConnection("localhost", port, context=context, timeout=20)
        try:
            connection.request(method, target, body, {"Content-Type": kind} if body else {})
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read())
        finally:
            connection.close()

    def issued(self) -> list[dict[str, Any]]:
        """What the guard's log says of the sessions that it gave."""
        return self.world.guard.events("session issued", 0)

    def assert_changed(self, times: int) -> None:
        """Connect was sent so many changes."""
        self.assertEqual(len(self.upstream.seen(UPDATE)), times)

    def change_by(self, application: Application | Cli) -> Said:
        """The application changes the Email of a user of whom nobody has heard yet."""
        with application:
            return self.changes(application)

    def changes(self, application: Application | Cli) -> Said:
        """As `change_by`, by one that runs."""
        number = len(self.upstream.users)
        user = f"87654321-2222-1234-1234-{number:012}"
        names = {"FirstName": "Given", "LastName": "Family", "Email": f"agent{number}.old@example.com"}
        self.upstream.users[user] = User(user, f"agent{number}", names)
        return application.change(f"agent{number}@example.com", user)


class Moving(Proving):
    """The guard's clock can be moved."""

    def prepare(self, world: World) -> None:
        super().prepare(world)
        assert places.FAKETIME is not None, "libfaketime is missing"
        self._offset = world.directory / "offset"
        self.seconds_pass(0)
        world.environment = {
            "LD_PRELOAD": str(places.FAKETIME),
            "FAKETIME_TIMESTAMP_FILE": str(self._offset),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }

    def seconds_pass(self, seconds: int) -> None:
        """The guard's clock is so far ahead from now on."""
        after = self._offset.with_suffix(".next")
        after.write_text(f"{seconds:+}", encoding="ascii")
        after.rename(self._offset)

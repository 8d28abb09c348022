"""Everything one test needs: a Connect, a mail server, and a guard between them with keys, secrets, policy and ledger."""

import json
import secrets
import shutil
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import places
from authority import authority, certificate
from guard import Guard, command
from mail import PASSWORD, USER, MailServer
from upstream import ACCOUNT, CREDENTIALS, INSTANCE, REGION, Upstream

SECURITY = ["security@example.com", "soc@example.com"]
POLICIES = places.HERE / "policies"


@dataclass(frozen=True)
class Key:
    """A key of a caller, as `caller issue` made it."""

    key_id: str
    secret: str
    principal: str
    expires: str


class World:
    """Use it as a context. `mail=False`: the mail server is there and does not listen yet."""

    def __init__(self, name: str, *, mail: bool = True) -> None:
        self._starts_mail = mail
        self.directory = places.new_directory(name)
        self.configuration = self.directory / "config.toml"
        self.upstream = Upstream()
        self.mail = MailServer()
        self.keys: dict[str, Key] = {}
        self._stack = ExitStack()

    def __enter__(self) -> "World":
        with self._stack:
            self._stack.enter_context(self.upstream)
            self._stack.enter_context(self.mail)
            if self._starts_mail:
                self.mail.start()
            self.write()
            self.guard = Guard(
                self.configuration,
                AWS_ACCESS_KEY_ID=CREDENTIALS.access_key,
                AWS_SECRET_ACCESS_KEY=CREDENTIALS.secret_key,
            )
            self._stack.enter_context(self.guard)
            self._stack = self._stack.pop_all()
        return self

    def __exit__(self, *exception: Any) -> None:
        self._stack.__exit__(*exception)

    def restart_after_a_crash(self) -> None:
        """Ends the guard without a word, and starts it again."""
        self.guard.kill()
        self.guard.start()

    @property
    def authority(self) -> Path:
        """What a caller has to trust."""
        return authority("guard").file

    @property
    def ledger(self) -> str:
        return f"sqlite:{self.directory / 'ledger.db'}"

    def write(self) -> None:
        """Writes everything the guard reads: policy, secrets, callers' keys, configuration."""
        shutil.copytree(POLICIES, self.directory / "policies")
        (self.directory / "secrets").mkdir(mode=0o700)
        self._secret("hash", secrets.token_hex(32))
        self._secret("seal", secrets.token_hex(32))
        self._secret("smtp", PASSWORD.decode())
        for role in ("IdentityDesk", "HelpDesk", "Batch", "Reporting", "Onboarding", "Stranger"):
            self.keys[role] = self._issue(f"arn:aws:iam::{ACCOUNT}:role/{role}")
        self.configuration.write_text(self._configuration(), encoding="utf-8")

    def _issue(self, principal: str) -> Key:
        issued = command("--format", "json", "caller", "issue", "--principal", principal, directory=self.directory)
        assert issued.returncode == 0, issued.stderr
        key = Key(**json.loads(issued.stdout))
        self._secret(key.key_id, key.secret)
        return key

    def _secret(self, name: str, value: str) -> None:
        file = self.directory / "secrets" / name
        file.touch(mode=0o600)
        file.write_text(value, encoding="ascii")

    def _configuration(self) -> str:
        gateway = certificate("guard", "localhost", "127.0.0.1")
        callers = "".join(
            f'[[caller]]\nkey_id = "{key.key_id}"\nprincipal = "{key.principal}"\n'
            f'expires = {key.expires}\nsecret_file = "secrets/{key.key_id}"\n\n'
            for key in self.keys.values()
        )
        return f"""\
[[listen]]
kind = "gateway"
address = "127.0.0.1:0"
certificate = "{gateway.certificate}"
key_file = "{gateway.key}"

[policy]
directory = "policies"

[store]
url = "sqlite:ledger.db"

[keys]
hash_file = "secrets/hash"

[[keys.seal]]
id = "test"
secret_file = "secrets/seal"

[[upstream]]
name = "main"
account = "{ACCOUNT}"
region = "{REGION}"
instances = ["{INSTANCE}"]
address = "127.0.0.1:{self.upstream.port}"
ca_file = "{authority("connect").file}"

{callers}[mail]
host = "localhost"
port = {self.mail.port}
tls = "starttls"
ca_file = "{authority("mail").file}"
username = "{USER.decode()}"
password_file = "secrets/smtp"
from = "connect-guard@example.com"
security = {json.dumps(SECURITY)}

[limits]
failures = {{ per_second = 100.0, burst = 100 }}
connect = {{ per_second = 100.0, burst = 200 }}

[log]
format = "json"
"""

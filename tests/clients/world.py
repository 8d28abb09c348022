"""Everything one test needs: a Connect, a mail server, and a guard between them with keys, secrets, policy and ledger."""

import json
import secrets
import shutil
import subprocess
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import places
from authority import authority, certificate
from guard import Guard, command
from hooks import Receiver
from mail import PASSWORD, USER, Aiosmtpd, MailServer
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
    """Use it as a context. `mail=False`: the mail server is there and does not listen yet.

    What is set before it is entered is what the guard starts with."""

    def __init__(self, name: str, *, mail: bool = True, mail_server: type[MailServer] = Aiosmtpd) -> None:
        self._starts_mail = mail
        self.directory = places.new_directory(name)
        (self.directory / "secrets").mkdir(mode=0o700)
        self.configuration = self.directory / "config.toml"
        self.upstream = Upstream()
        self.mail = mail_server()
        self.mail_port = self.mail.port
        self.security = SECURITY
        # What the guard believes to be the mail server's.
        self.password = PASSWORD.decode()
        # More lines of `[mail]`, of `[notify]` and what belongs to it, of `[limits]`, and more tables.
        self.mail_settings = ""
        self.notify = ""
        self.limits = ""
        self.tables = ""
        # More lines of `[[upstream]]`.
        self.upstream_settings = ""
        # Where callers are heard: a port that stays the same after a restart, where that matters.
        self.port = 0
        # More of the guard's environment.
        self.environment: dict[str, str] = {}
        # Each has a key.
        self.roles = ("IdentityDesk", "HelpDesk", "Batch", "Reporting", "Onboarding", "Stranger")
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
                **self.environment,
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
        self.secret("hash", secrets.token_hex(32))
        self.secret("seal", secrets.token_hex(32))
        self.secret("smtp", self.password)
        for role in self.roles:
            self.keys[role] = self._issue(f"arn:aws:iam::{ACCOUNT}:role/{role}")
        self.configure()

    def configure(self) -> None:
        """Writes the configuration, as it is to be now."""
        self.configuration.write_text(self._configuration(), encoding="utf-8")

    def secret(self, name: str, value: str) -> str:
        """Writes a secret; gives its file, as the configuration names it."""
        file = self.directory / "secrets" / name
        file.touch(mode=0o600)
        file.write_text(value, encoding="ascii")
        return f"secrets/{name}"

    def add_hook(
        self, name: str, receiver: Receiver, secret: str = "", *more: str, form: str = "cloudevents", private: bool = True
    ) -> None:
        """A hook that this receiver answers; `more` lines go into its table."""
        lines = [f'name = "{name}"', f'format = "{form}"']
        lines.append(f'url_file = "{self.secret(f"{name}-url", receiver.url(f"/{name}"))}"')
        lines.append(f'ca_file = "{authority("hooks").file}"')
        if secret:
            lines.append(f'secret_file = "{self.secret(name, secret)}"')
        if private:
            lines.append('private = ["127.0.0.0/8"]')
        self.tables += "\n".join(["[[notify.hook]]", *lines, *more, "\n"])

    def add_route(self, *lines: str) -> None:
        """A route of these lines."""
        self.tables += "\n".join(["[[notify.route]]", *lines, "\n"])

    def add_status(self) -> None:
        """A status listener."""
        self.tables += '[[listen]]\nkind = "status"\naddress = "127.0.0.1:0"\n\n'

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs a command of the guard with this configuration, in a process of its own."""
        return command(*arguments, "--config", str(self.configuration), directory=self.directory)

    def deliveries(self, *arguments: str) -> list[dict[str, Any]]:
        """What `notify list` lists, with its recipients and without heartbeats. Who looks is on record."""
        return self._listed("--reveal", *arguments)

    def _listed(self, *arguments: str) -> list[dict[str, Any]]:
        done = self.command("--format", "json", "notify", "list", "--limit", "10000", *arguments)
        assert done.returncode == 0, done.stderr
        return [each for each in json.loads(done.stdout) if each["kind"] != "heartbeat"]

    def wait_until_nothing_waits(self, seconds: float = 30) -> None:
        """Returns once every delivery was made or given up."""
        until = time.monotonic() + seconds
        while waiting := [each for each in self._listed() if each["state"] in ("waiting", "under-way")]:
            assert time.monotonic() < until, f"after {seconds} s these wait: {waiting}\n{self.guard.log()}"
            time.sleep(0.2)

    def _issue(self, principal: str) -> Key:
        issued = command("--format", "json", "caller", "issue", "--principal", principal, directory=self.directory)
        assert issued.returncode == 0, issued.stderr
        key = Key(**json.loads(issued.stdout))
        self.secret(key.key_id, key.secret)
        return key

    def _configuration(self) -> str:
        gateway = certificate("guard", "localhost", "127.0.0.1")
        tls = "implicit" if self.mail.implicit else "starttls"
        callers = "".join(
            f'[[caller]]\nkey_id = "{key.key_id}"\nprincipal = "{key.principal}"\n'
            f'expires = {key.expires}\nsecret_file = "secrets/{key.key_id}"\n\n'
            for key in self.keys.values()
        )
        return f"""\
[[listen]]
kind = "gateway"
address = "127.0.0.1:{self.port}"
certificate = "{gateway.certificate}"
key_file = "{gateway.key}"

[policy]
directory = "policies"

[store]
url = "sqlite:ledger.db"
timeout = "20s"

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
{self.upstream_settings}
{callers}[mail]
host = "localhost"
port = {self.mail_port}
tls = "{tls}"
ca_file = "{authority("mail").file}"
username = "{USER.decode()}"
password_file = "secrets/smtp"
from = "connect-guard@example.com"
security = {json.dumps(self.security)}
{self.mail_settings}
[notify]
{self.notify}
{self.tables}[limits]
failures = {{ per_second = 100.0, burst = 100 }}
refusals = {{ per_second = 100.0, burst = 1000 }}
connect = {{ per_second = 100.0, burst = 200 }}
{self.limits}
[log]
format = "json"
"""

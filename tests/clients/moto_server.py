"""AWS as a third party: moto's STS and S3, over TLS, as a process. It checks signatures once it is told to."""

import json
import socket
import ssl
import subprocess
import time
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.credentials import Credentials as Keys

import places
from authority import authority, certificate
from upstream import ACCOUNT, REGION

HOST = f"sts.{REGION}.amazonaws.com"


@dataclass(frozen=True)
class Credentials:
    """Temporary credentials, as STS gives them."""

    access_key: str
    secret_key: str
    token: str
    # Of whom, as STS says.
    arn: str
    unique_id: str

    def environment(self) -> dict[str, str]:
        """The variables that every SDK reads them from."""
        return {
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_SESSION_TOKEN": self.token,
        }


@dataclass(frozen=True)
class Issued:
    """Credentials of a role's session, and what was asked for."""

    keys: Keys
    role: str
    session: str
    external_id: str | None


class Moto:
    """The server. Use it as a context."""

    def __init__(self) -> None:
        self.certificate = certificate("aws", HOST, "localhost", "127.0.0.1")
        self.port = places.free_port()

    def __enter__(self) -> "Moto":
        command = [str(places.TARGET / "venv" / "bin" / "moto_server"), "--host", "127.0.0.1", "--port", str(self.port)]
        command += ["--ssl-cert", str(self.certificate.certificate), "--ssl-key", str(self.certificate.key)]
        self._process = subprocess.Popen(
            command,
            env=places.environment(places.TEMPORARY),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        context = self._context()
        until = time.monotonic() + 60
        while True:
            try:
                with socket.create_connection(("127.0.0.1", self.port), 5) as plain:
                    context.wrap_socket(plain, server_hostname="localhost").close()
                return self
            except OSError as error:
                assert self._process.poll() is None, "moto_server ended"
                assert time.monotonic() < until, f"moto_server does not listen: {error}"
                time.sleep(0.1)

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()

    @property
    def authority(self) -> Any:
        return authority("aws").file

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}"

    def client(self, service: str, **credentials: str) -> Any:
        """boto3's client for a service of it."""
        some = {"aws_access_key_id": "AKIAIOSFODNN7EXAMPLE", "aws_secret_access_key": "any"}
        return boto3.session.Session(**(credentials or some), region_name=REGION).client(
            service, endpoint_url=self.url, verify=str(self.authority)
        )

    def check_signatures(self) -> None:
        """From now on, as AWS does; so far nobody had a policy."""
        self._ask("/moto-api/reset-auth", b"0")

    def issued(self) -> Mapping[str, "Issued"]:
        """The credentials of roles' sessions that it gave so far, by the ids of their keys."""
        given = json.loads(self._ask("/moto-api/data.json"))["sts"]["AssumedRole"]
        return {
            one["access_key_id"]: Issued(
                Keys(one["access_key_id"], one["secret_access_key"], one["session_token"]),
                one["role_arn"],
                one["session_name"],
                one["external_id"],
            )
            for one in given
        }

    def _ask(self, path: str, body: bytes | None = None) -> bytes:
        request = urllib.request.Request(f"{self.url}{path}", body, {"Content-Type": "text/plain"})
        with urllib.request.urlopen(request, timeout=20, context=self._context()) as answer:
            answered: bytes = answer.read()
            return answered

    def _context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.authority))

    def assume(self, role: str, session: str, account: str = ACCOUNT) -> Credentials:
        """Credentials of a role's session."""
        answer = self.client("sts").assume_role(
            RoleArn=f"arn:aws:iam::{account}:role/{role}", RoleSessionName=session
        )
        given, user = answer["Credentials"], answer["AssumedRoleUser"]
        unique_id = user["AssumedRoleId"].partition(":")[0]
        return Credentials(
            given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"], user["Arn"], unique_id
        )

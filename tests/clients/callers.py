"""The clients that callers have: boto3 and both AWS CLIs, unmodified, each told only where the guard is and which key to use."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

import places
from upstream import INSTANCE, MARY, REGION
from world import Key, World

# The example of the AWS documentation, as given there.
DOCUMENTED = [
    "update-user-identity-info",
    "--identity-info",
    "FirstName=Mary,LastName=Major,Email=marym@example.com",
    "--user-id",
    MARY,
    "--instance-id",
    INSTANCE,
]


def update(email: str) -> list[str]:
    """An update of Mary's Email, as arguments of the AWS CLI."""
    return [
        "update-user-identity-info",
        "--identity-info",
        f"Email={email}",
        "--user-id",
        MARY,
        "--instance-id",
        INSTANCE,
    ]


def sdk(world: World, key: Key, *, token: str | None = None, config: Config | None = None) -> Any:
    """boto3's client for Connect."""
    return boto3.session.Session(
        aws_access_key_id=key.key_id,
        aws_secret_access_key=key.secret,
        aws_session_token=token,
        region_name=REGION,
    ).client(
        "connect",
        endpoint_url=world.guard.url,
        verify=str(world.authority),
        config=config,
    )


def cli_1(world: World, key: Key, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The AWS CLI, version 1, told by its environment where Connect is."""
    return _cli(places.CLI_1, world, key, *arguments, AWS_ENDPOINT_URL_CONNECT=world.guard.url, **environment)


def cli_2(world: World, key: Key, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The system's AWS CLI, version 2, told by an argument where Connect is: older ones know no variable for it."""
    return _cli(places.CLI_2, world, key, "--endpoint-url", world.guard.url, *arguments, **environment)


def _cli(
    program: Path, world: World, key: Key, *arguments: str, **environment: str
) -> subprocess.CompletedProcess[str]:
    variables = {
        "AWS_ACCESS_KEY_ID": key.key_id,
        "AWS_SECRET_ACCESS_KEY": key.secret,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_CA_BUNDLE": str(world.authority),
        "AWS_PAGER": "",
        **environment,
    }
    return subprocess.run(
        [str(program), "connect", *arguments],
        env=places.environment(world.directory, **variables),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@contextmanager
def refused(code: str, status: int) -> Iterator[ClientError]:
    """The call inside is answered with this error. What is yielded is filled in when the block is left."""
    caught = ClientError({}, "")
    try:
        yield caught
    except ClientError as error:
        caught.__dict__.update(error.__dict__)
        caught.args = error.args
        got = (error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"])
        assert got == (code, status), f"{got}: {error}"
        assert type(error).__name__ in (code, "ClientError"), type(error)
    else:
        raise AssertionError("the call succeeded")


def attempts(error: ClientError) -> int:
    """How many requests the client made before it gave up."""
    return 1 + error.response["ResponseMetadata"]["RetryAttempts"]

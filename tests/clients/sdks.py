"""AWS's SDKs for other languages, each driven by a small program of its own: calls in, results out, both as JSON."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import places
from upstream import REGION
from world import Key, World


@dataclass(frozen=True)
class Sdk:
    """One SDK: its program, and all in which it is unlike the others."""

    command: tuple[str, ...]
    # Its type for AccessDeniedException, of which Connect's model says nothing at most operations.
    denied: str
    # Its type for errors that Connect's model does not know.
    unknown: str
    # Such an error comes with its message.
    unknown_is_told: bool
    # How often it tries when it is throttled.
    tries: int
    # It waits as long as Retry-After or x-amz-retry-after says, or as much of that as it waits at all.
    waits_as_told: bool
    # It offers HTTP/2 when it is told nothing about protocols.
    offers_http_2: bool


JAVASCRIPT = Sdk(
    command=("node", str(places.TARGET / "js" / "client.mjs")),
    denied="AccessDeniedException",
    unknown="ConnectServiceException",
    unknown_is_told=True,
    tries=3,
    waits_as_told=True,
    offers_http_2=False,
)
RUST = Sdk(
    command=(str(places.TARGET / "rust" / "debug" / "connect-client"),),
    denied="Unhandled",
    unknown="Unhandled",
    unknown_is_told=True,
    tries=3,
    waits_as_told=True,
    offers_http_2=True,
)
GO_1 = Sdk(
    command=(str(places.TARGET / "go" / "v1"),),
    denied="AccessDeniedException",
    unknown="requestError",
    unknown_is_told=False,
    tries=4,
    waits_as_told=True,
    offers_http_2=True,
)
GO_2 = Sdk(
    command=(str(places.TARGET / "go" / "v2"),),
    denied="GenericAPIError",
    unknown="GenericAPIError",
    unknown_is_told=True,
    tries=3,
    waits_as_told=False,
    offers_http_2=True,
)


@dataclass(frozen=True)
class Call:
    operation: str
    input: dict[str, Any]
    # Seconds that it may take, waits between attempts included.
    deadline: float = 60


@dataclass(frozen=True)
class Result:
    """What became of one call, as the SDK tells it."""

    ok: bool
    attempts: int
    seconds: float
    # None if no service answered.
    status: int | None
    output: Any = None
    # The name of the SDK's own type for the error.
    type: str = ""
    # The service's name for it; None if no service answered.
    code: str | None = None
    message: str = ""


def run(
    sdk: Sdk, world: World, key: Key, *calls: Call, trusted: Path | None = None, **environment: str
) -> list[Result]:
    """Makes the calls, one after the other, with one client of this SDK. It is told where the guard is, which authority to
    trust, and which key to use; no more."""
    authority = str(trusted or world.authority)
    variables = {
        "AWS_ACCESS_KEY_ID": key.key_id,
        "AWS_SECRET_ACCESS_KEY": key.secret,
        "AWS_REGION": REGION,
        "AWS_ENDPOINT_URL_CONNECT": world.guard.url,
        "AWS_CA_BUNDLE": authority,
        "NODE_EXTRA_CA_CERTS": authority,
        **environment,
    }
    done = subprocess.run(
        sdk.command,
        env=places.environment(world.directory, **variables),
        input=json.dumps([vars(call) for call in calls]),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, f"it ended with {done.returncode}: {done.stderr}"
    results = [Result(**json.loads(line)) for line in done.stdout.splitlines()]
    assert len(results) == len(calls), f"{len(calls)} calls, {len(results)} results: {done.stderr}"
    return results

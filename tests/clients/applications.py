"""Applications: programs that call Amazon Connect as people write them, each told by its environment alone where it is and
who they are. Two run for as long as they are needed; the AWS CLIs run once for each call."""

import json
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import places
from upstream import INSTANCE, MARY, REGION

PYTHON = (str(places.TARGET / "venv" / "bin" / "python"), str(places.HERE / "python" / "application.py"))
GO = (str(places.TARGET / "go" / "application"),)
RUST = (str(places.TARGET / "rust" / "debug" / "application"),)
JAVASCRIPT = ("node", str(places.TARGET / "js" / "application.mjs"))


@dataclass(frozen=True)
class Said:
    """What became of one call, as the program tells it."""

    ok: bool
    # The service's name for the error.
    code: str | None = None
    message: str = ""
    # None where the program does not say.
    status: int | None = None


class Application:
    """A program with one of AWS's SDKs. Use it as a context."""

    def __init__(self, command: tuple[str, ...], home: Path, **variables: str) -> None:
        self._command = command
        self._environment = _environment(home, variables)
        self._said = home / "stderr"

    def __enter__(self) -> "Application":
        with self._said.open("w", encoding="utf-8") as said:
            self._process = subprocess.Popen(
                self._command,
                env=self._environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=said,
                text=True,
            )
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise AssertionError("the application did not end") from None
        finally:
            assert self._process.stdout is not None
            self._process.stdout.close()

    def change(self, email: str, user: str = MARY) -> Said:
        """Sets a user's Email."""
        return self._call(
            "connect", "UpdateUserIdentityInfo", InstanceId=INSTANCE, UserId=user, IdentityInfo={"Email": email}
        )

    def put(self, bucket: str, key: str) -> Said:
        return self._call("s3", "PutObject", Bucket=bucket, Key=key, Body="a report")

    def _call(self, service: str, operation: str, **parameters: Any) -> Said:
        call = {"service": service, "operation": operation, "input": parameters}
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(call) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, f"the application ended: {self._said.read_text(encoding='utf-8')}"
        return Said(**json.loads(line))


class Cli:
    """One of AWS's CLIs. Use it as an `Application`."""

    def __init__(self, program: Path, home: Path, **variables: str) -> None:
        self._program = program
        self._home = home
        self._environment = _environment(home, variables)

    def __enter__(self) -> "Cli":
        return self

    def __exit__(self, *_: object) -> None:
        """It ended with its call."""

    def change(self, email: str, user: str = MARY) -> Said:
        return self._call(
            "connect", "update-user-identity-info", "--identity-info", f"Email={email}",
            "--user-id", user, "--instance-id", INSTANCE,
        )  # fmt: skip

    def put(self, bucket: str, key: str) -> Said:
        body = self._home / "report"
        body.write_text("a report", encoding="ascii")
        return self._call("s3api", "put-object", "--bucket", bucket, "--key", key, "--body", str(body))

    def _call(self, service: str, *arguments: str) -> Said:
        done = self.run(service, *arguments)
        if done.returncode == 0:
            return Said(True)
        found = re.search(r"An error occurred \((\w+)\) when calling the \w+ operation.*?: (.*)", done.stderr)
        return Said(False, found[1], found[2]) if found else Said(False, None, done.stderr)

    def run(self, service: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A call of a service. The endpoint is an argument: older ones of version 2 know no variable for it."""
        endpoint = self._environment.get(f"AWS_ENDPOINT_URL_{service.removesuffix('api').upper()}")
        options = ["--endpoint-url", endpoint] if endpoint else []
        return subprocess.run(
            [str(self._program), *options, service, *arguments],
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )


def boto3(home: Path, **variables: str) -> Application:
    return Application(PYTHON, home, **variables)


def javascript(home: Path, **variables: str) -> Application:
    return Application(JAVASCRIPT, home, **variables)


def go(home: Path, **variables: str) -> Application:
    return Application(GO, home, **variables)


def rust(home: Path, **variables: str) -> Application:
    return Application(RUST, home, **variables)


def cli_1(home: Path, **variables: str) -> Cli:
    return Cli(places.CLI_1, home, **variables)


def cli_2(home: Path, **variables: str) -> Cli:
    return Cli(places.CLI_2, home, **variables)


# By name: what a test says when one fails.
ALL = {"boto3": boto3, "the AWS CLI, version 1": cli_1, "the AWS CLI, version 2": cli_2, "JavaScript": javascript}

# Two more, whose credentials are variables.
BESIDE = ALL | {"Go": go, "Rust": rust}


def _environment(home: Path, variables: dict[str, str]) -> dict[str, str]:
    home.mkdir(exist_ok=True, mode=0o700)
    regions = {"AWS_REGION": REGION, "AWS_DEFAULT_REGION": REGION, "AWS_PAGER": ""}
    return places.environment(home, **(regions | variables))

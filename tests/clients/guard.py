"""The guard as a process: started as an operator starts it, with everything it needs in files."""

import json
import signal
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import places


class Guard:
    """`connect-guard serve`. Use it as a context: it listens when it is entered, and is told to stop when it is left."""

    command = "serve"

    def __init__(self, configuration: Path, **environment: str) -> None:
        self._configuration = configuration
        self._command = [str(places.BINARY), self.command, "--config", str(configuration)]
        self._environment = places.environment(configuration.parent, **environment)
        self._process: subprocess.Popen[str] | None = None
        self._lines: list[str] = []
        self._ended = False
        self._changed = threading.Condition()
        self.port = 0
        # Of all gateways and of all session listeners, in the order of the configuration.
        self.ports: list[int] = []
        self.session_ports: list[int] = []
        # Of the status listener, where the configuration has one.
        self.status_port = 0

    def __enter__(self) -> "Guard":
        self.start()
        return self

    def start(self) -> None:
        """Starts it, and waits until it listens."""
        self._lines, self._ended = [], False
        self._process = subprocess.Popen(
            self._command,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, args=(self._process.stderr,), daemon=True)
        self._reader.start()
        try:
            self.wait_for(lambda event: event.get("message") == "listening", 30)
            gateways = self._configuration.read_text(encoding="utf-8").count('kind = "gateway"')
            self.ports = [_port(event) for event in self.events("listening", gateways)]
        except BaseException:
            self.stop()
            raise
        self.port = self.ports[0]
        self.session_ports = [_port(event) for event in self.events("answering for sessions", 0)]
        for status in self.events("answering for status", 0):
            self.status_port = _port(status)

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            code = self.stop()
            assert code == 0, f"the guard ended with {code}:\n{self.log()}"

    def stop(self) -> int:
        """Tells it to stop, waits until it has, and gives its exit code."""
        process, self._process = self._process, None
        assert process is not None, "the guard does not run"
        process.send_signal(signal.SIGTERM)
        try:
            return process.wait(45)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise AssertionError(f"the guard did not stop:\n{self.log()}") from None

    def kill(self) -> None:
        """Ends it without a word, as a crash does."""
        process, self._process = self._process, None
        assert process is not None, "the guard does not run"
        process.kill()
        process.wait()
        self._reader.join()

    def read_again(self) -> None:
        """Tells it to read its configuration and its secrets again."""
        assert self._process is not None, "the guard does not run"
        self._process.send_signal(signal.SIGHUP)

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}"

    @property
    def session_url(self) -> str:
        """Of the first session listener."""
        return f"https://localhost:{self.session_ports[0]}"

    def log(self) -> str:
        """Everything it has written to standard error so far."""
        with self._changed:
            return "".join(self._lines)

    def events(self, message: str, count: int, seconds: float = 20) -> list[dict[str, Any]]:
        """The lines of its log with this message so far, once there are so many; fewer if they do not come."""

        def found() -> list[dict[str, Any]]:
            events = (_event(line) for line in self._lines)
            return [event for event in events if event and event.get("message") == message]

        with self._changed:
            self._changed.wait_for(lambda: len(found()) >= count or self._ended, seconds)
            return found()

    def wait_for(self, found: Callable[[dict[str, Any]], bool], seconds: float = 20) -> dict[str, Any]:
        """The first line of its log for which `found` holds, once it is there."""

        def first() -> dict[str, Any] | None:
            events = (_event(line) for line in self._lines)
            return next((event for event in events if event and found(event)), None)

        with self._changed:
            self._changed.wait_for(lambda: first() is not None or self._ended, seconds)
            event = first()
            assert event is not None, f"not in the log after {seconds} s:\n{''.join(self._lines)}"
            return event

    def _read(self, stream: Any) -> None:
        for line in stream:
            with self._changed:
                self._lines.append(line)
                self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()


class Relay(Guard):
    """`connect-guard relay`: plain HTTP, for one application."""

    command = "relay"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


def _event(line: str) -> dict[str, Any] | None:
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return {**event, **event.pop("fields", {})} if isinstance(event, dict) else None


def _port(event: dict[str, Any]) -> int:
    return int(event["address"].rpartition(":")[2])


def command(*arguments: str, directory: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs a command of the guard in `directory`."""
    return subprocess.run(
        [str(places.BINARY), *arguments],
        cwd=directory,
        env=places.environment(directory, **environment),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

"""Debian's rsyslog as a receiver of syslog over TLS: it reads the frames and parses the messages, and writes what it made of
each as JSON."""

import json
import shutil
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

import places
from authority import Pair, authority, certificate

CONFIGURATION = """
global(
    workDirectory="{directory}" maxMessageSize="128k" parser.escapeControlCharactersOnReceive="on"
    defaultNetstreamDriverCAFile="{authority}" defaultNetstreamDriverCertFile="{certificate}"
    defaultNetstreamDriverKeyFile="{key}"
)
module(load="imtcp" streamDriver.name="{driver}" streamDriver.mode="1" streamDriver.authMode="{mode}" {peer})
input(type="imtcp" address="127.0.0.1" port="{port}")
template(name="made" type="list" option.jsonf="on") {{
    property(outname="pri" name="pri" format="jsonf")
    property(outname="at" name="timereported" dateFormat="rfc3339" format="jsonf")
    property(outname="host" name="hostname" format="jsonf")
    property(outname="app" name="app-name" format="jsonf")
    property(outname="process" name="procid" format="jsonf")
    property(outname="kind" name="msgid" format="jsonf")
    property(outname="data" name="structured-data" format="jsonf")
    property(outname="text" name="msg" format="jsonf")
}}
action(type="omfile" file="{received}" template="made")
"""


class Rsyslog:
    """Use it as a context: it listens when it is entered. It asks for a client certificate of the same authority."""

    def __init__(self, name: str, driver: str = "ossl") -> None:
        self.directory = places.new_directory(f"{name}-rsyslog")
        self.port = places.free_port()
        self.received = self.directory / "received.jsonl"
        self._driver = driver
        self._process: subprocess.Popen[bytes] | None = None
        self.present(certificate("siem", "localhost"))

    def __enter__(self) -> "Rsyslog":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def present(self, pair: Pair) -> None:
        """From its next start on it shows this certificate."""
        self._pair = pair

    def start(self) -> None:
        configuration = self.directory / "rsyslog.conf"
        text = CONFIGURATION.format(
            directory=self.directory,
            authority=authority("siem").file,
            certificate=self._pair.certificate,
            key=self._pair.key,
            driver=self._driver,
            mode="x509/name",
            peer='permittedPeer=["guard"]',
            port=self.port,
            received=self.received,
        )
        configuration.write_text(text, encoding="utf-8")
        program = shutil.which("rsyslogd", path="/usr/sbin:/usr/bin")
        assert program is not None, "rsyslog is missing"
        with (self.directory / "said").open("ab") as said:
            command = [program, "-n", "-f", str(configuration), "-i", str(self.directory / "pid")]
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=said, stderr=said)
        until = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                assert time.monotonic() < until and self._process.poll() is None, self.said()
                time.sleep(0.05)

    def stop(self, *, kill: bool = False) -> None:
        """Ends it: in order, or without a word."""
        process, self._process = self._process, None
        if process is not None:
            process.kill() if kill else process.terminate()
            process.wait(20)

    def said(self) -> str:
        return (self.directory / "said").read_text(encoding="utf-8", errors="replace")

    def messages(self) -> list[dict[str, Any]]:
        """What it made of each message, in the order in which they came."""
        if not self.received.exists():
            return []
        whole = self.received.read_text(encoding="utf-8").rpartition("\n")[0]
        return [json.loads(line) for line in whole.splitlines()]

    def records(self) -> list[dict[str, Any]]:
        """The lines that the guard sent."""
        return [json.loads(message["text"].removeprefix("\ufeff")) for message in self.messages()]


def client_pair(directory: Path) -> None:
    """The guard's certificate for the receiver, in this directory."""
    pair = authority("siem").issue_client("guard", "spiffe://example.com/guard")
    shutil.copy(pair.certificate, directory / "siem-client.pem")
    shutil.copy(pair.key, directory / "siem-client.key")
    (directory / "siem-client.key").chmod(0o600)

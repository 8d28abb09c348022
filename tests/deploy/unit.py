"""A unit as systemd reads it: the settings of a service, and the system calls that they leave it."""

import functools
import socket
import subprocess
from pathlib import Path


class Unit:
    """The settings of a unit file. What is said twice is a list, and an empty value begins it anew."""

    def __init__(self, file: Path) -> None:
        self.name = file.name
        self._settings: dict[str, list[str]] = {}
        for line in file.read_text(encoding="utf-8").splitlines():
            if line and line[0] not in "#;[":
                name, value = line.split("=", 1)
                if value:
                    self._settings.setdefault(name, []).append(value)
                else:
                    self._settings[name] = []

    def all(self, name: str) -> list[str]:
        return self._settings.get(name, [])

    def one(self, name: str) -> str:
        return self.all(name)[-1]

    def seconds(self, name: str) -> int:
        return int(self.one(name).removesuffix("s"))

    def system_calls(self) -> list[str]:
        """Those that `SystemCallFilter=` allows: each line adds to what was allowed, or takes away from it."""
        allowed: set[str] = set()
        for line in self.all("SystemCallFilter"):
            named = {call for word in line.removeprefix("~").split() for call in calls_of(word)}
            allowed = allowed - named if line.startswith("~") else allowed | named
        # What systemd allows in any case: its own set, and what is needed to start a program.
        return sorted(allowed | calls_of("@default"))

    def families(self) -> list[int]:
        return [getattr(socket, family) for family in self.one("RestrictAddressFamilies").split()]


@functools.cache
def calls_of(word: str) -> frozenset[str]:
    """The system calls of a set, those of the sets in it included."""
    if not word.startswith("@"):
        return frozenset([word])
    told = subprocess.run(["systemd-analyze", "syscall-filter", word], capture_output=True, text=True, check=True)
    lines = [line.strip() for line in told.stdout.splitlines()[1:]]
    found = [calls_of(line) for line in lines if line and not line.startswith("#")]
    return frozenset().union(*found)

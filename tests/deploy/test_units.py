"""The units: what systemd says of them, and whether the program can do its work within them."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from machine import BINARY, HERE, ROOT, TARGET
from unit import Unit

UNITS = ("connect-guard.service", "connect-guard-relay.service")
SYSTEMD = ROOT / "deploy" / "systemd"
# As a whole, of 10: below 2 systemd calls it OK.
MOST_EXPOSED = 2.0


class Units(unittest.TestCase):
    def test_systemd_has_nothing_to_say_of_them(self) -> None:
        version = int(analyze("--version").stdout.split()[1])
        for name in UNITS:
            with self.subTest(name), tempfile.TemporaryDirectory() as directory:
                # The program and the users are there where the package is: `systemd-analyze verify` looks for both.
                text = (SYSTEMD / name).read_text(encoding="utf-8")
                here = Path(directory) / name
                here.write_text(re.sub(r"/usr/bin/connect-guard ", "/usr/bin/true ", text), encoding="utf-8")
                verified = analyze("verify", "--man=no", str(here))
                said = [line.split(": ", 1)[1] for line in verified.stderr.splitlines() if name in line]
                older = ["Failed to parse service type, ignoring: notify-reload"] if version < 253 else []
                self.assertEqual((verified.returncode, said), (0, older), verified.stderr)

    def test_little_is_exposed(self) -> None:
        for name in UNITS:
            with self.subTest(name):
                told = analyze("security", "--offline=true", str(SYSTEMD / name)).stdout
                exposed = re.search(r"Overall exposure level for \S+: ([0-9.]+)", told)
                assert exposed is not None, told
                self.assertLess(float(exposed[1]), MOST_EXPOSED, told)

    def test_the_story_is_told_with_the_system_calls_that_they_allow(self) -> None:
        for name in UNITS:
            with self.subTest(name):
                told = the_story(Unit(SYSTEMD / name))
                self.assertEqual(told.returncode, 0, f"{told.stdout}{told.stderr}")

    def test_the_system_calls_of_others_end_the_process(self) -> None:
        unit = Unit(SYSTEMD / UNITS[0])
        for code, code_of_end in (
            ("pass", 0),
            ("os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))", -31),
            ("os.chroot('/')", -31),
            ("socket.socket(socket.AF_PACKET, socket.SOCK_RAW)", -31),
            ("socket.socket(socket.AF_INET, socket.SOCK_STREAM)", 0),
            ("mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)", 1),
        ):
            with self.subTest(code):
                ended = under(unit, sys.executable, "-I", "-c", f"import mmap, os, socket; {code}")
                self.assertEqual(ended.returncode, code_of_end, ended.stderr)


def the_story(unit: Unit) -> subprocess.CompletedProcess[str]:
    """`demo --once` as somebody who is not root."""
    TARGET.mkdir(parents=True, exist_ok=True)
    # The ledger belongs on a disk.
    with tempfile.TemporaryDirectory(dir=TARGET) as directory:
        shutil.copy(BINARY, directory)
        os.chown(directory, 65534, 65534)
        return under(unit, "/mnt/connect-guard", "demo", "--once", directory=directory)


def under(unit: Unit, *arguments: str, directory: str | None = None) -> subprocess.CompletedProcess[str]:
    """Runs a program with no more system calls, capabilities and memory than the unit leaves it; in this directory, as
    nobody."""
    spec = {"calls": unit.system_calls(), "families": unit.families(), "program": arguments, "directory": directory}
    return subprocess.run(
        [sys.executable, str(HERE / "filtered.py"), json.dumps(spec)],
        env={"PATH": os.environ["PATH"], "HOME": "/mnt", "TMPDIR": "/mnt", "AWS_EC2_METADATA_DISABLED": "true"},
        capture_output=True,
        text=True,
    )


def analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["systemd-analyze", *arguments], capture_output=True, text=True)

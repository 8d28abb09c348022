"""Where things are, and the environment that a child process gets: nothing of the one these tests run in."""

import os
import random
import shutil
import socket
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
TARGET = ROOT / "target" / "clients"
# Not /tmp: that may be in memory, and the guard does not keep its ledger in memory without being told to.
TEMPORARY = TARGET / "tmp"
TRANSCRIPTS = HERE / "transcripts"
BINARY = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "debug" / "connect-guard"

# The version from Python's package index, which the AWS documentation calls 1, and the one of the system.
CLI_1 = TARGET / "venv" / "bin" / "aws"
CLI_2 = Path(os.environ.get("SYSTEM_AWS", "/usr/bin/aws"))

# Debian's libfaketime: the wall clock of a process, moved while it runs.
FAKETIME = next(iter(sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))), None)

# The mail server in JavaScript, beside what its package-lock.json names.
MAIL_SERVER = TARGET / "js" / "mail.mjs"


def environment(home: Path, **more: str) -> dict[str, str]:
    """The whole environment of a child process: no `AWS_` variable, no profile and no metadata service of this machine."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        **more,
    }


def free_port() -> int:
    """A port of 127.0.0.1 that nobody has, and that no client is given as its own (Linux gives those from 32768 on): a
    server that is stopped finds it free when it starts again."""
    while True:
        port = random.SystemRandom().randrange(20000, 30000)
        with socket.socket() as tried:
            try:
                tried.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port


def new_directory(name: str) -> Path:
    """An empty directory of this name, for one test."""
    directory = TEMPORARY / name
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True, mode=0o700)
    return directory

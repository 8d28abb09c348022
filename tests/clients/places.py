"""Where things are, and the environment that a child process gets: nothing of the one these tests run in."""

import os
import shutil
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


def new_directory(name: str) -> Path:
    """An empty directory of this name, for one test."""
    directory = TEMPORARY / name
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True, mode=0o700)
    return directory

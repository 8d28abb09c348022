"""Runs the tests of what is installed: packages, units, images, releases. They need root, and leave this machine as it is: whatever
they mount is mounted in a namespace of their own."""

import os
import sys
from pathlib import Path

sys.dont_write_bytecode = True  # running tests leaves the tree as it is

HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE.parent / "clients"))  # the runner, and the authority of certificates

import kernel  # noqa: E402
import runner  # noqa: E402

if __name__ == "__main__":
    if os.geteuid() != 0:
        sys.exit("the deploy tests mount, change users and filter system calls: run them as root")
    kernel.own_mounts()
    sys.exit(runner.main("deploy tests", HERE, sys.argv[1:]))

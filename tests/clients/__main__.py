"""Runs the client tests."""

import sys
from pathlib import Path

sys.dont_write_bytecode = True  # running tests leaves the tree as it is

import runner  # noqa: E402

if __name__ == "__main__":
    sys.exit(runner.main("client tests", Path(__file__).resolve().parent, sys.argv[1:]))

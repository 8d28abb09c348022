"""Runs the tests of a directory: all of them, or those whose names contain one of the arguments. One line for each result."""

import logging
import multiprocessing
import os
import signal
import sys
import time
import traceback
import unittest
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Tests wait more than they work: for back-offs of clients, and for mail servers that come back.
AT_ONCE = min(8, 2 * (os.cpu_count() or 1) + 2)
# So many that failed run once more, alone. More failures than this are no accident of a busy machine.
FEW = 5
# The longest that one test may take: twice what the longest takes on a busy machine. What waits for ever has failed.
LONGEST = 1200


@dataclass(frozen=True)
class Outcome:
    """What became of one test: passed when there are no faults."""

    name: str
    seconds: float
    faults: list[str]

    def show(self) -> None:
        print(f"{'FAIL' if self.faults else 'ok':4} {self.name} ({self.seconds:.1f} s)")
        for fault in self.faults:
            print("     " + fault.rstrip().replace("\n", "\n     "))
        sys.stdout.flush()


class Faults(unittest.TestResult):
    """Collects what a test had to say."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def addError(self, test: unittest.TestCase, err: Any) -> None:
        self.found.append("".join(traceback.format_exception(*err)))

    def addFailure(self, test: unittest.TestCase, err: Any) -> None:
        self.addError(test, err)

    def addSubTest(self, test: unittest.TestCase, subtest: unittest.TestCase, err: Any) -> None:
        if err is not None:
            self.found.append(f"{subtest}\n" + "".join(traceback.format_exception(*err)))

    def addSkip(self, test: unittest.TestCase, reason: str) -> None:
        self.found.append(f"skipped: {reason}")  # no test skips itself


class OutOfTime(Exception):
    """A test took too long."""


def out_of_time(*_: object) -> None:
    raise OutOfTime(f"not over after {LONGEST} s")


def run(test_id: str) -> Outcome:
    """Runs one test."""
    [test] = tests(unittest.defaultTestLoader.loadTestsFromName(test_id))
    faults, begun = Faults(), time.monotonic()
    signal.signal(signal.SIGALRM, out_of_time)
    signal.alarm(LONGEST)
    test.run(faults)
    signal.alarm(0)
    return Outcome(name(test_id), time.monotonic() - begun, faults.found)


def name(test_id: str) -> str:
    """`test_mail.AChange.test_who_is_told` as `mail: a change: who is told`."""
    module, case, method = test_id.split(".")[-3:]
    spaced = "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in case).strip()
    return f"{module.removeprefix('test_')}: {spaced}: {method.removeprefix('test_').replace('_', ' ')}"


def tests(suite: unittest.TestSuite) -> Iterator[unittest.TestCase]:
    for item in suite:
        if isinstance(item, unittest.TestSuite):
            yield from tests(item)
        else:
            yield item


def shared(chosen: list[str]) -> list[Any]:
    """The servers that the modules of these tests share, once each: every process of tests finds them running."""
    modules = {sys.modules[test.split(".")[-3]] for test in chosen}
    return list({server() for module in modules for server in getattr(module, "SHARED", ())})


def main(what: str, directory: Path, patterns: list[str]) -> int:
    """Runs them, and says at the end how many of `what` passed and failed; the exit code."""
    found = [test.id() for test in tests(unittest.defaultTestLoader.discover(str(directory)))]
    chosen = [test for test in found if not patterns or any(each in name(test) for each in patterns)]
    if not chosen:
        print(f"none of the {what} has a name that contains {' or '.join(patterns)}", file=sys.stderr)
        return 2
    logging.basicConfig(level=logging.CRITICAL)  # connections that break off are no news here
    failed: list[str] = []
    with ExitStack() as servers:
        for server in shared(chosen):
            servers.enter_context(server)
        pool = servers.enter_context(ProcessPoolExecutor(AT_ONCE, multiprocessing.get_context("fork")))
        running = {pool.submit(run, test): test for test in chosen}
        for ended in as_completed(running):
            outcome = ended.result()
            outcome.show()
            if outcome.faults:
                failed.append(running[ended])
        print(f"{what}: {len(chosen) - len(failed)} passed; {len(failed)} failed")
        if len(failed) <= FEW:
            failed = [test for test in failed if not passes(pool.submit(run, test).result())]
    return 1 if failed else 0


def passes(again: Outcome) -> bool:
    """Whether a test that failed passes when it is run alone; the line is what `tests/run` counts."""
    again.show()
    if not again.faults:
        print(f"second try: {again.name} passed")
    return not again.faults

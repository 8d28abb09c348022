"""Runs the client tests: all of them, or those whose names contain one of the arguments. One line for each result."""

import logging
import multiprocessing
import os
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

sys.dont_write_bytecode = True  # running tests leaves the tree as it is
HERE = Path(__file__).resolve().parent
# Tests wait more than they work: for back-offs of clients, and for mail servers that come back.
AT_ONCE = min(8, 2 * (os.cpu_count() or 1) + 2)


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


def run(test_id: str) -> Outcome:
    """Runs one test."""
    [test] = tests(unittest.defaultTestLoader.loadTestsFromName(test_id))
    faults, begun = Faults(), time.monotonic()
    test.run(faults)
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


def main(patterns: list[str]) -> int:
    found = [test.id() for test in tests(unittest.defaultTestLoader.discover(str(HERE)))]
    chosen = [test for test in found if not patterns or any(each in name(test) for each in patterns)]
    if not chosen:
        print(f"no client test has a name that contains {' or '.join(patterns)}", file=sys.stderr)
        return 2
    logging.basicConfig(level=logging.CRITICAL)  # connections that break off are no news here
    passed = failed = 0
    with ExitStack() as servers:
        for server in shared(chosen):
            servers.enter_context(server)
        pool = servers.enter_context(ProcessPoolExecutor(AT_ONCE, multiprocessing.get_context("fork")))
        for ended in as_completed([pool.submit(run, test) for test in chosen]):
            outcome = ended.result()
            outcome.show()
            passed += not outcome.faults
            failed += bool(outcome.faults)
    print(f"client tests: {passed} passed; {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

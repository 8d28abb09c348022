"""A machine like this one to install on: its root file system, with whatever is written kept apart and thrown away."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from socket import AF_UNIX, SOCK_DGRAM, socket
from typing import Any

import kernel
from unit import Unit

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
TARGET = ROOT / "target" / "deploy"
BINARY = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "debug" / "connect-guard"
# For whatever is waited for.
PATIENCE = 120.0


class Machine:
    """A root file system and a loopback. Use it as a context."""

    def __init__(self, root: Path | None = None) -> None:
        """That of this machine; or one that lies in this directory, as it is."""
        self._given = root

    def __enter__(self) -> "Machine":
        with contextlib.ExitStack() as undo:
            TARGET.mkdir(parents=True, exist_ok=True)
            self.directory = Path(tempfile.mkdtemp(dir=TARGET, prefix="machine-"))
            undo.callback(shutil.rmtree, self.directory, ignore_errors=True)
            self.root = self.directory / "root"
            self.root.mkdir()
            undo.callback(kernel.unmount, str(self.directory))
            # In memory: a layer may not lie within what it is laid over.
            kernel.mount("tmpfs", str(self.directory), "tmpfs", 0, "mode=755")
            for name in ("root", "above", "work", "notify"):
                (self.directory / name).mkdir()
            (self.directory / "notify").chmod(0o755)
            undo.callback(kernel.unmount, str(self.root))
            if self._given is None:
                above, work = self.directory / "above", self.directory / "work"
                kernel.mount("overlay", str(self.root), "overlay", 0, f"lowerdir=/,upperdir={above},workdir={work}")
                kernel.mount("proc", str(self.root / "proc"), "proc")
                kernel.mount("/dev", str(self.root / "dev"), None, kernel.MS_BIND)
                # What runs here is no business of a machine that it was not started on.
                kernel.mount("tmpfs", str(self.root / "run"), "tmpfs", 0, "mode=755")
                kernel.mount("tmpfs", str(self.root / "tmp"), "tmpfs", 0, "mode=1777")
            else:
                kernel.mount(str(self._given), str(self.root), None, kernel.MS_BIND)
            self._loopback = undo.enter_context(_loopback())
            self._undo = undo.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._undo.close()

    def inside(self, *arguments: str) -> list[str]:
        """The arguments that run these with the machine's loopback."""
        return ["nsenter", f"--net=/proc/{self._loopback}/ns/net", *arguments]

    def run(self, *arguments: str, check: bool = True, **environment: str) -> subprocess.CompletedProcess[str]:
        """Runs a program of the machine, as root."""
        ran = subprocess.run(
            self.inside("chroot", str(self.root), *arguments),
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive", **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        if check and ran.returncode != 0:
            raise AssertionError(f"{arguments} ended with {ran.returncode}:\n{ran.stdout}{ran.stderr}")
        return ran

    def write(self, path: str, text: str | bytes, mode: int = 0o644) -> Path:
        file = self.root / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text.encode() if isinstance(text, str) else text)
        file.chmod(mode)
        return file

    def read(self, path: str) -> str:
        return (self.root / path.lstrip("/")).read_text(encoding="utf-8")

    def exists(self, path: str) -> bool:
        return os.path.lexists(self.root / path.lstrip("/"))

    def owner(self, path: str) -> tuple[str, str, int]:
        """Owner, group and mode, as the machine names them."""
        told = self.run("stat", "--format=%U %G %a", path).stdout.split()
        return told[0], told[1], int(told[2], 8)


class Service:
    """A unit that is started as systemd would start it: its user, its limits, its credentials, its view of the files, the
    system calls that its filter allows. Use it as a context: it is ready when it is entered, and ended when it is left."""

    def __init__(self, machine: Machine, name: str, **environment: str) -> None:
        self._machine = machine
        self.unit = Unit(machine.root / "usr/lib/systemd/system" / name)
        self._environment = environment
        self._news: list[dict[str, str]] = []
        self._lines: list[str] = []
        self._changed = threading.Condition()
        self.code: int | None = None

    def __enter__(self) -> "Service":
        unit, machine = self.unit, self._machine
        user = unit.one("User")
        environment = {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "USER": user,
            "LOGNAME": user,
            "AWS_EC2_METADATA_DISABLED": "true",
            "NOTIFY_SOCKET": "/run/notify/socket",
            "WATCHDOG_USEC": str(unit.seconds("WatchdogSec") * 1_000_000),
            "CREDENTIALS_DIRECTORY": f"/run/credentials/{unit.name}",
        }
        writable = []
        for setting, above in (("StateDirectory", "var/lib"), ("RuntimeDirectory", "run")):
            for directory in unit.all(setting):
                environment[f"{setting.removesuffix('Directory').upper()}_DIRECTORY"] = f"/{above}/{directory}"
                mode = unit.one(f"{setting}Mode").lstrip("0")
                machine.run("install", "-d", "-o", user, "-g", user, "-m", mode, f"/{above}/{directory}")
                writable.append(f"{above}/{directory}")
        self._credentials(user)
        self._listen()
        spec = {
            "root": str(machine.root),
            "directory": "/",
            "writable": writable,
            "private": ["tmp", "var/tmp"],
            "umask": int(unit.one("UMask"), 8),
            "files": int(unit.one("LimitNOFILE")),
            "user": user,
            "calls": unit.system_calls(),
            "families": unit.families(),
            "program": unit.one("ExecStart").split(),
            "environment": {**environment, **self._environment},
        }
        self.process = subprocess.Popen(
            machine.inside(sys.executable, str(HERE / "confined.py"), json.dumps(spec)),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._socket.close()

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def ended(self) -> int:
        """Waits until it has ended; its exit code, or the signal as a negative number."""
        code = self.process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        return code

    def log(self) -> str:
        return "\n".join(self._lines)

    def told(self, what: str, after: int = 0) -> tuple[int, dict[str, str]]:
        """The first message with this variable behind so many; where the one after it stands, and the message."""
        return self._wait(lambda: next(
            ((at + 1, news) for at, news in enumerate(self._news) if at >= after and what in news), None
        ), f"was not told {what}")

    def line(self, text: str) -> str:
        """The first line of its log that has this in it."""
        return self._wait(lambda: next((line for line in self._lines if text in line), None), f"did not say {text}")

    def _wait(self, found: Callable[[], Any], what: str) -> Any:
        end = time.monotonic() + PATIENCE
        with self._changed:
            while (result := found()) is None:
                if self.process.poll() is not None or time.monotonic() > end:
                    self._changed.wait(1)  # what was on its way
                    if (result := found()) is not None:
                        return result
                    raise AssertionError(f"systemd or whoever reads the log {what}: {self._news}\n{self.log()}")
                self._changed.wait(0.5)
        return result

    def _credentials(self, user: str) -> None:
        """As `LoadCredential=ID:DIRECTORY`: each file in it is `ID_NAME`, and the service's alone."""
        directory = f"/run/credentials/{self.unit.name}"
        self._machine.run("install", "-d", "-o", user, "-m", "500", directory)
        for credential in self.unit.all("LoadCredential"):
            identity, source = credential.split(":")
            for file in sorted((self._machine.root / source.lstrip("/")).iterdir()):
                target = f"{directory}/{identity}_{file.name}"
                self._machine.run("install", "-o", user, "-m", "400", f"{source}/{file.name}", target)

    def _listen(self) -> None:
        """The socket of systemd. What it is told is read at once: the system keeps only a few messages."""
        directory = self._machine.root / "run/notify"
        directory.mkdir(exist_ok=True)
        self._socket = socket(AF_UNIX, SOCK_DGRAM)
        # By a short way: the name of a socket has 108 octets.
        here = os.open(directory, os.O_PATH)
        (directory / "socket").unlink(missing_ok=True)
        self._socket.bind(f"/proc/self/fd/{here}/socket")
        os.close(here)
        (directory / "socket").chmod(0o666)
        threading.Thread(target=self._receive, daemon=True).start()

    def _receive(self) -> None:
        with contextlib.suppress(OSError):
            while message := self._socket.recv(4096):
                news = dict(line.split("=", 1) for line in message.decode().splitlines())
                with self._changed:
                    self._news.append(news)
                    self._changed.notify_all()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            with self._changed:
                self._lines.append(line.rstrip("\n"))
                self._changed.notify_all()


@contextlib.contextmanager
def _loopback() -> Any:
    """A process that keeps a loopback of its own, for as long as this one wants it."""
    code = "import kernel; kernel.own_network(); print(flush=True); input()"
    keeper = subprocess.Popen(
        [sys.executable, "-c", code], cwd=HERE, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert keeper.stdout is not None and keeper.stdout.readline() == "\n", "no loopback"
        yield keeper.pid
    finally:
        keeper.kill()
        keeper.communicate()

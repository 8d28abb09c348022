"""The image: what is in it, and the guard running in nothing else."""

import json
import os
import stat
import subprocess
import sys
import tarfile
import unittest
from pathlib import Path

from built import Image, image
from machine import HERE, ROOT, TARGET, Machine

import authority

SHARED = (image,)

USER = 65532


class AnImage(unittest.TestCase):
    def setUp(self) -> None:
        self.root = TARGET / "tmp" / self.id().rsplit(".", 1)[-1] / "image"
        self.configuration = unpacked(Image.files[0], self.root)
        self.addCleanup(subprocess.run, ["rm", "-rf", str(self.root.parent)])

    def test_the_same_program_makes_the_same_digest(self) -> None:
        digests = image().digests
        self.assertRegex(digests[0], "^sha256:[0-9a-f]{64}$")
        self.assertEqual(digests[0], digests[1])

    def test_only_the_guard_and_what_it_needs_is_in_it(self) -> None:
        found = list(self.root.rglob("*"))
        for path in found:
            about = path.lstat()
            owner = USER if path == self.root / "var/lib/connect-guard" else 0
            self.assertEqual((about.st_uid, about.st_gid), (owner, owner), path)
            self.assertFalse(about.st_mode & (stat.S_ISUID | stat.S_ISGID | stat.S_IWOTH), path)
            self.assertFalse(stat.S_ISLNK(about.st_mode), path)
        files = {str(path.relative_to(self.root)) for path in found if path.is_file()}
        libraries = {each for each in files if each.startswith("lib")}
        terms = {each for each in files if each.startswith("usr/share/doc/")}
        self.assertEqual(
            files - libraries - terms,
            {"usr/bin/connect-guard", "etc/passwd", "etc/group", "etc/nsswitch.conf", "etc/ssl/certs/ca-certificates.crt"},
        )
        needed = subprocess.run(["ldd", str(self.root / "usr/bin/connect-guard")], capture_output=True, text=True, check=True)
        names = {word.rsplit("/", 1)[-1] for word in needed.stdout.split() if word.startswith("/")}
        self.assertEqual({each.rsplit("/", 1)[-1] for each in libraries}, names)
        self.assertGreaterEqual(len(terms), 4)

    def test_it_says_how_it_is_run(self) -> None:
        config = self.configuration["config"]
        self.assertEqual(config["User"], f"{USER}:{USER}")
        self.assertEqual(config["Entrypoint"], ["/usr/bin/connect-guard"])
        self.assertEqual(config["Cmd"], ["serve"])
        self.assertIn("CONNECT_GUARD_CONFIG=/etc/connect-guard/config.toml", config["Env"])
        self.assertEqual(self.configuration["os"], "linux")
        # Docker takes the health check from the Containerfile; the OCI has no place for one.
        said = (ROOT / "deploy/image/Containerfile").read_text(encoding="utf-8")
        self.assertIn('CMD ["/usr/bin/connect-guard", "health"]', said)

    def test_it_serves_as_nobody_in_particular_from_a_file_system_that_nobody_can_write_to(self) -> None:
        state = self.root.parent / "state"  # the volume, on a disk
        state.mkdir(mode=0o700)
        os.chown(state, USER, USER)
        mounted = self.root.parent / "etc"
        administer(mounted)
        with Machine(self.root) as machine:
            guard = self.started(machine, mounted, state)
            try:
                assert guard.stderr is not None
                log = []
                for line in guard.stderr:
                    log.append(line)
                    if '"listening"' in line or " listening " in line:
                        break
                self.assertIsNone(guard.poll(), "".join(log))
                asked = self.started(machine, mounted, state, "health")
                said = asked.communicate()[0]
                self.assertEqual((asked.returncode, said), (0, "live\n"), "".join(log))
                for other in ("/bin/sh", "/usr/bin/env", "/bin/busybox"):
                    self.assertFalse(machine.exists(other))
            finally:
                guard.terminate()
                guard.communicate()
            self.assertEqual(guard.returncode, 0)
        ledger = (state / "ledger.db").stat()
        self.assertEqual((ledger.st_uid, stat.S_IMODE(ledger.st_mode)), (USER, 0o600))

    def started(self, machine: Machine, mounted: Path, state: Path, *command: str) -> "subprocess.Popen[str]":
        """The image's program with the image's settings, as a runtime starts it: no capability, nothing to write to but the
        volume."""
        config = self.configuration["config"]
        spec = {
            "root": str(machine.root),
            "binds": {"etc/connect-guard": str(mounted), "var/lib/connect-guard": str(state)},
            "directory": config["WorkingDir"],
            "writable": ["var/lib/connect-guard"],
            "private": [],
            "umask": 0o022,
            "files": 1 << 20,
            "user": [int(part) for part in config["User"].split(":")],
            "calls": [],
            "families": [],
            "program": [*config["Entrypoint"], *(command or config["Cmd"])],
            "environment": dict(each.split("=", 1) for each in config["Env"]) | {"AWS_EC2_METADATA_DISABLED": "true"},
        }
        return subprocess.Popen(
            machine.inside(sys.executable, str(HERE / "confined.py"), json.dumps(spec)),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


def administer(etc: Path) -> None:
    """What is mounted at /etc/connect-guard: the configuration of the package, with files for secrets."""
    text = (ROOT / "deploy/debian/config.toml").read_text(encoding="utf-8")
    for name in ("tls", "hash", "seal", "desk", "smtp"):
        text = text.replace(f'"secret_{name}"', f'"/etc/connect-guard/secrets/{name}"')
    text = text.replace("_credential", "_file")
    pair = authority.Authority("image").issue("localhost")
    files = {
        "config.toml": text.encode(),
        "tls/guard.pem": pair.certificate.read_bytes(),
        "secrets/tls": pair.key.read_bytes(),
        "secrets/smtp": b"password",
        # A caller's key is 32 octets, and so are the guard's.
        "secrets/desk": b"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY",
        "secrets/hash": os.urandom(32).hex().encode(),
        "secrets/seal": os.urandom(32).hex().encode(),
    }
    for file in (ROOT / "policies").iterdir():
        files[f"policies/{file.name}"] = file.read_bytes()
    for name, octets in files.items():
        file = etc / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(octets)
        if name.startswith("secrets/"):
            file.chmod(0o400)
            os.chown(file, USER, USER)


def unpacked(archive: Path, root: Path) -> dict:
    """Unpacks an image's layers, as a runtime does, and gives its configuration."""
    with tarfile.open(archive) as opened:

        def blob(digest: str) -> object:
            return opened.extractfile(f"blobs/{digest.replace(':', '/')}")

        index = json.load(opened.extractfile("index.json"))
        manifest = json.load(blob(index["manifests"][0]["digest"]))
        root.mkdir(parents=True)
        for layer in manifest["layers"]:
            unpack = ["tar", "--extract", "--gzip", "--numeric-owner", "--preserve-permissions", f"--directory={root}"]
            subprocess.run(unpack, input=blob(layer["digest"]).read(), check=True)
        return json.load(blob(manifest["config"]["digest"]))

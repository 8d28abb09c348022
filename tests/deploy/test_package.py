"""The Debian package: installed, upgraded, removed and purged on a machine like this one, and started as its units say."""

import signal
import subprocess
import unittest
from pathlib import Path

from built import Packages, packages
from machine import Machine, Service

import authority

SHARED = (packages,)

CONFIG = "/etc/connect-guard/config.toml"
RELAY = "/etc/connect-guard/relay.toml"
SECRETS = "/etc/connect-guard/secrets"
EXAMPLES = "/usr/share/doc/connect-guard/examples"


class PackageCase(unittest.TestCase):
    def setUp(self) -> None:
        self.machine = self.enterContext(Machine())

    def install(self, package: Path) -> None:
        """As apt does it, which keeps a configuration file that somebody changed."""
        shown = self.machine.write("/tmp/connect-guard.deb", package.read_bytes())
        self.machine.run("dpkg", "--force-confdef", "--force-confold", "--install", f"/tmp/{shown.name}")
        # What the next boot does, or the installation itself where systemd runs.
        self.machine.run("systemd-tmpfiles", "--create", "connect-guard.conf")


class APackage(PackageCase):
    def test_lintian_has_nothing_to_say(self) -> None:
        told = subprocess.run(["lintian", "--allow-root", "--tag-display-limit", "0", str(Packages.new)], capture_output=True, text=True)
        self.assertEqual((told.returncode, told.stdout), (0, ""), told.stderr)

    def test_the_same_tree_makes_the_same_octets(self) -> None:
        self.assertEqual(Packages.new.read_bytes(), Packages.again.read_bytes())

    def test_what_is_installed_starts_nothing_and_belongs_to_root(self) -> None:
        self.install(Packages.new)
        for unit in ("connect-guard", "connect-guard-relay"):
            self.assertTrue(self.machine.exists(f"/usr/lib/systemd/system/{unit}.service"))
            self.assertFalse(self.machine.exists(f"/etc/systemd/system/multi-user.target.wants/{unit}.service"))
            entry = self.machine.run("getent", "passwd", unit).stdout.strip().split(":")
            self.assertEqual(entry[6], "/usr/sbin/nologin")
            self.assertIn(":!", self.machine.run("getent", "shadow", unit).stdout)
        for path, expected in {
            "/usr/bin/connect-guard": ("root", "root", 0o755),
            "/etc/connect-guard": ("root", "root", 0o755),
            "/etc/connect-guard/policies": ("root", "connect-guard", 0o750),
            SECRETS: ("root", "root", 0o700),
            "/etc/connect-guard/relay-secrets": ("root", "root", 0o700),
            CONFIG: ("root", "connect-guard", 0o640),
            RELAY: ("root", "connect-guard-relay", 0o640),
        }.items():
            self.assertEqual(self.machine.owner(path), expected, path)
        self.assertIn("connect-guard", self.machine.run("man", "--pager=cat", "connect-guard-serve").stdout)
        self.machine.run("bash", "-n", "/usr/share/bash-completion/completions/connect-guard")
        self.assertEqual(self.machine.run("connect-guard", "--version").stdout, "connect-guard 0.1.0\n")

    def test_its_configuration_serves_nothing_as_it_is(self) -> None:
        self.install(Packages.new)
        with Service(self.machine, "connect-guard.service") as service:
            self.assertEqual(service.ended(), 3, service.log())
        # Every fault is about something that an administrator has to add.
        faults = [line for line in service.log().splitlines() if line.startswith("error")]
        self.assertTrue(faults)
        for fault in faults:
            self.assertRegex(fault, "secret_|/etc/connect-guard/(tls|policies)")
        # The unit does not try again.
        self.assertIn("3", service.unit.one("RestartPreventExitStatus").split())

    def test_an_upgrade_keeps_what_was_changed_and_what_was_enabled(self) -> None:
        self.install(Packages.old)
        version = "--showformat=${Version}"
        self.assertEqual(self.machine.run("dpkg-query", "--show", version, "connect-guard").stdout, "0.0.9-1")
        mine = self.machine.read(CONFIG) + "# mine\n"
        self.machine.write(CONFIG, mine)
        self.machine.write("/etc/connect-guard/policies/rules.toml", "version = 1\n")
        self.machine.run("systemctl", "enable", "connect-guard.service")
        self.install(Packages.new)
        self.assertEqual(self.machine.run("dpkg-query", "--show", version, "connect-guard").stdout, "0.1.0-1")
        self.assertEqual(self.machine.read(CONFIG), mine)
        self.assertEqual(self.machine.owner(CONFIG), ("root", "connect-guard", 0o640))
        self.assertTrue(self.machine.exists("/etc/connect-guard/policies/rules.toml"))
        wanted = "/etc/systemd/system/multi-user.target.wants/connect-guard{}.service"
        self.assertTrue(self.machine.exists(wanted.format("")))
        self.assertFalse(self.machine.exists(wanted.format("-relay")))

    def test_a_purge_takes_everything_but_the_evidence(self) -> None:
        self.install(Packages.new)
        self.machine.run("systemctl", "enable", "connect-guard.service")
        kept = {
            "/var/lib/connect-guard/ledger.db": "the ledger",
            f"{SECRETS}/seal": "without which the ledger cannot be read",
            "/etc/connect-guard/policies/rules.toml": "version = 1\n",
        }
        for path, text in kept.items():
            self.machine.write(path, text, 0o600)
        self.machine.run("dpkg", "--remove", "connect-guard")
        self.assertTrue(self.machine.exists(CONFIG))
        self.assertFalse(self.machine.exists("/usr/bin/connect-guard"))
        self.machine.run("dpkg", "--purge", "connect-guard")
        self.assertEqual(self.machine.run("dpkg-query", "--show", "connect-guard", check=False).returncode, 1)
        for path, text in kept.items():
            self.assertEqual(self.machine.read(path), text)
        left = self.machine.run(
            "find", "/etc", "/usr", "/var/lib", "-path", "/usr/share/doc", "-prune", "-o", "-name", "*connect-guard*", "-print"
        )
        # Its directories, and no link of systemd's to a unit that is gone.
        self.assertEqual(sorted(left.stdout.split()), ["/etc/connect-guard", "/var/lib/connect-guard"])
        self.assertFalse(self.machine.exists(CONFIG))


class AService(PackageCase):
    def setUp(self) -> None:
        super().setUp()
        self.install(Packages.new)

    def administer(self) -> None:
        """Adds what the installed configuration says is missing: keys, a certificate, a policy."""
        for name in ("hash", "seal"):
            self.machine.write(f"{SECRETS}/{name}", self.machine.run("openssl", "rand", "-hex", "32").stdout, 0o600)
        issued = self.machine.run("connect-guard", "caller", "issue", "--principal", "arn:aws:iam::111122223333:role/IdentityDesk")
        self.machine.write(f"{SECRETS}/desk", issued.stdout, 0o600)
        self.machine.write(f"{SECRETS}/smtp", "password", 0o600)
        pair = authority.Authority("package").issue("localhost")
        self.machine.write("/etc/connect-guard/tls/guard.pem", pair.certificate.read_bytes())
        self.machine.write(f"{SECRETS}/tls", pair.key.read_bytes(), 0o600)
        self.machine.run("cp", "-r", f"{EXAMPLES}/policies/.", "/etc/connect-guard/policies")
        self.machine.run("sh", "-c", "chgrp connect-guard /etc/connect-guard/policies/* && chmod 640 /etc/connect-guard/policies/*")

    def test_the_gateway_starts_reloads_and_ends_as_its_unit_says(self) -> None:
        self.administer()
        with Service(self.machine, "connect-guard.service") as service:
            at, ready = service.told("READY")
            self.assertEqual(ready["STATUS"], "listening on 127.0.0.1:8443")
            service.told("WATCHDOG")
            asked = self.machine.run("connect-guard", "health", "--config", CONFIG)
            self.assertEqual(asked.stdout, "live\n")

            service.signal(signal.SIGHUP)
            at, reloading = service.told("RELOADING", at)
            self.assertGreater(int(reloading["MONOTONIC_USEC"]), 0)
            at, _ = service.told("READY", at)

            service.signal(signal.SIGTERM)
            _, stopping = service.told("STOPPING", at)
            self.assertLess(int(stopping["EXTEND_TIMEOUT_USEC"]), service.unit.seconds("TimeoutStopSec") * 1_000_000)
            self.assertEqual(service.ended(), 0, service.log())
        self.assertEqual(self.machine.owner("/var/lib/connect-guard"), ("connect-guard", "connect-guard", 0o700))
        self.assertEqual(self.machine.owner("/var/lib/connect-guard/ledger.db"), ("connect-guard", "connect-guard", 0o600))

    def test_the_relay_starts_reloads_and_ends_as_its_unit_says(self) -> None:
        # Nobody answers where the session would be had: it is ready all the same once that was tried, and says so.
        relay = self.machine.read(RELAY).replace("guard.example.com", "localhost")
        relay = relay.replace('address = "127.0.0.1:8080"', 'socket = "/run/connect-guard-relay/socket"\nmode = "0660"')
        self.machine.write(RELAY, relay)
        credentials = {"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"}
        with Service(self.machine, "connect-guard-relay.service", **credentials) as service:
            at, ready = service.told("READY")
            self.assertIn("/run/connect-guard-relay/socket", ready["STATUS"])
            service.line("there is no session")
            service.told("WATCHDOG")
            ours = ("connect-guard-relay", "connect-guard-relay", 0o660)
            self.assertEqual(self.machine.owner("/run/connect-guard-relay/socket"), ours)

            service.signal(signal.SIGHUP)
            at, reloading = service.told("RELOADING", at)
            self.assertGreater(int(reloading["MONOTONIC_USEC"]), 0)
            at, _ = service.told("READY", at)

            service.signal(signal.SIGTERM)
            service.told("STOPPING", at)
            self.assertEqual(service.ended(), 0, service.log())

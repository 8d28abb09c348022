"""TLS as those see it whose trade is to find fault with it: testssl.sh, sslyze, and hellos that no browser sends."""

import json
import socket
import subprocess
import sys
from typing import Any

from tlslite.api import HandshakeSettings, TLSConnection
from tlslite.constants import AlertDescription, CipherSuite, ContentType, ExtensionType
from tlslite.errors import TLSRemoteAlert
from tlslite.messages import ClientHello

import places
from case import GuardCase

# What testssl.sh says of every certificate of these tests: its authority has no lists, and it lives for two weeks.
OF_THE_CERTIFICATE = {"cert_revocation", "cert_expirationStatus", "cert_notAfter"}
# The guard is not for browsers: what else testssl.sh asks of a web site (`--headers`) is not asked.
CHECKS = ["--protocols", "--standard", "--fs", "--server-defaults", "--server-preference", "--vulnerable"]


class Scanners(GuardCase):
    starts_mail = False

    def test_testssl_has_nothing_to_report(self) -> None:
        report = self.world.directory / "testssl.json"
        done = subprocess.run(
            ["testssl", *CHECKS, "--quiet", "--color", "0", "--warnings", "off", "--nodns", "none", "--ip", "127.0.0.1"]
            + ["--add-ca", str(self.world.authority), "--jsonfile", str(report), f"localhost:{self.world.guard.port}"],
            env=places.environment(self.world.directory),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=900,
        )
        findings = {each["id"]: each for each in json.loads(report.read_text(encoding="utf-8"))}
        self.assertGreater(len(findings), 60, done.stdout)
        self.assertEqual(findings["TLS1"]["finding"], "not offered")
        for looked_at in ("TLS1_2", "TLS1_3", "heartbleed", "ROBOT", "secure_client_renego", "cipher_order", "CRIME_TLS"):
            self.assertEqual(findings[looked_at]["severity"], "OK", findings[looked_at])
        bad = [each for each in findings.values() if each["severity"] in ("LOW", "MEDIUM", "HIGH", "CRITICAL")]
        self.assertEqual([each for each in bad if each["id"] not in OF_THE_CERTIFICATE], [])

    def test_sslyze_finds_what_mozilla_recommends(self) -> None:
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-m", "sslyze", "--mozilla_config=intermediate"]
            + [f"--certinfo_ca_file={self.world.authority}", f"localhost:{self.world.guard.port}"],
            env=places.environment(self.world.directory),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
        )
        _, told, verdict = done.stdout.partition("COMPLIANCE AGAINST TLS CONFIGURATION")
        self.assertTrue(told, done.stdout + done.stderr)
        faults = [line.strip() for line in verdict.splitlines() if line.strip().startswith("* ")]
        self.assertEqual([fault for fault in faults if not fault.startswith("* certificate_path_validation:")], [], verdict)


class Hellos(GuardCase):
    starts_mail = False

    def connection(self) -> TLSConnection:
        stream = socket.create_connection(("127.0.0.1", self.world.guard.port), 60)
        self.addCleanup(stream.close)
        return TLSConnection(stream)

    def shaken(self, version: tuple[int, int]) -> TLSConnection:
        settings = HandshakeSettings()
        settings.minVersion = settings.maxVersion = version
        connection = self.connection()
        connection.handshakeClientCert(settings=settings, serverName="localhost")
        self.assertEqual(connection.version, version)
        return connection

    def alert(self, connection: TLSConnection) -> int:
        """The alert that comes next, whatever else is sent before it."""
        with self.assertRaises(TLSRemoteAlert) as raised:
            self._drain(connection._getMsg((ContentType.handshake, ContentType.application_data), ()))
        return int(raised.exception.description)

    def hello(self, version: tuple[int, int], suites: list[int], compression: list[int]) -> ClientHello:
        hello = ClientHello().create(version, bytearray(range(32)), bytearray(), suites, extensions=[])
        hello.compression_methods = compression
        return hello

    def test_no_early_data_is_offered(self) -> None:
        connection = self.shaken((3, 4))
        connection.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        self.assertIn(b" 403 ", connection.read(min=20, max=4096).split(b"\r\n")[0])
        self.assertTrue(connection.tickets, "tickets are what early data would come with")
        for ticket in connection.tickets:
            self.assertNotIn(ExtensionType.early_data, [extension.extType for extension in ticket.extensions])

    def test_nobody_negotiates_again(self) -> None:
        connection = self.shaken((3, 3))
        suites = [CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256]
        self._drain(connection._sendMsg(self.hello((3, 3), suites, [0])))
        self.assertIn(self.alert(connection), (AlertDescription.no_renegotiation, AlertDescription.unexpected_message))

    def test_nothing_is_compressed(self) -> None:
        connection = self.connection()
        connection.version = (3, 3)
        suites = [CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256]
        self._drain(connection._sendMsg(self.hello((3, 3), suites, [1])))
        refused = (AlertDescription.illegal_parameter, AlertDescription.decode_error, AlertDescription.handshake_failure)
        self.assertIn(self.alert(connection), refused)

    def test_older_versions_are_refused(self) -> None:
        suites = [CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, CipherSuite.TLS_RSA_WITH_AES_128_CBC_SHA]
        for version in ((3, 0), (3, 1), (3, 2)):
            with self.subTest(version=version):
                connection = self.connection()
                connection.version = version
                self._drain(connection._sendMsg(self.hello(version, suites, [0])))
                self.assertIn(self.alert(connection), (AlertDescription.protocol_version, AlertDescription.handshake_failure))

    def _drain(self, generator: Any) -> None:
        for step in generator:
            if step not in (0, 1):
                return

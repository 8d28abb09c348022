"""A relay beside an application: it starts first, it is believed, and its pod has nothing of the guard's."""

import json
import tomllib
import unittest
from typing import Any

from kit import GATEWAYS, RENDERED, Installed, containers, of_kind, pods, rendered
from manifests import configuration, guards_own, namespace

from guard import Relay


class Relays(unittest.TestCase):
    def relays(self) -> list[tuple[str, str, dict[str, Any]]]:
        """Every pod in which a relay runs."""
        found = []
        for overlay in RENDERED:
            for name, pod in pods(rendered(overlay)):
                if any("relay" in each.get("command", []) for each in containers(pod)):
                    found.append((overlay, name, pod))
        return found

    def test_it_starts_before_the_application_and_ends_after_it(self) -> None:
        [(_, _, pod)] = self.relays()
        [relay] = pod["initContainers"]
        self.assertEqual(relay["restartPolicy"], "Always")
        self.assertIn("--ready", relay["startupProbe"]["exec"]["command"])
        self.assertNotIn("relay", str([each.get("command") for each in pod["containers"]]))

    def test_its_pod_has_nothing_of_the_guards(self) -> None:
        roles, accounts = guards_own()
        self.assertEqual(len(roles), 2)
        for overlay, name, pod in self.relays():
            self.assertNotIn((namespace(rendered(overlay)), pod["serviceAccountName"]), accounts, name)
            [account] = of_kind(rendered(overlay), "ServiceAccount")
            self.assertEqual(account["metadata"]["name"], pod["serviceAccountName"])
            whole = json.dumps([account, pod])
            for role in roles:
                self.assertNotIn(role, whole, name)
            for secret in ("connect-guard-secrets", "connect-guard-tls", "connect-guard-database"):
                self.assertNotIn(secret, whole, name)

    def test_the_guard_has_a_pod_of_its_own(self) -> None:
        for overlay in GATEWAYS:
            for _, pod in pods(rendered(overlay)):
                self.assertEqual([each["name"] for each in pod["containers"]], ["connect-guard"])
                for each in pod.get("initContainers", []):
                    self.assertNotIn("restartPolicy", each, "it goes on beside the guard")
                    self.assertEqual([mount["name"] for mount in each["volumeMounts"]], ["ledger"])

    def test_the_application_sets_one_variable(self) -> None:
        [(_, _, pod)] = self.relays()
        [application] = pod["containers"]
        heard = tomllib.loads(configuration("relay", "connect-guard-relay", "relay.toml"))["listen"]["address"]
        self.assertEqual(application["env"], [{"name": "AWS_ENDPOINT_URL_CONNECT", "value": f"http://{heard}"}])

    def test_the_guard_believes_its_token(self) -> None:
        [(overlay, _, pod)] = self.relays()
        [token] = [
            source["serviceAccountToken"]
            for volume in pod["volumes"]
            for source in volume.get("projected", {}).get("sources", [])
        ]
        relay = tomllib.loads(configuration("relay", "connect-guard-relay", "relay.toml"))["relay"]
        [mount] = [each["mountPath"] for each in containers(pod)[0]["volumeMounts"] if each["name"] == "connect-guard-token"]
        self.assertEqual(relay["token_file"], f"{mount}/{token['path']}")
        for gateway_overlay in GATEWAYS:
            session = tomllib.loads(configuration(gateway_overlay))["session"]
            self.assertIn(token["audience"], session["issuer"][0]["audiences"])
            subject = f"system:serviceaccount:{namespace(rendered(overlay))}:{pod['serviceAccountName']}"
            self.assertIn((subject, relay["role"]), [(each["claims"]["sub"], each["role"]) for each in session["role"]])

    def test_the_real_binary_takes_its_configuration(self) -> None:
        installed = Installed(self.id())
        text = configuration("relay", "connect-guard-relay", "relay.toml")
        token = installed.directory / "token"
        token.write_text("x", encoding="ascii")
        text = text.replace("/var/run/secrets/connect-guard/token", str(token))
        text = text.replace("127.0.0.1:8080", "127.0.0.1:0").replace("127.0.0.1:9465", "127.0.0.1:0")
        with Relay(installed.configuration(text)) as relay:
            self.assertGreater(relay.port, 0)

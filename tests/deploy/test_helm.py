"""The chart: Helm renders it, and what comes out is what kustomize makes of deploy/kubernetes."""

import importlib
import json
import unittest
from typing import Any

import kit
import manifests
from kit import DEPLOY, GATEWAYS, of_kind, rendered

import yaml

CHART = DEPLOY / "helm" / "connect-guard"
KINDS = {"sqlite": "volume", "postgres": "postgres"}


def values(overlay: str, **more: Any) -> dict[str, Any]:
    """The values for which the chart is what this directory is."""
    files = manifests.policies(overlay)
    return {
        "store": {"kind": KINDS[overlay]},
        "roleArn": "arn:aws:iam::111122223333:role/connect-guard-pod",
        "config": manifests.configuration(overlay),
        "policies": {name.removesuffix(".toml"): text for name, text in files.items()},
        "network": {
            "endpoints": ["10.0.64.0/24"],
            "mail": {"cidr": "192.0.2.25/32"},
            "database": {"cidr": "10.0.80.0/24"},
        },
        "monitoring": {"enabled": True},
        **more,
    }


def helm() -> Any:
    """Helm as a library. It starts threads when it is loaded, which no fork survives: so in the process of a test, not before."""
    return importlib.import_module("helm_python")


def chart(given: dict[str, Any]) -> list[dict[str, Any]]:
    with helm().Chart.load(str(CHART)) as loaded:
        texts = loaded.render(values=given, name="connect-guard", namespace="connect-guard")
    return [each for text in texts.values() for each in yaml.safe_load_all(text) if each]


def compared(objects: list[dict[str, Any]]) -> dict[str, Any]:
    """Objects by kind and name, without what a digest of the configuration makes of them, and without labels of ConfigMaps."""
    found = {}
    for each in json.loads(json.dumps(objects)):
        name = each["metadata"]["name"]
        if each["kind"] == "ConfigMap":
            each["metadata"].pop("labels", None)
            name = "connect-guard-config" if name.startswith("connect-guard-config") else name
            each["metadata"]["name"] = name
        if each["kind"] in ("Deployment", "StatefulSet"):
            each["spec"]["template"]["metadata"].pop("annotations", None)
            for volume in each["spec"]["template"]["spec"]["volumes"]:
                if volume["name"] == "config":
                    volume["configMap"]["name"] = "connect-guard-config"
        found[f"{each['kind']} {name}"] = each
    return found


class Chart(unittest.TestCase):
    maxDiff = 4000

    def test_it_is_what_kustomize_makes(self) -> None:
        for overlay in GATEWAYS:
            wanted = compared([*rendered(overlay), *rendered("monitoring")])
            # Helm is told which namespace; it does not make one with labels.
            del wanted["Namespace connect-guard"]
            made = compared(chart(values(overlay)))
            self.assertEqual(set(made), set(wanted), overlay)
            for name in wanted:
                self.assertEqual(made[name], wanted[name], f"{overlay}: {name}")

    def test_another_configuration_is_another_pod_and_another_policy_is_not(self) -> None:
        def pod(**more: Any) -> Any:
            return of_kind(chart(values("sqlite", **more)), "StatefulSet")[0]["spec"]["template"]

        self.assertNotEqual(pod(), pod(config="another"))
        self.assertEqual(pod(), pod(policies={"other": "version = 1"}))

    def test_the_api_takes_what_comes_of_other_values(self) -> None:
        network = {**values("sqlite")["network"], "balancers": ["10.0.1.0/24", "10.0.2.0/24"], "endpoints": []}
        for more in ({"network": network}, {"image": {"tag": "0.2.0"}, "policies": {}, "monitoring": {"enabled": False}}):
            for each in chart(values("sqlite", **more)):
                if each["apiVersion"] != manifests.OPERATOR:
                    self.assertEqual(manifests.faults_of(each, manifests.VERSIONS[-1]), "", each["metadata"]["name"])

    def test_what_has_to_be_said_is_asked_for(self) -> None:
        slips = ({"roleArn": ""}, {"config": ""}, {"store": {"kind": "mysql"}}, {"stor": {}}, {"network": {"mail": {"cidr": ""}}})
        for slip in slips:
            with self.assertRaises(helm().HelmError, msg=str(slip)):
                chart(values("sqlite", **slip))

    def test_helm_finds_nothing_to_say(self) -> None:
        said = helm().lint(str(CHART), values=values("sqlite"))
        self.assertEqual([each for each in said["messages"] if each["severity"] > 1], [])
        self.assertEqual((said["total_charts_linted"], said.get("errors") or []), (1, []))

    def test_its_rules_are_the_rules(self) -> None:
        self.assertEqual(
            (CHART / "files" / "rules.yaml").read_text(encoding="utf-8"),
            (DEPLOY / "prometheus" / "rules.yaml").read_text(encoding="utf-8"),
            "write it anew: python tests/deploy/kit.py",
        )

    def test_the_versions_are_the_guards(self) -> None:
        version = yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))
        cargo = (kit.ROOT / "Cargo.toml").read_text(encoding="utf-8")
        self.assertIn(f'version      = "{version["appVersion"]}"'.replace(" ", ""), cargo.replace(" ", ""))

"""The manifests of deploy/kubernetes in parts: what tests of all kinds ask them."""

import json
import subprocess
import tomllib
from typing import Any

import kit
from kit import GATEWAYS, Installed, of_kind, rendered

import kubernetes_validate

VERSIONS = ("1.30", "1.33", "1.37")
OPERATOR = "monitoring.coreos.com/v1"


def faults_of(each: dict[str, Any], version: str) -> str:
    """What the API of this version has against an object, unknown fields included."""
    try:
        kubernetes_validate.validate(each, version, strict=True)
    except kubernetes_validate.ValidationError as error:
        return str(error.message)
    except kubernetes_validate.SchemaNotFoundError:
        return f"{version} has no {each['kind']} of {each['apiVersion']}"
    return ""


def faults_of_operators(objects: list[dict[str, Any]]) -> list[str]:
    """What the Prometheus operator's types have against these."""
    done = subprocess.run(
        ["node", str(kit.TARGET / "js" / "operator.mjs")],
        input=json.dumps(objects),
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return json.loads(done.stdout)


def configuration(overlay: str, name: str = "connect-guard-config", file: str = "config.toml") -> str:
    """A configuration as it comes into the pod."""
    [found] = [each for each in of_kind(rendered(overlay), "ConfigMap") if each["metadata"]["name"].startswith(name)]
    return found["data"][file]


def policies(overlay: str) -> dict[str, str]:
    """The files of the policy as they come into the pod."""
    return configuration_map(overlay, "connect-guard-policies")["data"]


def configuration_map(overlay: str, name: str) -> dict[str, Any]:
    """A ConfigMap of this very name."""
    [found] = [each for each in of_kind(rendered(overlay), "ConfigMap") if each["metadata"]["name"] == name]
    return found


def gateway(overlay: str) -> dict[str, Any]:
    """The workload that runs the guard."""
    [found] = of_kind(rendered(overlay), "Deployment", "StatefulSet")
    return found


def seconds(text: str) -> int:
    assert text.endswith("s"), text
    return int(text[:-1])


def first_container(installed: Installed) -> None:
    """What the pod's first container does, on a volume as the kubelet mounts it with `fsGroup`."""
    volume = installed.directory / "ledger"
    volume.chmod(0o2775)
    [first] = gateway("sqlite")["spec"]["template"]["spec"]["initContainers"]
    words = [word.replace("/var/lib/connect-guard", str(volume)) for word in first["command"]]
    subprocess.run(words, check=True, timeout=60)


def guards_own() -> tuple[set[str], set[tuple[str, str]]]:
    """The roles that the guard has, and the accounts that have them."""
    roles, accounts = set(), set()
    for overlay in GATEWAYS:
        for each in of_kind(rendered(overlay), "ServiceAccount"):
            roles.add(each["metadata"]["annotations"]["eks.amazonaws.com/role-arn"])
            accounts.add((each["metadata"]["namespace"], each["metadata"]["name"]))
        roles.update(each["role"] for each in tomllib.loads(configuration(overlay))["upstream"])
    return roles, accounts


def namespace(objects: list[dict[str, Any]]) -> str:
    """Where the workload of these is."""
    return of_kind(objects, "Deployment", "StatefulSet")[0]["metadata"]["namespace"]

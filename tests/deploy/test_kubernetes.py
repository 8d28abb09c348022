"""The manifests: a real kustomize renders them, the API's own schemas take them, and what they say fits together."""

import json
import shutil
import tomllib
import unittest
from pathlib import Path
from typing import Any

import kit
from kit import GATEWAYS, KUBERNETES, RENDERED, Installed, containers, of_kind, pods, rendered
from manifests import (
    OPERATOR,
    VERSIONS,
    configuration,
    faults_of,
    faults_of_operators,
    first_container,
    gateway,
    policies,
    seconds,
)

import yaml
from guard import Guard, command

# Made by hand or by another program: deploy/kubernetes/README.md says how.
MADE_ELSEWHERE = {"connect-guard-secrets", "connect-guard-tls", "connect-guard-database", "connect-guard-ca"}
# What a pod may bring about by having them; nothing here may.
NEVER = ("hostNetwork", "hostPID", "hostIPC", "hostUsers", "shareProcessNamespace")


class Manifests(unittest.TestCase):
    def test_every_kustomize_makes_the_same_of_them(self) -> None:
        newer = shutil.which("kubectl")
        for overlay in RENDERED:
            self.assertTrue(rendered(overlay), overlay)
            if newer is not None:
                text = kit.kustomize(Path(newer), KUBERNETES, overlay)
                self.assertEqual(_sorted(list(yaml.safe_load_all(text))), _sorted(rendered(overlay)), overlay)

    def test_the_api_takes_every_object(self) -> None:
        for overlay in RENDERED:
            for each in rendered(overlay):
                if each["apiVersion"] == OPERATOR:
                    continue
                for version in VERSIONS:
                    self.assertEqual(faults_of(each, version), "", f"{overlay}: {each['kind']} {each['metadata']['name']}")

    def test_the_api_would_not_take_one_with_a_slip(self) -> None:
        slips = (
            ("replicas", lambda spec: spec.update(replicas="three")),
            ("replica", lambda spec: spec.update(replica=1)),
            ("readOnlyRootFileSystem", lambda spec: _first(spec)["securityContext"].update(readOnlyRootFileSystem=True)),
            ("httpGet", lambda spec: _first(spec)["readinessProbe"]["httpGet"].pop("port")),
        )
        for name, slip in slips:
            broken = json.loads(json.dumps(gateway("postgres")))
            slip(broken["spec"])
            self.assertNotEqual(faults_of(broken, VERSIONS[-1]), "", name)

    def test_the_operator_takes_its_objects(self) -> None:
        objects = [each for each in rendered("monitoring") if each["apiVersion"] == OPERATOR]
        self.assertEqual({each["kind"] for each in objects}, {"ServiceMonitor", "PrometheusRule"})
        self.assertEqual(faults_of_operators(objects), [])
        slips = {"ServiceMonitor": ("endpoints", [{"port": 1}]), "PrometheusRule": ("groups", [{"name": 1}])}
        for each in objects:
            name, slip = slips[each["kind"]]
            broken = {**each, "spec": {**each["spec"], name: slip}}
            self.assertNotEqual(faults_of_operators([broken]), [], each["kind"])

    def test_everything_that_is_named_is_there(self) -> None:
        for overlay in RENDERED:
            objects = rendered(overlay)
            there = {each["metadata"]["name"] for each in of_kind(objects, "ConfigMap", "Secret")} | MADE_ELSEWHERE
            for name, pod in pods(objects):
                for volume in pod["volumes"]:
                    for source in volume.get("projected", {}).get("sources", [volume]):
                        named = source.get("configMap", {}).get("name") or source.get("secret", {}).get("secretName")
                        if named and not source.get("configMap", {}).get("optional"):
                            self.assertIn(named, there, f"{overlay}: {name}")
                volumes = {volume["name"] for volume in pod["volumes"]} | _claims(objects)
                mounted = {mount["name"] for each in containers(pod) for mount in each.get("volumeMounts", [])}
                self.assertEqual(mounted, volumes, f"{overlay}: {name}: what is mounted, and what there is")

    def test_no_secret_is_in_a_manifest(self) -> None:
        for overlay in RENDERED:
            self.assertEqual(of_kind(rendered(overlay), "Secret"), [])
            for name, pod in pods(rendered(overlay)):
                for each in containers(pod):
                    for variable in each.get("env", []):
                        self.assertNotIn("secretKeyRef", variable.get("valueFrom", {}), f"{name}: secrets come as files")


class Pods(unittest.TestCase):
    def test_pods_are_restricted(self) -> None:
        for overlay in RENDERED:
            for name, pod in pods(rendered(overlay)):
                with self.subTest(f"{overlay}: {name}"):
                    self.assertEqual([key for key in NEVER if key in pod], [])
                    context = pod["securityContext"]
                    self.assertTrue(context["runAsNonRoot"])
                    self.assertGreater(context["runAsUser"], 0)
                    self.assertEqual(context["seccompProfile"], {"type": "RuntimeDefault"})
                    self.assertIs(pod["automountServiceAccountToken"], False)
                    self.assertNotIn("hostPath", {key for volume in pod["volumes"] for key in volume})
                    for each in containers(pod):
                        self._restricted(each)

    def _restricted(self, container: dict[str, Any]) -> None:
        context = container["securityContext"]
        self.assertIs(context["allowPrivilegeEscalation"], False)
        self.assertIs(context["privileged"], False)
        self.assertIs(context["readOnlyRootFilesystem"], True)
        self.assertEqual(context["capabilities"], {"drop": ["ALL"]})
        self.assertNotIn("runAsUser", context)
        self.assertNotIn("seccompProfile", context)
        for mount in container.get("volumeMounts", []):
            self.assertNotIn("subPath", mount, "such a mount never sees a new version")
            self.assertTrue(mount.get("readOnly") or mount["name"] == "ledger", mount)

    def test_the_namespace_takes_no_other(self) -> None:
        for overlay in GATEWAYS:
            [namespace] = of_kind(rendered(overlay), "Namespace")
            self.assertEqual(namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"], "restricted")

    def test_what_is_to_be_finished_is_finished_before_the_kubelet_kills(self) -> None:
        for overlay in GATEWAYS:
            pod = gateway(overlay)["spec"]["template"]["spec"]
            drain = tomllib.loads(configuration(overlay))["drain"]
            needed = 2 * seconds(drain["requests"]) + seconds(drain["notices"])
            needed += _first(gateway(overlay)["spec"])["lifecycle"]["preStop"]["sleep"]["seconds"]
            self.assertGreater(pod["terminationGracePeriodSeconds"], needed)

    def test_probes_ask_what_there_is(self) -> None:
        for overlay in GATEWAYS:
            container = _first(gateway(overlay)["spec"])
            status = [each for each in tomllib.loads(configuration(overlay))["listen"] if each["kind"] == "status"]
            scheme = "HTTPS" if "certificate" in status[0] else "HTTP"
            for probe, path in (("startupProbe", "/startupz"), ("livenessProbe", "/livez"), ("readinessProbe", "/readyz")):
                asked = container[probe]["httpGet"]
                self.assertEqual((asked["path"].split("?")[0], asked["scheme"], asked["port"]), (path, scheme, "status"))

    def test_ports_are_those_of_the_configuration(self) -> None:
        for overlay in GATEWAYS:
            listeners = tomllib.loads(configuration(overlay))["listen"]
            heard = {each["kind"]: int(each["address"].rpartition(":")[2]) for each in listeners}
            opened = {each["name"]: each["containerPort"] for each in _first(gateway(overlay)["spec"])["ports"]}
            self.assertEqual(heard, opened)
            for service in of_kind(rendered(overlay), "Service"):
                for port in service["spec"]["ports"]:
                    self.assertEqual(opened[port["targetPort"]], port["port"])

    def test_one_ledger_has_one_guard(self) -> None:
        sqlite, postgres = gateway("sqlite"), gateway("postgres")
        self.assertEqual((sqlite["kind"], sqlite["spec"]["replicas"]), ("StatefulSet", 1))
        self.assertEqual(tomllib.loads(configuration("sqlite"))["store"]["url"], "sqlite:/var/lib/connect-guard/ledger/ledger.db")
        # `Always` opens what is in a volume to the group each time it is mounted.
        self.assertEqual(sqlite["spec"]["template"]["spec"]["securityContext"]["fsGroupChangePolicy"], "OnRootMismatch")
        [claim] = sqlite["spec"]["volumeClaimTemplates"]
        self.assertEqual(claim["spec"]["accessModes"], ["ReadWriteOncePod"])
        self.assertEqual(sqlite["spec"]["persistentVolumeClaimRetentionPolicy"], {"whenDeleted": "Retain", "whenScaled": "Retain"})
        self.assertEqual(postgres["kind"], "Deployment")
        self.assertGreaterEqual(postgres["spec"]["replicas"], 2)
        self.assertTrue(tomllib.loads(configuration("postgres"))["store"]["url"].startswith("postgres://"))

    def test_both_gateways_are_alike_but_for_the_store(self) -> None:
        one, other = (json.loads(json.dumps(gateway(overlay)["spec"]["template"])) for overlay in GATEWAYS)
        for template in (one, other):
            pod = template["spec"]
            pod["volumes"] = [each for each in pod["volumes"] if each["name"] not in ("config", "database")]
            pod["topologySpreadConstraints"] = [each["topologyKey"] for each in pod["topologySpreadConstraints"]]
            [container] = pod["containers"]
            pod.pop("initContainers", None)
            pod["securityContext"].pop("fsGroupChangePolicy", None)
            container["volumeMounts"] = [each for each in container["volumeMounts"] if each["name"] not in ("ledger", "database")]
        self.assertEqual(one, other)
        one, other = (tomllib.loads(configuration(overlay)) for overlay in GATEWAYS)
        self.assertNotEqual(one.pop("store"), other.pop("store"))
        self.assertEqual(one, other)

    def test_what_is_started_is_where_the_image_has_it(self) -> None:
        """By its whole path: the image has no shell, and need not have a PATH."""
        programs = set()
        for overlay in RENDERED:
            for _, pod in pods(rendered(overlay)):
                for each in containers(pod):
                    if each["name"].startswith("connect-guard"):
                        programs.add(each["command"][0])
                        for probe in ("startupProbe", "livenessProbe"):
                            programs.update(each[probe].get("exec", {}).get("command", [])[:1])
        self.assertEqual(programs, {kit.PROGRAM})
        self.assertEqual(kit.image_starts(), kit.PROGRAM)

    def test_one_pod_at_a_time_is_taken_away(self) -> None:
        for overlay in GATEWAYS:
            [budget] = of_kind(rendered(overlay), "PodDisruptionBudget")
            self.assertEqual(budget["spec"]["maxUnavailable"], 1)
            labels = gateway(overlay)["spec"]["template"]["metadata"]["labels"]
            self.assertLessEqual(budget["spec"]["selector"]["matchLabels"].items(), labels.items())


class Network(unittest.TestCase):
    def ways(self, overlay: str, direction: str) -> set[int | str]:
        """The ports that are open for the gateway in this direction."""
        labels = gateway(overlay)["spec"]["template"]["metadata"]["labels"].items()
        chosen = [
            each["spec"]
            for each in of_kind(rendered(overlay), "NetworkPolicy")
            if each["spec"]["podSelector"] and each["spec"]["podSelector"]["matchLabels"].items() <= labels
        ]
        rules = [rule for spec in chosen for rule in spec.get(direction, [])]
        for rule in rules:
            self.assertTrue(rule.get("ports"), "a rule without ports opens all of them")
            self.assertTrue(rule.get("to" if direction == "egress" else "from"), "a rule without peers is for everybody")
        return {port["port"] for rule in rules for port in rule["ports"]}

    def test_nothing_is_open_that_is_not_named(self) -> None:
        for overlay in GATEWAYS:
            every = {each["metadata"]["name"]: each["spec"] for each in of_kind(rendered(overlay), "NetworkPolicy")}
            self.assertEqual(every["default-deny"], {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]})

    def test_exactly_what_is_needed_is_open(self) -> None:
        for overlay, store in (("sqlite", set()), ("postgres", {5432})):
            mail = tomllib.loads(configuration(overlay))["mail"]
            wanted = {53, 443, mail.get("port", 587 if mail["tls"] == "starttls" else 465)} | store
            self.assertEqual(self.ways(overlay, "egress"), wanted)
            self.assertEqual(self.ways(overlay, "ingress"), {"gateway", "session", "status"})

    def test_the_public_internet_is_not_the_cluster_nor_the_node(self) -> None:
        blocks = [
            peer["ipBlock"]
            for each in of_kind(rendered("sqlite"), "NetworkPolicy")
            for rule in each["spec"].get("egress", [])
            for peer in rule["to"]
            if peer.get("ipBlock", {}).get("cidr") == "0.0.0.0/0"
        ]
        [block] = blocks
        for private in ("10.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8"):
            self.assertIn(private, block["except"])

    def test_the_relay_reaches_the_guard_and_is_let_in(self) -> None:
        [policy] = of_kind(rendered("relay"), "NetworkPolicy")
        relay = tomllib.loads(configuration("relay", "connect-guard-relay", "relay.toml"))["relay"]
        wanted = {int(relay[way].rpartition(":")[2]) for way in ("gateway", "session")}
        opened = {port["port"] for rule in policy["spec"]["egress"] for port in rule["ports"]}
        self.assertEqual(opened, {53} | wanted)
        services = {each["metadata"]["name"]: each for each in of_kind(rendered("sqlite"), "Service")}
        ports = {port["port"] for port in services["connect-guard"]["spec"]["ports"]}
        self.assertLessEqual(wanted, ports)


class Configurations(unittest.TestCase):
    def test_the_real_binary_takes_configuration_and_policy(self) -> None:
        for overlay in GATEWAYS:
            installed = Installed(f"{self.id()}.{overlay}")
            installed.policies(policies(overlay))
            done = kit.checked(installed, configuration(overlay))
            self.assertEqual(done.returncode, 0, f"{overlay}: {done.stdout}{done.stderr}")
            done = command("policy", "test", str(installed.directory / "policies" / "..data"), directory=installed.directory)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_the_real_binary_finds_a_slip(self) -> None:
        installed = Installed(self.id())
        installed.policies(policies("sqlite"))
        done = kit.checked(installed, configuration("sqlite").replace("audiences", "audience"))
        self.assertEqual(done.returncode, 3)

    def test_every_secret_that_is_named_is_one_of_those_that_are_made(self) -> None:
        readme = (KUBERNETES / "README.md").read_text(encoding="utf-8")
        for overlay in GATEWAYS:
            for line in configuration(overlay).splitlines():
                if "/secrets/" in line:
                    name = line.rpartition("/")[2].rstrip('"')
                    self.assertIn(name, kit.SECRETS)
                    self.assertIn(f"--from-file={name}", readme)

    def test_a_new_version_of_the_mounted_policy_comes_into_force(self) -> None:
        installed = Installed(self.id())
        text = kit.here(configuration("sqlite"))
        files = policies("sqlite")
        installed.policies(files)
        first_container(installed)
        with Guard(installed.configuration(text), **kit.CREDENTIALS) as guard:
            page = kit.Page(guard.status_port, installed.authority)
            before = page.info("connect_guard_policy_info")["digest"]
            installed.policies({"operations.toml": files["operations.toml"]})
            (installed.directory / "policies" / "identity.toml").unlink()
            after = page.until(lambda: page.info("connect_guard_policy_info")["digest"] != before)
            self.assertTrue(after)
            # What holds at once, from a volume's `deny.d`.
            stop = 'version = 1\n[[deny]]\nid = "stop"\nreason = "INC-12"\n'
            installed.policies({"operations.toml": files["operations.toml"], "deny.d/stop.toml": stop})
            page.until(lambda: page.value("connect_guard_policy_rules") == 2)
            installed.policies({"operations.toml": "version = 2"})
            page.until(lambda: page.value("connect_guard_policy_stale_since_timestamp_seconds") is not None)


def _claims(objects: list[dict[str, Any]]) -> set[str]:
    return {claim["metadata"]["name"] for each in of_kind(objects, "StatefulSet") for claim in each["spec"]["volumeClaimTemplates"]}


def _first(spec: dict[str, Any]) -> dict[str, Any]:
    return spec["template"]["spec"]["containers"][0]


def _sorted(objects: list[dict[str, Any]]) -> list[str]:
    """Objects in no order, and without the digests in names: kustomize changed how it makes them."""
    names = {each["metadata"]["name"] for each in of_kind(objects, "ConfigMap")}
    whole = [json.dumps(each, sort_keys=True) for each in objects]
    for name in names:
        stem, _, digest = name.rpartition("-")
        if len(digest) == 10:
            whole = [each.replace(name, stem) for each in whole]
    return sorted(whole)

"""The task definitions: ECS's own model takes them, what they start is taken by the binary, and no task has too much."""

import json
import os
import secrets
import subprocess
import tomllib
import unittest
from typing import Any

import kit
import manifests
from kit import DEPLOY, Installed

import botocore.session
from botocore.validate import ParamValidator
from guard import Relay

ECS = DEPLOY / "ecs"
TASKS = ("gateway", "application")
# What Fargate offers: memory for each size of CPU.
SIZES = {"256": {512, 1024, 2048}, "512": set(range(1024, 4097, 1024)), "1024": set(range(2048, 8193, 1024))}


def task(name: str) -> dict[str, Any]:
    return json.loads((ECS / f"{name}.json").read_text(encoding="utf-8"))


def container(definition: dict[str, Any], name: str) -> dict[str, Any]:
    [found] = [each for each in definition["containerDefinitions"] if each["name"] == name]
    return found


def faults(definition: dict[str, Any]) -> str:
    """What ECS's model has against a task definition."""
    model = botocore.session.get_session().get_service_model("ecs")
    shape = model.operation_model("RegisterTaskDefinition").input_shape
    return ParamValidator().validate(definition, shape).generate_report()


class Definitions(unittest.TestCase):
    def test_ecs_takes_them(self) -> None:
        for name in TASKS:
            self.assertEqual(faults(task(name)), "", name)

    def test_ecs_would_not_take_one_with_a_slip(self) -> None:
        port = {"containerDefinitions": [{"name": "x", "portMappings": [{"containerPort": "8443"}]}]}
        for slip in ({"cpus": "512"}, {"volumes": {}}, port):
            self.assertNotEqual(faults({**task("gateway"), **slip}), "", slip)

    def test_fargate_has_such_tasks(self) -> None:
        for name in TASKS:
            definition = task(name)
            self.assertEqual((definition["requiresCompatibilities"], definition["networkMode"]), (["FARGATE"], "awsvpc"))
            self.assertIn(int(definition["memory"]), SIZES[definition["cpu"]])
            for each in definition["containerDefinitions"]:
                self.assertLessEqual(each.get("stopTimeout", 30), 120)
                self.assertEqual(each.get("linuxParameters", {}).get("capabilities", {}).get("add", []), [])
                for port in each.get("portMappings", []):
                    self.assertIn(port.get("hostPort", port["containerPort"]), (port["containerPort"],))

    def test_containers_are_restricted(self) -> None:
        for name in TASKS:
            for each in task(name)["containerDefinitions"]:
                with self.subTest(f"{name}: {each['name']}"):
                    self.assertIs(each["readonlyRootFilesystem"], True)
                    self.assertNotIn("privileged", each)
                    if each["name"] != "secrets":  # it gives its files away, and ends
                        self.assertEqual(each["user"], "65532:65532")
                        self.assertEqual(each["linuxParameters"]["capabilities"]["drop"], ["ALL"])
                        self.assertNotIn("secrets", each, "no secret is in the environment of what goes on")

    def test_what_is_to_be_finished_is_finished_before_it_is_killed(self) -> None:
        drain = tomllib.loads((ECS / "config.toml").read_text(encoding="utf-8"))["drain"]
        needed = 2 * int(drain["requests"][:-1]) + int(drain["notices"][:-1])
        self.assertGreater(container(task("gateway"), "connect-guard")["stopTimeout"], needed)


class Roles(unittest.TestCase):
    def test_no_task_with_a_relay_has_the_guards_power(self) -> None:
        own = {task("gateway")["taskRoleArn"], task("gateway")["executionRoleArn"]}
        own.update(each["role"] for each in tomllib.loads((ECS / "config.toml").read_text(encoding="utf-8"))["upstream"])
        own |= manifests.guards_own()[0]
        self.assertGreaterEqual(len(own), 4)
        relays = 0
        for file in ECS.glob("*.json"):
            definition = json.loads(file.read_text(encoding="utf-8"))
            if any("relay" in each.get("command", []) for each in definition["containerDefinitions"]):
                relays += 1
                self.assertNotIn(definition["taskRoleArn"], own, file.name)
                self.assertNotIn(definition["executionRoleArn"], own, file.name)
                for role in own:
                    self.assertNotIn(f'"{role}"', json.dumps(definition), file.name)
        self.assertEqual(relays, 1)

    def test_the_guard_has_a_task_of_its_own(self) -> None:
        definition = task("gateway")
        essential = [each["name"] for each in definition["containerDefinitions"] if each["essential"]]
        self.assertEqual(essential, ["connect-guard"])
        self.assertIn({"containerName": "secrets", "condition": "SUCCESS"}, container(definition, "connect-guard")["dependsOn"])

    def test_the_application_sets_one_variable_and_waits_for_the_relay(self) -> None:
        application = container(task("application"), "application")
        heard = tomllib.loads((ECS / "relay.toml").read_text(encoding="utf-8"))["listen"]["address"]
        self.assertEqual(application["environment"], [{"name": "AWS_ENDPOINT_URL_CONNECT", "value": f"http://{heard}"}])
        self.assertEqual(application["dependsOn"], [{"containerName": "connect-guard-relay", "condition": "HEALTHY"}])


class Started(unittest.TestCase):
    def test_the_real_binary_takes_what_the_first_container_wrote(self) -> None:
        installed = Installed(self.id())
        run = installed.directory / "run"
        run.mkdir(mode=0o755)
        policies = installed.directory / "policies"
        for name, text in manifests.policies("sqlite").items():
            (policies / name).write_text(text, encoding="utf-8")
        first = container(task("gateway"), "secrets")
        values = {
            "TLS_CERTIFICATE": (installed.directory / "tls" / "tls.crt").read_text(encoding="ascii"),
            "TLS_KEY": (installed.directory / "tls" / "tls.key").read_text(encoding="ascii"),
            "SIEM": (installed.directory / "secrets" / "siem").read_text(encoding="ascii"),
        }
        values = {each["name"]: values.get(each["name"], secrets.token_hex(32)) for each in first["secrets"]}
        [script] = first["command"]
        mine = f"{os.getuid()}:{os.getgid()}"
        script = script.replace("/run/connect-guard", str(run)).replace("65532:65532", mine)
        subprocess.run([*first["entryPoint"], script], env={"PATH": os.environ["PATH"], **values}, check=True, timeout=60)
        self.assertEqual({file.stat().st_mode & 0o777 for file in run.iterdir()}, {0o400})
        text = (ECS / "config.toml").read_text(encoding="utf-8").replace("/run/connect-guard", str(run))
        (installed.directory / "database-ca.pem").write_text(installed.authority.read_text(encoding="ascii"), encoding="ascii")
        done = kit.checked(installed, text)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        ports = {int(each["address"].rpartition(":")[2]) for each in tomllib.loads(text)["listen"]}
        mapped = {each["containerPort"] for each in container(task("gateway"), "connect-guard")["portMappings"]}
        self.assertEqual(ports, mapped)

    def test_the_real_binary_takes_the_relay_s_configuration(self) -> None:
        installed = Installed(self.id())
        text = (ECS / "relay.toml").read_text(encoding="utf-8")
        text = text.replace("127.0.0.1:8080", "127.0.0.1:0").replace("127.0.0.1:9465", "127.0.0.1:0")
        with Relay(installed.configuration(text)) as relay:
            self.assertGreater(relay.port, 0)

    def test_what_is_started_is_where_the_image_has_it(self) -> None:
        for name in TASKS:
            for each in task(name)["containerDefinitions"]:
                if each["name"].startswith("connect-guard"):
                    self.assertEqual(each["entryPoint"], [kit.PROGRAM])
                    self.assertEqual(each["healthCheck"]["command"][:2], ["CMD", kit.PROGRAM])

    def test_images_start_what_the_tasks_start(self) -> None:
        dockerfile = (ECS / "Dockerfile").read_text(encoding="utf-8")
        for name, of in (("gateway", "connect-guard"), ("application", "connect-guard-relay")):
            self.assertIn(f"CMD {json.dumps(container(task(name), of)['command'])}", dockerfile)

"""The compose file: its specification takes it, and what it mounts starts a guard."""

import json
import re
import shutil
import stat
import subprocess
import unittest
from typing import Any

import kit
from kit import DEPLOY

import jsonschema
import places
import yaml
from guard import Guard, command

COMPOSE = DEPLOY / "compose"
# The schema of the compose specification, as docker-compose 1.29 carries it.
SCHEMA = kit.TARGET / "python" / "compose" / "config" / "compose_spec.json"


def whole() -> dict[str, Any]:
    return yaml.safe_load((COMPOSE / "compose.yaml").read_text(encoding="utf-8"))


def faults(compose: dict[str, Any]) -> list[str]:
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    # It became part of the specification after this schema.
    schema["properties"]["name"] = {"type": "string"}
    return [error.message for error in jsonschema.Draft7Validator(schema).iter_errors(compose)]


class Compose(unittest.TestCase):
    def test_the_specification_takes_it(self) -> None:
        self.assertEqual(faults(whole()), [])
        for slip in ({"read_ony": True}, {"ports": "8443:8443"}, {"healthcheck": {"test": 1}}):
            broken = whole()
            broken["services"]["guard"].update(slip)
            self.assertNotEqual(faults(broken), [], slip)

    def test_services_are_restricted_and_on_this_machine_alone(self) -> None:
        for name, service in whole()["services"].items():
            self.assertIs(service["read_only"], True, name)
            self.assertEqual(service["cap_drop"], ["ALL"], name)
            self.assertIn("no-new-privileges:true", service["security_opt"], name)
            for port in service["ports"]:
                self.assertTrue(port.startswith("127.0.0.1:"), port)

    def test_what_is_started_is_where_the_image_has_it(self) -> None:
        guard = whole()["services"]["guard"]
        self.assertEqual(guard["entrypoint"], [kit.PROGRAM])
        self.assertEqual(guard["healthcheck"]["test"][:2], ["CMD", kit.PROGRAM])

    def test_it_is_given_the_time_to_end(self) -> None:
        self.assertEqual(whole()["services"]["guard"]["stop_grace_period"], "100s")

    def test_what_is_made_for_a_trial_starts_a_guard(self) -> None:
        directory = places.new_directory(self.id())
        copied = directory / "deploy"
        shutil.copytree(COMPOSE, copied / "compose", ignore=shutil.ignore_patterns("trial"))
        shutil.copytree(kit.KUBERNETES / "policies", copied / "kubernetes" / "policies")
        made = subprocess.run([str(copied / "compose" / "trial.sh")], capture_output=True, text=True, check=False, timeout=120)
        self.assertEqual(made.returncode, 0, made.stderr)
        again = subprocess.run([str(copied / "compose" / "trial.sh")], capture_output=True, text=True, check=False, timeout=120)
        self.assertNotEqual(again.returncode, 0, "what is there is left as it is")
        trial = copied / "compose" / "trial"
        for secret in (trial / "etc" / "secrets").iterdir():
            self.assertEqual(stat.S_IMODE(secret.stat().st_mode), 0o600, secret.name)
        for mount in [mount for service in whole()["services"].values() for mount in service["volumes"]]:
            self.assertTrue((copied / "compose" / mount["source"]).is_dir(), mount)
        configuration = trial / "etc" / "config.toml"
        text = configuration.read_text(encoding="utf-8").replace("/var/lib/connect-guard", str(trial / "ledger"))
        configuration.write_text(re.sub(r'"0\.0\.0\.0:\d+"', '"127.0.0.1:0"', text), encoding="utf-8")
        done = command("config", "check", "--config", str(configuration), directory=directory)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        with Guard(configuration) as guard:
            page = kit.Page(guard.status_port, trial / "etc" / "tls" / "ca.pem")
            page.until(lambda: page.value("connect_guard_ledger_writable") == 1)

    def test_ports_are_those_of_the_configuration(self) -> None:
        heard = set(re.findall(r'"0\.0\.0\.0:(\d+)"', (COMPOSE / "config.toml").read_text(encoding="utf-8")))
        published = {port.rpartition(":")[2] for port in whole()["services"]["guard"]["ports"]}
        self.assertEqual(published, heard)

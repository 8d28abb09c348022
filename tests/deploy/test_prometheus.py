"""Alerts and dashboard: Prometheus's own judge takes them, each alert fires when it should and only then, and nothing is asked
for that a running guard does not say."""

import json
import re
import unittest
from pathlib import Path
from typing import Any

import kit
import manifests
from alerts import ALERTS, Alert
from kit import DEPLOY, Installed, Page, promtool, rendered

import places
import yaml
from guard import Guard

RULES = DEPLOY / "prometheus" / "rules.yaml"
DASHBOARD = DEPLOY / "grafana" / "connect-guard.json"
RUNBOOK = DEPLOY / "runbook.md"
# What others than the guard say.
FOREIGN = {"up", "kube_pod_container_status_ready", "probe_success"}
# Functions, operators and words of PromQL that look like names of metrics.
WORDS = {"and", "or", "unless", "by", "without", "on", "ignoring", "group_left", "group_right", "offset", "bool", "inf", "nan"}


def rules() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"] for rule in group["rules"]]


def panels() -> list[dict[str, Any]]:
    """The panels that ask for something, those of folded rows included."""
    found = []
    for panel in json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]:
        found += [panel, *panel.get("panels", [])]
    return [each for each in found if each["type"] != "row"]


def shown() -> list[dict[str, Any]]:
    """The panels, and what is marked in all of them."""
    board = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    return panels() + [{"title": each["name"], "targets": [each]} for each in board["annotations"]["list"]]


def asked(expression: str) -> dict[str, set[str]]:
    """The metrics an expression asks for, each with the labels that it is chosen by."""
    found: dict[str, set[str]] = {}
    expression = re.sub(r"\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)", " ", expression)
    for name, matchers in re.findall(r"([a-zA-Z_:][a-zA-Z0-9_:]*)\s*(\{[^}]*\})?(?!\s*\(|[a-zA-Z0-9_:])", _without_texts(expression)):
        if name not in WORDS and not re.search(rf"[0-9]{name}\b", expression):
            found.setdefault(name, set()).update(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", matchers))
    return found


def _without_texts(expression: str) -> str:
    return re.sub(r"\[[^]]*\]", "", re.sub(r'"[^"]*"', '""', expression))


def expression_of(target: dict[str, Any]) -> str:
    """A panel's question as Prometheus gets it."""
    expression = target["expr"]
    for variable, value in (("$__rate_interval", "5m"), ("$__interval", "1m"), ("$__range", "1h"), ("$instance", ".*"), ("$job", ".*")):
        expression = expression.replace(variable, value)
    return expression


class Alerts(unittest.TestCase):
    def test_prometheus_takes_the_rules(self) -> None:
        done = promtool("check", "rules", "--lint=all", "--lint-fatal", str(RULES))
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        broken = places.new_directory(self.id()) / "rules.yaml"
        broken.write_text(RULES.read_text(encoding="utf-8").replace("absent(", "absence("), encoding="utf-8")
        self.assertNotEqual(promtool("check", "rules", str(broken)).returncode, 0)

    def test_each_fires_when_it_should_and_only_then(self) -> None:
        self.assertEqual({rule["alert"] for rule in rules()}, set(ALERTS), "each alert has its case in alerts.py")
        done = self._tried(RULES, ALERTS)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_an_alert_that_is_off_by_a_sign_is_found(self) -> None:
        turned = places.new_directory(self.id()) / "rules.yaml"
        text = RULES.read_text(encoding="utf-8")
        one = 'connect_guard_ledger_writable{job="connect-guard"} == 0'
        self.assertIn(one, text)
        turned.write_text(text.replace(one, one.replace("== 0", "== 1")), encoding="utf-8")
        alert = "ConnectGuardLedgerNotWritable"
        done = self._tried(turned, {alert: ALERTS[alert]})
        self.assertNotEqual(done.returncode, 0)
        self.assertIn(alert, done.stdout + done.stderr)

    def _tried(self, of: Path, alerts: dict[str, Alert]) -> Any:
        """What promtool says of the cases. Those that take days go by the hour, in a file of their own."""
        told = {rule["alert"]: rule for rule in rules()}
        files = []
        for step in sorted({case.step for case in alerts.values()}):
            cases = []
            for name, case in alerts.items():
                if case.step == step:
                    fired = {
                        "exp_labels": {**case.labels, "severity": told[name]["labels"]["severity"]},
                        "exp_annotations": {**told[name]["annotations"], "summary": case.summary},
                    }
                    cases += [_case(name, case, case.fires, [fired]), _case(name, case, case.silent, [])]
            file = places.new_directory(f"{self.id()}.{step}") / "cases.yaml"
            whole = {"rule_files": [str(of)], "evaluation_interval": f"{step}m", "tests": cases}
            file.write_text(yaml.safe_dump(whole), encoding="utf-8")
            files.append(str(file))
        return promtool("test", "rules", *files)

    def test_each_says_how_grave_it_is_and_where_to_read_on(self) -> None:
        anchors = {re.sub(r"[^a-z0-9 -]", "", each.lower()).replace(" ", "-") for each in headings()}
        for rule in rules():
            with self.subTest(rule["alert"]):
                self.assertIn(rule["labels"]["severity"], ("critical", "warning", "info"))
                self.assertRegex(rule["annotations"]["summary"], r"\S.*\.$")
                file, _, anchor = rule["annotations"]["runbook_url"].partition("#")
                self.assertTrue(file.endswith("/deploy/runbook.md"))
                self.assertEqual(anchor, rule["alert"].lower())
                self.assertIn(anchor, anchors)

    def test_the_operator_is_given_the_same_rules(self) -> None:
        [rule] = [each for each in rendered("monitoring") if each["kind"] == "PrometheusRule"]
        wanted = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
        self.assertEqual(rule["spec"]["groups"], wanted, "write it anew: python tests/deploy/kit.py")


class Questions(unittest.TestCase):
    """Every question that is asked of Prometheus, against what a running guard says."""

    def questions(self) -> list[tuple[str, str]]:
        found = [(f"alert {rule['alert']}", rule["expr"]) for rule in rules()]
        return found + [(f"panel {panel['title']}", expression_of(each)) for panel in shown() for each in panel["targets"]]

    def test_prometheus_reads_every_panel(self) -> None:
        recorded = [
            {"record": f"panel:{number}", "expr": expression_of(each)}
            for number, each in enumerate(each for panel in shown() for each in panel["targets"])
        ]
        self.assertGreater(len(recorded), 20)
        file = places.new_directory(self.id()) / "panels.yaml"
        file.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": recorded}]}), encoding="utf-8")
        done = promtool("check", "rules", str(file))
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_nothing_is_asked_that_a_guard_does_not_say(self) -> None:
        there = self._said()
        self.assertGreater(len(there), 50)
        named: set[str] = set()
        for where, expression in self.questions():
            for name, labels in asked(expression).items():
                if name in FOREIGN:
                    continue
                self.assertIn(name, there, where)
                named.add(name)
                if there[name]:
                    self.assertLessEqual(labels - {"job", "instance"}, there[name], f"{where}: labels of {name}")
        # The other way: what the guard measures is looked at by somebody.
        unseen = {name for name in there if name.startswith("connect_guard_")} - named
        unseen = {name for name in unseen if not name.endswith(("_sum", "_count", "_bucket")) or _stem(name) not in map(_stem, named)}
        self.assertEqual(unseen, set(), "measured, and neither in an alert nor on the dashboard")

    def _said(self) -> dict[str, set[str]]:
        """The samples that a guard with everything switched on can have, each with its labels as far as it has any now."""
        installed = Installed(self.id())
        installed.policies(manifests.policies("sqlite"))
        text = kit.here(manifests.configuration("sqlite"))
        manifests.first_container(installed)
        with Guard(installed.configuration(text), **kit.CREDENTIALS) as guard:
            families = Page(guard.status_port, installed.authority).families()
        suffixes = {"counter": ["_total"], "info": ["_info"], "histogram": ["_bucket", "_sum", "_count"], "gauge": [""]}
        there: dict[str, set[str]] = {}
        for family in families:
            for suffix in suffixes[family.type]:
                name = family.name + suffix
                there[name] = {label for each in family.samples if each.name == name for label in each.labels}
        return there

    def test_a_name_is_told_from_a_word(self) -> None:
        self.assertEqual(
            asked('sum by (job, x) (rate(a_total{job="b", c=~"d|e"}[5m])) / on (job) f > 5e3 and time() - min(g) offset 5m'),
            {"a_total": {"job", "c"}, "f": set(), "g": set()},
        )


class Dashboard(unittest.TestCase):
    def test_it_is_one_that_grafana_can_import(self) -> None:
        board = json.loads(DASHBOARD.read_text(encoding="utf-8"))
        self.assertIsNone(board["id"])
        self.assertEqual(board["uid"], "connect-guard")
        self.assertGreaterEqual(board["schemaVersion"], 39)
        numbers = [panel["id"] for panel in board["panels"]]
        self.assertEqual(len(numbers), len(set(numbers)))
        taken: set[tuple[int, int]] = set()
        for panel in board["panels"]:
            at = panel["gridPos"]
            self.assertLessEqual(at["x"] + at["w"], 24)
            squares = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
            self.assertEqual(taken & squares, set(), f"{panel['title']} lies on another")
            taken |= squares

    def test_every_panel_says_what_it_shows(self) -> None:
        variables = {each["name"] for each in json.loads(DASHBOARD.read_text(encoding="utf-8"))["templating"]["list"]}
        for panel in panels():
            with self.subTest(panel["title"]):
                self.assertTrue(panel["description"])
                self.assertEqual(panel["datasource"], {"type": "prometheus", "uid": "${datasource}"})
                self.assertTrue(panel["targets"])
                for target in panel["targets"]:
                    used = set(re.findall(r"\$(\w+)", target["expr"])) - {"__rate_interval", "__interval", "__range"}
                    self.assertLessEqual(used, variables)


def _case(name: str, case: Alert, series: dict[str, str], expected: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "name": name,
        "interval": f"{case.step}m",
        "input_series": [{"series": each, "values": values} for each, values in series.items()],
        "alert_rule_test": [{"eval_time": f"{case.at}m", "alertname": name, "exp_alerts": expected}],
    }


def headings() -> list[str]:
    return re.findall(r"^#{2,4} (.+)$", RUNBOOK.read_text(encoding="utf-8"), flags=re.M)


def _stem(name: str) -> str:
    return re.sub(r"_(bucket|sum|count)$", "", name)

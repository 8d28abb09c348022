"""What the tests of deploy/ share: where things are, the tools that `prepare` fetched, and manifests as a cluster gets them."""

import functools
import json
import os
import re
import secrets
import shutil
import ssl
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
DEPLOY = ROOT / "deploy"
KUBERNETES = DEPLOY / "kubernetes"
TARGET = ROOT / "target" / "deploy"
PROMTOOL = TARGET / "bin" / "promtool"
KUBECTL = TARGET / "bin" / "kubectl"

# What the client tests have: a guard as a process, an authority, a Connect, mail servers. And what `prepare` installed.
for place in (ROOT / "tests" / "clients", TARGET / "python"):
    if str(place) not in sys.path:
        sys.path.append(str(place))

import places  # noqa: E402
from authority import Pair, authority  # noqa: E402
from guard import command  # noqa: E402

# Everything that can be rendered; the first two are gateways.
GATEWAYS = ("sqlite", "postgres")
RENDERED = (*GATEWAYS, "monitoring", "relay")

# Where the image has the guard.
PROGRAM = "/usr/bin/connect-guard"
# Where a configuration's files are, in a pod, a task or a compose service.
INSTALLED = "/etc/connect-guard"
# As AWS's documentation shows them: of nobody.
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": "x" * 40}
SECRETS = ("hash", "seal-2026-11", "session-2026-11", "smtp", "siem")


@functools.cache
def rendered(overlay: str) -> list[dict[str, Any]]:
    """What `kubectl kustomize` makes of a directory of deploy/kubernetes."""
    return list(yaml.safe_load_all(kustomize(KUBECTL, KUBERNETES, overlay)))


def kustomize(kubectl: Path, root: Path, overlay: str) -> str:
    """Renders a directory below `root`, with the kustomize that is in this kubectl."""
    version = json.loads(_run(kubectl, "version", "--client", "--output", "json").stdout)
    if int(version["clientVersion"]["minor"].rstrip("+")) < 21:
        root = _in_older_words(root)
    done = _run(kubectl, "kustomize", str(root / overlay))
    assert done.returncode == 0, done.stderr
    assert "arning" not in done.stderr, done.stderr
    return done.stdout


@functools.cache
def _in_older_words(root: Path) -> Path:
    """A copy for the kustomize of kubectl before 1.21, in which a directory among `resources` is called a base."""
    copy = places.new_directory(f"kustomize-{os.getpid()}-{secrets.token_hex(4)}") / root.name
    shutil.copytree(root, copy)
    for file in copy.rglob("kustomization.yaml"):
        meant = yaml.safe_load(file.read_text(encoding="utf-8"))
        resources = meant.pop("resources", [])
        meant["bases"] = [each for each in resources if (file.parent / each).is_dir()]
        meant["resources"] = [each for each in resources if each not in meant["bases"]]
        file.write_text(yaml.safe_dump(meant), encoding="utf-8")
    return copy


def _run(program: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "KUBECONFIG": os.devnull}
    return subprocess.run(
        [str(program), *arguments], capture_output=True, text=True, timeout=300, check=False, env=environment
    )


def promtool(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Prometheus's own judge of rules, tests of rules and expressions. It makes a database for each test: in memory."""
    memory = {"TMPDIR": "/dev/shm"} if os.access("/dev/shm", os.W_OK) else {}
    return subprocess.run(
        [str(PROMTOOL), *arguments],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env={**os.environ, **memory},
    )


def of_kind(objects: list[dict[str, Any]], *kinds: str) -> list[dict[str, Any]]:
    return [each for each in objects if each["kind"] in kinds]


def pods(objects: list[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The pod of each workload, with its name."""
    for each in of_kind(objects, "Deployment", "StatefulSet", "DaemonSet", "Job"):
        yield f"{each['kind']} {each['metadata']['name']}", each["spec"]["template"]["spec"]


def containers(pod: dict[str, Any]) -> list[dict[str, Any]]:
    return [*pod.get("initContainers", []), *pod["containers"]]


class Installed:
    """A directory that stands for /etc/connect-guard: what the configurations of deploy/ name is there, for this user."""

    def __init__(self, name: str) -> None:
        self.directory = places.new_directory(name)
        for folder in ("config", "secrets", "tls", "policies", "database", "ledger", "trust"):
            (self.directory / folder).mkdir(mode=0o755)
        for secret in (*SECRETS, "../database/password"):
            value = "whsec_" + "A" * 43 + "=" if secret == "siem" else secrets.token_hex(32)
            self._write(f"secrets/{secret}", value, 0o600)
        certificates = authority("deploy")
        pair: Pair = certificates.issue(
            "localhost", "127.0.0.1", "connect-guard.example.com", "connect-guard.connect-guard.svc"
        )
        self.authority = certificates.file
        self._write("tls/tls.crt", pair.certificate.read_text(encoding="ascii"), 0o644)
        self._write("tls/tls.key", pair.key.read_text(encoding="ascii"), 0o600)
        for trust in ("trust/ca.crt", "database/ca.pem"):
            self._write(trust, certificates.file.read_text(encoding="ascii"), 0o644)
        self._versions = 0

    def policies(self, files: dict[str, str]) -> None:
        """Mounts these files as the kubelet does: each a link through `..data`, which leads to one version of all."""
        mount = self.directory / "policies"
        mount.chmod(0o777)
        self._versions += 1
        version = mount / f"..version_{self._versions}"
        version.mkdir(mode=0o755)
        for name, text in files.items():
            (version / name).parent.mkdir(mode=0o755, exist_ok=True)
            (version / name).write_text(text, encoding="utf-8")
            link = mount / name.split("/")[0]
            if not link.is_symlink():
                link.symlink_to(f"..data/{link.name}")
        (mount / "..data_tmp").symlink_to(version.name)
        (mount / "..data_tmp").rename(mount / "..data")

    def configuration(self, text: str) -> Path:
        """Writes a configuration in which the places of the pod are those of this directory."""
        text = text.replace(INSTALLED, str(self.directory))
        text = text.replace("/var/lib/connect-guard", str(self.directory / "ledger"))
        file = self.directory / "config" / "config.toml"
        file.write_text(text, encoding="utf-8")
        return file

    def _write(self, name: str, text: str, mode: int) -> None:
        file = self.directory / name
        file.touch(mode=mode)
        file.write_text(text, encoding="ascii")


def image_starts() -> str:
    """What the image starts."""
    container = DEPLOY / "image" / "Containerfile"
    if not container.exists():  # the image is made elsewhere
        return PROGRAM
    [entry] = re.findall(r'^ENTRYPOINT \["([^"]+)"\]', container.read_text(encoding="utf-8"), flags=re.M)
    return entry


def understood(text: str) -> str:
    """The same configuration, in a form that this binary understands: one without PostgreSQL is given its ledger in a file."""
    if (ROOT / "src" / "store" / "migrations" / "postgres").is_dir() or list(ROOT.glob("migrations/postgres")):
        return text
    return re.sub(r'^url = "postgres://.*"$', 'url = "sqlite:/var/lib/connect-guard/ledger/ledger.db"', text, flags=re.M)


def checked(installed: Installed, text: str) -> subprocess.CompletedProcess[str]:
    """What `config check` says of a configuration that stands in a pod."""
    file = installed.configuration(understood(text))
    return command("config", "check", "--config", str(file), directory=installed.directory)


def here(text: str) -> str:
    """The same configuration with every listener at a port of this machine that is free."""
    return re.sub(r'^(address += )"0\.0\.0\.0:\d+"', r'\1"127.0.0.1:0"', understood(text), flags=re.M)


class Page:
    """The metrics of a running guard, asked for as Prometheus asks."""

    def __init__(self, port: int, authority: Path) -> None:
        self._url = f"https://localhost:{port}/metrics"
        self._context = ssl.create_default_context(cafile=str(authority))

    def families(self) -> list[Metric]:
        with urllib.request.urlopen(self._url, context=self._context, timeout=30) as answer:
            return list(text_string_to_metric_families(answer.read().decode()))

    def samples(self, name: str) -> list[Any]:
        return [sample for family in self.families() for sample in family.samples if sample.name == name]

    def info(self, name: str) -> dict[str, str]:
        """The labels of an info metric."""
        [sample] = self.samples(name)
        return sample.labels

    def value(self, name: str) -> float | None:
        """The value of a metric without labels; none while there is no such sample."""
        found = self.samples(name)
        return found[0].value if found else None

    def until(self, true: Callable[[], bool], seconds: float = 120) -> bool:
        """Waits until something is so."""
        end = time.monotonic() + seconds
        while not true():
            assert time.monotonic() < end, f"not after {seconds} s"
            time.sleep(0.2)
        return True


def write_rules_anew() -> None:
    """Writes the operator's object, and the chart's copy, from the rules that everybody else reads."""
    rules = DEPLOY / "prometheus" / "rules.yaml"
    shutil.copy(rules, DEPLOY / "helm" / "connect-guard" / "files" / rules.name)
    groups = rules.read_text(encoding="utf-8").partition("\ngroups:\n")[2]
    head = """\
# For the Prometheus operator: the groups of deploy/prometheus/rules.yaml, written by `python tests/deploy/kit.py`.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: connect-guard
  labels:
    app.kubernetes.io/name: connect-guard
    app.kubernetes.io/part-of: connect-guard
    release: prometheus
spec:
  groups:
"""
    indented = "".join(f"  {line}" if line.strip() else line for line in groups.splitlines(keepends=True))
    (KUBERNETES / "monitoring" / "prometheusrule.yaml").write_text(head + indented, encoding="utf-8")


if __name__ == "__main__":
    write_rules_anew()

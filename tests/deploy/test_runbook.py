"""The runbook: a section for whatever the guard can say, links that lead somewhere, and commands that there are."""

import re
import shlex
import subprocess
import tomllib
import unittest

import kit
from kit import DEPLOY, ROOT

import places
from guard import command
from test_prometheus import headings, rules

RUNBOOK = DEPLOY / "runbook.md"
# Every text of deploy/ for people.
TEXTS = sorted(DEPLOY.rglob("*.md"))


def anchor(heading: str) -> str:
    """What the link to a heading is called."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def prose_and_code(text: str) -> tuple[str, list[str]]:
    """A text without its blocks of code, and these; without what is not shown."""
    text = re.sub(r"<!--.*?-->", "", text, flags=re.S)
    blocks = re.findall(r"^ *```\w*\n(.*?)^ *```$", text, flags=re.M | re.S)
    return re.sub(r"^ *```.*?^ *```$", "", text, flags=re.M | re.S), blocks


def commands(text: str) -> list[list[str]]:
    """Every command of the guard's that stands in a text, in words, up to where the shell takes over."""
    prose, blocks = prose_and_code(text)
    lines = [line for block in blocks for line in re.sub(r"\\\n\s*", " ", block).splitlines()]
    lines += re.findall(r"`([^`\n]+)`", prose)
    found = []
    for line in lines:
        part = line.rpartition(" -- ")[2].strip()
        if part.startswith("connect-guard "):
            words = shlex.split(part, comments=True)
            end = next((n for n, word in enumerate(words) if word in ("|", ">", ">>", "&&", "||", ";", "<")), len(words))
            found.append(words[1:end])
    return found


class Sections(unittest.TestCase):
    def test_every_alert_has_one_and_none_is_left_over(self) -> None:
        alerts = [rule["alert"] for rule in rules()]
        self.assertEqual([each for each in headings() if each.startswith("ConnectGuard")], alerts)

    def test_every_kind_of_notice_has_one_and_none_is_left_over(self) -> None:
        source = (ROOT / "src" / "notice" / "kind.rs").read_text(encoding="utf-8")
        kinds = set(re.findall(r'Self::\w+ => "([a-z-]+)"', source.partition("pub fn as_str")[2].partition("pub fn severity")[0]))
        self.assertGreater(len(kinds), 20)
        text = RUNBOOK.read_text(encoding="utf-8")
        notices = re.findall(r"^### (.+)$", text.partition("\n## Notices\n")[2].partition("\n## ")[0], flags=re.M)
        self.assertEqual(set(notices), kinds)
        self.assertEqual(len(notices), len(kinds))

    def test_every_link_leads_somewhere(self) -> None:
        for file in TEXTS:
            prose, _ = prose_and_code(file.read_text(encoding="utf-8"))
            for link in re.findall(r"\]\(([^)]+)\)", prose):
                path, _, fragment = link.partition("#")
                if path.startswith("https://"):
                    continue
                target = (file.parent / path).resolve() if path else file
                self.assertTrue(target.exists(), f"{file.name}: {link}")
                if fragment:
                    there = {anchor(each) for each in re.findall(r"^#+ (.+)$", target.read_text(encoding="utf-8"), flags=re.M)}
                    self.assertIn(fragment, there, f"{file.name}: {link}")

    def test_toml_that_is_shown_is_taken(self) -> None:
        directory = places.new_directory(self.id())
        (directory / "deny.d").mkdir(mode=0o755)
        directory.chmod(0o755)
        whole = RUNBOOK.read_text(encoding="utf-8")
        shown = dict(re.findall(r"^cat > (\S+\.toml) <<'EOF'\n(.*?)^EOF$", whole, flags=re.M | re.S))
        self.assertEqual(set(shown), {"revoked.toml", "stop.toml"})
        (directory / "revoked.toml").write_text(shown["revoked.toml"], encoding="utf-8")
        (directory / "deny.d" / "stop.toml").write_text(shown["stop.toml"], encoding="utf-8")
        (directory / "rules.toml").write_text("version = 1\n", encoding="utf-8")
        done = command("policy", "check", str(directory), directory=directory)
        self.assertEqual(done.returncode, 0, done.stderr)


class Commands(unittest.TestCase):
    def tried(self, words: list[str]) -> subprocess.CompletedProcess[str]:
        """Whether the guard knows a command and its options: it says how it is used, where nothing before that is a slip."""
        return command(*words, "--help", directory=places.new_directory(self.id()))

    def test_every_command_that_is_shown_is_one(self) -> None:
        tried = set()
        for file in TEXTS:
            for words in commands(file.read_text(encoding="utf-8")):
                if tuple(words) not in tried:
                    tried.add(tuple(words))
                    done = self.tried(words)
                    self.assertEqual(done.returncode, 0, f"{file.name}: connect-guard {' '.join(words)}\n{done.stderr}")
        self.assertGreater(len(tried), 25)

    def test_one_that_is_not_is_found(self) -> None:
        for words in (["audit", "mend"], ["audit", "verify", "--config", "x", "--deeper"], ["policy", "check", "--strict", "x"]):
            self.assertNotEqual(self.tried(words).returncode, 0, words)

    def test_commands_are_found_where_they_stand(self) -> None:
        text = "Say `connect-guard audit verify`.\n```sh\nkubectl -n connect-guard exec x -- \\\n  connect-guard health --ready\n" + (
            "connect-guard policy check p > out\nkubectl -n connect-guard get pods\n```\n"
        )
        wanted = [["health", "--ready"], ["policy", "check", "p"], ["audit", "verify"]]
        self.assertEqual(commands(text), wanted)

    def test_only_the_guard_s_names_are_used(self) -> None:
        """What the runbook tells kubectl about is there."""
        names = {f"{each['kind'].lower()}/{each['metadata']['name']}" for way in kit.GATEWAYS for each in kit.rendered(way)}
        for named in re.findall(r"\b(?:statefulset|deployment)/[\w-]+", RUNBOOK.read_text(encoding="utf-8")):
            self.assertIn(named, names)


class Drain(unittest.TestCase):
    def test_the_runbook_says_how_long_ending_takes(self) -> None:
        drain = tomllib.loads((kit.KUBERNETES / "sqlite" / "config.toml").read_text(encoding="utf-8"))["drain"]
        longest = 2 * int(drain["requests"][:-1]) + int(drain["notices"][:-1])
        self.assertIn(f"at most {longest} seconds", RUNBOOK.read_text(encoding="utf-8"))

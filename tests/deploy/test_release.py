"""The files of a release: made around the program of the tests, verified as whoever downloads them does, and each looked at by
what reads it. That two full builds are the same is `tests/long reproducible`."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import unittest
from pathlib import Path

import kit  # where `prepare` installed things
from built import OUT, Release, release, script
from machine import ROOT, TARGET

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from license_expression import get_spdx_licensing
from packageurl import PackageURL

SHARED = (release,)

VERIFY = ROOT / "deploy/release/verify"
SUMS, SIGNATURE = "SHA256SUMS", "SHA256SUMS.sig"
NAMESPACE = "connect-guard-release"
WHO = "releases@example.com"


def named(suffix: str) -> str:
    """The file of the release that ends so; the program for nothing."""
    ends = re.compile(r"connect-guard-[\d.]+-linux-\w+" + (re.escape(suffix) if suffix else ""))
    others = re.compile(r".*" + re.escape(suffix))
    form = ends if suffix in ("", ".cdx.json", ".buildinfo", ".oci.tar") else others
    [found] = [each.name for each in Release.files.iterdir() if form.fullmatch(each.name)]
    return found


def bill() -> dict:
    return json.loads((Release.files / named(".cdx.json")).read_text(encoding="utf-8"))


class ReleaseCase(unittest.TestCase):
    def setUp(self) -> None:
        TARGET.mkdir(parents=True, exist_ok=True)
        self.directory = Path(self.enterContext(tempfile.TemporaryDirectory(dir=TARGET)))
        self.files = self.directory / "files"
        self.files.mkdir()
        for file in Release.files.iterdir():
            os.link(file, self.files / file.name)

    def replace(self, name: str, octets: bytes) -> None:
        (self.files / name).unlink()
        (self.files / name).write_bytes(octets)

    def sign(self, key: Path, namespace: str = NAMESPACE) -> None:
        """As the makers do it: whatever is there now."""
        sums = [
            f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n"
            for file in sorted(self.files.iterdir())
            if file.name not in (SUMS, SIGNATURE)
        ]
        self.sign_text("".join(sums), key, namespace)

    def sign_text(self, text: str, key: Path, namespace: str = NAMESPACE) -> None:
        self.replace(SUMS, text.encode())
        (self.files / SIGNATURE).unlink()
        subprocess.run(["ssh-keygen", "-q", "-Y", "sign", "-n", namespace, "-f", key, self.files / SUMS], check=True)

    def verify(self, *more: str, trial: bool = True, signers: Path | None = None) -> tuple[int, str]:
        trial_too = ["--trial"] if trial else []
        command = [sys.executable, VERIFY, "--signers", signers or Release.signers, *trial_too, self.files, *more]
        ran = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        self.assertEqual(ran.stderr, "", ran.stdout)
        return ran.returncode, ran.stdout

    def assert_wrong(self, why: str, *more: str, **also: object) -> str:
        code, said = self.verify(*more, **also)
        self.assertEqual(code, 1, said)
        self.assertRegex(said, rf"(?m)^WRONG: .*{why}")
        self.assertRegex(said, r"\d+ wrong: do not install this\n$")
        return said


class WhoeverDownloads(ReleaseCase):
    def test_is_told_of_everything_that_holds(self) -> None:
        code, said = self.verify()
        self.assertEqual(code, 0, said)
        lines = said.splitlines()
        self.assertEqual(lines.pop(), "everything that was looked at holds")
        self.assertTrue(all(line.startswith("ok: ") for line in lines), said)
        self.assertIn(f'Good "{NAMESPACE}" signature for {WHO}', lines[0])
        for file in Release.files.iterdir():
            if file.name not in (SUMS, SIGNATURE):
                self.assertIn(f"ok: {file.name}: its checksum is the one that was signed", lines)
        for library in ("AWS-LC", "SQLite", "rust-std"):
            self.assertRegex(said, rf"{library} [\d.]+ is in the program, which says so itself")
        # What is in the README does the same without this script.
        known = ["-f", Release.signers, "-I", WHO, "-n", NAMESPACE, "-s", SIGNATURE]
        with (self.files / SUMS).open("rb") as sums:
            subprocess.run(["ssh-keygen", "-Y", "verify", *known], cwd=self.files, stdin=sums, check=True, capture_output=True)
        subprocess.run(["sha256sum", "--check", "--strict", "--quiet", SUMS], cwd=self.files, check=True)

    def test_may_have_some_of_the_files(self) -> None:
        package = named(".deb")
        for file in list(self.files.iterdir()):
            if file.name not in (SUMS, SIGNATURE, package):
                file.unlink()
        self.assert_wrong("it is missing")
        code, said = self.verify(package)
        self.assertEqual(code, 0, said)
        self.assertIn("not looked at: whether the bill of materials is of the program", said)
        self.assert_wrong("no file of this release", "another.deb")

    def test_finds_one_octet_changed_wherever_it_is(self) -> None:
        for name in sorted(each.name for each in Release.files.iterdir()):
            with self.subTest(name):
                octets = bytearray((Release.files / name).read_bytes())
                octets[len(octets) // 2] ^= 1
                self.replace(name, bytes(octets))
                signature = "was not signed by|is not of a key|cannot be read"
                self.assert_wrong(signature if name in (SUMS, SIGNATURE) else f"{re.escape(name)}: its checksum is not the one")
                (self.files / name).unlink()
                os.link(Release.files / name, self.files / name)
        self.assertEqual(self.verify()[0], 0)

    def test_takes_no_signature_but_that_of_a_signer_for_a_release(self) -> None:
        other = self.directory / "other"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", other], check=True)
        self.sign(other)
        said = self.assert_wrong("SHA256SUMS.sig is not of a key in")
        self.assertNotIn("ok: ", said)
        self.assert_wrong(f"SHA256SUMS was not signed by `{WHO}`", "--identity", WHO)
        self.sign(Release.key, "connect-guard-policy")
        self.assert_wrong("SHA256SUMS was not signed by|is not of a key")
        self.sign(Release.key)
        self.assertEqual(self.verify("--identity", WHO)[0], 0)
        self.assert_wrong("SHA256SUMS was not signed by `somebody@example.com`", "--identity", "somebody@example.com")
        # A signer of policies is none of releases.
        policies = self.directory / "policies"
        policies.write_text(Release.signers.read_text(encoding="ascii").replace(NAMESPACE, "connect-guard-policy"), encoding="ascii")
        self.assert_wrong("was not signed by|is not of a key", signers=policies)
        (self.files / SIGNATURE).unlink()
        self.assert_wrong("nobody signed this")

    def test_takes_no_list_that_leaves_something_open(self) -> None:
        text = (Release.files / SUMS).read_text(encoding="ascii")
        first, *rest = text.splitlines(keepends=True)
        for changed, why in (
            ("".join(rest), "does not name exactly one"),
            (text + first, "no checksum of one more file"),
            (text.replace("  connect", "  ../connect", 1), "no checksum of one more file"),
            (text + "0" * 64 + "  more.tar\n", "what belongs to no release"),
            ("", "does not name exactly one"),
        ):
            with self.subTest(why):
                self.sign_text(changed, Release.key)
                self.assert_wrong(why)

    def test_takes_no_trial_for_a_release(self) -> None:
        self.assert_wrong("this is a trial, and was not built from a commit", trial=False)
        build = (Release.files / named(".buildinfo")).read_text(encoding="ascii")
        self.replace(named(".buildinfo"), re.sub("(?m)^Tree: .*$", "Tree: the commit", build).encode())
        self.sign(Release.key)
        self.assertEqual(self.verify(trial=False)[0], 0)


class WhoeverSignsWhatDoesNotFit(ReleaseCase):
    """The signature is good, and what was signed does not belong together."""

    def change(self, **changed: str) -> None:
        said = bill()
        [crate] = [each for each in said["components"] if each["name"] == "rustls"]
        crate.update(changed)
        self.replace(named(".cdx.json"), json.dumps(said).encode())
        self.sign(Release.key)

    def test_a_crate_of_another_version(self) -> None:
        self.change(version="0.1.0")
        self.assert_wrong("it says .* of rustls .*, and the program")

    def test_a_crate_that_is_said_to_be_in_no_program(self) -> None:
        self.change(scope="excluded")
        self.assert_wrong("it says excluded of rustls .*, and the program required")

    def test_a_crate_that_is_left_out(self) -> None:
        said = bill()
        said["components"] = [each for each in said["components"] if each["name"] != "sqlx-sqlite"]
        self.replace(named(".cdx.json"), json.dumps(said).encode())
        self.sign(Release.key)
        self.assert_wrong("it says nothing of sqlx-sqlite .*, and the program required")

    def test_a_library_of_another_version(self) -> None:
        said = bill()
        [library] = [each for each in said["components"] if each["name"] == "SQLite"]
        library["properties"][0]["value"] = "2020-01-01 00:00:00 " + "0" * 64
        self.replace(named(".cdx.json"), json.dumps(said).encode())
        self.sign(Release.key)
        self.assert_wrong("SQLite [0-9.]+ is not in the program")

    def test_another_program(self) -> None:
        self.replace(named(""), (Release.files / named("")).read_bytes() + b"\0")
        self.sign(Release.key)
        said = self.assert_wrong("it is of another program")
        for inner in (".deb", ".oci.tar"):
            self.assertIn(f"WRONG: {named(inner)}: its program is not {named('')}", said)

    def test_a_list_that_leaves_out_what_messages_come_from(self) -> None:
        # A program whose list and bill of materials agree, and that has code of another crate.
        shutil.copy(Release.files / named(""), self.directory / "program")
        program = self.directory / "program"
        listed = json.loads(script("rust-audit-info", str(program)))
        gone = next(n for n, each in enumerate(listed["packages"]) if each["name"] == "tokio")
        listed["packages"][gone]["name"] = "toki"
        section = self.directory / "section"
        section.write_bytes(__import__("zlib").compress(json.dumps(listed).encode()))
        script("objcopy", f"--update-section=.dep-v0={section}", str(program))
        said = bill()
        [tokio] = [each for each in said["components"] if each["name"] == "tokio"]
        tokio["name"] = "toki"
        said["metadata"]["component"]["hashes"][0]["content"] = hashlib.sha256(program.read_bytes()).hexdigest()
        self.replace(named(""), program.read_bytes())
        self.replace(named(".cdx.json"), json.dumps(said).encode())
        self.sign(Release.key)
        self.assert_wrong(r"the program has code of crates that it does not name: \[\('tokio'")


class TheFiles(unittest.TestCase):
    def test_are_the_same_whoever_makes_them(self) -> None:
        for name in sorted(each.name for each in Release.files.iterdir()):
            one, other = ((directory / name).read_bytes() for directory in (Release.files, Release.again))
            # The signature as well: that of Ed25519 is no chance.
            self.assertEqual(hashlib.sha256(one).hexdigest(), hashlib.sha256(other).hexdigest(), name)

    def test_have_what_belongs_to_them(self) -> None:
        with tarfile.open(Release.files / named("-files.tar.gz")) as archive:
            members = archive.getmembers()
        names = [each.name for each in members]
        self.assertEqual(names, sorted(names, key=lambda name: name.split("/")))
        self.assertEqual({(each.uid, each.gid, each.uname, each.gname) for each in members}, {(0, 0, "", "")})
        self.assertEqual(len({each.mtime for each in members}), 1)
        self.assertLessEqual({each.mode for each in members}, {0o755, 0o644})
        top = names[0]
        for wanted in (
            "LICENSE",
            "CHANGELOG.md",
            "THIRD-PARTY-LICENSES",
            "man/connect-guard.1",
            "man/connect-guard-serve.1",
            "completions/connect-guard.bash",
            "examples/config.example.toml",
            "examples/policies/README.md",
            "deploy/runbook.md",
            "deploy/release/verify",
        ):
            self.assertIn(f"{top}/{wanted}", names)
        self.assertFalse([name for name in names if "__pycache__" in name or "/target/" in name])

    def test_have_the_terms_of_whatever_is_linked(self) -> None:
        with tarfile.open(Release.files / named("-files.tar.gz")) as archive:
            [member] = [each for each in archive.getmembers() if each.name.endswith("/THIRD-PARTY-LICENSES")]
            told = archive.extractfile(member).read().decode()
        for each in bill()["components"]:
            if each["purl"].startswith("pkg:cargo/") and each["scope"] == "required" and "hashes" in each:
                self.assertIn(f"{each['name']} {each['version']} ({each['licenses'][0]['expression']})\n", told)
        self.assertIn("THE SOFTWARE IS PROVIDED", told)

    def test_say_with_what_they_were_built(self) -> None:
        said = (Release.files / named(".buildinfo")).read_text(encoding="ascii")
        for line in (r"Version: [\d.]+", r"Source-Date-Epoch: \d+", r"Rustc: rustc 1\.\S+ \(.*\)", r"Image-Digest: sha256:[0-9a-f]{64}"):
            self.assertRegex(said, rf"(?m)^{line}$")
        for package in ("libc6", "binutils", "buildah", "tar", r"gcc-\d+"):
            self.assertRegex(said, rf"(?m)^ {package} \S+$")


class TheBillOfMaterials(unittest.TestCase):
    def test_is_what_the_schema_of_cyclonedx_says(self) -> None:
        validator = JsonStrictValidator(SchemaVersion.V1_6)
        said = bill()
        self.assertIsNone(validator.validate_str(json.dumps(said)))
        # The judge does judge.
        said["components"][0]["scope"] = "perhaps"
        self.assertIsNotNone(validator.validate_str(json.dumps(said)))

    def test_names_things_as_everybody_names_them(self) -> None:
        said = bill()
        licences = get_spdx_licensing()
        parts = [said["metadata"]["component"], *said["components"]]
        for each in parts:
            purl = PackageURL.from_string(each["purl"])
            if purl.type in ("cargo", "deb"):
                self.assertEqual((purl.name, purl.version), (each["name"], each["version"]))
            for licence in each.get("licenses", []):
                self.assertEqual(licences.validate(licence["expression"]).errors, [], each["name"])
        references = [each["bom-ref"] for each in parts]
        self.assertEqual(len(references), len(set(references)))
        for edge in said["dependencies"]:
            self.assertLessEqual({edge["ref"], *edge.get("dependsOn", [])}, set(references))

    def test_names_the_crates_of_the_lock_file_and_none_that_only_could_be_there(self) -> None:
        locked = tomllib.loads((ROOT / "Cargo.lock").read_text(encoding="utf-8"))["package"]
        checksums = {(each["name"], each["version"]): each.get("checksum") for each in locked}
        crates = [each for each in bill()["components"] if each["purl"].startswith("pkg:cargo/")]
        self.assertGreater(len(crates), 200)
        for each in crates:
            checksum = checksums[each["name"], each["version"]]
            self.assertEqual([hashed["content"] for hashed in each.get("hashes", [])], [checksum] if checksum else [])
            self.assertTrue(each["licenses"], each["name"])
        linked = {each["name"] for each in crates if each["scope"] == "required"}
        self.assertLessEqual({"rustls", "aws-lc-rs", "aws-lc-sys", "libsqlite3-sys", "tokio", "hyper", "sqlx-core"}, linked)
        self.assertFalse(linked & {"serde_derive", "syn", "cc", "clap_derive"})
        # In the lock file, and in what `cargo metadata` says, and in no program.
        self.assertLessEqual({"ring", "sqlx-mysql"}, {name for name, _ in checksums})
        self.assertFalse({each["name"] for each in crates} & {"ring", "sqlx-mysql", "proptest", "tempfile", "windows-sys"})

    def test_is_read_out_of_the_program_by_what_scanners_read_it_with(self) -> None:
        listed = json.loads(script("rust-audit-info", str(Release.files / named(""))))["packages"]
        found = {(each["name"], each["version"], each.get("kind", "runtime")) for each in listed}
        said = bill()
        crates = [said["metadata"]["component"], *said["components"]]
        kinds = {"required": "runtime", "excluded": "build"}
        self.assertEqual(
            found,
            {
                (each["name"], each["version"], kinds[each.get("scope", "required")])
                for each in crates
                if each["purl"].startswith("pkg:cargo/")
            },
        )
        self.assertEqual([each["name"] for each in listed if each.get("root")], ["connect-guard"])

    def test_is_made_only_of_what_was_compiled(self) -> None:
        lines = Release.compiled().splitlines(keepends=True)
        gone = [line for line in lines if "#rustls@" not in line]
        self.assertLess(len(gone), len(lines))
        compiled = OUT / "compiled.json"
        compiled.write_text("".join(gone), encoding="utf-8")
        with self.assertRaisesRegex(AssertionError, "compiled, or in `cargo tree`, and not both: .*'rustls'"):
            script("deploy/release/sbom", "write", str(compiled), str(Release.files / named("")))


class WhoeverBuilds(unittest.TestCase):
    def test_builds_what_is_committed_and_nothing_else(self) -> None:
        with tempfile.TemporaryDirectory(dir=TARGET) as directory:
            tree = Path(directory)
            shutil.copytree(ROOT / "deploy/release", tree / "deploy/release")
            shutil.copy(ROOT / "Cargo.toml", tree)

            def git(*arguments: str) -> None:
                who = ["-c", "user.name=A", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"]
                subprocess.run(["git", *who, *arguments], cwd=tree, check=True, capture_output=True)

            git("init", "--quiet")
            git("add", "--all")
            git("commit", "--quiet", "--message", "all")
            (tree / "more").write_text("", encoding="ascii")
            ran = subprocess.run([tree / "deploy/release/build"], capture_output=True, text=True)
            self.assertEqual(ran.returncode, 1, ran.stdout)
            self.assertIn("the tree is not the commit", ran.stderr)

    def test_compiles_with_the_one_compiler(self) -> None:
        with tempfile.TemporaryDirectory(dir=TARGET) as directory:
            other = Path(directory) / "rustc"
            other.write_text("#!/bin/sh\necho 'rustc 1.94.0 (0123456789 2026-01-01)'\n", encoding="ascii")
            other.chmod(0o755)
            environment = {**os.environ, "PATH": f"{directory}:{os.environ['PATH']}"}
            into = Path(directory) / "into"
            command = [ROOT / "deploy/release/compile", into]
            ran = subprocess.run(command, capture_output=True, text=True, env=environment)
        self.assertEqual(ran.returncode, 1)
        self.assertRegex(ran.stderr, r"a release is compiled by rustc [\d.]+ \(.*\), and this is rustc 1\.94\.0")
        # Which is one that the crate compiles with.
        pinned = re.search(r"(?m)^toolchain=([\d.]+)$", (ROOT / "deploy/release/toolchain").read_text(encoding="utf-8"))
        least = tomllib.loads((ROOT / "Cargo.toml").read_text(encoding="utf-8"))["package"]["rust-version"]
        self.assertEqual(pinned[1].rpartition(".")[0], least)

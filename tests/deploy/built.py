"""What is installed, built once for all tests: packages of two versions, the image, and the files of a release, around the
program of the tests. What is shipped differs in how it was compiled, and has no demo."""

import functools
import os
import shutil
import subprocess

from machine import BINARY, ROOT, TARGET

OUT = TARGET / "out"


class Packages:
    """The package, one of an earlier version, and the package once more."""

    old, new, again = OUT / "old.deb", OUT / "new.deb", OUT / "again.deb"

    def __enter__(self) -> "Packages":
        for file, more in ((self.old, ["--deb-version", "0.0.9-1"]), (self.new, []), (self.again, [])):
            made = script("deploy/debian/build", "--binary", str(BINARY), "--out", str(OUT), "--fast", *more)
            (OUT / made.splitlines()[-1].rsplit("/", 1)[-1]).rename(file)
        return self

    def __exit__(self, *_: object) -> None:
        pass


class Image:
    """The image, built twice, and the digests."""

    files = (OUT / "image.tar", OUT / "image-again.tar")
    digests: tuple[str, ...] = ()

    def __enter__(self) -> "Image":
        self.digests = tuple(
            script("deploy/image/build", "--binary", str(BINARY), "--out", str(file)).strip() for file in self.files
        )
        return self

    def __exit__(self, *_: object) -> None:
        pass


class Release:
    """The files of a release, signed; and once more, by somebody who works otherwise."""

    files, again = OUT / "release", OUT / "release-again"
    key, signers = OUT / "release-key", OUT / "release-signers"

    def __enter__(self) -> "Release":
        for file in (self.key, self.key.with_suffix(".pub")):
            file.unlink(missing_ok=True)
        script("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(self.key))
        public = self.key.with_suffix(".pub").read_text(encoding="ascii")
        self.signers.write_text(f'releases@example.com namespaces="connect-guard-release" {public}', encoding="ascii")
        build = ("deploy/release/build", "--trial", "--key", str(self.key), "--out")
        script(*build, str(self.files))
        script("sh", "-c", 'umask 077 && exec "$@"', "sh", *build, str(self.again), TZ="Pacific/Auckland", LC_ALL="C.UTF-8")
        return self

    def __exit__(self, *_: object) -> None:
        for directory in (self.files, self.again):
            shutil.rmtree(directory)

    @staticmethod
    def compiled() -> str:
        """What cargo says of the build of the tests' program."""
        return script("cargo", "build", "--locked", "--message-format", "json-render-diagnostics")


packages = functools.cache(Packages)
image = functools.cache(Image)
release = functools.cache(Release)


def script(*arguments: str, **environment: str) -> str:
    """Runs a script of the tree, or a program that was installed for the tests; what it says."""
    OUT.mkdir(parents=True, exist_ok=True)
    path = f"{TARGET / 'bin'}:{os.environ['PATH']}"
    ran = subprocess.run(
        arguments,
        cwd=ROOT,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "PATH": path, **environment},
    )
    if ran.returncode != 0:
        raise AssertionError(f"{arguments} ended with {ran.returncode}:\n{ran.stdout}{ran.stderr}")
    return ran.stdout

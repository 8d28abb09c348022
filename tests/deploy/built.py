"""What is installed, built once for all tests: packages of two versions, and the image, around the program of the tests. What
is shipped differs in how it was compiled, and has no demo."""

import functools
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


packages = functools.cache(Packages)
image = functools.cache(Image)


def script(*arguments: str) -> str:
    """Runs a script of the tree; what it says."""
    OUT.mkdir(parents=True, exist_ok=True)
    ran = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if ran.returncode != 0:
        raise AssertionError(f"{arguments} ended with {ran.returncode}:\n{ran.stdout}{ran.stderr}")
    return ran.stdout

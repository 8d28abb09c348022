"""Leaves itself what a unit leaves a service, and runs a program. Its one argument is a JSON object."""

import json
import os
import sys

import kernel

NOBODY = 65534


def main(spec: dict) -> None:
    if spec["directory"]:
        # Where everybody can reach it, wherever the tree is.
        kernel.own_mounts()
        kernel.mount(spec["directory"], "/mnt", None, kernel.MS_BIND)
        os.chdir("/mnt")
    kernel.no_capabilities()
    if spec["directory"]:
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
    kernel.no_new_privileges()
    kernel.no_code_from_data()
    kernel.only(spec["calls"], spec["families"])
    os.execv(spec["program"][0], spec["program"])


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))

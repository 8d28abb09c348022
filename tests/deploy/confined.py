"""Becomes a service as systemd would start it, and runs its program. Its one argument is a JSON object."""

import grp
import json
import os
import pwd
import resource
import sys
from pathlib import Path

import kernel


def main(spec: dict) -> None:
    kernel.own_mounts()
    root = Path(spec["root"])
    # ProtectSystem=strict: a bind mount of a directory stays as it is when the one above becomes read-only.
    kernel.mount(str(root), str(root), None, kernel.MS_BIND | kernel.MS_REC)
    for directory, source in spec.get("binds", {}).items():
        kernel.mount(source, str(root / directory), None, kernel.MS_BIND)
    for directory in spec["writable"]:
        kernel.mount(str(root / directory), str(root / directory), None, kernel.MS_BIND)
    for directory in spec["private"]:
        kernel.mount("tmpfs", str(root / directory), "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, "mode=1777")
    kernel.mount("none", str(root), None, kernel.MS_REMOUNT | kernel.MS_BIND | kernel.MS_RDONLY)
    os.chroot(root)
    os.chdir(spec["directory"])
    os.umask(spec["umask"])
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    most = min(spec["files"], resource.getrlimit(resource.RLIMIT_NOFILE)[1])
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    user, group = identity(spec["user"])
    kernel.no_capabilities()
    os.setgroups([])
    os.setresgid(group, group, group)
    os.setresuid(user, user, user)
    kernel.no_new_privileges()
    kernel.no_code_from_data()
    if spec["calls"]:
        kernel.only(spec["calls"], spec["families"])
    os.execve(spec["program"][0], spec["program"], spec["environment"])


def identity(user: str | list[int]) -> tuple[int, int]:
    if isinstance(user, list):
        return user[0], user[1]
    found = pwd.getpwnam(user)
    return found.pw_uid, grp.getgrnam(user).gr_gid


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))

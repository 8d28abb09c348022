"""What Python has no words for: namespaces, mounts, limits that a process sets itself, filters of system calls."""

import ctypes
import fcntl
import os
import socket
import struct

LIBC = ctypes.CDLL(None, use_errno=True)

CLONE_NEWNS, CLONE_NEWNET = 0x00020000, 0x40000000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 1, 2, 4, 32, 4096, 16384, 1 << 18
MNT_DETACH = 2
PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS, PR_SET_MDWE = 24, 38, 65

KILL, ALLOW = 0x80000000, 0x7FFF0000


def _called(name: str, result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")
    return result


def own_mounts() -> None:
    """From now on what this process mounts is its own, and goes away with it."""
    _called("unshare", LIBC.unshare(CLONE_NEWNS))
    mount("none", "/", None, MS_REC | MS_PRIVATE)


def own_network() -> None:
    """From now on this process has a loopback of its own and reaches nothing else."""
    _called("unshare", LIBC.unshare(CLONE_NEWNET))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
        fcntl.ioctl(made, 0x8914, struct.pack("16sh14x", b"lo", 0x1 | 0x40))  # SIOCSIFFLAGS: up, running


def mount(source: str, target: str, kind: str | None, flags: int = 0, options: str = "") -> None:
    arguments = [None if word is None else str(word).encode() for word in (source, target, kind)]
    _called(f"mount {target}", LIBC.mount(*arguments, ctypes.c_ulong(flags), options.encode() or None))


def unmount(target: str) -> None:
    _called(f"umount {target}", LIBC.umount2(str(target).encode(), MNT_DETACH))


def no_new_privileges() -> None:
    _called("prctl", LIBC.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))


def no_capabilities() -> None:
    """None can be had any more, not even by a program of root's."""
    capability = 0
    while LIBC.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == 0:
        capability += 1


def no_code_from_data() -> None:
    """What can be written to is never executed. Kernels before 6.3 cannot do so, and systemd's filter stands for it there."""
    LIBC.prctl(PR_SET_MDWE, 1, 0, 0, 0)


class _Comparison(ctypes.Structure):
    _fields_ = [("argument", ctypes.c_uint), ("operator", ctypes.c_int), ("one", ctypes.c_uint64), ("two", ctypes.c_uint64)]


def only(calls: list[str], families: list[int]) -> None:
    """From now on any system call but these, and any socket of another family, kills the process. systemd answers such a call
    with an error; here it has to be seen."""
    seccomp = ctypes.CDLL("libseccomp.so.2")
    seccomp.seccomp_init.restype = ctypes.c_void_p
    context = ctypes.c_void_p(seccomp.seccomp_init(ctypes.c_uint32(KILL)))
    for name in calls:
        number = seccomp.seccomp_syscall_resolve_name(name.encode())
        if name != "socket" and number >= 0:  # those of other architectures have no number
            seccomp.seccomp_rule_add_exact(context, ctypes.c_uint32(ALLOW), number, 0)
    number = seccomp.seccomp_syscall_resolve_name(b"socket")
    for family in families:
        equal = _Comparison(0, 4, family, 0)  # SCMP_CMP_EQ
        seccomp.seccomp_rule_add_array(context, ctypes.c_uint32(ALLOW), number, 1, ctypes.byref(equal))
    if seccomp.seccomp_load(context) != 0:
        raise OSError("the filter of system calls cannot be loaded")

"""Becomes a command of an image that brings a base of its own: the image's files as root folder, /opt/ml from here.

Called as `python -I -S rooted.py` with one JSON document on standard input (see `Rooted`). It needs root, or a kernel
that lets its user make user namespaces. The image is laid under a memory file system, so nothing that the container
writes outside /opt/ml reaches the image or this machine. It keeps the process list, and the network unless network.py
ran first: not a sandbox.

/opt/ml belongs to root, as on SageMaker, so an image with another user can read there and write nothing. Where the
stack is a person's own, the files are that person's, whoever the image's user is.

Sources: https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-inference-code.html; mount_namespaces(7),
user_namespaces(7), pivot_root(2), open_tree(2), move_mount(2).
"""

from __future__ import annotations

import ctypes
import json
import os
import platform
import signal
import sys
from pathlib import Path
from typing import TypedDict

CLONE_NEWNS, CLONE_NEWUSER = 0x00020000, 0x10000000
MS_NOSUID, MS_NODEV, MS_REC, MS_PRIVATE = 0x2, 0x4, 0x4000, 0x40000
MNT_DETACH = 2
PR_SET_PDEATHSIG, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 1, 24, 38
# chown, dac_override, fowner, fsetid, kill, setgid, setuid, setpcap, net_bind_service, sys_chroot, setfcap.
KEPT_CAPABILITIES = frozenset({0, 1, 3, 4, 5, 6, 7, 8, 10, 18, 31})
LAST_CAPABILITY = 63
AT_FDCWD, AT_RECURSIVE, OPEN_TREE_CLONE, MOVE_MOUNT_F_EMPTY_PATH = -100, 0x8000, 1, 4
# The same numbers on every architecture since Linux 5.2.
SYS_OPEN_TREE, SYS_MOVE_MOUNT = 428, 429
SYS_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}
DEVICES = ("null", "zero", "full", "random", "urandom")
NETWORK_FILES = ("/etc/resolv.conf", "/etc/hosts")
# Exit codes, as docker has them: the engine itself failed; the command cannot be run.
CANNOT_ISOLATE, NOT_FOUND = 125, 127
_libc = ctypes.CDLL(None, use_errno=True)


class Rooted(TypedDict):
    """What to run: `base_dir` becomes /opt/ml, `user` is the image's User, `environment` is the whole of it."""

    rootfs: str
    base_dir: str
    user: str
    workdir: str
    environment: dict[str, str]
    command: list[str]


def _checked(result: int, doing: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{doing}: {os.strerror(number)}")
    return result


def _mount(kind: str, target: str, flags: int = 0, options: str = "") -> None:
    source = kind.encode() if kind else None
    done = _libc.mount(source, target.encode(), source, ctypes.c_ulong(flags), options.encode())
    _checked(done, f"mount {kind or 'flags'} on {target}")


def _cloned(path: str) -> int:
    """A detached copy of the mount at `path`, to be placed after the root has changed."""
    flags = OPEN_TREE_CLONE | os.O_CLOEXEC | AT_RECURSIVE
    return _checked(_libc.syscall(SYS_OPEN_TREE, AT_FDCWD, path.encode(), flags), f"open_tree {path}")


def _place(tree: int, target: str) -> None:
    """Attach a detached mount. Called inside the new root, so a link of the image leads nowhere else."""
    moved = _libc.syscall(SYS_MOVE_MOUNT, tree, b"", AT_FDCWD, target.encode(), MOVE_MOUNT_F_EMPTY_PATH)
    _checked(moved, f"move_mount to {target}")
    os.close(tree)


def die_with_parent() -> None:
    """Ask for SIGKILL when the parent ends; asked again after the user changes, which clears it."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def enter_namespaces(uid: int, gid: int) -> None:
    """A mount namespace of its own; without root also a user namespace, in which we are the image's user."""
    outside_uid, outside_gid = os.geteuid(), os.getegid()
    rootless = outside_uid != 0
    _checked(_libc.unshare(CLONE_NEWNS | (CLONE_NEWUSER if rootless else 0)), "unshare")
    if rootless:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{uid} {outside_uid} 1")
        Path("/proc/self/gid_map").write_text(f"{gid} {outside_gid} 1")
    _checked(_libc.mount(None, b"/", None, ctypes.c_ulong(MS_REC | MS_PRIVATE), None), "make mounts private")


def change_root(rootfs: str, base_dir: str) -> None:
    """Make a writable view of `rootfs` the root folder, with /opt/ml, /tmp, /proc and /dev in it."""
    trees = {"/proc": _cloned("/proc"), "/opt/ml": _cloned(base_dir), "/tmp": _cloned(f"{base_dir}/tmp")}  # noqa: S108
    devices = {f"/dev/{name}": _cloned(f"/dev/{name}") for name in DEVICES}
    network = {path: _cloned(os.path.realpath(path)) for path in NETWORK_FILES if os.path.exists(path)}  # noqa: PTH110
    # `base_dir`'s own content is reached through the copy from here on: the memory file system hides it.
    lower = os.open(rootfs, os.O_PATH)
    _mount("tmpfs", base_dir, MS_NOSUID | MS_NODEV, "mode=755")
    for name in ("upper", "work", "root"):
        os.mkdir(f"{base_dir}/{name}")  # noqa: PTH102
    layers = f"lowerdir=/proc/self/fd/{lower},upperdir={base_dir}/upper,workdir={base_dir}/work"
    _mount("overlay", f"{base_dir}/root", MS_NOSUID | MS_NODEV, layers)
    os.close(lower)
    os.chdir(f"{base_dir}/root")
    pivot = SYS_PIVOT_ROOT[platform.machine()]
    _checked(_libc.syscall(pivot, b".", b"."), "pivot_root")
    _checked(_libc.umount2(b".", MNT_DETACH), "leave the old root")
    os.chdir("/")
    for path, tree in trees.items():
        os.makedirs(path, exist_ok=True)  # noqa: PTH103
        _place(tree, path)
    os.makedirs("/dev", exist_ok=True)  # noqa: PTH103
    _mount("tmpfs", "/dev", MS_NOSUID, "mode=755")
    for path, tree in {**devices, **network}.items():
        os.makedirs(os.path.dirname(path), exist_ok=True)  # noqa: PTH103, PTH120
        if not os.path.exists(path):  # noqa: PTH110
            os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o644))
        _place(tree, path)
    for name, target in {"fd": "/proc/self/fd", "stdin": "fd/0", "stdout": "fd/1", "stderr": "fd/2"}.items():
        os.symlink(target, f"/dev/{name}")  # noqa: PTH211
    os.mkdir("/dev/shm", 0o1777)  # noqa: PTH102, S108
    _mount("tmpfs", "/dev/shm", MS_NOSUID | MS_NODEV, "mode=1777")  # noqa: S108


def numbers(user: str, passwd: str) -> tuple[int, int]:
    """(uid, gid) of an image's User: "1000", "1000:1000", or a name of its /etc/passwd. Raises OSError."""
    name, _, group = (user or "0").partition(":")
    entries = [line.split(":") for line in passwd.splitlines() if line.count(":") >= 6]
    found = next((entry for entry in entries if name in (entry[0], entry[2])), None)
    uid = int(name) if name.isdigit() else int(found[2]) if found else -1
    gid = int(group) if group.isdigit() else int(found[3]) if found else 0
    if uid < 0:
        raise OSError(f"the image's User {user!r} is not in its /etc/passwd")
    return uid, gid


def user_of(rootfs: str, user: str) -> tuple[int, int]:
    """(uid, gid) of an unpacked image's User. Raises OSError for a name that the image does not know."""
    path = Path(rootfs) / "etc" / "passwd"
    return numbers(user, path.read_text(errors="replace") if path.is_file() and not path.is_symlink() else "")


def drop_capabilities() -> None:
    """Leave root the capabilities that a container engine leaves it: enough to install and serve, not to rule.

    Source: https://docs.docker.com/engine/security/#linux-kernel-capabilities
    """
    for number in range(LAST_CAPABILITY + 1):
        if number not in KEPT_CAPABILITIES:
            _libc.prctl(PR_CAPBSET_DROP, number, 0, 0, 0)  # one that this kernel does not know is none to drop


def become(wanted: Rooted) -> None:
    """Never returns. Raises OSError when the namespaces cannot be made or the command cannot be run."""
    uid, gid = user_of(wanted["rootfs"], wanted["user"])
    as_root = os.geteuid() == 0
    enter_namespaces(uid, gid)
    change_root(wanted["rootfs"], wanted["base_dir"])
    if as_root:
        drop_capabilities()
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    die_with_parent()
    _libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    os.chdir(wanted["workdir"] or "/")
    try:
        os.execvpe(wanted["command"][0], wanted["command"], wanted["environment"])  # noqa: S606
    except OSError as error:
        print(f"{wanted['command'][0]}: {error.strerror}", file=sys.stderr, flush=True)
        sys.exit(NOT_FOUND)


def main() -> None:
    """Read what to run and become it."""
    die_with_parent()
    wanted: Rooted = json.loads(sys.stdin.read())
    os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
    try:
        become(wanted)
    except OSError as error:
        hint = (
            ""
            if os.geteuid() == 0
            else "; it takes root, or user namespaces (sysctl kernel.unprivileged_userns_clone=1)"
        )
        print(f"the container could not be started: {error}{hint}", file=sys.stderr, flush=True)
        sys.exit(CANNOT_ISOLATE)


if __name__ == "__main__":
    main()

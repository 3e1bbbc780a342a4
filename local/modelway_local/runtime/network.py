"""Runs one command in a network of its own: loopback only, no way out, and one way in when it serves.

Called as `python -I -S network.py LISTENER PORT COMMAND...`. LISTENER is the number of a listening socket that was
opened outside, or -1: what connects to it is passed on to PORT inside. So every server can listen on 8080, as SageMaker
asks. It needs root, or a kernel that lets its user make user namespaces.

Sources: network_namespaces(7), user_namespaces(7), netdevice(7);
https://docs.aws.amazon.com/sagemaker/latest/dg/mkt-algo-model-internet-free.html
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
from dataclasses import dataclass
from functools import cache
from pathlib import Path

CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
PR_SET_PDEATHSIG = 1
SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1
CANNOT_ISOLATE = 125  # as docker has it: the engine itself failed
PIECE = 1 << 16


@dataclass(frozen=True)
class OwnNetwork:
    """A network with nothing but loopback. What comes to the open socket `listener` goes to `port` in it."""

    listener: int = -1
    port: int = 0

    def launcher(self) -> list[str]:
        """What to put before a command that is to run in it."""
        return [sys.executable, "-I", "-S", __file__, str(self.listener), str(self.port)]


@cache
def available() -> bool:
    """Whether this machine lets us make one; tried once."""
    command = [*OwnNetwork().launcher(), sys.executable, "-I", "-S", "-c", ""]
    return sys.platform == "linux" and subprocess.run(command, capture_output=True, check=False).returncode == 0


def enter() -> None:
    """A network namespace of its own with loopback up; without root also a user namespace. Raises OSError."""
    uid, gid = os.geteuid(), os.getegid()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNET | (CLONE_NEWUSER if uid else 0)) < 0:
        raise OSError(ctypes.get_errno(), f"unshare: {os.strerror(ctypes.get_errno())}")
    if uid:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
        Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        request = struct.pack("16sh14x", b"lo", 0)
        flags = struct.unpack("16sh14x", fcntl.ioctl(control, SIOCGIFFLAGS, request))[1]
        fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags | IFF_UP))


def forward(listener: socket.socket, port: int, served: int) -> None:
    """Pass connections on until the process behind the pidfd `served` has ended."""
    while True:
        ready, _, _ = select.select([listener.fileno(), served], [], [])
        if served in ready:
            return
        outside, _ = listener.accept()
        threading.Thread(target=_connect, args=(outside, port), daemon=True).start()


def _connect(outside: socket.socket, port: int) -> None:
    with outside, socket.socket() as inside, contextlib.suppress(OSError):
        inside.connect(("127.0.0.1", port))
        for one in (outside, inside):
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        back = threading.Thread(target=_pass_on, args=(inside, outside), daemon=True)
        back.start()
        _pass_on(outside, inside)
        back.join()


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while piece := source.recv(PIECE):
            target.sendall(piece)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)


def _start_forwarding(listener: int, port: int) -> None:
    """In a process beside the command, which may become any program."""
    served = os.pidfd_open(os.getpid())
    if os.fork():
        os.close(served)
        os.close(listener)
        return
    # The command's output is read to its end, so the forwarder must not hold it open.
    quiet = os.open("/dev/null", os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(quiet, number)
    # A server that is told to stop may still be answering.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    with socket.socket(fileno=listener) as accepting:
        forward(accepting, port, served)
    os._exit(0)


def main() -> None:
    """Enter the network and become the command."""
    listener, port, command = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    try:
        enter()
        if listener >= 0:
            _start_forwarding(listener, port)
    except OSError as error:
        print(f"the container could not be started: no network of its own: {error}", file=sys.stderr, flush=True)
        sys.exit(CANNOT_ISOLATE)
    os.execvp(command[0], command)  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    main()

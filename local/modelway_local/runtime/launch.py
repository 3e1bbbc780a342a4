"""Runs one command so that it dies with the process that started it.

Called as `python -I -S launch.py COMMAND...`: it asks the kernel for SIGKILL on the parent's death, then becomes the
command. Where the kernel cannot (macOS), the stack's own sweep at start and stop ends what was left behind.
"""

from __future__ import annotations

import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    """Ask for SIGKILL when the thread that started this process ends; nothing where the kernel cannot."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def main() -> None:
    """Become the command in `sys.argv[1:]`."""
    die_with_parent()
    if os.getppid() == 1:
        sys.exit(1)
    os.execvpe(sys.argv[1], sys.argv[1:], os.environ)  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    main()

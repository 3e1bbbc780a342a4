"""Another user for a model's code: what runs as the same user reads every environment in /proc.

`env -u TOKEN` hides nothing, since /proc/<pid>/environ of the parent shows it. The kernel lets a process read another
user's environment only with CAP_SYS_PTRACE (https://man7.org/linux/man-pages/man5/proc_pid_environ.5.html).
"""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from modelway.errors import PlatformError

# A user that no account has, so that no file and no process is its own but those of models.
UID = 64_737


class NotSeparated(PlatformError):
    """Raised in a job of GitLab's that could start a model's code only as the user who can read the job's token."""


def own_user(paths: Sequence[Path]) -> dict[str, Any]:
    """Arguments of subprocess that start a model's code as its own user; none on a machine that cannot.

    `paths` as in `same_user`. Raises NotSeparated where that machine runs a job of GitLab's: each has a CI_JOB_TOKEN.
    Only MODELWAY_ENVIRONMENT=local, written out, lets a job pass: its GitLab is one of the tests, on this machine.
    """
    why = same_user(paths)
    if not why:
        return {"user": UID, "group": UID, "extra_groups": []}
    if os.environ.get("CI_JOB_TOKEN") and os.environ.get("MODELWAY_ENVIRONMENT") != "local":
        fix = "a container that starts as root, with files that others may read (docs/how-to/gitlab.md, step 3)"
        raise NotSeparated(f"the model's code could read this job's token: {why}", fix=fix)
    return {}


def same_user(paths: Sequence[Path] = ()) -> str:
    """Why the model's code would run as our own user; empty when it gets a user of its own.

    Only root can give it one, and that user must be able to read `paths`: interpreter, program, dependencies.
    """
    if os.geteuid() != 0:
        return "only root can start it as another user"
    for path in paths:
        for place in _way(path):
            if not _open_to_others(place):
                return f"{place} cannot be read by another user"
    return ""


def hand_over(base: Path) -> None:
    """Give a scratch folder and what is in it to the model's user. Links and files with a second name stay ours."""
    os.chown(base, UID, UID, follow_symlinks=False)
    for folder, folders, files in os.walk(base):
        for name in folders + files:
            path = Path(folder) / name
            status = path.lstat()
            if status.st_uid != UID and (stat.S_ISDIR(status.st_mode) or status.st_nlink == 1):
                os.chown(path, UID, UID, follow_symlinks=False)


def _way(path: Path) -> list[Path]:
    """`path` and all folders above it, of the name as given and of what it leads to."""
    return [place for start in (path.absolute(), path.resolve()) for place in (start, *start.parents)]


def _open_to_others(place: Path) -> bool:
    try:
        mode = place.stat().st_mode
    except OSError:
        return False
    return bool(mode & (stat.S_IXOTH if stat.S_ISDIR(mode) else stat.S_IROTH))

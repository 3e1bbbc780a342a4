"""The model's code as a process of its own: scrubbed environment, limits, its whole group killed at the end.

What runs here was written by others: it gets no credentials, no proxy, no home directory, and bounded time, files and
memory. Where we are root it runs as a user of its own (`unprivileged`), who cannot read our environment in /proc. It is
not a sandbox: it is on the same network.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from modelway.admission.unprivileged import hand_over, own_user
from modelway.errors import UserError

_FILE_BYTES = 2 * 1024**3
_MEMORY_BYTES = 16 * 1024**3
_OPEN_FILES = 1024
_TAIL_BYTES = 6_000
_TAIL_LINES = 25


@dataclass(frozen=True)
class Program:
    """What to run: `interpreter program/container.py COMMAND`, with `pythonpath` for the dependencies."""

    interpreter: Path
    program: Path
    pythonpath: tuple[Path, ...]

    def environment(self, base: Path, extra: dict[str, str]) -> dict[str, str]:
        """The whole environment of the process; nothing is inherited."""
        scratch = base / "tmp"
        scratch.mkdir(parents=True, exist_ok=True)
        return {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "HOME": str(scratch),
            "TMPDIR": str(scratch),
            "LANG": "C.UTF-8",
            "PYTHONPATH": os.pathsep.join(str(path.resolve()) for path in (self.program, *self.pythonpath)),
            "PYTHONUNBUFFERED": "1",
            "PYTHONNOUSERSITE": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
            "SAGEMAKER_BASE_DIR": str(base),
            **extra,
        }

    def needed(self) -> tuple[Path, ...]:
        """What its user must be able to read."""
        return (self.interpreter, self.program / "container.py", *self.pythonpath)


class ModelProcess:
    """A started command; `log` is everything that it printed."""

    def __init__(self, popen: subprocess.Popen[bytes], log: Path) -> None:
        self.popen = popen
        self.log = log

    def said(self) -> str:
        """The last lines of the log, indented; a sentence if it printed nothing."""
        with self.log.open("rb") as stream:
            stream.seek(max(0, self.log.stat().st_size - _TAIL_BYTES))
            lines = stream.read().decode("utf-8", errors="replace").splitlines()[-_TAIL_LINES:]
        return "\n".join(f"  | {line}" for line in lines) or "  | (it printed nothing)"


@contextlib.contextmanager
def started(program: Program, command: str, base: Path, seconds: float, **extra: str) -> Iterator[ModelProcess]:
    """Run one command of container.py; the process group is gone when the block ends, however it ends.

    `seconds` bounds CPU time, of all threads, at four times the wall time that the caller allows.
    """
    # Not within `base`, which is the model's: it could have put a link there.
    log = base.with_name(f"{base.name}-{command}.log")
    environment = program.environment(base, extra)
    own = own_user(program.needed())
    if own:
        hand_over(base)
    arguments = [str(program.interpreter), "-s", str(program.program.resolve() / "container.py"), command]

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (_FILE_BYTES, _FILE_BYTES))
        resource.setrlimit(resource.RLIMIT_NOFILE, (_OPEN_FILES, _OPEN_FILES))
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
        cpu = int(4 * seconds) + 1
        resource.setrlimit(resource.RLIMIT_CPU, (cpu, cpu))

    with log.open("wb") as stream:
        popen = subprocess.Popen(  # pylint: disable=subprocess-popen-preexec-fn
            arguments,
            cwd=base,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=limit,
            **own,
        )
    try:
        yield ModelProcess(popen, log)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(popen.pid, signal.SIGKILL)
        popen.wait()


def run(program: Program, command: str, base: Path, seconds: float, reason_file: Path) -> None:
    """Run a command to its end. Raises UserError if it takes longer than `seconds` or does not exit with 0."""
    began = time.monotonic()
    with started(program, command, base, seconds) as process:
        try:
            code = process.popen.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            raise UserError(
                f"{command} did not end within {seconds:g} s on the samples; it last said:\n{process.said()}",
                fix="look for a loop or a wait on the network; make samples/ smaller if they are just too many rows",
            ) from None
        if code != 0:
            raise UserError(
                f"{command} failed on the samples after {time.monotonic() - began:.1f} s ({_ended(code)})"
                f"{_reason(reason_file)}; it last said:\n{process.said()}",
                fix=f"correct {command}() in model.py; its tests run it on the same samples",
            )


def _ended(code: int) -> str:
    return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


def _reason(path: Path) -> str:
    """The reason that the container left for SageMaker, if it left one."""
    try:
        text = "" if path.is_symlink() else path.read_text(encoding="utf-8", errors="replace")[:1024].strip()
    except OSError:
        return ""
    return f": {text}" if text else ""

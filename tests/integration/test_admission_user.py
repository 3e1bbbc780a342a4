"""A model's code cannot read what its parent was given: it runs as another user. Needs root, as a CI container has."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from modelway.admission.lint import check_lint
from modelway.admission.process import Program, run
from modelway.admission.unprivileged import UID, NotSeparated, hand_over, same_user

pytestmark = pytest.mark.integration
SECRET = "glcbt-64_secret-of-this-job"
CODE = """
import os, pathlib, sys
seen = []
for process in pathlib.Path("/proc").iterdir():
    if process.name.isdigit() and process.name != str(os.getpid()):
        try:
            seen.append((process / "environ").read_bytes())
        except OSError:
            pass
try:
    seen.append(pathlib.Path(sys.argv[0]).with_name("token").read_bytes())
except OSError:
    pass
pathlib.Path(os.environ["SAGEMAKER_BASE_DIR"], "seen").write_bytes(b"".join(seen) or b"nothing")
pathlib.Path(os.environ["SAGEMAKER_BASE_DIR"], "who").write_text(str(os.getuid()))
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that others may enter; pytest's own is closed to them."""
    made = Path(tempfile.mkdtemp(prefix="modelway-attack-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


@pytest.fixture
def interpreter() -> Path:
    """A Python that every user may start."""
    if os.geteuid() != 0:
        pytest.skip("only root can start the model's code as another user")
    candidates = (Path(name) for name in ("/usr/local/bin/python3", "/usr/bin/python3"))
    found = next((path for path in candidates if path.exists() and not same_user((path,))), None)
    if found is None:
        pytest.skip("no Python here may be started by another user")
    return found


@pytest.mark.attack(
    attacker="code of a model",
    tries="read CI_JOB_TOKEN in /proc/<pid>/environ of the process that started it, or of any other",
    stopped_by="it runs as a user of its own, whom the kernel does not show it",
)
def test_no_environment_of_another_user_can_be_read(
    folder: Path, interpreter: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI_JOB_TOKEN", SECRET)
    program, base = folder / "program", folder / "work"
    program.mkdir()
    base.mkdir(mode=0o700)
    (program / "container.py").write_text(CODE)
    (program / "token").write_text(SECRET)
    (program / "token").chmod(0o600)
    run(Program(interpreter, program, ()), "train", base, 20.0, base / "failure")
    assert (base / "who").read_text() == str(UID)
    assert SECRET.encode() not in (base / "seen").read_bytes()
    assert str(os.environ["PATH"]).encode() not in (base / "seen").read_bytes(), "no other process of ours either"


@pytest.mark.attack(
    attacker="code of a model",
    tries="be started as the job's own user, where its program, interpreter or lint is closed to every other",
    stopped_by="a job of GitLab's that cannot give it a user of its own starts nothing and says what to open",
)
@pytest.mark.parametrize("environment", [None, "dev"], ids=["not said", "dev"])
def test_a_job_starts_nothing_as_its_own_user(
    folder: Path, monkeypatch: pytest.MonkeyPatch, environment: str | None
) -> None:
    monkeypatch.setenv("CI_JOB_TOKEN", SECRET)
    monkeypatch.delenv("MODELWAY_ENVIRONMENT", raising=False)
    if environment:
        monkeypatch.setenv("MODELWAY_ENVIRONMENT", environment)
    closed, base = folder / "closed", folder / "work"
    closed.mkdir(mode=0o700)
    base.mkdir()
    (closed / "container.py").write_text(CODE)
    with pytest.raises(NotSeparated, match=r"could read this job's token: .*another user.*\n.*gitlab\.md, step 3"):
        run(Program(Path(sys.executable), closed, ()), "train", base, 20.0, base / "failure")
    with pytest.raises(NotSeparated):
        list(check_lint(closed, closed))
    assert not (base / "who").exists()


def test_a_link_that_the_model_left_gives_it_no_file_of_ours(folder: Path, interpreter: Path) -> None:
    base, ours = folder / "work", folder / "ours"
    base.mkdir()
    ours.write_text("x")
    (base / "link").symlink_to(ours)
    (base / "second-name").hardlink_to(ours)
    hand_over(base)
    assert ours.stat().st_uid == 0
    assert base.stat().st_uid == UID


def test_what_another_user_cannot_reach_is_said(folder: Path, interpreter: Path) -> None:
    (folder / "closed").mkdir(mode=0o700)
    (folder / "closed" / "x").touch()
    assert same_user((folder / "closed" / "x",)) == f"{folder / 'closed'} cannot be read by another user"
    assert same_user((interpreter,)) == ""

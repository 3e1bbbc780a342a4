"""No job with an identity runs a model's code, and no job that runs it has anything to steal: derived, not listed.

The jobs come from the YAML, their commands from their scripts, what a command may run from the package's call graph.
"""

from __future__ import annotations

import functools
import re
import shlex
import tomllib
from typing import Any

import pytest

from modelway.gitlab.trusted import trusted
from tests.unit.ci.call_graph import Graph
from tests.unit.ci.pipeline_yaml import ROOT, document, has_identity, jobs, lines

COMMAND = re.compile(r"\bmodelway ci ([a-z-]+)")
HOMES = ("modelway.cli.ci", "modelway.gitlab.commands")
# Who may start a program in a job with an identity, and why that runs nothing of a model's.
MAY_START = {
    "modelway.gitlab.commands._retrain": "starts `modelway ci retrain MODEL`, which is walked like a job's command",
    "modelway.packaging.bill_of_materials.describe": "starts syft, which reads layers and runs none of them",
}
# Functions that call by a text, which somebody has read: why that text can name nothing of a model's.
READ: dict[str, str] = {}
HERMETIC = re.compile(r"\bsh (?:\.\./){0,3}ci/hermetic\.sh (\S+)")
# Programs that ci/hermetic.sh starts in jobs with an identity, and what each is there for.
PROGRAMS = {
    "modelway": "its commands are walked by the call graph",
    "python": "pip installs uv by hash",
    "uv": "installs the platform's own lock, by hash, without the model's requirements",
    "terraform": "plans and applies our own folders, with the providers of their lock files",
    **dict.fromkeys(["apk", "jq"], "counts what a plan changes"),
}
SHELLS_OWN = {"export", "unset", "printf", "umask", "test", "exit", "[", "then", "else", "fi", "code", "eval", "cd"}
# Without a secret to use and with nothing of a model's to read: folders and texts of our own.
TEXT_TOOLS = {"mkdir", "echo", "tr", "sed"}
WORDS = re.compile(
    r"(?:^|[;&|(]|\bthen\b|\bdo\b|\|\||&&|\$\()\s*(?:(?:\w+=\S*|if|else|!)\s+)*([\w./\[-]+)", re.MULTILINE
)


@functools.cache
def graph() -> Graph:
    return Graph()


@functools.cache
def all_jobs() -> dict[str, dict[str, Any]]:
    return jobs()


def commands(job: dict[str, Any]) -> set[str]:
    """Functions of the `modelway ci` commands in a job's script."""
    named = {name.replace("-", "_") for line in lines(job) for name in COMMAND.findall(line)}
    found = {f"{home}.{name}" for name in named for home in HOMES if f"{home}.{name}" in graph().functions}
    assert len(found) == len(named), f"no function for {named}"
    return found


def starters(job: dict[str, Any]) -> dict[str, str]:
    return {name: way for command in commands(job) for name, way in graph().starters(command).items()}


IDENTITY = sorted(name for name, job in all_jobs().items() if has_identity(job))
RUNS_CODE = sorted(name for name, job in all_jobs().items() if starters(job).keys() - MAY_START)


@pytest.mark.attack(
    attacker="code of a model",
    tries="run beside the AWS identity or the GitLab token, by train, serve, a build back end, a Dockerfile or pylint",
    stopped_by="no command of such a job can reach a function that starts a program, by the call graph",
)
@pytest.mark.parametrize("name", IDENTITY)
def test_a_job_with_an_identity_starts_nothing_of_a_model(name: str) -> None:
    not_allowed = {way for start, way in starters(all_jobs()[name]).items() if start not in MAY_START}
    assert not_allowed == set()


@pytest.mark.parametrize("name", IDENTITY)
def test_what_a_job_with_an_identity_may_run_can_be_followed(name: str) -> None:
    """A call by a text, of which the call graph sees nothing, is refused unless a person has read it."""
    by_text = {where for command in commands(all_jobs()[name]) for where in graph().dynamic(command)}
    assert by_text <= READ.keys(), by_text - READ.keys()


def test_a_retraining_is_walked_too() -> None:
    """`retrain-all` starts it as a program of its own."""
    assert graph().starters("modelway.cli.ci.retrain").keys() <= MAY_START.keys()


@pytest.mark.parametrize("name", IDENTITY)
def test_a_job_with_an_identity_runs_only_programs_that_are_known(name: str) -> None:
    """And each by ci/hermetic.sh, whose list is all of the job's variables that it sees."""
    script = [re.sub(r"'[^']*'", "''", line) for line in lines(all_jobs()[name])]
    assert {program for line in script for program in HERMETIC.findall(line)} <= PROGRAMS.keys()
    direct = {word for line in script for word in WORDS.findall(HERMETIC.sub("hermetic", line))} - {"hermetic"}
    assert direct <= SHELLS_OWN | TEXT_TOOLS, f"{name}: {direct - SHELLS_OWN - TEXT_TOOLS}"


@pytest.mark.attack(
    attacker="code of a model",
    tries="find an identity token, or a variable of the token's environment scope, in the job that runs it",
    stopped_by="every job whose commands can start a model's code has neither id_tokens nor an environment",
)
def test_a_job_that_runs_a_models_code_has_no_identity() -> None:
    assert RUNS_CODE, "the call graph finds none: it is broken"
    assert not set(RUNS_CODE) & set(IDENTITY)


@pytest.mark.parametrize("command", ["admit", "package", "validate"])
def test_the_call_graph_finds_what_is_known_to_run_code(command: str) -> None:
    """So that an empty result elsewhere means something."""
    assert graph().starters(f"modelway.cli.ci.{command}").keys() - MAY_START


def paths(job: dict[str, Any]) -> set[str]:
    return set((job.get("artifacts") or {}).get("paths", []))


def test_what_ran_a_models_code_can_replace_no_other_jobs_artifact() -> None:
    every = all_jobs()
    foreign = {(name, path) for name in RUNS_CODE for path in paths(every[name])}
    others = {(name, path) for name in every.keys() - set(RUNS_CODE) for path in paths(every[name])}
    assert foreign, "admit-model and build-image leave something"
    for _, one in foreign:
        assert "*" not in one, "a pattern could match another job's file"
        for name, other in others:
            mine, theirs = f"{one.rstrip('/')}/", other.split("*")[0].rstrip("/") + "/"
            assert not any((mine.startswith(theirs), theirs.startswith(mine))), (name, one, other)
    assert all(not job.get("artifacts", {}).get("reports", {}).get("dotenv") for job in (every[n] for n in RUNS_CODE))


@pytest.mark.parametrize("name", IDENTITY)
def test_a_job_with_an_identity_names_what_it_takes(name: str) -> None:
    """Without `needs` a job would be given every artifact of the stages before."""
    assert "needs" in all_jobs()[name] or name.startswith("terraform")


@pytest.mark.attack(
    attacker="author of a model repo",
    tries="choose the image that runs beside an identity, by a variable or by moving a tag",
    stopped_by="the image is written in the YAML by its digest",
)
@pytest.mark.parametrize("name", IDENTITY)
def test_the_image_beside_an_identity_is_fixed(name: str) -> None:
    image = all_jobs()[name]["image"]
    text = image if isinstance(image, str) else image["name"]
    assert "$" not in text
    assert re.fullmatch(r"[\w./:-]+@sha256:[0-9a-f]{64}", text)


@pytest.mark.parametrize("name", sorted(name for name, job in all_jobs().items() if job.get("id_tokens")))
def test_the_audience_of_a_token_is_fixed(name: str) -> None:
    (token,) = all_jobs()[name]["id_tokens"].values()
    assert token == {"aud": trusted().gitlab}


@pytest.mark.parametrize("name", [name for name in IDENTITY if commands(all_jobs()[name])])
def test_each_command_beside_an_identity_refuses_overrides(name: str) -> None:
    for command in commands(all_jobs()[name]):
        assert "modelway.gitlab.trusted.refuse_overrides" in graph().reachable(command), command


def test_a_triggered_pipeline_reads_no_variable_that_upstream_set() -> None:
    """Upstream has two inputs, both with a regular expression; nothing else of it is in a rule, script or variable."""
    text = "".join(path.read_text() for path in (ROOT / ".gitlab-ci.yml", *(ROOT / "ci").glob("*.yml")))
    assert "UPSTREAM_" not in text
    assert "expand_vars" not in text
    bridge = document(ROOT / "ci" / "model-repo.yml")[".modelway-train"]
    assert bridge["trigger"]["forward"] == {"yaml_variables": False, "pipeline_variables": False}
    assert "variables" not in bridge


def test_every_path_from_upstream_waits_for_fetch_model() -> None:
    """So that a lock or an environment named after a model is never taken before the name is verified."""
    every = all_jobs()
    keyed = {
        name
        for name, job in every.items()
        if "$MODELWAY_MODEL_NAME" in f"{job.get('resource_group')}{job.get('environment')}"
    }
    assert keyed
    for name in keyed:
        assert "fetch-model" in every[name]["needs"], name


def test_uv_is_the_one_of_the_lock() -> None:
    lock = tomllib.loads((ROOT / "uv.lock").read_text())
    (uv,) = [package for package in lock["package"] if package["name"] == "uv"]
    text = (ROOT / "ci" / "uv.txt").read_text()
    assert f"uv=={uv['version']}" in text
    hashes = set(re.findall(r"sha256:[0-9a-f]{64}", text))
    assert hashes
    assert hashes <= {wheel["hash"] for wheel in uv["wheels"]}


@pytest.mark.attack(
    attacker="author of a model repo",
    tries="have a job with an identity install a package that somebody put under a known name or a new version",
    stopped_by="pip and uv install by the hashes of ci/uv.txt and uv.lock, what builds modelway included",
)
@pytest.mark.parametrize("name", IDENTITY)
def test_pip_takes_nothing_without_a_hash(name: str) -> None:
    for line in lines(all_jobs()[name]):
        if "pip install" in line:
            assert "--require-hashes" in shlex.split(line)
        if "uv sync" in line:
            # In isolation uv would fetch what builds modelway, of any version and content.
            assert {"--locked", "--no-build-isolation", "--group=build"} <= set(shlex.split(line))

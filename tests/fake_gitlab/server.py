"""A small stateful GitLab on 127.0.0.1: pipelines that trigger others, jobs, artifacts, notes, uploads, tokens."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

Answer = tuple[int, Any]
# Whose token it is.
OWN_USER = 17


@dataclass
class Artifact:
    """Bytes, or a generator's length and chunks; `expired` answers 404 as GitLab does."""

    length: int
    chunks: Callable[[], Iterator[bytes]]
    expired: bool = False

    @classmethod
    def of(cls, content: bytes) -> Artifact:
        return cls(len(content), lambda: iter([content]))


@dataclass
class State:
    """All that the server knows; tests write and read it directly."""

    tokens: set[str] = field(default_factory=lambda: {"right-token"})
    jobs: dict[int, str] = field(default_factory=dict)  # job id -> commit
    artifacts: dict[int, Artifact] = field(default_factory=dict)
    notes: dict[int, dict[int, dict[str, Any]]] = field(default_factory=dict)  # MR iid -> note id -> note
    schedules: list[dict[str, Any]] = field(default_factory=list)
    tags: dict[str, str] = field(default_factory=dict)
    projects: dict[int, dict[str, Any]] = field(default_factory=dict)  # project id -> what GET /projects/:id answers
    pipelines: dict[int, dict[str, Any]] = field(default_factory=dict)  # pipeline id -> the same, with jobs and bridges
    above: dict[int, int] = field(default_factory=dict)  # pipeline id -> the one that triggered it
    job_tokens: dict[str, dict[str, Any]] = field(default_factory=dict)  # CI_JOB_TOKEN -> what GET /job answers
    merge_requests: dict[int, dict[str, Any]] = field(default_factory=dict)  # MR iid -> what its GET answers
    uploads: list[bytes] = field(default_factory=list)  # multipart bodies
    faults: list[tuple[int, dict[str, str]]] = field(default_factory=list)  # answered first, one a request
    requests: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def trigger(self, commit: str, *, title: str = "feat: more", ref: str = "main", source: str = "push") -> None:
        """Pipeline 901 of project 42 (risk/fraud) started pipeline 99 of project 1; its code is job 7's artifact."""
        self.projects[1] = {
            "id": 1,
            "path_with_namespace": "ml-platform/modelway",
            "default_branch": "main",
            "restrict_user_defined_variables": True,
            "ci_pipeline_variables_minimum_override_role": "no_one_allowed",
        }
        self.projects.setdefault(42, {"id": 42, "path_with_namespace": "risk/fraud", "default_branch": "main"})
        self.pipelines[99] = {"id": 99, "project_id": 1, "web_url": "https://gitlab.example/99"}
        job = {"id": 7, "name": "model-source", "commit": {"id": commit, "title": title}}
        downstream = {"id": 99, "project_id": 1}
        bridge = {"id": 8, "name": "train", "commit": job["commit"], "downstream_pipeline": downstream}
        self.pipelines[901] = {
            "id": 901,
            "project_id": 42,
            "ref": ref,
            "tag": False,
            "sha": commit,
            "source": source,
            "jobs": [job],
            "bridges": [bridge],
        }
        self.above[99] = 901
        self.job_tokens["job-token"] = {"id": 70, "pipeline": self.pipelines[99], "user": {"username": "ada"}}

    def upstream_of(self, pipeline: int) -> dict[str, Any]:
        above = self.pipelines.get(self.above.get(pipeline, 0))
        if above is None:
            return {"data": {"project": {"pipeline": {"upstream": None}}}}
        project = {"id": f"gid://gitlab/Project/{above['project_id']}"}
        upstream = {"id": f"gid://gitlab/Ci::Pipeline/{above['id']}", "project": project}
        return {"data": {"project": {"pipeline": {"upstream": upstream}}}}

    def notes_of(self, iid: int, method: str, body: dict[str, Any], note_id: int | None) -> Answer:
        notes = self.notes.setdefault(iid, {})
        if method == "GET":
            return 200, list(notes.values())
        if method == "POST":
            number = 1 + sum(map(len, self.notes.values()))
            notes[number] = {"id": number, "body": body["body"], "system": False, "author": {"id": OWN_USER}}
            return 201, notes[number]
        if note_id not in notes:
            return 404, {"message": "404 Note Not Found"}
        if notes[note_id]["author"]["id"] != OWN_USER:
            return 403, {"message": "403 Forbidden"}
        notes[note_id]["body"] = body["body"]
        return 200, notes[note_id]

    def tags_of(self, method: str, body: dict[str, Any]) -> Answer:
        if method == "GET":
            return 200, [{"name": name, "commit": {"id": sha}} for name, sha in self.tags.items()]
        if body["tag_name"] in self.tags:
            return 400, {"message": f"Tag {body['tag_name']} already exists"}
        self.tags[body["tag_name"]] = body["ref"]
        return 201, {"name": body["tag_name"], "commit": {"id": body["ref"]}}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    state: State

    def log_message(self, *arguments: Any) -> None:
        """Quiet."""

    def _send(self, status: int, document: Any, headers: dict[str, str] | None = None) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _authorised(self) -> bool:
        if job_token := self.headers.get("JOB-TOKEN"):
            return job_token in self.state.job_tokens
        return self.headers.get("PRIVATE-TOKEN") in self.state.tokens

    def _answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        raw = self.rfile.read(length)
        path = urlsplit(self.path).path.removeprefix("/api/v4")
        with self.state.lock:
            self.state.requests.append(f"{self.command} {path}")
            fault = self.state.faults.pop(0) if self.state.faults else None
        if fault:
            self._send(fault[0], {"message": f"{fault[0]}"}, fault[1])
        elif not self._authorised():
            self._send(401, {"message": "401 Unauthorized"})
        elif match := re.fullmatch(r"/projects/\d+/jobs/(\d+)/artifacts", path):
            self._artifact(int(match[1]))
        else:
            if path.endswith("/uploads"):
                self.state.uploads.append(raw)
            is_json = "json" in self.headers.get("Content-Type", "")
            with self.state.lock:
                self._send(*self._route(path, json.loads(raw) if raw and is_json else {}))

    def _route(self, path: str, body: dict[str, Any]) -> Answer:
        if (match := re.fullmatch(r"/projects/\d+/jobs/(\d+)", path)) and int(match[1]) in self.state.jobs:
            return 200, {"id": int(match[1]), "commit": {"id": self.state.jobs[int(match[1])]}}
        if path == "/user":
            return 200, {"id": OWN_USER, "username": "modelway-bot"}
        if match := re.fullmatch(r"/projects/\d+/merge_requests/(\d+)/notes(?:/(\d+))?", path):
            return self.state.notes_of(int(match[1]), self.command, body, int(match[2]) if match[2] else None)
        if (answer := self._facts(path, body)) is not None:
            return answer
        if re.fullmatch(r"/projects/\d+/pipeline_schedules", path):
            return 200, self.state.schedules
        if re.fullmatch(r"/projects/\d+/repository/tags", path):
            return self.state.tags_of(self.command, body)
        if re.fullmatch(r"/projects/\d+/uploads", path):
            return 201, {"alt": "plot", "url": "/uploads/1/plot.png", "markdown": "![plot](/uploads/1/plot.png)"}
        return 404, {"message": "404 Not Found"}

    def _facts(self, path: str, body: dict[str, Any]) -> Answer | None:
        """What is known of jobs, pipelines and projects; None for any other path."""
        if path == "/job":
            return 200, self.state.job_tokens[self.headers["JOB-TOKEN"]]
        if path == "/api/graphql":
            return 200, self.state.upstream_of(int(body["variables"]["pipeline"].rpartition("/")[2]))
        if (match := re.fullmatch(r"/projects/(\d+)", path)) and int(match[1]) in self.state.projects:
            return 200, self.state.projects[int(match[1])]
        if match := re.fullmatch(r"/projects/(\d+)/pipelines/(\d+)(?:/(jobs|bridges))?", path):
            pipeline = self.state.pipelines.get(int(match[2]))
            if pipeline is not None and pipeline["project_id"] == int(match[1]):
                return 200, pipeline[match[3]] if match[3] else pipeline
        if match := re.fullmatch(r"/projects/\d+/merge_requests/(\d+)", path):
            return 200, self.state.merge_requests[int(match[1])]
        return None

    def _artifact(self, job_id: int) -> None:
        artifact = self.state.artifacts.get(job_id)
        if artifact is None or artifact.expired:
            self._send(404, {"message": "404 Not Found"})
            return
        self.send_response(200)
        self.send_header("Content-Type", "application/zip")
        self.send_header("Content-Length", str(artifact.length))
        self.end_headers()
        for chunk in artifact.chunks():
            self.wfile.write(chunk)

    do_GET = do_POST = do_PUT = _answer  # noqa: N815 (http.server's names)


def start(state: State) -> tuple[ThreadingHTTPServer, str]:
    """A running server on a free port, and its address. Call `shutdown()` and `server_close()` at the end."""
    handler = type("BoundHandler", (Handler,), {"state": state})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server, f"http://127.0.0.1:{server.server_address[1]}"

"""From a model folder to an image in the registry under a version of its own."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Any

import boto3

from modelway.contracts import Image, ModelSpec
from modelway.errors import PlatformError, UserError
from modelway.packaging.building import build
from modelway.packaging.dependencies import Progress
from modelway.packaging.image import (
    LABEL_INTERPRETER,
    LABEL_IO_SCHEMA,
    LABEL_SPEC,
    BuiltImage,
    Origin,
    content_of,
    read_io_schema,
)
from modelway.packaging.registry import Registry, TagTaken
from modelway.platform import Platform
from modelway.sagemaker.protection import require_allowed_network
from modelway.versioning import names
from modelway.versioning.semantic import NextVersion, Release, next_version, parse

VERSION_TAG = re.compile(r"\d+\.\d+\.\d+")
RESERVATION_TRIES = 50


class Publisher:
    """One model's repository: its last release, its next version, its push."""

    def __init__(self, platform: Platform, model: str) -> None:
        self._platform = platform
        self._ecr: Any = boto3.client("ecr")
        self._name = names.ecr_repository(platform.project, model)
        self._model = model

    def _repository_uri(self) -> str:
        try:
            found = self._ecr.describe_repositories(repositoryNames=[self._name])
        except self._ecr.exceptions.RepositoryNotFoundException as error:
            if self._platform.environment != "local":
                message = f"ECR has no repository {self._name!r}: the model is not in this environment"
                raise UserError(message, fix=f'add "{self._model}" to the models of terraform/envs') from error
            return self._create()
        return str(found["repositories"][0]["repositoryUri"])

    def _create(self) -> str:
        try:
            made = self._ecr.create_repository(repositoryName=self._name, imageTagMutability="IMMUTABLE")
        except self._ecr.exceptions.RepositoryAlreadyExistsException:
            made = {"repository": self._ecr.describe_repositories(repositoryNames=[self._name])["repositories"][0]}
        return str(made["repository"]["repositoryUri"])

    def _registry(self, uri: str) -> Registry:
        data = self._ecr.get_authorization_token()["authorizationData"][0]
        host = uri.split("/", 1)[0]
        scheme = "http" if host.split(":")[0] in {"127.0.0.1", "localhost"} else "https"
        base64.b64decode(data["authorizationToken"], validate=True)
        return Registry(f"{scheme}://{host}", self._name, f"Basic {data['authorizationToken']}")

    def last_release(self) -> Release | None:
        """What the newest version promised; None before the first."""
        return self._last(self._registry(self._repository_uri()))

    def _last(self, registry: Registry) -> Release | None:
        pages = self._ecr.get_paginator("list_images").paginate(repositoryName=self._name)
        tags = [image.get("imageTag") or "" for page in pages for image in page["imageIds"]]
        versions = sorted((tag for tag in tags if VERSION_TAG.fullmatch(tag)), key=parse)
        if not versions:
            return None
        labels = registry.labels(versions[-1])
        spec = ModelSpec.model_validate_json(labels[LABEL_SPEC])
        return Release(versions[-1], json.loads(labels[LABEL_IO_SCHEMA]), frozenset(spec.training.channels))

    def propose(self, model_dir: Path, spec: ModelSpec, title: str) -> NextVersion:
        """The version that a push now would take, and why. Raises InternetRefused for a network not allowed."""
        require_allowed_network(spec, self._platform)
        return _next(self.last_release(), model_dir, spec, title)

    def push(self, built: BuiltImage, model_dir: Path, spec: ModelSpec, title: str) -> tuple[Image, NextVersion]:
        """Push under the next version that is free; the registry's immutable tag is the reservation.

        Content that the last version has already keeps that version and its digest. Raises PlatformError when the
        registry refuses, and for an image that SageMaker could not run.
        """
        if self._platform.environment != "local" and LABEL_INTERPRETER in json.loads(built.config)["config"]["Labels"]:
            message = "an image of the builder `layers` has no base, so SageMaker cannot run it"
            raise PlatformError(message, fix="set MODELWAY_BUILDER=buildah, or leave it at auto")
        uri = self._repository_uri()
        registry = self._registry(uri)
        for _ in range(RESERVATION_TRIES):
            last = self._last(registry)
            if last and (held := _same(registry, last.version, built)):
                same = NextVersion(last.version, "none", ("the image's content is the same",))
                return Image(repository_uri=uri, version=last.version, digest=held), same
            wanted = _next(last, model_dir, spec, title)
            try:
                digest = registry.push(built, wanted.version)
            except TagTaken:
                continue
            return Image(repository_uri=uri, version=wanted.version, digest=digest), wanted
        raise PlatformError(f"{self._name}: no version was free in {RESERVATION_TRIES} tries", fix="run the job again")


def _same(registry: Registry, version: str, built: BuiltImage) -> str | None:
    """Digest of `version` when it has the content of `built`; another commit or date is no other content."""
    digest = registry.digest_of(version)
    if digest is None or digest == built.digest:
        return digest
    return digest if content_of(registry.config(digest)) == content_of(built.config) else None


def _next(last: Release | None, model_dir: Path, spec: ModelSpec, title: str) -> NextVersion:
    return next_version(last, read_io_schema(model_dir), frozenset(spec.training.channels), title)


def package(model_dir: Path, spec: ModelSpec, on_progress: Progress, came_from: Origin) -> BuiltImage:
    """Build the image; a change of code alone takes well under a second with the pure-Python builder."""
    return build(model_dir, spec, came_from, on_progress)

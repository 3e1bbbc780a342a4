"""Which of the two builders makes a model's image, and with what: the one home of these settings.

`layers` writes layers in pure Python over a marker instead of a base: fast, no tool, and only the local runtime can run
it. `buildah` builds the model repo's Dockerfile: a whole image, which SageMaker and any engine can run.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path

from pydantic import Field

from modelway import settings
from modelway.contracts import ModelSpec
from modelway.contracts.base import Document
from modelway.packaging import buildah
from modelway.packaging.dependencies import Progress, install, running_minor
from modelway.packaging.image import BuiltImage, Origin, build_image
from modelway.platform import Platform


class Builder(StrEnum):
    """Who builds."""

    AUTO = "auto"
    LAYERS = "layers"
    BUILDAH = "buildah"


class StorageDriver(StrEnum):
    """Where buildah keeps what it builds."""

    VFS = "vfs"
    OVERLAY = "overlay"


class BuildSettings(Document):
    """How images are built, from `MODELWAY_<FIELD>` variables."""

    builder: Builder = Field(
        default=Builder.AUTO,
        description="`layers`, `buildah`, or `auto`: layers in the local environment, buildah in all others.",
    )
    base_image: str = Field(
        default="",
        description="Base that the Dockerfile gets as `BASE_IMAGE`, best by digest; empty: the Dockerfile's default.",
    )
    storage_driver: StorageDriver = Field(
        default=StorageDriver.VFS,
        description="`vfs` works everywhere; `overlay` is faster and needs root or a kernel that allows it.",
    )
    build_ca: str = Field(
        default="",
        description="File of CA certificates that the build trusts beside a proxy; empty: the base image's own.",
    )


def builder(wanted: Builder, environ: Mapping[str, str] | None = None) -> Builder:
    """`wanted`, with `auto` decided: outside the local environment an image must run on SageMaker."""
    source = os.environ if environ is None else environ
    if wanted is not Builder.AUTO:
        return wanted
    local = Platform.model_fields["environment"].default
    return Builder.LAYERS if (source.get("MODELWAY_ENVIRONMENT") or local) == local else Builder.BUILDAH


def build(model_dir: Path, spec: ModelSpec, origin: Origin, on_progress: Progress) -> BuiltImage:
    """The image of a model folder. Raises UserError for what the model repo lacks, PlatformError for a missing tool."""
    found = settings.from_environment(BuildSettings, "the builder's")
    if builder(found.builder) is Builder.BUILDAH:
        request = buildah.Build(
            model_dir=model_dir,
            spec=spec,
            origin=origin,
            python=running_minor(),
            base_image=found.base_image,
            storage_driver=found.storage_driver,
            ca_bundle=found.build_ca,
        )
        return buildah.build(request, on_progress)
    dependencies = install(model_dir / spec.requirements, on_progress)
    return build_image(model_dir, spec, dependencies, Path(tempfile.mkdtemp(prefix="modelway-image-")))

"""Which builder is taken."""

from __future__ import annotations

import pytest

from modelway import settings
from modelway.errors import PlatformError
from modelway.packaging.building import Builder, BuildSettings, builder


@pytest.mark.parametrize(
    ("wanted", "environment", "expected"),
    [
        (Builder.AUTO, "", Builder.LAYERS),
        (Builder.AUTO, "local", Builder.LAYERS),
        (Builder.AUTO, "dev", Builder.BUILDAH),
        (Builder.LAYERS, "dev", Builder.LAYERS),
        (Builder.BUILDAH, "local", Builder.BUILDAH),
    ],
)
def test_auto_follows_the_environment(wanted: Builder, environment: str, expected: Builder) -> None:
    assert builder(wanted, {"MODELWAY_ENVIRONMENT": environment}) is expected


def test_an_unknown_builder_is_named() -> None:
    with pytest.raises(PlatformError, match=r"MODELWAY_BUILDER: input should be 'auto', 'layers' or 'buildah'"):
        settings.from_environment(BuildSettings, "the builder's", {"MODELWAY_BUILDER": "kaniko"})

"""What is in an image: a CycloneDX document, by syft, from the very layers that are pushed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from modelway.errors import PlatformError
from modelway.packaging.image import MANIFEST_TYPE, BuiltImage

SYFT_SECONDS = 600.0


def describe(image: BuiltImage, name: str) -> str:
    """CycloneDX JSON of all packages in `image`, which is called `name` in it. Raises PlatformError without syft."""
    beside = Path(sys.executable).with_name("syft")
    syft = str(beside) if beside.exists() else shutil.which("syft")
    if syft is None:
        raise PlatformError("syft is not installed", fix="pip install 'modelway[sbom]'")
    with tempfile.TemporaryDirectory(prefix="modelway-sbom-") as folder:
        layout = Path(folder) / "image"
        _lay_out(image, layout)
        command = [syft, "scan", f"oci-dir:{layout}", "--quiet", "--output", "cyclonedx-json", "--source-name", name]
        environment = {**os.environ, "SYFT_CHECK_FOR_APP_UPDATE": "false"}
        done = subprocess.run(
            command, capture_output=True, text=True, env=environment, timeout=SYFT_SECONDS, check=False
        )
    if done.returncode:
        raise PlatformError(f"syft could not read the image: {done.stderr.strip()[-1000:]}", fix="run the job again")
    return done.stdout


def _lay_out(image: BuiltImage, folder: Path) -> None:
    """The image as files in the layout that syft reads.

    Source: https://github.com/opencontainers/image-spec/blob/main/image-layout.md
    """
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    named = {"mediaType": MANIFEST_TYPE, "digest": image.digest, "size": len(image.manifest)}
    (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [named]}))
    (blobs / _hex(image.digest)).write_bytes(image.manifest)
    (blobs / _hex(json.loads(image.manifest)["config"]["digest"])).write_bytes(image.config)
    for layer in image.layers:
        (blobs / _hex(layer.digest)).symlink_to(layer.path.resolve())


def _hex(digest: str) -> str:
    return digest.removeprefix("sha256:")

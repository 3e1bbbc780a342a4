"""Where Terraform's providers come from on this machine."""

from __future__ import annotations

import os
from pathlib import Path

# Folders in which people keep a filesystem mirror; each may hold registry.terraform.io, or a folder that does.
PLACES = ("~/.terraform.d", "/usr/share/terraform", "/usr/local/share/terraform", "/opt", "/var/lib/terraform")


def mirror() -> Path | None:
    """A filesystem mirror that holds the AWS provider; None: `terraform init` needs the network."""
    for place in PLACES:
        folder = Path(place).expanduser()
        for found in (*folder.glob("registry.terraform.io"), *folder.glob("*/registry.terraform.io")):
            if (found / "hashicorp" / "aws").is_dir():
                return found.parent
    return None


def environment(scratch: Path) -> dict[str, str]:
    """TF_CLI_CONFIG_FILE for a mirror, written below `scratch`; {} where a file is named or no mirror exists."""
    named = os.environ.get("TF_CLI_CONFIG_FILE", "")
    folder = None if named and Path(named).is_file() else mirror()
    if folder is None:
        return {}
    scratch.mkdir(parents=True, exist_ok=True)
    file = scratch / "terraform.tfrc"
    file.write_text(f'provider_installation {{\n  filesystem_mirror {{\n    path = "{folder}"\n  }}\n}}\n')
    return {"TF_CLI_CONFIG_FILE": str(file)}

"""Critical findings that the platform's people accept for a while: a file of the platform's repo says which and why."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import yaml
from pydantic import Field, ValidationError

from modelway.contracts.base import Document
from modelway.errors import PlatformError

ACCEPTED_FINDINGS = "ci/accepted-findings.yaml"
ALL = "*"


class AcceptedFinding(Document):
    """One finding in one package, accepted for some models until a day."""

    finding: str = Field(min_length=1, description="Name of the finding, e.g. CVE-2026-12345.")
    package: str = Field(min_length=1, description="Package that it is in, without its version.")
    models: tuple[str, ...] = Field(min_length=1, description='Models that it is accepted for; "*": all.')
    reason: str = Field(min_length=10, description="Why it does no harm until then.")
    expires: dt.date = Field(description="First day on which it is accepted no more.")

    def covers(self, finding: str, packages: frozenset[str], model: str) -> bool:
        """Whether it is about this finding, in no other package, and this model; expired or not."""
        return finding == self.finding and packages == {self.package} and {ALL, model} & set(self.models) != set()


class AcceptedFindings(Document):
    """The whole file."""

    findings: tuple[AcceptedFinding, ...] = ()


def read_accepted(path: Path) -> tuple[AcceptedFinding, ...]:
    """The file's findings; none without a file. Raises PlatformError naming the line or field that is wrong."""
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return ()
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise PlatformError(f"{path} cannot be read: {error}") from error
    try:
        return AcceptedFindings.model_validate({} if document is None else document).findings
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'the file'}: {e['msg']}" for e in error.errors())
        raise PlatformError(f"{path}: {wrong}", fix="see the example at the file's top") from error

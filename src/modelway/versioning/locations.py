"""Where documents and artifacts lie in S3: the one home of the bucket's layout."""

from __future__ import annotations

from modelway.contracts import DeploymentRequest, TrainingRequest
from modelway.platform import Platform
from modelway.versioning.names import Subject


def version_prefix(model: str, image_version: str, retraining: int) -> str:
    """Key prefix of everything that one model version left behind."""
    return f"{model}/{image_version}-r{retraining}"


def request_prefix(request: TrainingRequest) -> str:
    """Key prefix of one training request; two requests of one version do not share it."""
    base = version_prefix(request.model.name, request.image.version, request.retraining)
    return f"{base}/{request.content_hash()}"


def artifact_uri(platform: Platform, key: str) -> str:
    """s3:// address of a key in the artifacts bucket."""
    return f"s3://{platform.artifacts_bucket}/{key}"


def training_output(platform: Platform, request: TrainingRequest) -> str:
    """S3OutputPath of the training job; SageMaker adds <job>/output/model.tar.gz."""
    return artifact_uri(platform, f"{request_prefix(request)}/training")


def evaluation_output(platform: Platform, request: TrainingRequest, subject: Subject) -> str:
    """Prefix to which the processing job uploads evaluation.json."""
    return artifact_uri(platform, f"{request_prefix(request)}/evaluation/{subject}")


def record_key(request: TrainingRequest) -> str:
    """Key of the TrainingRecord."""
    return f"{request_prefix(request)}/report/record.json"


def training_failure_key(request: TrainingRequest) -> str:
    """Key of the reason why a trained model could not be compared or registered."""
    return f"{request_prefix(request)}/report/failure.txt"


def report_key(request: TrainingRequest) -> str:
    """Key of the HTML report."""
    return f"{request_prefix(request)}/report/report.html"


def request_key(request: TrainingRequest) -> str:
    """Key of the TrainingRequest itself, from which a retrain starts."""
    return f"{request_prefix(request)}/request.json"


def deployment_key(model: str, endpoint_config: str) -> str:
    """Key of the DeploymentRecord."""
    return f"{model}/deployments/{endpoint_config}.json"


def change_key(request: DeploymentRequest, endpoint_config: str) -> str:
    """Key of what one deployment request changed, kept for its retries."""
    return f"{request.model.name}/deployments/{endpoint_config}-{request.content_hash()}-change.json"


def deployment_failure_key(request: DeploymentRequest, endpoint_config: str) -> str:
    """Key of why one deployment request failed and what became of the endpoint, as text."""
    return f"{request.model.name}/deployments/{endpoint_config}-{request.content_hash()}-failure.txt"


def channel_uri(platform: Platform, value: str) -> str:
    """A channel of model.yaml as an s3:// address; a path is a folder, so no sibling `train_old` comes along."""
    return value if value.startswith("s3://") else f"s3://{platform.data_bucket}/{value.strip('/')}/"


def examples_key(model: str, image_digest: str) -> str:
    """Key of the request that the admission test sent to an image, and its answer."""
    return f"{model}/examples/{image_digest.removeprefix('sha256:')}.json"


def bill_of_materials_key(model: str, image_digest: str) -> str:
    """Key of the list of what is in an image, CycloneDX JSON."""
    return f"{model}/images/{image_digest.removeprefix('sha256:')}.cdx.json"

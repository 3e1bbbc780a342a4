"""Where documents and artifacts lie in S3: the one home of the bucket's layout.

`records/<model>/` is what the platform knows: no role of a model writes there. `jobs/<model>/` is what a model's
containers upload, and nothing there is believed or served before the platform has copied it to its records.
"""

from __future__ import annotations

from modelway.contracts import DeploymentRequest, TrainingRequest
from modelway.platform import Platform
from modelway.versioning.names import Subject

RECORDS, JOBS = "records", "jobs"


def records_prefix(model: str) -> str:
    """Key prefix of what the platform keeps of a model."""
    return f"{RECORDS}/{model}"


def jobs_prefix(model: str) -> str:
    """Key prefix of what a model's containers upload."""
    return f"{JOBS}/{model}"


def _trained(request: TrainingRequest) -> str:
    """A request's own folder below either prefix; two requests of one version do not share it."""
    return f"{request.image.version}-r{request.retraining}/{request.content_hash()}"


def artifact_uri(platform: Platform, key: str) -> str:
    """s3:// address of a key in the artifacts bucket."""
    return f"s3://{platform.artifacts_bucket}/{key}"


def training_output(platform: Platform, request: TrainingRequest) -> str:
    """S3OutputPath of the training job; SageMaker adds <job>/output/model.tar.gz."""
    return artifact_uri(platform, f"{jobs_prefix(request.model.name)}/{_trained(request)}/training")


def evaluation_output(platform: Platform, request: TrainingRequest, subject: Subject) -> str:
    """Prefix to which the processing job uploads evaluation.json."""
    return artifact_uri(platform, f"{jobs_prefix(request.model.name)}/{_trained(request)}/evaluation/{subject}")


def request_prefix(request: TrainingRequest) -> str:
    """Key prefix of the platform's records of one training request."""
    return f"{records_prefix(request.model.name)}/{_trained(request)}"


def model_key(request: TrainingRequest) -> str:
    """Key of the platform's copy of the trained model: what is evaluated, approved and served."""
    return f"{records_prefix(request.model.name)}/models/{_trained(request)}/model.tar.gz"


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


def lease_key(model: str) -> str:
    """Key of who may change this model's endpoint."""
    return f"{records_prefix(model)}/lease.json"


def reservation_key(model: str, image_version: str, retraining: int) -> str:
    """Key of who has a retraining number of an image version."""
    return f"{records_prefix(model)}/retrainings/{image_version}/{retraining:06d}"


def reserving_key(model: str, image_version: str, content: str) -> str:
    """Key of the number that one training is about to have, by the hash of its content."""
    return f"{records_prefix(model)}/retrainings/{image_version}/of-{content}"


def last_reservation_key(model: str, image_version: str) -> str:
    """Key of a number that is surely taken, from which the search for a free one starts."""
    return f"{records_prefix(model)}/retrainings/{image_version}/last"


def deployment_key(model: str, endpoint_config: str) -> str:
    """Key of the DeploymentRecord."""
    return f"{records_prefix(model)}/deployments/{endpoint_config}.json"


def change_key(request: DeploymentRequest, endpoint_config: str) -> str:
    """Key of what one deployment request changed, kept for its retries."""
    return f"{records_prefix(request.model.name)}/deployments/{endpoint_config}-{request.content_hash()}-change.json"


def deployment_failure_key(request: DeploymentRequest, endpoint_config: str) -> str:
    """Key of why one deployment request failed and what became of the endpoint, as text."""
    return f"{records_prefix(request.model.name)}/deployments/{endpoint_config}-{request.content_hash()}-failure.txt"


def channel_uri(platform: Platform, value: str) -> str:
    """A channel of model.yaml as an s3:// address; a path is a folder, so no sibling `train_old` comes along."""
    return value if value.startswith("s3://") else f"s3://{platform.data_bucket}/{value.strip('/')}/"


def examples_key(model: str, image_digest: str) -> str:
    """Key of the request that the admission test sent to an image, and its answer."""
    return f"{records_prefix(model)}/examples/{_hex(image_digest)}.json"


def bill_of_materials_key(model: str, image_digest: str) -> str:
    """Key of the list of what is in an image, CycloneDX JSON."""
    return f"{records_prefix(model)}/images/{_hex(image_digest)}.cdx.json"


def scan_key(model: str, image_digest: str) -> str:
    """Key of what the registry's scan found in an image, JSON."""
    return f"{records_prefix(model)}/images/{_hex(image_digest)}.scan.json"


def statement_key(model: str, image_digest: str) -> str:
    """Key of the signed statement of where an image comes from, a DSSE envelope."""
    return f"{records_prefix(model)}/images/{_hex(image_digest)}.intoto.json"


def _hex(digest: str) -> str:
    return digest.removeprefix("sha256:")

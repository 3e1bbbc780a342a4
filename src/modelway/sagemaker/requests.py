"""Contract to boto3 request dictionaries. Pure: nothing here calls AWS."""

from __future__ import annotations

from typing import Any, Literal

from modelway.contracts import Decision, DeploymentRequest, EvaluationReport, TrainingRequest
from modelway.contracts.hyperparameters import hyperparameter_text
from modelway.platform import Platform
from modelway.sagemaker.protection import network, output_key, volume_key
from modelway.versioning import locations

Request = dict[str, Any]
Subject = Literal["candidate", "champion"]


def model_tags(request: TrainingRequest | DeploymentRequest, platform: Platform) -> list[dict[str, str]]:
    """What a resource of all a model's versions carries, so that its cost is told from other models'."""
    kept = ("modelway:project", "modelway:environment", "modelway:model")
    return [tag for tag in tags(request, platform) if tag["Key"] in kept]


def tags(request: TrainingRequest | DeploymentRequest, platform: Platform) -> list[dict[str, str]]:
    """What every resource carries; lineage reads it back."""
    values = {
        "modelway:project": platform.project,
        "modelway:environment": platform.environment,
        "modelway:model": request.model.name,
        "modelway:model-version": request.model_version,
        "modelway:image-digest": request.image.digest,
        "modelway:commit": request.provenance.commit_sha,
    }
    return [{"Key": key, "Value": value} for key, value in values.items()]


def _s3_source(uri: str) -> Request:
    return {"S3DataType": "S3Prefix", "S3Uri": uri, "S3DataDistributionType": "FullyReplicated"}


def create_training_job(request: TrainingRequest, platform: Platform, job_name: str) -> Request:
    """`CreateTrainingJob`: the image by digest, one channel an input, hyperparameters as strings."""
    spec = request.model.training
    return {
        "TrainingJobName": job_name,
        "RoleArn": platform.job_role_of(request.model.name),
        **network(request.model, platform),
        "AlgorithmSpecification": {
            "TrainingImage": request.image.uri,
            "TrainingInputMode": "File",
            "MetricDefinitions": [{"Name": m.name, "Regex": m.regex} for m in spec.metric_definitions],
            "EnableSageMakerMetricsTimeSeries": bool(spec.metric_definitions),
        },
        "HyperParameters": {name: hyperparameter_text(value) for name, value in spec.hyperparameters.items()},
        "InputDataConfig": [
            {"ChannelName": name, "DataSource": {"S3DataSource": _s3_source(locations.channel_uri(platform, value))}}
            for name, value in spec.channels.items()
        ],
        "OutputDataConfig": {"S3OutputPath": locations.training_output(platform, request), **output_key(platform)},
        "ResourceConfig": {
            "InstanceType": spec.instance_type,
            "InstanceCount": spec.instance_count,
            "VolumeSizeInGB": spec.volume_gb,
            **volume_key(platform, spec.instance_type),
        },
        "StoppingCondition": {"MaxRuntimeInSeconds": spec.max_runtime_seconds},
        "Tags": tags(request, platform),
    }


def create_processing_job(
    request: TrainingRequest, platform: Platform, job_name: str, subject: Subject, image_uri: str, model_data: str
) -> Request:
    """`CreateProcessingJob`: score `model_data` (s3:// of a model.tar.gz) on the candidate's holdout."""
    spec = request.model.evaluation
    holdout = locations.channel_uri(platform, request.model.training.channels[spec.channel])

    def source(name: str, uri: str) -> Request:
        local = f"/opt/ml/processing/input/{name}"
        return {
            "InputName": name,
            "S3Input": {"S3Uri": uri, "LocalPath": local, "S3DataType": "S3Prefix", "S3InputMode": "File"},
        }

    return {
        "ProcessingJobName": job_name,
        "RoleArn": platform.job_role_of(request.model.name),
        "NetworkConfig": network(request.model, platform),
        "AppSpecification": {
            "ImageUri": image_uri,
            "ContainerEntrypoint": ["python", "/opt/program/container.py"],
            "ContainerArguments": ["evaluate"],
        },
        "ProcessingInputs": [source("model", model_data), source("data", holdout)],
        "ProcessingOutputConfig": {
            "Outputs": [
                {
                    "OutputName": "evaluation",
                    "S3Output": {
                        "S3Uri": locations.evaluation_output(platform, request, subject),
                        "LocalPath": "/opt/ml/processing/output",
                        "S3UploadMode": "EndOfJob",
                    },
                }
            ],
            **output_key(platform),
        },
        "ProcessingResources": {
            "ClusterConfig": {
                "InstanceType": spec.instance_type,
                "InstanceCount": 1,
                "VolumeSizeInGB": spec.volume_gb,
                **volume_key(platform, spec.instance_type),
            }
        },
        "StoppingCondition": {"MaxRuntimeInSeconds": spec.max_runtime_seconds},
        "Tags": tags(request, platform),
    }


def container(request: TrainingRequest, model_data: str) -> Request:
    """What a model and its package serve: image, artifact, and the names that an endpoint's answers carry."""
    return {
        "Image": request.image.uri,
        "ModelDataUrl": model_data,
        "Environment": {
            "MODELWAY_MODEL_VERSION": request.model_version,
            "MODELWAY_IMAGE_DIGEST": request.image.digest,
        },
    }


def create_model(request: TrainingRequest, platform: Platform, name: str, model_data: str) -> Request:
    """`CreateModel`; the environment is what the endpoint's answers name themselves by."""
    return {
        "ModelName": name,
        "PrimaryContainer": container(request, model_data),
        "ExecutionRoleArn": platform.endpoint_role_of(request.model.name),
        **network(request.model, platform),
        "Tags": tags(request, platform),
    }


def create_model_package(
    request: TrainingRequest,
    platform: Platform,
    *,
    group: str,
    model_name: str,
    model_data: str,
    report: EvaluationReport,
    decision: Decision,
) -> Request:
    """`CreateModelPackage`: an accepted candidate waits for approval, a refused one is kept as Rejected."""
    metadata = {
        "model_version": request.model_version,
        "image_digest": request.image.digest,
        "commit": request.provenance.commit_sha,
        "ref": request.provenance.ref,
        "released": str(request.provenance.released).lower(),
        "merge_request": str(request.provenance.merge_request or "none"),
        "verdict": decision.verdict.value,
        "request": locations.artifact_uri(platform, locations.request_key(request)),
        "request_digest": request.content_hash(64),
        "sagemaker_model": model_name,
        **{f"metric_{m.name}"[:128]: f"{m.candidate:.6g}" for m in report.metrics},
    }
    instance = request.model.serving.instance_type
    return {
        "ModelPackageGroupName": group,
        "ModelPackageDescription": f"{request.model.name} {request.model_version}: {decision.verdict.value}",
        "InferenceSpecification": {
            "Containers": [container(request, model_data)],
            "SupportedContentTypes": ["application/json"],
            "SupportedResponseMIMETypes": ["application/json"],
            "SupportedRealtimeInferenceInstanceTypes": [instance],
        },
        "ModelApprovalStatus": "PendingManualApproval" if decision.accepted else "Rejected",
        "CustomerMetadataProperties": metadata,
        "ClientToken": request.content_hash(36),
    }


def create_endpoint_config(request: DeploymentRequest, platform: Platform, name: str) -> Request:
    """`CreateEndpointConfig`: one variant, AllTraffic."""
    serving = request.model.serving
    return {
        "EndpointConfigName": name,
        "ProductionVariants": [
            {
                "VariantName": "AllTraffic",
                "ModelName": request.model_name,
                "InstanceType": serving.instance_type,
                "InitialInstanceCount": serving.initial_instance_count,
                "InitialVariantWeight": 1.0,
                "ContainerStartupHealthCheckTimeoutInSeconds": max(60, serving.startup_timeout_seconds),
            }
        ],
        **volume_key(platform, serving.instance_type, field="KmsKeyId"),
        "Tags": tags(request, platform),
    }


def scalable_variant(endpoint: str) -> Request:
    """The endpoint's only variant, as every request to Application Auto Scaling names it."""
    return {
        "ServiceNamespace": "sagemaker",
        "ResourceId": f"endpoint/{endpoint}/variant/AllTraffic",
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
    }


def register_autoscaling(request: DeploymentRequest, endpoint: str) -> tuple[Request, list[Request]]:
    """`RegisterScalableTarget` and the `PutScalingPolicy` requests. Raises ValueError without an autoscaling spec."""
    spec = request.model.serving.autoscaling
    if spec is None:
        raise ValueError(f"{request.model.name} has no serving.autoscaling")
    target = scalable_variant(endpoint)
    invocations = {
        "TargetValue": spec.invocations_per_instance,
        "PredefinedMetricSpecification": {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"},
    }
    policies = [(f"{endpoint}-invocations", invocations)]
    if spec.cpu_percent is not None:
        dimensions = [{"Name": "EndpointName", "Value": endpoint}, {"Name": "VariantName", "Value": "AllTraffic"}]
        metric = {
            "MetricName": "CPUUtilization",
            "Namespace": "/aws/sagemaker/Endpoints",
            "Dimensions": dimensions,
            "Statistic": "Average",
        }
        policies.append((f"{endpoint}-cpu", {"TargetValue": spec.cpu_percent, "CustomizedMetricSpecification": metric}))
    return (
        {**target, "MinCapacity": spec.min_instances, "MaxCapacity": spec.max_instances},
        [
            {
                **target,
                "PolicyName": name,
                "PolicyType": "TargetTrackingScaling",
                "TargetTrackingScalingPolicyConfiguration": configuration,
            }
            for name, configuration in policies
        ],
    )

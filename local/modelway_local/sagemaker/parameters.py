"""What becomes of every parameter of every SageMaker operation that is answered here.

A parameter is *honoured* (it does what AWS documents), *recorded only* (it changes nothing here, and the reason says
why that hides nothing), or *refused* by name with a 501 before anything is created. Some are honoured for the values
that are listed and refused for the others. The members come from botocore's model: one without an entry here is
refused, and a unit test names it.

Source: the request parameters in https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_Operations.html
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from modelway_local.gateway.errors import AwsError
from modelway_local.gateway.validation import service_model

RUNTIME_OPERATIONS = ("InvokeEndpoint",)


class Fate(StrEnum):
    """What becomes of a parameter."""

    HONOURED = "honoured"
    RECORDED = "recorded only"
    REFUSED = "refused"


@dataclass(frozen=True)
class Rule:
    """A parameter's fate. With `only`, values that are not listed are refused. Recorded and refused cover all below."""

    fate: Fate
    reason: str = ""
    only: tuple[object, ...] = ()


class RefusedParameter(AwsError):
    """Raised for a parameter, or a value of one, that AWS has and this gateway does not: HTTP 501, naming it."""

    def __init__(self, operation: str, path: str, value: Any, reason: str) -> None:
        shown = str(value) if isinstance(value, str | int | float) else type(value).__name__
        because = f": {reason}" if reason else ""
        message = (
            f"modelway's local gateway does not implement sagemaker {operation} with {path} = {shown[:200]!r}{because}"
        )
        super().__init__("NotImplemented", message, 501)


Rules = dict[str, Rule]


def _honoured(*paths: str) -> Rules:
    return {path: Rule(Fate.HONOURED) for text in paths for path in text.split()}


def _only(path: str, *values: object, reason: str = "") -> Rules:
    return {path: Rule(Fate.HONOURED, reason, values)}


def _recorded(reason: str, *paths: str) -> Rules:
    return {path: Rule(Fate.RECORDED, reason) for text in paths for path in text.split()}


def _refused(reason: str, *paths: str) -> Rules:
    return {path: Rule(Fate.REFUSED, reason) for text in paths for path in text.split()}


ROLE = "roles are judged where calls are, not by the operation"
SIZE = "a process has this machine's own processors, memory and disk, and a quota is the account's"
KEY = "what is kept on this machine is not encrypted; the key's policy is not tried"
INSTANCES = "one instance is one process, and a job of several would not be told of the others"
ONE_SERVER = "one process answers for all instances of a variant; Describe and autoscaling count them"
VPC = "one machine has no subnets or security groups, so what they close would be open"
TRIALS = "no experiments are kept"
LIVE = "no traffic is shifted in parts and no alarm is watched"
EXPERIMENT = _refused(TRIALS, "ExperimentConfig")
TAGS = _honoured("Tags.Key Tags.Value")
LISTED = _honoured("SortBy SortOrder NextToken MaxResults NameContains CreationTimeBefore CreationTimeAfter")
CHANGED = _honoured("LastModifiedTimeBefore LastModifiedTimeAfter StatusEquals")
PACKAGE_ENTRY = "a model package is an entry of a catalogue: Describe gives it back, which is its effect on AWS as well"

DEPLOYMENT: Rules = {
    **_only("DeploymentConfig.BlueGreenUpdatePolicy.TrafficRoutingConfiguration.Type", "ALL_AT_ONCE", reason=LIVE),
    **_recorded(
        "all traffic moves once the new servers are healthy; no alarm is watched meanwhile: naming one is refused",
        "DeploymentConfig.BlueGreenUpdatePolicy.TrafficRoutingConfiguration.WaitIntervalInSeconds",
        "DeploymentConfig.BlueGreenUpdatePolicy.TerminationWaitInSeconds",
        "DeploymentConfig.BlueGreenUpdatePolicy.MaximumExecutionTimeoutInSeconds",
    ),
    **_refused(
        LIVE,
        "DeploymentConfig.BlueGreenUpdatePolicy.TrafficRoutingConfiguration.CanarySize",
        "DeploymentConfig.BlueGreenUpdatePolicy.TrafficRoutingConfiguration.LinearStepSize",
        "DeploymentConfig.RollingUpdatePolicy",
        "DeploymentConfig.AutoRollbackConfiguration",
    ),
}

TRAINING_INPUT = "InputDataConfig."
S3_SOURCE = "InputDataConfig.DataSource.S3DataSource."
CREATE_TRAINING_JOB: Rules = {
    **_honoured(
        "TrainingJobName HyperParameters Environment StoppingCondition.MaxRuntimeInSeconds EnableNetworkIsolation",
        "AlgorithmSpecification.TrainingImage AlgorithmSpecification.MetricDefinitions.Name",
        "AlgorithmSpecification.MetricDefinitions.Regex AlgorithmSpecification.ContainerEntrypoint",
        "AlgorithmSpecification.ContainerArguments OutputDataConfig.S3OutputPath",
        "InputDataConfig.ChannelName InputDataConfig.ContentType",
        f"{S3_SOURCE}S3Uri CheckpointConfig.S3Uri CheckpointConfig.LocalPath",
        "StoppingCondition.MaxWaitTimeInSeconds EnableManagedSpotTraining",
    ),
    **TAGS,
    **_only("AlgorithmSpecification.TrainingInputMode", "File", reason="channels are copied before the job starts"),
    **_only(f"{TRAINING_INPUT}InputMode", "File", reason="channels are copied before the job starts"),
    **_only(f"{TRAINING_INPUT}CompressionType", "None", reason="SageMaker unpacks in Pipe mode only"),
    **_only(f"{TRAINING_INPUT}RecordWrapperType", "None", reason="records are not wrapped as RecordIO"),
    **_only(f"{S3_SOURCE}S3DataType", "S3Prefix", "ManifestFile", reason="it is read in Pipe mode only"),
    **_only(f"{S3_SOURCE}S3DataDistributionType", "FullyReplicated", "ShardedByS3Key"),
    **_only("AlgorithmSpecification.TrainingImageConfig.TrainingRepositoryAccessMode", "Platform"),
    **_only("OutputDataConfig.CompressionType", "GZIP", reason="a model is packed as model.tar.gz"),
    **_only("ResourceConfig.InstanceCount", 1, reason=INSTANCES),
    **_recorded(SIZE, "ResourceConfig.InstanceType ResourceConfig.VolumeSizeInGB"),
    **_recorded(KEY, "OutputDataConfig.KmsKeyId ResourceConfig.VolumeKmsKeyId"),
    **_recorded(ROLE, "RoleArn"),
    **_recorded("a warm instance saves time only", "ResourceConfig.KeepAlivePeriodInSeconds"),
    **_recorded("jobs start at once, so none is ever pending", "StoppingCondition.MaxPendingTimeInSeconds"),
    **_recorded("one container talks to no other", "EnableInterContainerTrafficEncryption"),
    **_recorded(
        "SageMaker retries its own InternalServerError; here that means that the stack was stopped", "RetryStrategy"
    ),
    **_recorded("it tries an instance's hardware before the job", "InfraCheckConfig"),
    **_recorded(
        "it draws the metrics over time in the console; the final values are the same",
        "AlgorithmSpecification.EnableSageMakerMetricsTimeSeries",
    ),
    **_only("ProfilerConfig.DisableProfiler", True, reason="jobs are not profiled"),
    **_refused(
        "jobs are not profiled",
        "ProfilerConfig.S3OutputPath ProfilerConfig.ProfilingIntervalInMilliseconds ProfilerConfig.ProfilingParameters",
        "ProfilerRuleConfigurations",
    ),
    **_refused("jobs are not debugged", "DebugHookConfig DebugRuleConfigurations TensorBoardOutputConfig"),
    **_refused("no session is opened into a container", "RemoteDebugConfig"),
    **_refused("a session's tags are not passed on", "SessionChainingConfig"),
    **_refused("only images are run", "AlgorithmSpecification.AlgorithmName"),
    **_refused(
        "private registries are not asked", "AlgorithmSpecification.TrainingImageConfig.TrainingRepositoryAuthConfig"
    ),
    **_refused("it needs an augmented manifest, which is read in Pipe mode only", f"{S3_SOURCE}AttributeNames"),
    **_refused(INSTANCES, f"{S3_SOURCE}InstanceGroupNames ResourceConfig.InstanceGroups"),
    **_refused("there is no hub", f"{S3_SOURCE}ModelAccessConfig {S3_SOURCE}HubAccessConfig"),
    **_refused(
        "only S3 is read", "InputDataConfig.DataSource.FileSystemDataSource InputDataConfig.DataSource.DatasetSource"
    ),
    **_refused("keys are not shuffled", "InputDataConfig.ShuffleConfig"),
    **_refused("no capacity is reserved", "ResourceConfig.TrainingPlanArn ResourceConfig.InstancePlacementConfig"),
    **_refused(VPC, "VpcConfig"),
    **_refused("jobs run in a container of the caller's", "ServerlessJobConfig MlflowConfig ModelPackageConfig"),
    **EXPERIMENT,
}

PROCESSING_INPUT = "ProcessingInputs.S3Input."
PROCESSING_OUTPUT = "ProcessingOutputConfig.Outputs."
CREATE_PROCESSING_JOB: Rules = {
    **_honoured(
        "ProcessingJobName Environment StoppingCondition.MaxRuntimeInSeconds NetworkConfig.EnableNetworkIsolation",
        "AppSpecification.ImageUri AppSpecification.ContainerEntrypoint AppSpecification.ContainerArguments",
        f"ProcessingInputs.InputName {PROCESSING_INPUT}S3Uri {PROCESSING_INPUT}LocalPath {PROCESSING_INPUT}S3DataType",
        f"{PROCESSING_OUTPUT}OutputName {PROCESSING_OUTPUT}S3Output.S3Uri {PROCESSING_OUTPUT}S3Output.LocalPath",
        f"{PROCESSING_OUTPUT}S3Output.S3UploadMode",
    ),
    **TAGS,
    **_only(f"{PROCESSING_INPUT}S3InputMode", "File", reason="inputs are copied before the job starts"),
    **_only(f"{PROCESSING_INPUT}S3DataDistributionType", "FullyReplicated", "ShardedByS3Key"),
    **_only(f"{PROCESSING_INPUT}S3CompressionType", "None", reason="SageMaker unpacks in Pipe mode only"),
    **_only("ProcessingResources.ClusterConfig.InstanceCount", 1, reason=INSTANCES),
    **_recorded(
        SIZE, "ProcessingResources.ClusterConfig.InstanceType ProcessingResources.ClusterConfig.VolumeSizeInGB"
    ),
    **_recorded(KEY, "ProcessingOutputConfig.KmsKeyId ProcessingResources.ClusterConfig.VolumeKmsKeyId"),
    **_recorded(ROLE, "RoleArn"),
    **_recorded("one container talks to no other", "NetworkConfig.EnableInterContainerTrafficEncryption"),
    **_refused("inputs are the request's own", f"ProcessingInputs.AppManaged {PROCESSING_OUTPUT}AppManaged"),
    **_refused("neither Athena nor Redshift is asked", "ProcessingInputs.DatasetDefinition"),
    **_refused("there is no feature store", f"{PROCESSING_OUTPUT}FeatureStoreOutput"),
    **_refused(VPC, "NetworkConfig.VpcConfig"),
    **EXPERIMENT,
}

MODEL_SOURCE = "PrimaryContainer.ModelDataSource.S3DataSource."
CREATE_MODEL: Rules = {
    **_honoured(
        "ModelName EnableNetworkIsolation PrimaryContainer.Image PrimaryContainer.Environment",
        f"PrimaryContainer.ModelDataUrl {MODEL_SOURCE}S3Uri {MODEL_SOURCE}S3DataType {MODEL_SOURCE}CompressionType",
    ),
    **TAGS,
    **_only("PrimaryContainer.Mode", "SingleModel", reason="a container holds one model"),
    **_only("PrimaryContainer.ImageConfig.RepositoryAccessMode", "Platform"),
    **_recorded("it tells one container from another of the same model", "PrimaryContainer.ContainerHostname"),
    **_recorded(ROLE, "ExecutionRoleArn"),
    **_refused("private registries are not asked", "PrimaryContainer.ImageConfig.RepositoryAuthConfig"),
    **_refused(
        "there is no hub",
        f"{MODEL_SOURCE}ModelAccessConfig {MODEL_SOURCE}HubAccessConfig {MODEL_SOURCE}ManifestS3Uri",
        f"{MODEL_SOURCE}ETag {MODEL_SOURCE}ManifestEtag PrimaryContainer.AdditionalModelDataSources",
    ),
    **_refused(
        "a model names its image itself",
        "PrimaryContainer.ModelPackageName PrimaryContainer.InferenceSpecificationName",
    ),
    **_refused("a container holds one model", "PrimaryContainer.MultiModelConfig"),
    **_refused("a model is one container", "Containers InferenceExecutionConfig"),
    **_refused(VPC, "VpcConfig"),
}

VARIANT = "ProductionVariants."
CREATE_ENDPOINT_CONFIG: Rules = {
    **_honoured(
        f"EndpointConfigName {VARIANT}VariantName {VARIANT}ModelName {VARIANT}InitialVariantWeight",
        f"{VARIANT}ContainerStartupHealthCheckTimeoutInSeconds",
    ),
    **TAGS,
    **_recorded(ONE_SERVER, f"{VARIANT}InitialInstanceCount {VARIANT}RoutingConfig"),
    **_recorded(SIZE, f"{VARIANT}InstanceType {VARIANT}VolumeSizeInGB"),
    **_recorded("the model is on this machine", f"{VARIANT}ModelDataDownloadTimeoutInSeconds"),
    **_recorded("it names the drivers of an instance", f"{VARIANT}InferenceAmiVersion"),
    **_recorded(KEY, "KmsKeyId"),
    **_only("DataCaptureConfig.EnableCapture", False, reason="requests and answers are not kept"),
    **_recorded(
        "it says nothing while EnableCapture is false, and true is refused",
        "DataCaptureConfig.InitialSamplingPercentage DataCaptureConfig.DestinationS3Uri DataCaptureConfig.KmsKeyId",
        "DataCaptureConfig.CaptureOptions DataCaptureConfig.CaptureContentTypeHeader",
    ),
    **_refused("no accelerator is attached", f"{VARIANT}AcceleratorType"),
    **_refused("no memory dump is kept", f"{VARIANT}CoreDumpConfig"),
    **_refused("a variant is a server that stays", f"{VARIANT}ServerlessConfig"),
    **_refused("no session is opened into a container", f"{VARIANT}EnableSSMAccess"),
    **_refused("the number of instances is not scaled by SageMaker", f"{VARIANT}ManagedInstanceScaling"),
    **_refused("no capacity is reserved", f"{VARIANT}CapacityReservationConfig"),
    **_refused("requests are answered while the caller waits", "AsyncInferenceConfig"),
    **_refused("no explainer is run", "ExplainerConfig"),
    **_refused("no request is copied to a second server", "ShadowProductionVariants"),
    **_refused("a variant names its model", "ExecutionRoleArn EnableNetworkIsolation"),
    **_refused(VPC, "VpcConfig"),
    **_refused("no metrics of instances are published", "MetricsConfig"),
}

CREATE_TRANSFORM_JOB: Rules = {
    **_honoured(
        "TransformJobName ModelName MaxPayloadInMB BatchStrategy Environment",
        "ModelClientConfig.InvocationsTimeoutInSeconds ModelClientConfig.InvocationsMaxRetries",
        "TransformInput.DataSource.S3DataSource.S3DataType TransformInput.DataSource.S3DataSource.S3Uri",
        "TransformInput.ContentType TransformInput.CompressionType",
        "TransformOutput.S3OutputPath TransformOutput.Accept TransformOutput.AssembleWith",
    ),
    **TAGS,
    **_only("TransformInput.SplitType", "None", "Line", reason="only lines are told apart"),
    **_only("DataProcessing.JoinSource", "None", reason="answers are not joined to their records"),
    **_refused("records are not filtered", "DataProcessing.InputFilter DataProcessing.OutputFilter"),
    **_recorded("requests are sent one after the other, which changes the time only", "MaxConcurrentTransforms"),
    **_recorded("each object is answered for itself, whichever instance does it", "TransformResources.InstanceCount"),
    **_recorded(SIZE, "TransformResources.InstanceType"),
    **_recorded("it names the drivers of an instance", "TransformResources.TransformAmiVersion"),
    **_recorded(KEY, "TransformOutput.KmsKeyId TransformResources.VolumeKmsKeyId"),
    **_refused("requests and answers are not kept", "DataCaptureConfig"),
    **EXPERIMENT,
}

TABLE: dict[str, Rules] = {
    "AddTags": {**_honoured("ResourceArn"), **TAGS},
    "CreateEndpoint": {**_honoured("EndpointName EndpointConfigName"), **TAGS, **DEPLOYMENT},
    "CreateEndpointConfig": CREATE_ENDPOINT_CONFIG,
    "CreateModel": CREATE_MODEL,
    "CreateModelPackage": {
        **_honoured("ModelPackageName ModelPackageGroupName ModelApprovalStatus ClientToken"),
        **TAGS,
        **_recorded(
            PACKAGE_ENTRY,
            "ModelPackageDescription InferenceSpecification MetadataProperties ModelMetrics Domain Task",
            "SamplePayloadUrl CustomerMetadataProperties DriftCheckBaselines AdditionalInferenceSpecifications",
            "SourceUri ModelCard ModelLifeCycle SkipModelValidation",
        ),
        **_recorded(KEY, "SecurityConfig"),
        **_refused("packages are not offered on the marketplace", "CertifyForMarketplace"),
        **_refused("a package is not tried by jobs", "ValidationSpecification"),
        **_refused("only images are run", "SourceAlgorithmSpecification"),
        **_refused("packages are registered as they are", "ModelPackageRegistrationType"),
    },
    "CreateModelPackageGroup": {**_honoured("ModelPackageGroupName ModelPackageGroupDescription"), **TAGS},
    "CreateProcessingJob": CREATE_PROCESSING_JOB,
    "CreateTrainingJob": CREATE_TRAINING_JOB,
    "CreateTransformJob": CREATE_TRANSFORM_JOB,
    "DeleteTags": _honoured("ResourceArn TagKeys"),
    "ListEndpointConfigs": LISTED,
    "ListEndpoints": {**LISTED, **CHANGED},
    "ListModelPackageGroups": {
        **LISTED,
        **_only("CrossAccountFilterOption", "SameAccount", reason="there is one account"),
    },
    "ListModelPackages": {**LISTED, **_honoured("ModelApprovalStatus ModelPackageGroupName ModelPackageType")},
    "ListModels": LISTED,
    "ListProcessingJobs": {**LISTED, **CHANGED},
    "ListTags": _honoured("ResourceArn NextToken MaxResults"),
    "ListTrainingJobs": {
        **LISTED,
        **CHANGED,
        **_refused("no instance is kept warm", "WarmPoolStatusEquals"),
        **_refused("no capacity is reserved", "TrainingPlanArnEquals"),
    },
    "ListTransformJobs": {**LISTED, **CHANGED},
    "UpdateEndpoint": {
        **_honoured("EndpointName EndpointConfigName RetainAllVariantProperties"),
        **_honoured("ExcludeRetainedVariantProperties.VariantPropertyType"),
        **DEPLOYMENT,
        **_refused("no DeploymentConfig is kept", "RetainDeploymentConfig"),
    },
    "UpdateEndpointWeightsAndCapacities": {
        **_honoured("EndpointName DesiredWeightsAndCapacities.VariantName DesiredWeightsAndCapacities.DesiredWeight"),
        **_recorded(ONE_SERVER, "DesiredWeightsAndCapacities.DesiredInstanceCount"),
        **_refused("a variant is a server that stays", "DesiredWeightsAndCapacities.ServerlessUpdateConfig"),
    },
    "UpdateModelPackage": {
        **_honoured("ModelPackageArn ModelApprovalStatus ApprovalDescription CustomerMetadataProperties"),
        **_honoured("CustomerMetadataPropertiesToRemove"),
        **_refused(
            "an update changes approval and customer metadata only",
            "ModelPackageRegistrationType AdditionalInferenceSpecificationsToAdd InferenceSpecification SourceUri",
            "ModelCard ModelLifeCycle ClientToken",
        ),
    },
    "InvokeEndpoint": {
        **_honoured("EndpointName Body ContentType Accept CustomAttributes TargetVariant"),
        **_recorded("it is written beside captured requests, and capture is refused", "InferenceId"),
        **_refused("a container holds one model", "TargetModel"),
        **_refused("a model is one container", "TargetContainerHostname"),
        **_refused("a variant names its model", "InferenceComponentName"),
        **_refused("no explainer is run", "EnableExplanations"),
        **_refused("a server keeps no session", "SessionId"),
    },
}
# Describe, Delete and Stop take the name of a resource and nothing else.
NAMING = ("Describe", "Delete", "Stop")


def members(operation: str) -> Iterator[str]:
    """Dotted paths of the operation's members that hold a value: no list's or structure's own, but what is in them."""
    service = "sagemaker-runtime" if operation in RUNTIME_OPERATIONS else "sagemaker"
    shape = service_model(service).operation_model(operation).input_shape
    return _leaves(shape, "") if shape is not None else iter(())


def _leaves(shape: Any, path: str) -> Iterator[str]:
    if shape.type_name == "structure":
        for name, member in shape.members.items():
            yield from _leaves(member, f"{path}.{name}" if path else name)
    elif shape.type_name == "list":
        yield from _leaves(shape.member, path)
    else:
        yield path


def rule(operation: str, path: str) -> tuple[str, Rule] | None:
    """The rule of a member and the path that it is written for: its own, or a recorded or refused one above it."""
    if operation not in TABLE and operation.startswith(NAMING):
        return path, Rule(Fate.HONOURED)
    rules = TABLE.get(operation, {})
    parts = path.split(".")
    for end in range(len(parts), 0, -1):
        above = ".".join(parts[:end])
        if (written := rules.get(above)) and (above == path or written.fate is not Fate.HONOURED):
            return above, written
    return None


def refuse_what_is_not_done(operation: str, request: dict[str, Any]) -> None:
    """Raise RefusedParameter for the first parameter of a valid request that is not honoured or recorded."""
    _refuse_in(operation, request, "", "")


def _refuse_in(operation: str, structure: dict[str, Any], above: str, above_shown: str) -> None:
    for name, value in structure.items():
        # Null, false and empty say as much as a parameter that is left out.
        if value is None or value is False or value in ({}, []):
            continue
        path, shown = (f"{above}.{name}", f"{above_shown}.{name}") if above else (name, name)
        written = rule(operation, path)
        if written is not None:
            _check(operation, shown, value, written[1])
            continue
        if not _has_rules_below(operation, path):
            raise RefusedParameter(operation, shown, value, "it is not known here")
        if isinstance(value, dict):
            _refuse_in(operation, value, path, shown)
        for number, item in enumerate(value if isinstance(value, list) else []):
            _refuse_in(operation, item, path, f"{shown}[{number}]")


def _check(operation: str, shown: str, value: Any, found: Rule) -> None:
    if found.fate is Fate.REFUSED or (found.only and value not in found.only):
        raise RefusedParameter(operation, shown, value, found.reason)


def _has_rules_below(operation: str, path: str) -> bool:
    return any(name.startswith(f"{path}.") for name in TABLE.get(operation, {}))

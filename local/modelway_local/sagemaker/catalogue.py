"""Models, endpoint configs, model packages and their groups: resources that only describe."""

from __future__ import annotations

from typing import Any

from modelway_local.gateway.errors import AwsError
from modelway_local.sagemaker.resources import Tags, arn, missing, page
from modelway_local.sagemaker.store import Resource, Store, now

MODEL, CONFIG, GROUP, PACKAGE = "model", "endpoint-config", "model-package-group", "model-package"


class Catalogue:
    """Operations on what has no life of its own."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._tags = Tags(store)

    def _create(self, kind: str, name: str, request: Resource, fields: Resource) -> str:
        with self._store.lock:
            if self._store.get(kind, name):
                raise AwsError("ValidationException", f'Cannot create already existing {kind} "{arn(kind, name)}".')
            body = {key: value for key, value in request.items() if key != "Tags"}
            self._store.put(kind, name, {**body, **fields, "CreationTime": now()})
            self._tags.set(arn(kind, name), request.get("Tags", []))
        return arn(kind, name)

    def _found(self, kind: str, name: str) -> Resource:
        found = self._store.get(kind, name)
        if found is None:
            raise missing(kind, name)
        return found

    def _delete(self, kind: str, name: str) -> None:
        with self._store.lock:
            self._store.delete(kind, name)
            self._tags.forget(arn(kind, name))

    # Models

    def create_model(self, request: Resource) -> Resource:
        """CreateModel."""
        name = request["ModelName"]
        container = request.get("PrimaryContainer", {})
        if not container.get("Image"):
            raise AwsError("ValidationException", "PrimaryContainer must name an Image.")
        if container.get("ModelDataUrl") and container.get("ModelDataSource"):
            raise AwsError("ValidationException", "ModelDataUrl and ModelDataSource cannot both be given.")
        fields = {"ModelArn": arn(MODEL, name), "EnableNetworkIsolation": bool(request.get("EnableNetworkIsolation"))}
        return {"ModelArn": self._create(MODEL, name, request, fields)}

    def describe_model(self, request: Resource) -> Resource:
        """DescribeModel."""
        return self._found(MODEL, request["ModelName"])

    def delete_model(self, request: Resource) -> Resource:
        """DeleteModel."""
        self._found(MODEL, request["ModelName"])
        self._delete(MODEL, request["ModelName"])
        return {}

    def list_models(self, request: Resource) -> Resource:
        """ListModels: filters, order and paging."""
        models, token = page(
            self._store.all(MODEL), request, name_field="ModelName", summary=_only("ModelName", "ModelArn")
        )
        return {"Models": models, "NextToken": token}

    # Endpoint configs

    def create_endpoint_config(self, request: Resource) -> Resource:
        """CreateEndpointConfig; each variant's model must exist."""
        name = request["EndpointConfigName"]
        variants = request["ProductionVariants"]
        names = [variant["VariantName"] for variant in variants]
        if len(set(names)) != len(names):
            raise AwsError("ValidationException", f"Variant names must be unique: {', '.join(names)}.")
        for variant in variants:
            _check_variant(variant)
            self._found(MODEL, variant["ModelName"])
        return {"EndpointConfigArn": self._create(CONFIG, name, request, {"EndpointConfigArn": arn(CONFIG, name)})}

    def describe_endpoint_config(self, request: Resource) -> Resource:
        """DescribeEndpointConfig."""
        return self._found(CONFIG, request["EndpointConfigName"])

    def delete_endpoint_config(self, request: Resource) -> Resource:
        """DeleteEndpointConfig."""
        self._found(CONFIG, request["EndpointConfigName"])
        self._delete(CONFIG, request["EndpointConfigName"])
        return {}

    def list_endpoint_configs(self, request: Resource) -> Resource:
        """ListEndpointConfigs."""
        summary = _only("EndpointConfigName", "EndpointConfigArn")
        configs, token = page(self._store.all(CONFIG), request, name_field="EndpointConfigName", summary=summary)
        return {"EndpointConfigs": configs, "NextToken": token}

    # Model packages and their groups

    def create_model_package_group(self, request: Resource) -> Resource:
        """CreateModelPackageGroup."""
        name = request["ModelPackageGroupName"]
        group_arn = arn(GROUP, name)
        fields = {"ModelPackageGroupArn": group_arn, "ModelPackageGroupStatus": "Completed", "CreatedBy": {}}
        self._create(GROUP, name, request, fields)
        return {"ModelPackageGroupArn": group_arn}

    def describe_model_package_group(self, request: Resource) -> Resource:
        """DescribeModelPackageGroup; takes a name or an ARN."""
        name = request["ModelPackageGroupName"].rsplit("/", 1)[-1]
        found = self._store.get(GROUP, name)
        if found is None:
            raise AwsError("ValidationException", f"ModelPackageGroup {arn(GROUP, name)} does not exist.")
        return found

    def delete_model_package_group(self, request: Resource) -> Resource:
        """DeleteModelPackageGroup; refused while it holds packages."""
        name = self.describe_model_package_group(request)["ModelPackageGroupName"]
        if any(p.get("ModelPackageGroupName") == name for p in self._store.all(PACKAGE)):
            raise AwsError("ConflictException", f"Model package group {name} still holds model packages.")
        self._delete(GROUP, name)
        return {}

    def list_model_package_groups(self, request: Resource) -> Resource:
        """ListModelPackageGroups."""
        summary = _only("ModelPackageGroupName", "ModelPackageGroupArn", "ModelPackageGroupStatus")
        groups, token = page(
            self._store.all(GROUP), request, name_field="ModelPackageGroupName", order="Ascending", summary=summary
        )
        return {"ModelPackageGroupSummaryList": groups, "NextToken": token}

    def create_model_package(self, request: Resource) -> Resource:
        """CreateModelPackage: in a group it takes the next version; a ClientToken makes a repeat harmless."""
        with self._store.lock:
            if (token := request.get("ClientToken")) and (made := self._made_with(token)):
                return {"ModelPackageArn": made["ModelPackageArn"]}
            fields: Resource = {
                "ModelPackageStatus": "Completed",
                "ModelPackageStatusDetails": {"ValidationStatuses": []},
            }
            if group := request.get("ModelPackageGroupName"):
                group = self.describe_model_package_group({"ModelPackageGroupName": group})["ModelPackageGroupName"]
                taken = [
                    p["ModelPackageVersion"]
                    for p in self._store.all(PACKAGE)
                    if p.get("ModelPackageGroupName") == group
                ]
                fields["ModelPackageVersion"] = max(taken, default=0) + 1
                fields["ModelPackageGroupName"] = fields["ModelPackageName"] = group
                fields["ModelApprovalStatus"] = request.get("ModelApprovalStatus", "PendingManualApproval")
                name = f"{group}/{fields['ModelPackageVersion']}"
            elif "ModelPackageName" in request:
                name = request["ModelPackageName"]
            else:
                raise AwsError("ValidationException", "ModelPackageName or ModelPackageGroupName must be given.")
            fields["ModelPackageArn"] = arn(PACKAGE, name)
            return {"ModelPackageArn": self._create(PACKAGE, name, request, fields)}

    def _made_with(self, token: str) -> Resource | None:
        return next((p for p in self._store.all(PACKAGE) if p.get("ClientToken") == token), None)

    def _package(self, name_or_arn: str) -> Resource:
        name = name_or_arn.split(":model-package/", 1)[-1]
        found = self._store.get(PACKAGE, name)
        if found is None:
            raise AwsError("ValidationException", f"ModelPackage {arn(PACKAGE, name)} does not exist.")
        return found

    def describe_model_package(self, request: Resource) -> Resource:
        """DescribeModelPackage."""
        found = self._package(request["ModelPackageName"])
        return {key: value for key, value in found.items() if key != "ClientToken"}

    def update_model_package(self, request: Resource) -> Resource:
        """UpdateModelPackage: approval and customer metadata."""
        found = self._package(request["ModelPackageArn"])
        fields: dict[str, Any] = {"LastModifiedTime": now()}
        for key in ("ModelApprovalStatus", "ApprovalDescription"):
            if key in request:
                fields[key] = request[key]
        metadata = {**found.get("CustomerMetadataProperties", {}), **request.get("CustomerMetadataProperties", {})}
        for key in request.get("CustomerMetadataPropertiesToRemove", []):
            metadata.pop(key, None)
        self._store.change(PACKAGE, found["_Name"], **fields, CustomerMetadataProperties=metadata)
        return {"ModelPackageArn": found["ModelPackageArn"]}

    def delete_model_package(self, request: Resource) -> Resource:
        """DeleteModelPackage."""
        self._delete(PACKAGE, self._package(request["ModelPackageName"])["_Name"])
        return {}

    def list_model_packages(self, request: Resource) -> Resource:
        """ListModelPackages of a group, by approval."""
        group = (request.get("ModelPackageGroupName") or "").rsplit("/", 1)[-1]
        approval, kind = request.get("ModelApprovalStatus"), request.get("ModelPackageType", "Both")
        packages = [
            p
            for p in self._store.all(PACKAGE)
            if (not group or p.get("ModelPackageGroupName") == group)
            and (not approval or p.get("ModelApprovalStatus") == approval)
            and kind in ("Both", "Versioned" if p.get("ModelPackageGroupName") else "Unversioned")
        ]
        summary = _only(
            "ModelPackageGroupName",
            "ModelPackageVersion",
            "ModelPackageArn",
            "ModelPackageDescription",
            "ModelPackageStatus",
            "ModelApprovalStatus",
        )
        listed, token = page(packages, request, name_field="ModelPackageArn", order="Ascending", summary=summary)
        return {"ModelPackageSummaryList": listed, "NextToken": token}

    # Tags

    def add_tags(self, request: Resource) -> Resource:
        """AddTags."""
        return {"Tags": self._tags.set(request["ResourceArn"], request["Tags"])}

    def list_tags(self, request: Resource) -> Resource:
        """ListTags."""
        tags = [{**tag, "CreationTime": at} for at, tag in enumerate(self._tags.of(request["ResourceArn"]))]
        wanted: Resource = {
            "MaxResults": 50,
            **{key: request[key] for key in ("NextToken", "MaxResults") if key in request},
        }
        listed, token = page(
            tags,
            wanted,
            name_field="Key",
            order="Ascending",
            summary=lambda tag: {"Key": tag["Key"], "Value": tag["Value"]},
        )
        return {"Tags": listed, "NextToken": token}

    def delete_tags(self, request: Resource) -> Resource:
        """DeleteTags."""
        self._tags.remove(request["ResourceArn"], request["TagKeys"])
        return {}


def _only(*fields: str) -> Any:
    kept = (*fields, "CreationTime")
    return lambda resource: {key: resource[key] for key in kept if key in resource}


def _check_variant(variant: Resource) -> None:
    """What botocore's model leaves open, because serverless variants and inference components do without it."""
    for field in ("ModelName", "InstanceType", "InitialInstanceCount"):
        if not variant.get(field):
            raise AwsError("ValidationException", f"Variant {variant['VariantName']} must give {field}.")

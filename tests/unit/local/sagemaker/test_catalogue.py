"""Models, endpoint configs and model packages: what may be made, changed and deleted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from modelway_local.gateway.errors import AwsError
from modelway_local.sagemaker.catalogue import Catalogue
from modelway_local.sagemaker.store import Store

MODEL = {"ModelName": "m", "PrimaryContainer": {"Image": "i"}}
GROUP = {"ModelPackageGroupName": "fraud"}


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    return Catalogue(Store(tmp_path))


def refusal(call: Any, **request: Any) -> str:
    """What an operation is refused with."""
    with pytest.raises(AwsError) as caught:
        call(request)
    return f"{caught.value.code}: {caught.value.message}"


def config(**variants: str) -> dict[str, Any]:
    """An endpoint config's request: model by variant."""
    size = {"InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    listed = [{"VariantName": variant, "ModelName": model, **size} for variant, model in variants.items()]
    return {"EndpointConfigName": "c", "ProductionVariants": listed}


def package(catalogue: Catalogue, **fields: Any) -> str:
    return str(catalogue.create_model_package({**GROUP, **fields})["ModelPackageArn"])


def test_a_models_name_is_free_again_with_no_tags_once_it_is_deleted(catalogue: Catalogue) -> None:
    made = catalogue.create_model({**MODEL, "Tags": [{"Key": "a", "Value": "1"}]})["ModelArn"]
    assert "already existing" in refusal(catalogue.create_model, **MODEL)
    catalogue.delete_model({"ModelName": "m"})
    assert "Could not find model" in refusal(catalogue.describe_model, ModelName="m")
    assert "Could not find model" in refusal(catalogue.delete_model, ModelName="m")
    catalogue.create_model(MODEL)
    assert catalogue.list_tags({"ResourceArn": made})["Tags"] == []


def test_a_config_needs_its_models_and_distinct_variants(catalogue: Catalogue) -> None:
    assert "Could not find model" in refusal(catalogue.create_endpoint_config, **config(A="m"))
    catalogue.create_model(MODEL)
    twice = config(A="m")
    twice["ProductionVariants"] *= 2
    assert "must be unique" in refusal(catalogue.create_endpoint_config, **twice)
    catalogue.create_endpoint_config(config(A="m", B="m"))
    assert len(catalogue.describe_endpoint_config({"EndpointConfigName": "c"})["ProductionVariants"]) == 2


def test_packages_of_a_group_count_up_and_wait_for_approval(catalogue: Catalogue) -> None:
    catalogue.create_model_package_group(GROUP)
    arns = [package(catalogue), package(catalogue, ModelApprovalStatus="Rejected")]
    assert [arn.rsplit("/", 2)[1:] for arn in arns] == [["fraud", "1"], ["fraud", "2"]]
    found = [catalogue.describe_model_package({"ModelPackageName": arn}) for arn in arns]
    assert [one["ModelApprovalStatus"] for one in found] == ["PendingManualApproval", "Rejected"]


def test_a_package_outside_any_group_does_not_count(catalogue: Catalogue) -> None:
    catalogue.create_model_package({"ModelPackageName": "alone"})
    catalogue.create_model_package_group(GROUP)
    assert package(catalogue).endswith("fraud/1")
    assert "must be given" in refusal(catalogue.create_model_package)


def test_more_than_nine_versions_are_listed_in_order_by_page(catalogue: Catalogue) -> None:
    catalogue.create_model_package_group(GROUP)
    made = [package(catalogue) for _ in range(12)]
    found: list[str] = []
    token: dict[str, str] = {}
    while True:
        answer = catalogue.list_model_packages({**GROUP, **token})
        found += [summary["ModelPackageArn"] for summary in answer["ModelPackageSummaryList"]]
        if not answer["NextToken"]:
            break
        token = {"NextToken": answer["NextToken"]}
    assert sorted(found) == sorted(made)


def test_a_client_token_makes_a_repeat_harmless(catalogue: Catalogue) -> None:
    catalogue.create_model_package_group(GROUP)
    assert package(catalogue, ClientToken="t") == package(catalogue, ClientToken="t")
    assert package(catalogue, ClientToken="u").endswith("/2")


def test_a_package_needs_its_group_and_a_group_goes_last(catalogue: Catalogue) -> None:
    assert "does not exist" in refusal(catalogue.create_model_package, **GROUP)
    catalogue.create_model_package_group(GROUP)
    made = package(catalogue)
    assert "ConflictException" in refusal(catalogue.delete_model_package_group, **GROUP)
    catalogue.delete_model_package({"ModelPackageName": made})
    catalogue.delete_model_package_group(GROUP)
    assert "does not exist" in refusal(catalogue.describe_model_package_group, **GROUP)


def test_approval_and_metadata_change_and_are_found(catalogue: Catalogue) -> None:
    catalogue.create_model_package_group(GROUP)
    made = package(catalogue, CustomerMetadataProperties={"a": "1", "b": "1"})
    package(catalogue)
    catalogue.update_model_package(
        {
            "ModelPackageArn": made,
            "ModelApprovalStatus": "Approved",
            "CustomerMetadataProperties": {"b": "2"},
            "CustomerMetadataPropertiesToRemove": ["a"],
        }
    )
    assert catalogue.describe_model_package({"ModelPackageName": made})["CustomerMetadataProperties"] == {"b": "2"}
    approved = catalogue.list_model_packages({**GROUP, "ModelApprovalStatus": "Approved"})["ModelPackageSummaryList"]
    assert [summary["ModelPackageArn"] for summary in approved] == [made]


@pytest.mark.parametrize("field", ["ModelName", "InstanceType", "InitialInstanceCount"])
def test_a_variant_says_what_it_runs_on(catalogue: Catalogue, field: str) -> None:
    catalogue.create_model(MODEL)
    request = config(A="m")
    del request["ProductionVariants"][0][field]
    assert refusal(catalogue.create_endpoint_config, **request) == f"ValidationException: Variant A must give {field}."


def test_a_model_names_its_image_and_one_place_of_its_data(catalogue: Catalogue) -> None:
    assert "must name an Image" in refusal(catalogue.create_model, ModelName="m")
    both = {"Image": "i", "ModelDataUrl": "s3://b/m", "ModelDataSource": {"S3DataSource": {"S3Uri": "s3://b/m"}}}
    assert "cannot both" in refusal(catalogue.create_model, ModelName="m", PrimaryContainer=both)


def test_packages_are_listed_by_type(catalogue: Catalogue) -> None:
    catalogue.create_model_package_group(GROUP)
    package(catalogue)
    catalogue.create_model_package({"ModelPackageName": "alone"})

    def count(**request: str) -> int:
        return len(catalogue.list_model_packages(request)["ModelPackageSummaryList"])

    assert (count(), count(ModelPackageType="Versioned"), count(ModelPackageType="Unversioned")) == (2, 1, 1)


def test_tags_are_listed_by_page(catalogue: Catalogue) -> None:
    tags = [{"Key": f"k{number}", "Value": "v"} for number in range(3)]
    arn = catalogue.create_model({**MODEL, "Tags": tags})["ModelArn"]
    first = catalogue.list_tags({"ResourceArn": arn, "MaxResults": 2})
    rest = catalogue.list_tags({"ResourceArn": arn, "MaxResults": 2, "NextToken": first["NextToken"]})
    assert [*first["Tags"], *rest["Tags"]] == tags
    assert rest["NextToken"] is None

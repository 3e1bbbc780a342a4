"""Models, endpoint configs and model packages: what may be made, changed and deleted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from modelway_local.gateway.errors import AwsError
from modelway_local.sagemaker.catalogue import Catalogue
from modelway_local.sagemaker.store import Store

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
    listed = [{"VariantName": variant, "ModelName": model} for variant, model in variants.items()]
    return {"EndpointConfigName": "c", "ProductionVariants": listed}


def package(catalogue: Catalogue, **fields: Any) -> str:
    return str(catalogue.create_model_package({**GROUP, **fields})["ModelPackageArn"])


def test_a_models_name_is_free_again_with_no_tags_once_it_is_deleted(catalogue: Catalogue) -> None:
    made = catalogue.create_model({"ModelName": "m", "Tags": [{"Key": "a", "Value": "1"}]})["ModelArn"]
    assert "already existing" in refusal(catalogue.create_model, ModelName="m")
    catalogue.delete_model({"ModelName": "m"})
    assert "Could not find model" in refusal(catalogue.describe_model, ModelName="m")
    assert "Could not find model" in refusal(catalogue.delete_model, ModelName="m")
    catalogue.create_model({"ModelName": "m"})
    assert catalogue.list_tags({"ResourceArn": made})["Tags"] == []


def test_a_config_needs_its_models_and_distinct_variants(catalogue: Catalogue) -> None:
    assert "Could not find model" in refusal(catalogue.create_endpoint_config, **config(A="m"))
    catalogue.create_model({"ModelName": "m"})
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

"""ECR's API over the registry's store, so that what was pushed and what ECR describes never differ."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from modelway_local.gateway.errors import AwsError, UnknownOperationError
from modelway_local.gateway.validation import validate_input
from modelway_local.registry import scanning
from modelway_local.registry.store import (
    BlobUnknown,
    ImageNotFound,
    RegistryStore,
    RepositoryNotFound,
    TagExists,
    write,
)
from modelway_local.sagemaker.resources import ACCOUNT, REGION

Document = dict[str, Any]


class EcrApi:
    """Operations by name; `port` is the gateway's, which is also the registry's."""

    def __init__(self, home: Path, port: int) -> None:
        self._home = home
        self._store = RegistryStore(home)
        self._registry = f"127.0.0.1:{port}"
        self._operations: dict[str, Callable[[Document], Document]] = {
            "CreateRepository": self._create,
            "DescribeRepositories": self._describe,
            "DeleteRepository": self._delete,
            "DescribeImages": self._describe_images,
            "ListImages": self._list_images,
            "BatchGetImage": self._batch_get,
            "PutImage": self._put_image,
            "BatchDeleteImage": self._batch_delete,
            "ListTagsForResource": lambda d: {"tags": self._named(d["resourceArn"].split("repository/")[-1])["tags"]},
            "TagResource": self._tag,
            "PutLifecyclePolicy": lambda d: self._keep(d, "lifecyclePolicyText", "LifecyclePolicyNotFoundException"),
            "GetLifecyclePolicy": lambda d: self._kept(d, "lifecyclePolicyText", "LifecyclePolicyNotFoundException"),
            "DeleteLifecyclePolicy": lambda d: self._drop(d, "lifecyclePolicyText", "LifecyclePolicyNotFoundException"),
            "SetRepositoryPolicy": lambda d: self._keep(d, "policyText", "RepositoryPolicyNotFoundException"),
            "DeleteRepositoryPolicy": lambda d: self._drop(d, "policyText", "RepositoryPolicyNotFoundException"),
            "PutImageScanningConfiguration": lambda d: self._configure(d, "imageScanningConfiguration"),
            "PutImageTagMutability": self._mutability,
            "DescribeImageScanFindings": self._findings,
            "GetRepositoryPolicy": lambda d: self._kept(d, "policyText", "RepositoryPolicyNotFoundException"),
        }

    def handle(self, operation: str, document: Document) -> Document:
        """Answer one operation. Raises AwsError."""
        if operation not in self._operations:
            raise UnknownOperationError("ecr", operation)
        validate_input("ecr", operation, document)
        try:
            return self._operations[operation](document)
        except RepositoryNotFound as error:
            raise AwsError("RepositoryNotFoundException", f"{error} in the registry with id '{ACCOUNT}'") from error
        except BlobUnknown as error:
            raise AwsError("LayersNotFoundException", str(error)) from error
        except ImageNotFound as error:
            raise AwsError("ImageNotFoundException", str(error)) from error
        except ValueError as error:
            raise AwsError("InvalidParameterException", str(error)) from error

    def _named(self, name: str) -> Document:
        document: Document = json.loads((self._store.repository(name) / "repository.json").read_text())
        return document

    def _create(self, request: Document) -> Document:
        name = request["repositoryName"]
        repository = {
            "repositoryArn": f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/{name}",
            "registryId": ACCOUNT,
            "repositoryName": name,
            "repositoryUri": f"{self._registry}/{name}",
            "createdAt": time.time(),
            "imageTagMutability": "IMMUTABLE",
            "imageScanningConfiguration": request.get("imageScanningConfiguration", {"scanOnPush": False}),
            "encryptionConfiguration": request.get("encryptionConfiguration", {"encryptionType": "AES256"}),
        }
        try:
            self._store.create_repository(name, {"repository": repository, "tags": request.get("tags", [])})
        except FileExistsError as error:
            message = f"The repository with name '{name}' already exists in the registry with id '{ACCOUNT}'"
            raise AwsError("RepositoryAlreadyExistsException", message) from error
        return {"repository": repository}

    def _describe(self, request: Document) -> Document:
        names = request.get("repositoryNames")
        found = [self._named(name) for name in names] if names else list(self._store.repositories())
        return {"repositories": [document["repository"] for document in found]}

    def _delete(self, request: Document) -> Document:
        name = request["repositoryName"]
        repository = self._named(name)["repository"]
        if self._store.digests(name) and not request.get("force"):
            raise AwsError("RepositoryNotEmptyException", f"The repository '{name}' still holds images")
        self._store.delete_repository(name)
        return {"repository": repository}

    def authorization(self, token: str, expires: float) -> Document:
        """GetAuthorizationToken's answer: a token of the caller's, which is made where keys are known."""
        data = {"authorizationToken": token, "expiresAt": expires, "proxyEndpoint": f"http://{self._registry}"}
        return {"authorizationData": [data]}

    def _describe_images(self, request: Document) -> Document:
        name = request["repositoryName"]
        wanted = {self._digest(name, image) for image in request.get("imageIds", [])}
        tags: dict[str, list[str]] = {}
        for tag, digest in self._store.tags(name).items():
            tags.setdefault(digest, []).append(tag)
        details = []
        for digest in self._store.digests(name):
            if wanted and digest not in wanted:
                continue
            manifest = json.loads(self._store.manifest(name, digest)[1])
            details.append(
                {
                    "registryId": ACCOUNT,
                    "repositoryName": name,
                    "imageDigest": digest,
                    "imageTags": tags.get(digest, []),
                    "imageSizeInBytes": sum(layer["size"] for layer in manifest["layers"]),
                    "imagePushedAt": self._store.pushed_at(name, digest),
                    "imageManifestMediaType": manifest["mediaType"],
                }
            )
        return {"imageDetails": details}

    def _digest(self, name: str, image: Document) -> str:
        return self._store.manifest(name, image.get("imageDigest") or image["imageTag"])[0]

    def _list_images(self, request: Document) -> Document:
        name = request["repositoryName"]
        tags = self._store.tags(name)
        tagged = [{"imageDigest": digest, "imageTag": tag} for tag, digest in tags.items()]
        named = set(tags.values())
        untagged = [{"imageDigest": digest} for digest in self._store.digests(name) if digest not in named]
        wanted = request.get("filter", {}).get("tagStatus", "ANY")
        return {"imageIds": {"TAGGED": tagged, "UNTAGGED": untagged}.get(wanted, tagged + untagged)}

    def _batch_get(self, request: Document) -> Document:
        name = request["repositoryName"]
        images, failures = [], []
        self._store.repository(name)
        for image in request["imageIds"]:
            try:
                digest, body = self._store.manifest(name, image.get("imageDigest") or image["imageTag"])
            except ImageNotFound as error:
                reason = {"failureCode": "ImageNotFound", "failureReason": str(error)}
                failures.append({"imageId": image, **reason})
                continue
            found = {"imageId": {**image, "imageDigest": digest}, "imageManifest": body.decode()}
            images.append({"registryId": ACCOUNT, "repositoryName": name, **found})
        return {"images": images, "failures": failures}

    def _put_image(self, request: Document) -> Document:
        name, body = request["repositoryName"], request["imageManifest"].encode()
        reference = request.get("imageTag") or f"sha256:{hashlib.sha256(body).hexdigest()}"
        try:
            if self._held(name, reference) == f"sha256:{hashlib.sha256(body).hexdigest()}":
                raise AwsError("ImageAlreadyExistsException", f"{name}:{reference} is this very image already")
            digest = self._store.put_manifest(name, reference, body)
        except TagExists as error:
            raise AwsError("ImageTagAlreadyExistsException", str(error)) from error
        image = {"registryId": ACCOUNT, "repositoryName": name, "imageManifest": request["imageManifest"]}
        return {"image": {**image, "imageId": {"imageDigest": digest, "imageTag": request.get("imageTag")}}}

    def _held(self, name: str, reference: str) -> str | None:
        """Digest that a tag or digest names, or None. Raises RepositoryNotFound."""
        self._store.repository(name)
        try:
            return self._store.manifest(name, reference)[0]
        except ImageNotFound:
            return None

    def _batch_delete(self, request: Document) -> Document:
        """By digest the image goes with all its tags; by tag the tag goes, and the image with its last one."""
        name = request["repositoryName"]
        deleted: list[Document] = []
        failures: list[Document] = []
        for image in request["imageIds"]:
            digest = self._held(name, image.get("imageDigest") or image["imageTag"])
            if digest is None:
                reason = {"failureCode": "ImageNotFound", "failureReason": "Requested image not found"}
                failures.append({"imageId": image, **reason})
                continue
            if "imageDigest" not in image:
                self._store.untag(name, image["imageTag"])
            if "imageDigest" in image or digest not in self._store.tags(name).values():
                self._store.delete_image(name, digest)
            deleted.append({**image, "imageDigest": digest})
        return {"imageIds": deleted, "failures": failures}

    def _configure(self, request: Document, field: str) -> Document:
        """Change one setting of the repository's own document."""
        name = request["repositoryName"]
        self._change(name, repository={**self._named(name)["repository"], field: request[field]})
        return {"registryId": ACCOUNT, "repositoryName": name, field: request[field]}

    def _mutability(self, request: Document) -> Document:
        """Tags are create-only here, so IMMUTABLE is the one answer that would be true."""
        if request["imageTagMutability"] != "IMMUTABLE":
            message = "tags of the local registry are immutable, since they reserve versions"
            raise AwsError("InvalidParameterException", message)
        return self._configure(request, "imageTagMutability")

    def _findings(self, request: Document) -> Document:
        """No scanner runs here. Without the owner's list an empty answer would say that one found nothing."""
        name = request["repositoryName"]
        digest = self._digest(name, request["imageId"])
        try:
            known = scanning.advisories(self._home)
        except scanning.AdvisoriesInvalid as error:
            raise AwsError("ValidationException", str(error)) from error
        if known is None:
            reason = f"nothing scans locally, and there is no {scanning.FILE} in the state folder"
            raise AwsError("ScanNotFoundException", f"Image scan does not exist for {name}@{digest}: {reason}")
        manifest = json.loads(self._store.manifest(name, digest)[1])
        found = scanning.packages(self._store.blob(layer["digest"]) for layer in manifest["layers"])
        described = f"{len(found)} Python packages against {len(known)} advisories of the stack's owner"
        return {
            "registryId": ACCOUNT,
            "repositoryName": name,
            "imageId": {"imageDigest": digest},
            "imageScanStatus": {"status": "COMPLETE", "description": described},
            "imageScanFindings": {**scanning.findings(found, known), "imageScanCompletedAt": time.time()},
        }

    def _change(self, name: str, **fields: Any) -> None:
        """None takes a field away."""
        document = {field: value for field, value in (self._named(name) | fields).items() if value is not None}
        write(self._store.repository(name) / "repository.json", json.dumps(document).encode())

    def _tag(self, request: Document) -> Document:
        name = request["resourceArn"].split("repository/")[-1]
        kept = {tag["Key"]: tag["Value"] for tag in [*self._named(name)["tags"], *request["tags"]]}
        self._change(name, tags=[{"Key": key, "Value": value} for key, value in kept.items()])
        return {}

    def _keep(self, request: Document, field: str, absent: str) -> Document:
        self._change(request["repositoryName"], **{field: request[field]})
        return self._kept(request, field, absent)

    def _drop(self, request: Document, field: str, absent: str) -> Document:
        kept = self._kept(request, field, absent)
        self._change(request["repositoryName"], **{field: None})
        return kept

    def _kept(self, request: Document, field: str, absent: str) -> Document:
        name = request["repositoryName"]
        document = self._named(name)
        if field not in document:
            raise AwsError(absent, f"The repository '{name}' has no {field}")
        return {"registryId": ACCOUNT, "repositoryName": name, field: document[field]}

"""The registry protocol's requests as ECR's actions.

Source: https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-push-iam.html
"""

from __future__ import annotations

from modelway_local.gateway.exchange import Request
from modelway_local.iam.evaluation import Call
from modelway_local.iam.resources import arn

ROUTES = (
    ("POST", r"/v2/(.+)/blobs/uploads/?", ("ecr:InitiateLayerUpload",)),
    ("PATCH", r"/v2/(.+)/blobs/uploads/[^/]+", ("ecr:UploadLayerPart",)),
    ("PUT", r"/v2/(.+)/blobs/uploads/[^/]+", ("ecr:UploadLayerPart", "ecr:CompleteLayerUpload")),
    ("HEAD", r"/v2/(.+)/blobs/[^/]+", ("ecr:BatchCheckLayerAvailability",)),
    ("GET", r"/v2/(.+)/blobs/[^/]+", ("ecr:GetDownloadUrlForLayer",)),
    ("PUT", r"/v2/(.+)/manifests/[^/]+", ("ecr:PutImage",)),
    ("GET", r"/v2/(.+)/manifests/[^/]+", ("ecr:BatchGetImage",)),
    ("HEAD", r"/v2/(.+)/manifests/[^/]+", ("ecr:BatchGetImage",)),
    ("GET", r"/v2/(.+)/tags/list", ("ecr:ListImages",)),
)
# An upload that is looked at or given up is one that the caller began.
_OWN_UPLOAD = ("GET", "DELETE")


def calls(request: Request) -> list[Call]:
    """The actions of one request; none for the protocol's greeting and for what it does not know."""
    for method, pattern, actions in ROUTES:
        found = request.match(pattern)
        if found and "/blobs/uploads/" in request.path and request.method in _OWN_UPLOAD:
            return [Call("ecr:UploadLayerPart", arn("ecr", f"repository/{found[0].removesuffix('/blobs/uploads')}"))]
        if found and request.method == method:
            return [Call(action, arn("ecr", f"repository/{found[0]}")) for action in actions]
    return []

"""S3's requests as IAM's actions: the operation is in method, path and query.

Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html
"""

from __future__ import annotations

from urllib.parse import parse_qs, unquote, urlsplit
from xml.etree import ElementTree as ET

from modelway_local.gateway.exchange import Request
from modelway_local.iam.evaluation import Call

# Sub-resource of a bucket to the noun in IAM's action.
BUCKET_NOUNS = {
    "accelerate": "AccelerateConfiguration",
    "acl": "BucketAcl",
    "cors": "BucketCORS",
    "encryption": "EncryptionConfiguration",
    "lifecycle": "LifecycleConfiguration",
    "logging": "BucketLogging",
    "object-lock": "BucketObjectLockConfiguration",
    "ownershipControls": "BucketOwnershipControls",
    "policy": "BucketPolicy",
    "publicAccessBlock": "BucketPublicAccessBlock",
    "replication": "ReplicationConfiguration",
    "requestPayment": "BucketRequestPayment",
    "tagging": "BucketTagging",
    "versioning": "BucketVersioning",
    "website": "BucketWebsite",
}
# Sub-resources whose deletion IAM has no word for but Put.
NO_DELETE = {"encryption", "lifecycle", "ownershipControls", "publicAccessBlock", "tagging", "cors", "replication"}
OBJECT_VERBS = {"GET": "Get", "HEAD": "Get", "PUT": "Put", "POST": "Put", "DELETE": "Delete"}


def calls(request: Request, body: bytes) -> list[Call]:
    """Every action that a path-style request needs."""
    query = parse_qs(urlsplit(request.target).query, keep_blank_values=True)
    bucket, _, key = unquote(request.path.lstrip("/")).partition("/")
    arn = f"arn:aws:s3:::{bucket}"
    if not bucket:
        return [Call("s3:ListAllMyBuckets", "*")]
    if key:
        return _object_calls(request, query, f"{arn}/{key}")
    if "delete" in query and request.method == "POST":
        return [Call(f"s3:DeleteObject{version}", f"{arn}/{name}") for name, version in _deleted(body)]
    context = {f"s3:{name}": tuple(query[name]) for name in ("prefix", "delimiter", "max-keys") if name in query}
    return [Call(f"s3:{_bucket_action(request.method, query)}", arn, context)]


def _object_calls(request: Request, query: dict[str, list[str]], arn: str) -> list[Call]:
    if request.method == "DELETE" and "uploadId" in query:
        return [Call("s3:AbortMultipartUpload", arn)]
    if request.method == "GET" and "uploadId" in query:
        return [Call("s3:ListMultipartUploadParts", arn)]
    noun = "ObjectTagging" if "tagging" in query else "ObjectAcl" if "acl" in query else "Object"
    version = "Version" if "versionId" in query and request.method != "PUT" else ""
    wanted = [Call(f"s3:{OBJECT_VERBS[request.method]}{noun}{version}", arn)]
    if request.method == "PUT" and "x-amz-tagging" in request.headers:
        wanted.append(Call("s3:PutObjectTagging", arn))
    if source := request.headers.get("x-amz-copy-source"):
        wanted.append(Call("s3:GetObject", f"arn:aws:s3:::{unquote(source).lstrip('/').partition('?')[0]}"))
    return wanted


def _deleted(body: bytes) -> list[tuple[str, str]]:
    """Key, and `Version` for one version of it, of each object of a DeleteObjects."""
    try:
        root = ET.fromstring(body)  # noqa: S314 - expat of today expands no external entity, and limits the rest
    except ET.ParseError:
        return [("*", "")]
    found = []
    for one in root.findall("{*}Object"):
        version = "" if one.find("{*}VersionId") is None else "Version"
        found.append((one.findtext("{*}Key", ""), version))
    return found


def _bucket_action(method: str, query: dict[str, list[str]]) -> str:
    for part in BUCKET_NOUNS:
        if part in query:
            verb = "Put" if method == "DELETE" and part in NO_DELETE else OBJECT_VERBS[method]
            return verb + BUCKET_NOUNS[part]
    if "location" in query:
        return "GetBucketLocation"
    if "versions" in query:
        return "ListBucketVersions"
    if "uploads" in query:
        return "ListBucketMultipartUploads"
    return {"PUT": "CreateBucket", "DELETE": "DeleteBucket"}.get(method, "ListBucket")

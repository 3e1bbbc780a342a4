"""Each gap by itself, with requests made by hand."""

from __future__ import annotations

import base64
import io
import json
import zipfile
from pathlib import Path
from typing import ClassVar

import pytest
from modelway_local.gateway.errors import AwsError
from modelway_local.gateway.exchange import Answer, Body, Request
from modelway_local.gateway_gaps.bucket_policies import BucketPolicies
from modelway_local.gateway_gaps.lambda_code import LambdaCode
from modelway_local.gateway_gaps.listed_versions import ListedVersions
from modelway_local.gateway_gaps.mwaa_environments import MwaaEnvironments
from modelway_local.gateway_gaps.rule_descriptions import RuleDescriptions
from modelway_local.gateway_gaps.suspended_buckets import SuspendedBuckets


def request(method: str, target: str, service: str, body: bytes = b"", **headers: str) -> Request:
    auth = f"AWS4-HMAC-SHA256 Credential=key/20260101/eu-west-1/{service}/aws4_request, Signature=x"
    sent = {"authorization": auth, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return Request(method, target, sent, list(sent.items()), Body(io.BytesIO(body), len(body)))


class TestBucketPolicies:
    @pytest.fixture
    def forwarded(self) -> list[bytes]:
        return []

    @pytest.fixture
    def policies(self, tmp_path: Path, forwarded: list[bytes]) -> BucketPolicies:
        def forward(sent: Request) -> Answer:
            forwarded.append(sent.body.read())
            return 204, {}, iter([])

        return BucketPolicies(tmp_path, forward)

    def test_a_policy_is_given_back_as_it_was_put(self, policies: BucketPolicies, forwarded: list[bytes]) -> None:
        text = b'{"Statement": [{"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*"}]}'
        assert policies.handle(request("PUT", "/data?policy", "s3", text)) == (204, {}, b"")
        answer = policies.handle(request("GET", "/data?policy=", "s3"))
        assert answer is not None
        assert answer[2] == text
        assert forwarded == []  # moto would deny everything

    def test_moto_learns_which_bucket_takes_access_logs(self, policies: BucketPolicies, forwarded: list[bytes]) -> None:
        allow = {"Effect": "Allow", "Principal": {"Service": "logging.s3.amazonaws.com"}, "Action": "s3:PutObject"}
        policies.handle(request("PUT", "/logs?policy", "s3", json.dumps({"Statement": [allow]}).encode()))
        assert json.loads(forwarded[0])["Statement"][0]["Resource"] == "arn:aws:s3:::logs/*"

    def test_a_bucket_without_one_has_none(self, policies: BucketPolicies) -> None:
        answer = policies.handle(request("GET", "/data?policy", "s3"))
        assert answer is not None
        assert answer[0] == 404
        assert b"NoSuchBucketPolicy" in bytes(answer[2])  # type: ignore[arg-type]

    @pytest.mark.parametrize("target", ["/data", "/data/key?policy", "/?policy", "/data?versioning"])
    def test_all_else_is_motos(self, policies: BucketPolicies, target: str) -> None:
        assert policies.handle(request("GET", target, "s3")) is None


class TestMwaaEnvironments:
    WANTED: ClassVar[dict[str, object]] = {
        "ExecutionRoleArn": "arn:aws:iam::123456789012:role/modelway-local-airflow",
        "SourceBucketArn": "arn:aws:s3:::modelway-local-dags",
        "DagS3Path": "dags/",
        "NetworkConfiguration": {"SubnetIds": ["subnet-1", "subnet-2"], "SecurityGroupIds": ["sg-1"]},
        "LoggingConfiguration": {"TaskLogs": {"Enabled": True, "LogLevel": "INFO"}},
        "Tags": {"a": "b"},
    }

    @pytest.fixture
    def environments(self, tmp_path: Path) -> MwaaEnvironments:
        return MwaaEnvironments(tmp_path, lambda: "127.0.0.1:8080")

    def put(self, environments: MwaaEnvironments, wanted: dict[str, object]) -> Answer | None:
        return environments.handle(request("PUT", "/environments/one", "airflow", json.dumps(wanted).encode()))

    def get(self, environments: MwaaEnvironments) -> dict[str, object]:
        answer = environments.handle(request("GET", "/environments/one", "airflow"))
        assert answer is not None
        found: dict[str, object] = json.loads(bytes(answer[2]))["Environment"]  # type: ignore[arg-type]
        return found

    def test_what_was_asked_is_described(self, environments: MwaaEnvironments) -> None:
        self.put(environments, self.WANTED)
        found = self.get(environments)
        assert (found["Status"], found["WebserverUrl"], found["Tags"]) == ("AVAILABLE", "127.0.0.1:8080", {"a": "b"})
        assert found["LoggingConfiguration"] == {
            "TaskLogs": {
                "Enabled": True,
                "LogLevel": "INFO",
                "CloudWatchLogGroupArn": "arn:aws:logs:eu-west-1:123456789012:log-group:airflow-one-Task:*",
            }
        }

    def test_what_breaks_a_rule_of_mwaa_is_refused(self, environments: MwaaEnvironments) -> None:
        with pytest.raises(AwsError):
            self.put(environments, {**self.WANTED, "WebserverAccessMode": "OPEN"})

    def test_a_deleted_environment_is_gone_and_an_unknown_one_is_the_gateways(
        self, environments: MwaaEnvironments
    ) -> None:
        assert environments.handle(request("GET", "/environments/one", "airflow")) is None
        self.put(environments, self.WANTED)
        environments.handle(request("DELETE", "/environments/one", "airflow"))
        with pytest.raises(AwsError) as caught:
            self.get(environments)
        assert caught.value.status == 404

    def test_tags_change(self, environments: MwaaEnvironments) -> None:
        self.put(environments, self.WANTED)
        arn = "arn:aws:airflow:eu-west-1:123456789012:environment%2Fone"
        environments.handle(request("POST", f"/tags/{arn}", "airflow", b'{"Tags": {"c": "d"}}'))
        environments.handle(request("DELETE", f"/tags/{arn}?tagKeys=a", "airflow"))
        assert self.get(environments)["Tags"] == {"c": "d"}


class TestLambdaCode:
    def create(self, code: LambdaCode, source: str) -> None:
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr("handler.py", source)
        document = {
            "FunctionName": "one",
            "Handler": "handler.handler",
            "Timeout": 7,
            "Environment": {"Variables": {"A": "b"}},
            "DeadLetterConfig": {"TargetArn": "arn:q"},
            "Code": {"ZipFile": base64.b64encode(packed.getvalue()).decode()},
        }
        code.note(request("POST", "/2015-03-31/functions", "lambda"), json.dumps(document).encode())

    def entry(self, home: Path) -> dict[str, object]:
        found: dict[str, object] = json.loads((home / "lambdas.json").read_text())["one"]
        return found

    def test_the_zip_is_what_invoke_runs(self, tmp_path: Path) -> None:
        code = LambdaCode(tmp_path)
        self.create(code, "first")
        entry = self.entry(tmp_path)
        assert Path(str(entry["folder"]), "handler.py").read_text() == "first"
        assert (entry["handler"], entry["timeout"]) == ("handler.handler", 7)
        assert entry["environment"] == {"A": "b"}

    def test_new_variables_keep_the_code_and_new_code_moves_the_folder(self, tmp_path: Path) -> None:
        code = LambdaCode(tmp_path)
        self.create(code, "first")
        before = self.entry(tmp_path)["folder"]
        change = request("PUT", "/2015-03-31/functions/one/configuration", "lambda")
        code.note(change, b'{"Environment": {"Variables": {"A": "c"}}}')
        assert self.entry(tmp_path) | {"environment": 0} == self.entry(tmp_path) | {"environment": 0, "folder": before}
        self.create(code, "second")
        assert self.entry(tmp_path)["folder"] != before

    def test_motos_description_gets_its_dead_letter_queue_until_deletion(self, tmp_path: Path) -> None:
        code = LambdaCode(tmp_path)
        self.create(code, "x")
        get = request("GET", "/2015-03-31/functions/one", "lambda")
        assert json.loads(code.amend(get, b'{"Configuration": {}}'))["Configuration"]["DeadLetterConfig"]
        code.note(request("DELETE", "/2015-03-31/functions/one", "lambda"), b"")
        assert code.amend(get, b"{}") == b"{}"
        assert "one" not in json.loads((tmp_path / "lambdas.json").read_text())


def test_keys_of_versions_are_encoded_when_that_is_asked() -> None:
    listing = (
        b"<ListVersionsResult><Prefix></Prefix><Version><Key>a+b &amp; c/d%20</Key></Version></ListVersionsResult>"
    )
    versions = ListedVersions(lambda _: (200, {"Content-Length": "9", "A": "b"}, iter([listing])))
    assert versions.handle(request("GET", "/data?versions", "s3")) is None
    answer = versions.handle(request("GET", "/data?versions&encoding-type=url", "s3"))
    assert answer is not None
    assert answer[1] == {"A": "b"}
    assert b"<Key>a%2Bb+%26+c/d%2520</Key>" in bytes(answer[2])  # type: ignore[arg-type]
    assert b"<EncodingType>url</EncodingType></ListVersionsResult>" in bytes(answer[2])  # type: ignore[arg-type]


def test_a_rules_description_comes_back(tmp_path: Path) -> None:
    descriptions = RuleDescriptions(tmp_path)
    item = "<item><securityGroupRuleId>sgr-0a1</securityGroupRuleId></item>"
    form = "Action=AuthorizeSecurityGroupIngress&IpPermissions.1.Groups.1.Description=it%27s%20%3Cme%3E"
    said = "<securityGroupRuleId>sgr-0a1</securityGroupRuleId><description>it's &lt;me&gt;</description>"
    assert said in descriptions.amend(form, item)
    assert said in descriptions.amend("Action=DescribeSecurityGroupRules", item)
    assert descriptions.amend("Action=DescribeVpcs", item) == item


def test_versioning_is_on_while_a_suspended_buckets_versions_are_deleted(tmp_path: Path) -> None:
    forwarded: list[bytes] = []

    def forward(sent: Request) -> Answer:
        forwarded.append(sent.body.read())
        return 200, {}, iter([b"done"])

    suspended = SuspendedBuckets(tmp_path, forward)
    delete = b"<Delete><Object><Key>k</Key><VersionId>1</VersionId></Object></Delete>"
    assert suspended.handle(request("POST", "/data?delete", "s3", delete)) is None
    suspended.handle(request("PUT", "/data?versioning", "s3", b"<V><Status>Suspended</Status></V>"))
    answer = suspended.handle(request("POST", "/data?delete=", "s3", delete))
    assert answer is not None
    assert b"".join(answer[2]) == b"done"  # type: ignore[arg-type]
    assert [b"Enabled" in body for body in forwarded] == [False, True, False, False]
    assert forwarded[2] == delete

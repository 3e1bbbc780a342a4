"""Endpoints: a model server a variant, replaced blue/green so that no request fails."""

from __future__ import annotations

import json
import random
import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import urllib3

from modelway_local.gateway.errors import AwsError
from modelway_local.iam.acting import Acting
from modelway_local.registry.store import ImageNotFound, UnpackedImage
from modelway_local.runtime.server import AnswerTooLarge, ModelServer, ServerFailed
from modelway_local.runtime.transfer import InputMissing, fetch_model
from modelway_local.sagemaker.catalogue import CONFIG, MODEL
from modelway_local.sagemaker.isolation import isolated
from modelway_local.sagemaker.logs import JobLog
from modelway_local.sagemaker.resources import REGION, Tags, arn, missing, page
from modelway_local.sagemaker.scaling import AutoScaling
from modelway_local.sagemaker.store import Resource, Store, now

ENDPOINT = "endpoint"
DRAIN_SECONDS = 10.0
HEALTH_SECONDS = 60.0
# Of a request's body; the number is SageMaker's for real-time endpoints.
BODY_MAXIMUM_BYTES = 25 * 1024 * 1024
CHANGING = {"Creating", "Updating", "Deleting", "RollingBack", "SystemUpdating"}
# Headers of InvokeEndpoint that reach the container, and of its answer that reach the caller.
PASSED_IN = ("content-type", "accept", "x-amzn-sagemaker-custom-attributes")
PASSED_OUT = ("content-type", "x-amzn-sagemaker-custom-attributes")


@dataclass
class Fleet:
    """The running servers of one endpoint config, by variant."""

    config: str
    servers: dict[str, ModelServer] = field(default_factory=dict)
    weights: dict[str, float] = field(default_factory=dict)

    def choose(self, target: str | None) -> tuple[str, ModelServer]:
        """The variant named, or one drawn by weight. Raises AwsError for an unknown variant."""
        if target:
            if target not in self.servers:
                raise AwsError("ValidationError", f"Variant {target} is not part of the endpoint's config.")
            return target, self.servers[target]
        names = list(self.servers)
        weights = [self.weights[name] for name in names]
        name = random.choices(names, weights if any(weights) else None)[0]  # noqa: S311 - no secret is drawn
        return name, self.servers[name]

    def drain(self) -> None:
        """Let requests finish, then stop every server."""
        for server in self.servers.values():
            server.drain(DRAIN_SECONDS)


class Endpoints:
    """Operations on endpoints, and their invocation."""

    def __init__(
        self,
        store: Store,
        home: Path,
        acting: Acting,
        unpack: Callable[[str], UnpackedImage],
        scaling: AutoScaling,
    ) -> None:
        self._store, self._home, self._acting, self._unpack = store, home, acting, unpack
        self._tags, self._scaling = Tags(store), scaling
        self._fleets: dict[str, Fleet] = {}
        self._count = 0
        for endpoint in store.all(ENDPOINT):
            self._resume(endpoint)

    def _resume(self, endpoint: Resource) -> None:
        """After a restart of the gateway: serve again what was live; an interrupted change starts over."""
        name, status = endpoint["EndpointName"], endpoint["EndpointStatus"]
        if status == "Deleting":
            self._store.delete(ENDPOINT, name)
        elif status != "Failed":
            target = endpoint.get("_Target") or endpoint["EndpointConfigName"]
            if target == endpoint["EndpointConfigName"]:
                self._store.change(ENDPOINT, name, _Kept=endpoint.get("_Counts"))
            # Until a fleet runs again the endpoint is not in service, whatever the disk says.
            self._store.change(ENDPOINT, name, EndpointStatus="Updating" if status != "Creating" else "Creating")
            live = endpoint["EndpointConfigName"]
            self._thread(name, *([live] if status != "Creating" and live != target else []), target)

    # Operations

    def create_endpoint(self, request: Resource) -> Resource:
        """CreateEndpoint."""
        name, config = request["EndpointName"], request["EndpointConfigName"]
        with self._store.lock:
            if self._store.get(ENDPOINT, name):
                message = f'Cannot create already existing endpoint "{arn(ENDPOINT, name)}".'
                raise AwsError("ValidationException", message)
            self._config(config)
            fields = {"EndpointName": name, "EndpointArn": arn(ENDPOINT, name), "EndpointConfigName": config}
            times = {"CreationTime": now(), "LastModifiedTime": now()}
            self._store.put(ENDPOINT, name, {**fields, **times, "EndpointStatus": "Creating", "_Target": config})
            self._tags.set(arn(ENDPOINT, name), request.get("Tags", []))
        self._thread(name, config)
        return {"EndpointArn": arn(ENDPOINT, name)}

    def update_endpoint(self, request: Resource) -> Resource:
        """UpdateEndpoint: blue/green; a fleet that does not start leaves the old one in service."""
        name, config = request["EndpointName"], request["EndpointConfigName"]
        with self._store.lock:
            self._changeable(name)
            self._may_change_type(name, config)
            kept = self._retained(request)
            self._store.change(
                ENDPOINT,
                name,
                EndpointStatus="Updating",
                _Target=config,
                _Kept=kept,
                _KeptWeights=self._retained_weights(request),
                LastModifiedTime=now(),
                FailureReason=None,
            )
        self._thread(name, config)
        return {"EndpointArn": arn(ENDPOINT, name)}

    def _may_change_type(self, name: str, config: str) -> None:
        """SageMaker does not change the instance type of a variant that autoscaling has registered, nor remove it."""
        old = self._config(self._found(name)["EndpointConfigName"])["ProductionVariants"]
        new = {one["VariantName"]: one.get("InstanceType") for one in self._config(config)["ProductionVariants"]}
        for variant in old:
            registered = self._scaling.target(name, variant["VariantName"]) is not None
            if registered and new.get(variant["VariantName"]) != variant.get("InstanceType"):
                message = (
                    f"Variant {variant['VariantName']} of endpoint {arn(ENDPOINT, name)} is registered with "
                    "Application Auto Scaling. Deregister it before you change its instance type or remove it."
                )
                raise AwsError("ValidationException", message)

    def _retained(self, request: Resource) -> dict[str, int]:
        """Instance counts that an update keeps, by variant; none unless it asks to."""
        if not _retains(request, "DesiredInstanceCount"):
            return {}
        return dict(self._found(request["EndpointName"]).get("_Counts", {}))

    def _retained_weights(self, request: Resource) -> dict[str, float]:
        """Weights that an update keeps, by variant."""
        return dict(self._fleets[request["EndpointName"]].weights) if _retains(request, "DesiredWeight") else {}

    def delete_endpoint(self, request: Resource) -> Resource:
        """DeleteEndpoint; refused while the endpoint is being made or changed, as SageMaker does."""
        name = request["EndpointName"]
        with self._store.lock:
            endpoint = self._found(name)
            if endpoint["EndpointStatus"] in CHANGING:
                raise AwsError("ValidationException", f'Cannot update in-progress endpoint "{arn(ENDPOINT, name)}".')
            self._store.change(ENDPOINT, name, EndpointStatus="Deleting")
        threading.Thread(target=self._delete, args=(name,), daemon=True).start()
        return {}

    def _delete(self, name: str) -> None:
        fleet = self._fleets.pop(name, None)
        if fleet:
            fleet.drain()
        with self._store.lock:
            self._store.delete(ENDPOINT, name)
            self._tags.forget(arn(ENDPOINT, name))
            self._scaling.forget(name)

    def describe_endpoint(self, request: Resource) -> Resource:
        """DescribeEndpoint."""
        endpoint = self._found(request["EndpointName"])
        config = self._store.get(CONFIG, endpoint["EndpointConfigName"])
        fleet = self._fleets.get(endpoint["EndpointName"])
        if config and fleet:
            counts = endpoint.get("_Counts") or {}
            endpoint["ProductionVariants"] = [self._variant(v, fleet, counts) for v in config["ProductionVariants"]]
        return endpoint

    def _variant(self, variant: Resource, fleet: Fleet, counts: dict[str, int]) -> Resource:
        count = counts.get(variant["VariantName"], variant.get("InitialInstanceCount", 1))
        weight = fleet.weights.get(variant["VariantName"], variant.get("InitialVariantWeight", 1.0))
        image = (
            (self._store.get(MODEL, variant.get("ModelName", "")) or {}).get("PrimaryContainer", {}).get("Image", "")
        )
        return {
            "VariantName": variant["VariantName"],
            "DeployedImages": [{"SpecifiedImage": image, "ResolvedImage": image}],
            "CurrentWeight": weight,
            "DesiredWeight": weight,
            "CurrentInstanceCount": count,
            "DesiredInstanceCount": count,
        }

    def list_endpoints(self, request: Resource) -> Resource:
        """ListEndpoints."""
        kept = ("EndpointName", "EndpointArn", "EndpointStatus", "CreationTime", "LastModifiedTime")
        endpoints, token = page(
            self._store.all(ENDPOINT),
            request,
            name_field="EndpointName",
            status_field="EndpointStatus",
            summary=lambda endpoint: {key: endpoint[key] for key in kept},
        )
        return {"Endpoints": endpoints, "NextToken": token}

    def update_endpoint_weights_and_capacities(self, request: Resource) -> Resource:
        """UpdateEndpointWeightsAndCapacities: both take effect at once; one process stands for all instances."""
        name = request["EndpointName"]
        self._changeable(name)
        fleet = self._fleets[name]
        for desired in request["DesiredWeightsAndCapacities"]:
            variant = desired["VariantName"]
            if variant not in fleet.servers:
                raise AwsError("ValidationException", f"Variant {variant} is not part of the endpoint's config.")
            if "DesiredWeight" in desired:
                fleet.weights[variant] = desired["DesiredWeight"]
        with self._store.lock:
            wanted = {
                one["VariantName"]: one.get("DesiredInstanceCount") for one in request["DesiredWeightsAndCapacities"]
            }
            counts = {variant: count for variant, count in wanted.items() if count is not None}
            known = self._found(name).get("_Counts") or {}
            self._store.change(ENDPOINT, name, _Counts={**known, **counts}, LastModifiedTime=now())
        return {"EndpointArn": arn(ENDPOINT, name)}

    def _found(self, name: str) -> Resource:
        endpoint = self._store.get(ENDPOINT, name)
        if endpoint is None:
            raise missing(ENDPOINT, name)
        return endpoint

    def _changeable(self, name: str) -> None:
        endpoint = self._found(name)
        if endpoint["EndpointStatus"] in CHANGING or name not in self._fleets:
            status = endpoint["EndpointStatus"]
            raise AwsError(
                "ValidationException", f"Cannot update endpoint {arn(ENDPOINT, name)} while its status is {status}."
            )

    def _config(self, name: str) -> Resource:
        config = self._store.get(CONFIG, name)
        if config is None:
            raise missing(CONFIG, name)
        return config

    # Fleets

    def _thread(self, name: str, *configs: str) -> None:
        """Bring up one config after the other: the last is wanted, one before it is what a failure falls back to."""

        def run() -> None:
            for config in configs:
                self._bring_up(name, config, last=config == configs[-1])

        threading.Thread(target=run, name=f"endpoint-{name}", daemon=True).start()

    def _bring_up(self, name: str, config_name: str, *, last: bool) -> None:
        fleet = Fleet(config_name)
        try:
            self._fill(name, fleet)
        except Exception as error:  # noqa: BLE001 - any reason belongs in FailureReason
            fleet.drain()
            if last:
                self._roll_back(name, str(error))
            return
        with self._store.lock:
            old = self._fleets.get(name)
            if self._deleted(name):
                old = fleet
            else:
                self._fleets[name] = fleet
                if last:
                    done = {"EndpointStatus": "InService", "EndpointConfigName": config_name, "_Target": None}
                    counts = {"_Counts": self._counts(name, config_name), "_Kept": None, "_KeptWeights": None}
                    self._store.change(ENDPOINT, name, **done, **counts, FailureReason=None, LastModifiedTime=now())
        if old:
            old.drain()

    def _counts(self, name: str, config_name: str) -> dict[str, int]:
        """Instances of each variant: the config's, or what the update was told to keep."""
        kept = self._found(name).get("_Kept") or {}
        variants = self._config(config_name)["ProductionVariants"]
        return {
            one["VariantName"]: kept.get(one["VariantName"], one.get("InitialInstanceCount", 1)) for one in variants
        }

    def _deleted(self, name: str) -> bool:
        """Whether the endpoint went while its fleet was starting."""
        endpoint = self._store.get(ENDPOINT, name)
        return endpoint is None or endpoint["EndpointStatus"] == "Deleting"

    def _roll_back(self, name: str, reason: str) -> None:
        """The old fleet, if any, stays in service; the reason says why the new one is not."""
        said = f"The container for production variant did not pass the ping health check. {reason}"[:1024]
        with self._store.lock:
            if self._deleted(name):
                return
            status = "InService" if name in self._fleets else "Failed"
            self._store.change(
                ENDPOINT,
                name,
                EndpointStatus=status,
                FailureReason=said,
                _Target=None,
                _Kept=None,
                _KeptWeights=None,
                LastModifiedTime=now(),
            )

    def _fill(self, name: str, fleet: Fleet) -> None:
        """Start a server for each variant; each lives in a thread of its own, which also watches it."""
        config = self._config(fleet.config)
        kept = self._found(name).get("_KeptWeights") or {}
        for variant in config["ProductionVariants"]:
            model = self._store.get(MODEL, variant["ModelName"])
            if model is None:
                raise ServerFailed(f"Could not find model {variant['ModelName']}")
            server = self._server(name, variant["VariantName"], model)
            seconds = variant.get("ContainerStartupHealthCheckTimeoutInSeconds", HEALTH_SECONDS)
            self._start(server, seconds)
            fleet.servers[variant["VariantName"]] = server
            weight = variant.get("InitialVariantWeight", 1.0)
            fleet.weights[variant["VariantName"]] = kept.get(variant["VariantName"], weight)

    def _start(self, server: ModelServer, seconds: float) -> None:
        started = threading.Event()
        failure: list[ServerFailed] = []

        def live() -> None:
            try:
                server.start(seconds)
            except ServerFailed as error:
                failure.append(error)
                started.set()
                return
            started.set()
            server.watch()

        threading.Thread(target=live, daemon=True).start()
        started.wait()
        if failure:
            raise failure[0]

    def _server(self, name: str, variant: str, model: Resource) -> ModelServer:
        container = model["PrimaryContainer"]
        role = str(model.get("ExecutionRoleArn") or "")
        try:
            self._acting.require_pull(role, container["Image"])
            image = self._unpack(container["Image"])
        except ImageNotFound as error:
            raise ServerFailed(f"Cannot pull the image {container['Image']}: {error}") from error
        with self._store.lock:
            self._count += 1
            base = self._home / "work" / ENDPOINT / f"{name}-{variant}-{self._count}"
        shutil.rmtree(base, ignore_errors=True)
        (base / "model").mkdir(parents=True)
        try:
            fetch_model(self._acting.s3(role), container, base / "model")
        except InputMissing as error:
            raise ServerFailed(str(error)) from error
        log = JobLog(
            self._acting.logs(role),
            f"/aws/sagemaker/Endpoints/{name}",
            f"{variant}/{self._count}",
            self._home / "jobs" / name / "log",
        )
        return ModelServer(
            image,
            base_dir=base,
            environment={"AWS_REGION": REGION, **container.get("Environment", {})},
            interpreters=self._home / "interpreters",
            on_line=log.line,
            isolated=isolated(model.get("EnableNetworkIsolation"), log.line, serving=True),
        )

    # Invocation

    def invoke(self, name: str, body: bytes, headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        """InvokeEndpoint: (status, headers, body) as SageMaker Runtime answers. `headers` are lower-case."""
        if len(body) > BODY_MAXIMUM_BYTES:
            raise AwsError("413", f"HTTP content length exceeded {BODY_MAXIMUM_BYTES} bytes.", 413)
        for _ in range(3):
            fleet = self._fleets.get(name)
            if fleet is None:
                raise AwsError("ValidationError", f"Endpoint {name} of account 123456789012 not found.")
            variant, server = fleet.choose(headers.get("x-amzn-sagemaker-target-variant"))
            passed = {key: headers[key] for key in PASSED_IN if key in headers}
            try:
                status, answered, data = server.invoke(body, passed)
            except urllib3.exceptions.TimeoutError:
                return _timed_out(name, variant)
            except AnswerTooLarge as error:
                return _model_error(name, variant, 500, str(error))
            except urllib3.exceptions.HTTPError as error:
                # The fleet may have been replaced between the choice and the call: try the one that is live now.
                if self._fleets.get(name) is not fleet:
                    continue
                return _model_error(name, variant, 500, f"the model server did not answer: {type(error).__name__}")
            if status >= 400:
                return _model_error(name, variant, status, data.decode(errors="replace"))
            out = {key: value for key, value in answered.items() if key.lower() in PASSED_OUT}
            return status, {**out, "x-Amzn-Invoked-Production-Variant": variant}, data
        raise AwsError("ServiceUnavailable", f"Endpoint {name} is changing; try again.", 503)

    def close(self) -> None:
        """Stop every server."""
        for fleet in self._fleets.values():
            for server in fleet.servers.values():
                server.close()


def _retains(request: Resource, kind: str) -> bool:
    """Whether an update keeps this property of its variants."""
    excluded = {one["VariantPropertyType"] for one in request.get("ExcludeRetainedVariantProperties", [])}
    return bool(request.get("RetainAllVariantProperties")) and kind not in excluded


def _model_error(name: str, variant: str, status: int, said: str) -> tuple[int, dict[str, str], bytes]:
    """A container's refusal, as InvokeEndpoint tells it."""
    kind = "client" if status < 500 else "server"
    message = f'Received {kind} error ({status}) from {variant} with message "{said[:1000]}".'
    return _told(name, status, message, said)


def _timed_out(name: str, variant: str) -> tuple[int, dict[str, str], bytes]:
    """Source: https://repost.aws/knowledge-center/sagemaker-endpoint-container-timeout"""
    said = (
        f"Your invocation timed out while waiting for a response from container {variant}. Review the latency metrics "
        "for each container in Amazon CloudWatch, resolve the issue, and try again."
    )
    return _told(name, 0, said, said)


def _told(name: str, status: int, message: str, said: str) -> tuple[int, dict[str, str], bytes]:
    body = {
        "Message": message,
        "OriginalStatusCode": status,
        "OriginalMessage": said[:10_000],
        "LogStreamArn": f"/aws/sagemaker/Endpoints/{name}",
    }
    return 424, {"Content-Type": "application/json", "x-amzn-ErrorType": "ModelError"}, json.dumps(body).encode()

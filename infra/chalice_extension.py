"""What Chalice 1.34 cannot say about a deployment, taught to its AWS client on import.

app.py imports this whenever Chalice's tools import app.py (never inside Lambda), so that plain
`chalice deploy` is safe from its first run. Chalice makes its client before it imports app.py, so a subclass
would come too late: methods of the class itself are replaced.

- On every stage, mappings are created and kept with `event_sources.mapping_options`, a table's stream is
  found by the name of its table, and the gateway's own answers are like the app's.
- On the local stage, every call goes to the emulator and to nothing else; there is nothing to wait for, and a
  REST API is made call by call.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from chalice.awsclient import TypedAWSClient
from chalice.utils import OSUtils

from chalicelib.settings import Settings
from infra import LOCAL_STAGE, emulator_environment, package_files, swagger
from infra.event_sources import latest_stream, mapping_options
from infra.gateway_responses import with_gateway_responses

_ENDPOINTS: Final = Path(__file__).parents[1] / ".local" / "endpoints.json"

_stock_client: Final = TypedAWSClient._client
_stock_import: Final = TypedAWSClient.import_rest_api
_stock_update: Final = TypedAWSClient.update_api_from_swagger
_stock_verify: Final = TypedAWSClient.verify_event_source_arn_current


class EmulatorNotRunningError(RuntimeError):
    """The local stage lives on the emulator, and none was found."""


def install(stage: str | None) -> None:
    """Teach Chalice's client class, and so the client that exists already, what this stage needs."""
    methods = dict(_ON_EVERY_STAGE)
    if stage == LOCAL_STAGE:
        _aim_at_emulator()
        methods |= _ON_THE_EMULATOR
    for name, method in methods.items():
        setattr(TypedAWSClient, name, method)
    setattr(OSUtils, "walk", package_files.walk)  # noqa: B010 - as above, a class that is taught


def _aim_at_emulator() -> None:
    endpoint = os.environ.get("AWS_ENDPOINT_URL")
    if not endpoint and _ENDPOINTS.exists():
        endpoint = json.loads(_ENDPOINTS.read_text())["aws_endpoint"]
    if endpoint:
        os.environ.update(emulator_environment(endpoint))


def _client(self: TypedAWSClient, service_name: str) -> Any:
    is_new = service_name not in self._client_cache
    client = _stock_client(self, service_name)
    if is_new and service_name == "lambda":
        _complete_mappings(client, find_stream=lambda arn: latest_stream(self._client("dynamodb"), arn))
    return client


def _complete_mappings(client: Any, find_stream: Callable[[str], str]) -> None:
    """Add to this client's calls that create or update a mapping what Chalice leaves out."""

    def complete_creation(params: dict[str, Any], **_: object) -> None:
        params["EventSourceArn"] = find_stream(params["EventSourceArn"])
        params.update(mapping_options(params["EventSourceArn"]))

    def complete_update(params: dict[str, Any], **_: object) -> None:
        mapping = client.get_event_source_mapping(UUID=params["UUID"])
        params.update(mapping_options(mapping["EventSourceArn"]))

    events = client.meta.events
    events.register("provide-client-params.lambda.CreateEventSourceMapping", complete_creation)
    events.register("provide-client-params.lambda.UpdateEventSourceMapping", complete_update)


def _verify_event_source_arn_current(
    self: TypedAWSClient, event_uuid: str, event_source_arn: str, function_arn: str
) -> bool:
    stream_arn = latest_stream(self._client("dynamodb"), event_source_arn)
    return _stock_verify(self, event_uuid, stream_arn, function_arn)


def _emulator_client(self: TypedAWSClient, service_name: str) -> Any:
    if not os.environ.get("AWS_ENDPOINT_URL"):
        raise EmulatorNotRunningError("The local stage runs on the emulator: start it with `make up`.")
    return _client(self, service_name)


def _no_wait(self: TypedAWSClient, function_name: str) -> None:
    """Return: a function of the emulator is usable as soon as the call that made it has returned."""


def _complete(document: dict[str, Any]) -> dict[str, Any]:
    return with_gateway_responses(document, Settings.current().cors_origins)


def _import_rest_api(self: TypedAWSClient, swagger_document: dict[str, Any], endpoint_type: str) -> str:
    return str(_stock_import(self, _complete(swagger_document), endpoint_type))


def _update_api_from_swagger(
    self: TypedAWSClient, rest_api_id: str, swagger_document: dict[str, Any]
) -> None:
    _stock_update(self, rest_api_id, _complete(swagger_document))


def _make_rest_api(self: TypedAWSClient, swagger_document: dict[str, Any], endpoint_type: str) -> str:
    return swagger.create_api(self._client("apigateway"), _complete(swagger_document), endpoint_type)


def _replace_routes(self: TypedAWSClient, rest_api_id: str, swagger_document: dict[str, Any]) -> None:
    swagger.replace_routes(self._client("apigateway"), rest_api_id, _complete(swagger_document))


_ON_EVERY_STAGE: Final[Mapping[str, Callable[..., Any]]] = {
    "_client": _client,
    "verify_event_source_arn_current": _verify_event_source_arn_current,
    "import_rest_api": _import_rest_api,
    "update_api_from_swagger": _update_api_from_swagger,
}
_ON_THE_EMULATOR: Final[Mapping[str, Callable[..., Any]]] = {
    "_client": _emulator_client,
    "_wait_for_active": _no_wait,
    "_wait_for_function_update": _no_wait,
    "import_rest_api": _make_rest_api,
    "update_api_from_swagger": _replace_routes,
}

install(os.environ.get("STAGE"))

"""AWS's own SDK behind the same seam, for a stage with `AWS_SDK=boto3`.

boto3 is in Lambda's Python runtime. Its clients have the call shapes of this package already: what is left
to do is to translate their errors and to post frames side by side.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from boto3.session import Session
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionError, HTTPClientError  # noqa: A004

from chalicelib.aws.sdk.client import ATTEMPTS, Errors, ServiceError, error_type
from chalicelib.domain.connection import ConnectionGone, SendFailed
from chalicelib.domain.errors import Outage

if TYPE_CHECKING:
    from chalicelib.settings import AwsEnvironment

#: Connections to a service at once: one for each thread that calls AWS.
_CONNECTIONS = 32


class Boto3Clients:
    """One client of boto3 a service, with the timeouts and attempts of the small SDK."""

    def __init__(
        self, environment: AwsEnvironment, *, session: Session | None = None, attempts: int = ATTEMPTS
    ) -> None:
        """Without a `session`, one with the environment's credentials, or those that boto3 finds."""
        self._environment = environment
        self._attempts = attempts
        self._session = session or Session(
            region_name=environment.region,
            aws_access_key_id=environment.access_key,
            aws_secret_access_key=environment.secret_key,
            aws_session_token=environment.session_token,
        )

    @cached_property
    def dynamodb(self) -> Any:
        return self._translated("dynamodb")

    @cached_property
    def sqs(self) -> Any:
        return self._translated("sqs")

    @cached_property
    def ssm(self) -> Any:
        return self._translated("ssm")

    @cached_property
    def sns(self) -> Any:
        return self._translated("sns")

    def connections(self, url: str) -> _Connections:
        """The connections of the WebSocket API at `url`, https://HOST/STAGE. The caller keeps the client."""
        config = _config(connect_seconds=1, read_seconds=2, attempts=1)
        return _Connections(_Translated(self.client("apigatewaymanagementapi", url, config)))

    def _translated(self, service: str) -> Any:
        config = _config(connect_seconds=2, read_seconds=5, attempts=self._attempts)
        return _Translated(self.client(service, self._environment.endpoint_url, config))

    def client(self, service: str, url: str | None, config: Config) -> Any:
        """A plain client of boto3."""
        return self._session.client(
            service,  # type: ignore[call-overload]  # the overloads want literals
            endpoint_url=url,
            verify=self._environment.ca_bundle,
            config=config,
        )


def _config(*, connect_seconds: float, read_seconds: float, attempts: int) -> Config:
    return Config(
        connect_timeout=connect_seconds,
        read_timeout=read_seconds,
        retries={"mode": "standard", "total_max_attempts": attempts},
        max_pool_connections=_CONNECTIONS,
    )


class _Translated:
    """A client of boto3 that raises the errors of this package."""

    exceptions = Errors()

    def __init__(self, client: Any) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Callable[..., Any]:
        operation = getattr(self._client, name)

        def call(**parameters: Any) -> Any:
            try:
                return operation(**parameters)
            except ClientError as error:
                refusal = _service_error(error)
                raise (Outage(str(refusal)) if refusal.temporary else refusal) from error
            except (ConnectionError, HTTPClientError) as error:  # no response arrived
                raise Outage(str(error)) from error

        setattr(self, name, call)
        return call


def _service_error(error: ClientError) -> ServiceError:
    response: dict[str, Any] = {**error.response, **error.response["Error"]}
    code = str(response["Code"])
    status = response["ResponseMetadata"]["HTTPStatusCode"]
    return error_type(code)(error.operation_name, code, status, response)


class _Connections:
    """The connections of a WebSocket API."""

    def __init__(self, client: _Translated) -> None:
        self._client = client
        self._threads = ThreadPoolExecutor(_CONNECTIONS, thread_name_prefix="frames")

    def post_all(self, frames: Sequence[tuple[str, bytes]]) -> list[ConnectionGone | SendFailed | None]:
        return list(self._threads.map(self._post, frames))

    def delete(self, connection_id: str) -> ConnectionGone | SendFailed | None:
        return _failure(self._client.delete_connection, ConnectionId=connection_id)

    def _post(self, frame: tuple[str, bytes]) -> ConnectionGone | SendFailed | None:
        connection_id, data = frame
        return _failure(self._client.post_to_connection, ConnectionId=connection_id, Data=data)


def _failure(call: Callable[..., Any], **parameters: Any) -> ConnectionGone | SendFailed | None:
    try:
        call(**parameters)
    except ServiceError as error:
        gone = error.status == HTTPStatus.GONE
        return ConnectionGone(parameters["ConnectionId"]) if gone else SendFailed(str(error))
    except Outage as error:
        return SendFailed(str(error))
    return None

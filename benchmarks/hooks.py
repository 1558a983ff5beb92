"""A botocore session that notes every exchange of its clients, and asks DynamoDB what each one costs."""

from __future__ import annotations

from typing import Any, Final

from botocore.config import Config
from botocore.loaders import create_loader
from botocore.session import Session

from benchmarks.exchanges import Exchange

REGION: Final = "us-east-1"
#: Reading botocore's service models is most of making a client: all sessions share one reading.
_LOADER: Final = create_loader()
_BODY: Final = "benchmarks_body"


def new_session(kind: type[Session] = Session) -> Session:
    """A session for an emulated AWS."""
    session = kind()
    session.register_component("data_loader", _LOADER)
    session.set_config_variable("region", REGION)
    session.set_credentials("test", "test")
    return session


class _PatientSession(Session):
    """Its clients wait as long as the emulator needs with a big table, and send nothing twice."""

    def create_client(self, service_name: Any, *args: Any, **kwargs: Any) -> Any:
        patient = Config(read_timeout=60, retries={"total_max_attempts": 1})
        kwargs["config"] = kwargs.get("config", Config()).merge(patient)
        return super().create_client(service_name, *args, **kwargs)


class NotingSession:
    """Makes sessions whose exchanges are noted here, in order of their answers."""

    def __init__(self) -> None:
        self.exchanges: list[Exchange] = []

    def __call__(self) -> Any:
        session: Any = new_session(_PatientSession)
        session.register("provide-client-params.dynamodb", _ask_for_capacity)
        session.register("before-call", _keep_body)
        session.register("response-received", self._note)
        return session

    def take(self) -> list[Exchange]:
        """The exchanges since the last call."""
        taken, self.exchanges = self.exchanges, []
        return taken

    def _note(
        self, event_name: str, response_dict: dict[str, Any] | None, context: dict[str, Any], **_: Any
    ) -> None:
        if response_dict is None:
            return  # no answer came: the proxy has none either
        operation, sent = event_name.rpartition(".")[2], context[_BODY]
        self.exchanges.append(Exchange(operation, sent, response_dict["body"]))


def _ask_for_capacity(params: dict[str, Any], model: Any, **_: Any) -> dict[str, Any]:
    if "ReturnConsumedCapacity" in model.input_shape.members:
        return {**params, "ReturnConsumedCapacity": "INDEXES"}
    return params


def _keep_body(params: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
    body = params["body"]  # of the query protocol it is a form, which no capacity is read from
    context[_BODY] = body.encode() if isinstance(body, str) else body if isinstance(body, bytes) else b""

"""The SSM parameters that the functions read: signing keys, token keys, the WebSocket endpoint."""

from __future__ import annotations

import secrets

from infra import APP_NAME, Clients


def put_signing_keys(clients: Clients, stage: str) -> None:
    """Create the stage's key for cursors and tickets. An existing key stays: issued cursors depend on it."""
    _put_key(clients, stage, "signing-keys", "Signs list cursors and tickets to the WebSocket API")


def put_token_keys(clients: Clients, stage: str) -> None:
    """Create the stage's key for HS256 tokens. An existing key stays: issued tokens depend on it."""
    _put_key(clients, stage, "token-keys", "Signs bearer tokens (HS256)")


def _put_key(clients: Clients, stage: str, name: str, description: str) -> None:
    client = clients("ssm")
    try:
        client.put_parameter(
            Name=f"/{APP_NAME}/{stage}/{name}",
            Description=description,
            Type="SecureString",
            Value=secrets.token_urlsafe(32),
            Overwrite=False,
        )
    except client.exceptions.ParameterAlreadyExists:
        return


def put_websocket_endpoint(clients: Clients, stage: str, url: str) -> None:
    """Store the URL to which the functions post messages for connected clients, unless it is stored."""
    client = clients("ssm")
    name = f"/{APP_NAME}/{stage}/websocket-endpoint"
    if read_parameter(clients, name) == url:
        return
    client.put_parameter(
        Name=name,
        Description="Where messages for connected clients are posted",
        Type="String",
        Value=url,
        Overwrite=True,
    )


def read_parameter(clients: Clients, name: str) -> str | None:
    """Return a parameter's value, still encrypted if it is a secret; None when it does not exist."""
    client = clients("ssm")
    try:
        return str(client.get_parameter(Name=name)["Parameter"]["Value"])
    except client.exceptions.ParameterNotFound:
        return None

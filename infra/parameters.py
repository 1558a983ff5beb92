"""What the functions read from the parameter store, put there."""

from __future__ import annotations

import secrets

from infra import APP_NAME, Clients


def put_cursor_keys(clients: Clients, stage: str) -> None:
    """Give the stage a random key to sign list cursors with. A key it has stays: cursors are out."""
    client = clients("ssm")
    try:
        client.put_parameter(
            Name=f"/{APP_NAME}/{stage}/cursor-keys",
            Description="Signs list cursors",
            Type="SecureString",
            Value=secrets.token_urlsafe(32),
            Overwrite=False,
        )
    except client.exceptions.ParameterAlreadyExists:
        return


def put_websocket_endpoint(clients: Clients, stage: str, url: str) -> None:
    """Tell the functions where to post messages for connected clients."""
    clients("ssm").put_parameter(
        Name=f"/{APP_NAME}/{stage}/websocket-endpoint",
        Description="Where messages for connected clients are posted",
        Type="String",
        Value=url,
        Overwrite=True,
    )

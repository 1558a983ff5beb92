"""Authentication: tokens of providers, tickets to the WebSocket API, signed text."""

"""Authentication: bearer tokens, tickets for the WebSocket API, and signed text."""

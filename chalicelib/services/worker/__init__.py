"""Running tasks: a delivery of messages claimed, run and recorded."""

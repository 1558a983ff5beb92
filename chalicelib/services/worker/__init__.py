"""Runs the tasks that the queues deliver."""

"""The task types of this service: one file each. Write yours here and import it below."""

from chalicelib.task_types import csv_profile, demo, http_request

__all__ = ["csv_profile", "demo", "http_request"]

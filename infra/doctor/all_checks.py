"""All checks of the doctor, in the order of its report."""

from __future__ import annotations

from typing import Final

from infra.doctor import checks_app as app
from infra.doctor import checks_queues as queues
from infra.doctor.check import Check

CHECKS: Final[tuple[Check, ...]] = (
    app.http_api,
    app.websocket_api,
    app.function_settings,
    app.policies,
    app.secrets,
    queues.visibility,
    queues.redrive,
    queues.retention,
    queues.queue_mappings,
    queues.images,
    queues.stream_mapping,
    queues.schedules,
    queues.dead_letters,
    queues.failures,
    queues.encryption,
    app.expiry,
    app.restorable,
    app.log_retention,
    app.alarms,
    app.subscribers,
)

#: The checks that need only a template.
TEMPLATE_CHECKS: Final[tuple[Check, ...]] = (
    queues.visibility,
    queues.redrive,
    queues.retention,
    queues.images,
    queues.encryption,
    app.expiry,
    app.restorable,
    app.log_retention,
    app.alarms,
)

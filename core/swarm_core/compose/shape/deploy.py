"""The `deploy` section of a service."""

from typing import Any, Final

from swarm_core.compose.shape.parts import (
    COUNT,
    INTEGER,
    NULL,
    NUMBER,
    PAIRS,
    TEXT,
    TEXTS,
    Either,
    Key,
    ListOf,
    Scalar,
    fields,
    scalar,
)
from swarm_core.specs import notation
from swarm_core.specs.errors import InvalidValue


def _go_duration(value: Any) -> str:
    """Go wants a unit; only 0 may stand without."""
    text = str(value)
    try:
        if text == "0" or not text[-1:].isdecimal():
            notation.nanoseconds(text)
            return ""
    except InvalidValue:
        pass
    return "Does not match format 'duration'"


def _order(value: Any) -> str:
    return "" if value in ("start-first", "stop-first") else "must be start-first or stop-first"


DURATION: Final[Scalar] = scalar("string", test=_go_duration)


def _update(since_order: int) -> Any:
    return fields(
        parallelism=COUNT,
        delay=DURATION,
        failure_action=TEXT,
        monitor=DURATION,
        max_failure_ratio=NUMBER,
        order=Key(scalar("string", test=_order), since_order),
    )


_DISCRETE: Final = fields(kind=TEXT, value=INTEGER)
_LIMITS: Final = fields(cpus=TEXT, memory=TEXT, pids=Key(INTEGER, 9))
_RESERVATIONS: Final = fields(
    cpus=TEXT, memory=TEXT, generic_resources=Key(ListOf(fields(discrete_resource_spec=_DISCRETE)), 5)
)
_PLACEMENT: Final = fields(
    constraints=TEXTS,
    preferences=Key(ListOf(fields(spread=TEXT)), 3),
    max_replicas_per_node=Key(COUNT, 8),
)

DEPLOY: Final = Either(
    (
        NULL,
        fields(
            mode=TEXT,
            endpoint_mode=Key(TEXT, 2),
            replicas=COUNT,
            labels=PAIRS,
            update_config=_update(4),
            rollback_config=Key(_update(0), 7),
            resources=fields(limits=_LIMITS, reservations=_RESERVATIONS),
            restart_policy=fields(condition=TEXT, delay=DURATION, max_attempts=COUNT, window=DURATION),
            placement=_PLACEMENT,
        ),
    )
)

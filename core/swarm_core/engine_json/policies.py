"""How updates and rollbacks proceed, and when tasks start again (docs/design/engine-api-json.md 14.4.3, 14.4.8)."""

from typing import Final

from swarm_core.api.proto.types_pb2 import RestartPolicy, UpdateConfig
from swarm_core.engine_json.given import UINT64
from swarm_core.engine_json.shape import (
    FLOAT32,
    Choice,
    Nanoseconds,
    NanosecondsOrZero,
    Shape,
    Value,
    Words,
    integer,
)
from swarm_core.specs.notation import words_of

UPDATE_CONFIG: Final = Shape(
    Value("Parallelism", "parallelism", integer(UINT64), keep=True),
    NanosecondsOrZero("Delay", "delay", always=True),
    Choice(
        "FailureAction",
        "failure_action",
        Words(words_of(UpdateConfig.FailureAction), "unrecognized update failure action {}"),
    ),
    NanosecondsOrZero("Monitor", "monitor"),
    Value("MaxFailureRatio", "max_failure_ratio", FLOAT32, keep=True),
    Choice("Order", "order", Words(words_of(UpdateConfig.UpdateOrder), "unrecognized update order {}")),
)
RESTART: Final = Shape(
    Choice(
        "Condition",
        "condition",
        Words(
            words_of(RestartPolicy.RestartCondition),
            'invalid RestartCondition: "{}"',
            default=RestartPolicy.ANY,
        ),
    ),
    Nanoseconds("Delay", "delay"),
    Value("MaxAttempts", "max_attempts", integer(UINT64), keep=True),
    Nanoseconds("Window", "window"),
)

"""Setters of what happens by itself: restarts, and how an update or a rollback proceeds."""

from collections.abc import Callable
from typing import Final, Literal

from swarm_core.api.proto import specs_pb2, types_pb2
from swarm_core.api.timestamps import duration
from swarm_core.specs import notation
from swarm_core.specs.defaults import RESTART_DELAY_S, update_config
from swarm_core.specs.draft import Draft

Part = Literal["update", "rollback"]
Setter = Callable[[Draft, str], None]
_Config = types_pb2.UpdateConfig
_CONDITIONS: Final = {
    "none": types_pb2.RestartPolicy.NONE,
    "on-failure": types_pb2.RestartPolicy.ON_FAILURE,
    "any": types_pb2.RestartPolicy.ANY,
}
_FAILURE_ACTIONS: Final = notation.words_of(_Config.FailureAction)
_ORDERS: Final = notation.words_of(_Config.UpdateOrder)


def _restart(draft: Draft) -> types_pb2.RestartPolicy:
    """The restart policy; one that is made here restarts always and after a while, as without a policy."""
    if not draft.spec.task.HasField("restart"):
        draft.spec.task.restart.condition = types_pb2.RestartPolicy.ANY
        draft.spec.task.restart.delay.CopyFrom(duration(RESTART_DELAY_S))
    return draft.spec.task.restart


def set_restart_condition(draft: Draft, word: str) -> None:
    """none, on-failure or any."""
    _restart(draft).condition = notation.choice(word, _CONDITIONS)  # type: ignore[assignment]


def set_restart_delay(draft: Draft, text: str) -> None:
    _restart(draft).delay.CopyFrom(notation.duration(text))


def set_restart_window(draft: Draft, text: str) -> None:
    _restart(draft).window.CopyFrom(notation.duration(text))


def set_restart_attempts(draft: Draft, text: str) -> None:
    _restart(draft).max_attempts = notation.whole(text)


def set_parallelism(config: types_pb2.UpdateConfig, text: str) -> None:
    config.parallelism = notation.whole(text)


def set_delay(config: types_pb2.UpdateConfig, text: str) -> None:
    config.delay.CopyFrom(notation.duration(text))


def set_monitor(config: types_pb2.UpdateConfig, text: str) -> None:
    config.monitor.CopyFrom(notation.duration(text))


def set_failure_action(config: types_pb2.UpdateConfig, word: str) -> None:
    """pause, continue or rollback."""
    config.failure_action = notation.choice(word, _FAILURE_ACTIONS)  # type: ignore[assignment]


def set_failure_ratio(config: types_pb2.UpdateConfig, text: str) -> None:
    config.max_failure_ratio = notation.ratio(text)


def set_order(config: types_pb2.UpdateConfig, word: str) -> None:
    """stop-first or start-first."""
    config.order = notation.choice(word, _ORDERS)  # type: ignore[assignment]


def of(part: Part, setter: Callable[[types_pb2.UpdateConfig, str], None]) -> Setter:
    """The setter for a draft's updates or rollbacks."""

    def set_part(draft: Draft, text: str) -> None:
        setter(_config(draft.spec, part), text)

    return set_part


def _config(spec: specs_pb2.ServiceSpec, part: Part) -> types_pb2.UpdateConfig:
    """The settings; those that are made here replace one task after the other, as without settings."""
    if not spec.HasField(part):
        found = spec.update if part == "update" else spec.rollback
        found.CopyFrom(update_config())
    return spec.update if part == "update" else spec.rollback

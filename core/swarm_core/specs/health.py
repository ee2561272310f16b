"""Setters of the health check of a container or a process."""

from typing import Final

from swarm_core.api.proto import types_pb2
from swarm_core.specs import notation
from swarm_core.specs.draft import Draft

_NONE: Final = "NONE"


def _of(draft: Draft) -> types_pb2.HealthConfig:
    """The check. One that was switched off is there again once something is said of it. A container's has all its times, as
    docker's own command sends them."""
    found = draft.body.healthcheck
    if draft.process is None:
        for period in (found.interval, found.timeout, found.start_period):
            period.SetInParent()
    if found.test[:1] == [_NONE]:
        found.test[:] = []
    return found


def set_command(draft: Draft, line: str) -> None:
    """A shell command that tells whether a task is healthy; without one the image's own does."""
    if line:
        _of(draft).test[:] = ["CMD-SHELL", line]
    elif draft.body.HasField("healthcheck"):
        _of(draft).test[:] = []


def set_none(draft: Draft, wanted: bool) -> None:
    """Run no check, not even the image's."""
    if wanted:
        draft.body.ClearField("healthcheck")
        _of(draft).test[:] = [_NONE]


def set_interval(draft: Draft, text: str) -> None:
    _of(draft).interval.CopyFrom(notation.duration(text))


def set_timeout(draft: Draft, text: str) -> None:
    _of(draft).timeout.CopyFrom(notation.duration(text))


def set_start_period(draft: Draft, text: str) -> None:
    _of(draft).start_period.CopyFrom(notation.duration(text))


def set_start_interval(draft: Draft, text: str) -> None:
    _of(draft).start_interval.CopyFrom(notation.duration(text))


def set_retries(draft: Draft, text: str) -> None:
    _of(draft).retries = notation.whole(text, notation.INT32_MAX)

"""Setters of the health check of a container or a process."""

from swarm_core.api.proto import types_pb2
from swarm_core.specs import notation
from swarm_core.specs.draft import Draft
from swarm_core.specs.errors import InvalidValue


def _of(draft: Draft) -> types_pb2.HealthConfig:
    return draft.body.healthcheck


def set_command(draft: Draft, line: str) -> None:
    """A shell command that tells whether a task is healthy."""
    _of(draft).test[:] = ["CMD-SHELL", line]


def set_none(draft: Draft, wanted: bool) -> None:
    """Run no check, not even the image's."""
    if wanted:
        if _of(draft).ByteSize():
            raise InvalidValue("cannot be given together with the other health flags")
        _of(draft).test[:] = ["NONE"]


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

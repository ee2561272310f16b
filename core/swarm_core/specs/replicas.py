"""The number of tasks that a service asks for: where it stands, and how large it may be."""

from typing import Final

from swarm_core.api.proto import specs_pb2
from swarm_core.specs.errors import InvalidSpec, InvalidValue

TASKS_MAX: Final = 1_000_000
"""A slip of the finger must not make a manager plan more than its memory holds, again after every restart."""

TOO_MANY: Final = f"a service may ask for at most {TASKS_MAX} tasks"
TASKS_BYTES_MAX: Final = 128 << 20
"""What the specs of all tasks of one service may take together: every manager holds each of them."""
PARKED: Final = "swarmtui.replicas"
"""The label of a service that was stopped: how many tasks it had. Every operator and every later leader sees it there."""
SCALED: Final = "swarmtui.autoscaled"
"""The label of a service that was scaled by what it uses: from what to what, and why. It goes with the next scale by a person."""
_DIGITS_MAX: Final = 8
NO_NUMBER: Final = "only a replicated service has a number of tasks"


def count(spec: specs_pb2.ServiceSpec) -> int | None:
    """How many tasks a replicated service runs, or a replicated job completes; None for what has no such number."""
    match spec.WhichOneof("mode"):
        case "replicated":
            return spec.replicated.replicas
        case "replicated_job":
            return spec.replicated_job.total_completions
        case _:
            return None


def parked(spec: specs_pb2.ServiceSpec) -> int | None:
    """How many tasks a stopped service had; None of one that is not stopped, or whose label says no number."""
    text = spec.annotations.labels.get(PARKED, "")
    if count(spec) != 0 or not (text.isascii() and text.isdigit()):
        return None
    number = int(text[:_DIGITS_MAX])
    return number if 0 < number <= TASKS_MAX else None


def park(spec: specs_pb2.ServiceSpec) -> None:
    """No tasks any more; how many there were stands in the label."""
    spec.annotations.labels[PARKED] = str(count(spec))
    set_count(spec, 0)


def forget_parked(spec: specs_pb2.ServiceSpec) -> None:
    """It is not stopped, and not scaled by itself: nothing is remembered."""
    spec.annotations.labels.pop(PARKED, None)
    spec.annotations.labels.pop(SCALED, None)


def without_count(spec: specs_pb2.ServiceSpec) -> specs_pb2.ServiceSpec:
    """The same without a number of tasks, and without what is remembered of one: what scaling, stopping and starting leave alone."""
    same = specs_pb2.ServiceSpec()
    same.CopyFrom(spec)
    forget_parked(same)
    if count(same) is not None:
        set_count(same, 0)
    return same


def check_bytes(spec: specs_pb2.ServiceSpec) -> None:
    """Raise InvalidSpec for a service whose tasks would be too much for the managers' memory together."""
    number, size = count(spec) or 0, spec.task.ByteSize()
    if number * size > TASKS_BYTES_MAX:
        raise InvalidSpec(
            f"{number} tasks of {size} bytes each would take {_mib(number * size)} MiB on every manager; a service may take "
            f"{_mib(TASKS_BYTES_MAX)} MiB, which is {most_of(spec)} tasks of this size"
        )


def most_of(spec: specs_pb2.ServiceSpec) -> int:
    """How many tasks of this size a service may have."""
    return min(TASKS_MAX, TASKS_BYTES_MAX // max(spec.task.ByteSize(), 1))


def _mib(size: int) -> str:
    return f"{size / (1 << 20):.0f}"


def set_count(spec: specs_pb2.ServiceSpec, number: int) -> None:
    """Set that number; a service without any mode becomes replicated."""
    match spec.WhichOneof("mode"):
        case "replicated" | None:
            spec.replicated.replicas = number
        case "replicated_job":
            spec.replicated_job.total_completions = number
        case _:
            raise InvalidValue(NO_NUMBER)

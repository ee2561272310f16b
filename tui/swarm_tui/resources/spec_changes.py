"""What is different between two specs of a service, in a few words each: for changes, histories and plans.

Values are named where a person compares them at a glance: images, counts, names of variables. Of all else the field is named, whatever it is: what
a later version adds to the messages is told by the name that it has there.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from google.protobuf.message import Message
from swarm_core.api.proto import specs_pb2
from swarm_core.api.proto.process_pb2 import ProcessSpec
from swarm_core.api.runtimes import process_spec
from swarm_core.rules.autoscale import POLICY
from swarm_core.specs.replicas import SCALED

from swarm_tui.resources import format as fmt
from swarm_tui.resources.task_specs import runtime_text

_NAMES_SHOWN: Final = 4
# Fields with words of their own; None where the difference is told otherwise.
_WORDS: Final[Mapping[str, str | None]] = {
    "image": None,
    "env": None,
    "runtime": None,
    "container": None,
    "generic": None,
    "attachment": None,
    "force_update": None,
    "replicated": None,
    "annotations": None,
    "task": None,
    "args": "command",
    "pull_options": "credentials",
    "dir": "directory",
    "pidsLimit": "process limit",
    "dns_config": "DNS",
    "restart": "restart policy",
    "update": "update settings",
    "rollback": "rollback settings",
    "endpoint": "ports",
}


def differences(old: specs_pb2.ServiceSpec, new: specs_pb2.ServiceSpec) -> list[str]:
    """What became different, the most important first, each once."""
    return list(dict.fromkeys(_differences(old, new)))


def _differences(old: specs_pb2.ServiceSpec, new: specs_pb2.ServiceSpec) -> Iterator[str]:
    before, after = runtime_text(old.task)[1], runtime_text(new.task)[1]
    if before != after:
        yield _runs_change(fmt.image(before), fmt.image(after))
    if old.replicated.replicas != new.replicated.replicas:
        yield f"scaled {old.replicated.replicas} → {new.replicated.replicas}{_by_itself(old, new)}"
    was, now = _body(old.task), _body(new.task)
    yield from _entries("env", was.env if was else (), now.env if now else ())
    if was is not None and type(was) is type(now):
        # What a process runs is told already.
        told = ("command", "args") if isinstance(was, ProcessSpec) else ()
        yield from _fields(was, now, told)
    yield from _fields(old.task, new.task, ())
    yield from _label_changes(dict(old.annotations.labels), dict(new.annotations.labels))
    yield from _fields(old, new, ())
    if old.task.force_update != new.task.force_update:
        yield "restarted"


def _by_itself(old: specs_pb2.ServiceSpec, new: specs_pb2.ServiceSpec) -> str:
    """Why, where it was scaled by what it uses."""
    before, after = (spec.annotations.labels.get(SCALED, "") for spec in (old, new))
    return f" by autoscale, {after.partition(': ')[2]}" if after and after != before else ""


def _label_changes(old: dict[str, str], new: dict[str, str]) -> Iterator[str]:
    """What says how it scales by itself in its own words; why it was scaled last goes with the number."""
    for labels in (old, new):
        labels.pop(SCALED, None)
    before, after = old.pop(POLICY, ""), new.pop(POLICY, "")
    if before != after:
        yield f"autoscale {after}" if after else "autoscale off"
    if old != new:
        yield "labels"


def _body(task: specs_pb2.TaskSpec) -> specs_pb2.ContainerSpec | ProcessSpec | None:
    return task.container if task.HasField("container") else process_spec(task)


def _fields(old: Message, new: Message, told: Sequence[str]) -> Iterator[str]:
    for field in old.DESCRIPTOR.fields:
        word = _WORDS.get(field.name, field.name.replace("_", " "))
        if (
            word is not None
            and field.name not in told
            and getattr(old, field.name) != getattr(new, field.name)
        ):
            yield word


def _entries(what: str, old: Sequence[str], new: Sequence[str]) -> Iterator[str]:
    """Names of variables that came (+), went (−) and changed (~); values may be secret."""
    before, after = (dict(entry.partition("=")[::2] for entry in entries) for entries in (old, new))
    signs = [
        *(f"+{name}" for name in after if name not in before),
        *(f"−{name}" for name in before if name not in after),
        *(f"~{name}" for name in after if name in before and before[name] != after[name]),
    ]
    if signs:
        more = f" and {len(signs) - _NAMES_SHOWN} more" if len(signs) > _NAMES_SHOWN else ""
        yield f"{what} {' '.join(signs[:_NAMES_SHOWN])}{more}"


def _runs_change(before: str, after: str) -> str:
    """Old and new; of an image that stays in its repository only the tags."""
    repository, _, tag = after.rpartition(":")
    if repository and before.startswith(f"{repository}:"):
        return f"image {before.removeprefix(f'{repository}:')} → {tag}"
    return f"{before} → {after}"

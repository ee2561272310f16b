"""The flags of `docker service create` and `update` that make one spec of another. Pure.

Each part looks at one piece of the spec, gives the flags that change it, and makes that piece alike. Where something is left that is
not alike when all parts are done, no command says all of the change, and none is given.
"""

import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from google.protobuf.duration_pb2 import Duration
from swarm_core.api.proto import objects_pb2, specs_pb2, types_pb2
from swarm_core.api.runtimes import CONTAINER, runtime_of
from swarm_core.api.words import enum_word
from swarm_core.specs import texts
from swarm_core.specs.draft import Draft

from swarm_tui.resources.model import ClusterView

Spec = specs_pb2.ServiceSpec
_NS: Final = 1_000_000_000
_UNITS: Final = (("g", 1 << 30), ("m", 1 << 20), ("k", 1 << 10))
OF_PROCESSES: Final = "docker knows containers only, and this service runs processes"


class NoCommand(Exception):
    """No docker command does it; the text is the rest of a sentence."""


@dataclass(slots=True)
class Work:
    """`left` becomes `wanted` part by part; for a new service the lists have one flag, for others one to add and one to remove."""

    left: Spec
    wanted: Spec
    is_new: bool
    view: ClusterView


Part = Callable[[Work], Iterator[str]]


def update_words(before: Spec, after: Spec, view: ClusterView) -> list[str]:
    """Flags that make `after` of `before`. Raises NoCommand."""
    return _words(before, after, view, is_new=False)


def create_words(spec: Spec, view: ClusterView) -> list[str]:
    """Flags, image and arguments that make a service of this spec. Raises NoCommand."""
    if runtime_of(spec.task) != CONTAINER:
        raise NoCommand(OF_PROCESSES)
    bare = Draft.new(CONTAINER).finish()
    bare.annotations.name = spec.annotations.name
    bare.task.container.image = spec.task.container.image
    del bare.task.container.args[:]
    bare.task.container.args.extend(spec.task.container.args)
    words = ["--name", spec.annotations.name, *_words(bare, spec, view, is_new=True)]
    return [*words, spec.task.container.image, *spec.task.container.args]


def _words(before: Spec, after: Spec, view: ClusterView, *, is_new: bool) -> list[str]:
    if runtime_of(after.task) != CONTAINER:
        raise NoCommand(OF_PROCESSES)
    left = Spec()
    left.CopyFrom(before)
    work = Work(left, after, is_new, view)
    found = [word for part in _PARTS for word in part(work)]
    # An empty message says no more than none.
    if _bare(work.left) != _bare(after):
        raise NoCommand("it changes more than the flags that are known here")
    return found


def _bare(spec: Spec) -> Spec:
    """Without messages in which nothing is set, and without credentials, which a flag never shows."""
    bare = Spec()
    bare.CopyFrom(spec)
    bare.task.container.ClearField("pull_options")
    _drop_empty(bare)
    return bare


def _drop_empty(message: Any) -> None:
    for field, value in message.ListFields():
        if field.message_type is None or field.is_repeated:
            continue
        _drop_empty(value)
        if not value.ListFields() and field.containing_oneof is None:
            message.ClearField(field.name)


# -- parts -----------------------------------------------------------------------------------------


def _mode(work: Work) -> Iterator[str]:
    left, wanted = work.left, work.wanted
    mode = wanted.WhichOneof("mode")
    if mode != left.WhichOneof("mode"):
        if not work.is_new:
            raise NoCommand("docker changes the mode of no service")
        yield from ("--mode", (mode or "").replace("_", "-"))
    if mode == "replicated" and wanted.replicated != left.replicated:
        yield from ("--replicas", str(wanted.replicated.replicas))
    if mode == "replicated_job" and wanted.replicated_job != left.replicated_job:
        yield from ("--replicas", str(wanted.replicated_job.total_completions))
        yield from ("--max-concurrent", str(wanted.replicated_job.max_concurrent))
    if mode is not None:
        getattr(left, mode).CopyFrom(getattr(wanted, mode))


def _program(work: Work) -> Iterator[str]:
    left, wanted = work.left.task.container, work.wanted.task.container
    if left.image != wanted.image:
        yield from ("--image", wanted.image)
        left.image = wanted.image
    if left.args != wanted.args:
        yield from ("--args", shlex.join(wanted.args))
    if left.command != wanted.command:
        yield from ("--entrypoint", shlex.join(wanted.command))
    for field in ("args", "command"):
        _take_list(left, wanted, field)
    for field, flag in (("user", "--user"), ("dir", "--workdir"), ("hostname", "--hostname")):
        if getattr(left, field) != getattr(wanted, field):
            yield from (flag, getattr(wanted, field))
            setattr(left, field, getattr(wanted, field))
    for field, flag in (("tty", "--tty"), ("read_only", "--read-only")):
        if getattr(left, field) != getattr(wanted, field):
            yield flag if getattr(wanted, field) else f"{flag}=false"
            setattr(left, field, getattr(wanted, field))
    yield from _durations(left, wanted, {"stop_grace_period": "--stop-grace-period"})


def _lists(work: Work) -> Iterator[str]:
    left, wanted = work.left, work.wanted
    env_left, env = left.task.container.env, wanted.task.container.env
    yield from _pairs(work, "env", dict(map(_pair, env_left)), dict(map(_pair, env)))
    _take_list(left.task.container, wanted.task.container, "env")
    yield from _maps(work, "label", left.annotations.labels, wanted.annotations.labels)
    yield from _maps(work, "container-label", left.task.container.labels, wanted.task.container.labels)
    yield from _set(work, "constraint", left.task.placement.constraints, wanted.task.placement.constraints)
    _take_list(left.task.placement, wanted.task.placement, "constraints")
    yield from _set(
        work,
        "placement-pref",
        map(_preference, left.task.placement.preferences),
        map(_preference, wanted.task.placement.preferences),
    )
    _take_list(left.task.placement, wanted.task.placement, "preferences")
    if left.task.placement.max_replicas != wanted.task.placement.max_replicas:
        yield from ("--replicas-max-per-node", str(wanted.task.placement.max_replicas))
        left.task.placement.max_replicas = wanted.task.placement.max_replicas


def _mounts(work: Work) -> Iterator[str]:
    """Docker takes a mount away by its target, after it has put those that are new: one that is changed is only put."""
    left, wanted = work.left.task.container, work.wanted.task.container
    here, targets = set(map(texts.mount, left.mounts)), {one.target for one in wanted.mounts}
    for one in left.mounts:
        if one.target not in targets:
            yield from ("--mount-rm", one.target)
    for text in map(texts.mount, wanted.mounts):
        if text not in here:
            yield from ("--mount" if work.is_new else "--mount-add", text)
    _take_list(left, wanted, "mounts")


def _health(work: Work) -> Iterator[str]:
    """A command of the shell, or none at all: docker has no flag for a list of words, nor to go back to what the image says."""
    left, wanted = work.left.task.container.healthcheck, work.wanted.task.container.healthcheck
    if left == wanted:
        return
    match list(wanted.test):
        case ["NONE"] if not wanted.retries and not any(
            getattr(wanted, one).ToNanoseconds() for one in _HEALTH
        ):
            yield "--no-healthcheck"
            left.CopyFrom(wanted)
            return
        case ["CMD-SHELL", command] if command and left.test != wanted.test:
            yield from ("--health-cmd", command)
            _take_list(left, wanted, "test")
    if left.test == wanted.test and list(left.test) != ["NONE"]:
        yield from _durations(left, wanted, _HEALTH)
        if left.retries != wanted.retries:
            yield from ("--health-retries", str(wanted.retries))
            left.retries = wanted.retries


_HEALTH: Final = {
    field: f"--health-{field.replace('_', '-')}"
    for field in ("interval", "timeout", "start_period", "start_interval")
}


def _references(work: Work) -> Iterator[str]:
    left, wanted = work.left.task.container, work.wanted.task.container
    for noun in ("secret", "config"):
        here = {_reference(noun, one): one for one in getattr(left, f"{noun}s")}
        there = {_reference(noun, one): one for one in getattr(wanted, f"{noun}s")}
        for text, one in here.items():
            if text not in there:
                yield from (f"--{noun}-rm", getattr(one, f"{noun}_name"))
        for text in there:
            if text not in here:
                yield from (f"--{noun}" if work.is_new else f"--{noun}-add", text)
        _take_list(left, wanted, f"{noun}s")
    task, task_wanted = work.left.task, work.wanted.task
    names = [_network(work.view, one) for one in task.networks]
    yield from _set(work, "network", names, [_network(work.view, one) for one in task_wanted.networks])
    _take_list(task, task_wanted, "networks")


def _ports(work: Work) -> Iterator[str]:
    left, wanted = work.left.endpoint, work.wanted.endpoint
    here, there = list(map(_port, left.ports)), list(map(_port, wanted.ports))
    for port, text in zip(left.ports, here, strict=True):
        if text not in there:
            yield from (
                "--publish-rm",
                f"{port.target_port}/{enum_word(types_pb2.PortConfig.Protocol, port.protocol)}",
            )
    for text in there:
        if text not in here:
            yield from ("--publish" if work.is_new else "--publish-add", text)
    if left.mode != wanted.mode:
        yield from ("--endpoint-mode", "dnsrr" if wanted.mode == wanted.DNSRR else "vip")
    if left != wanted:
        left.CopyFrom(wanted)


def _resources(work: Work) -> Iterator[str]:
    left, wanted = work.left.task.resources, work.wanted.task.resources
    for part, prefix in (("reservations", "--reserve"), ("limits", "--limit")):
        here, there = getattr(left, part), getattr(wanted, part)
        if here.nano_cpus != there.nano_cpus:
            yield from (f"{prefix}-cpu", f"{there.nano_cpus / _NS:.9f}".rstrip("0").rstrip("."))
            here.nano_cpus = there.nano_cpus
        if here.memory_bytes != there.memory_bytes:
            yield from (f"{prefix}-memory", _size(there.memory_bytes))
            here.memory_bytes = there.memory_bytes


def _restart(work: Work) -> Iterator[str]:
    left, wanted = work.left.task.restart, work.wanted.task.restart
    if not work.wanted.task.HasField("restart"):
        return
    if left.condition != wanted.condition or not work.left.task.HasField("restart"):
        word = enum_word(types_pb2.RestartPolicy.RestartCondition, wanted.condition)
        yield from ("--restart-condition", word.replace("_", "-").replace("on failure", "on-failure"))
        left.condition = wanted.condition
    if left.max_attempts != wanted.max_attempts:
        yield from ("--restart-max-attempts", str(wanted.max_attempts))
        left.max_attempts = wanted.max_attempts
    yield from _durations(left, wanted, {"delay": "--restart-delay", "window": "--restart-window"})


def _rollouts(work: Work) -> Iterator[str]:
    for part in ("update", "rollback"):
        if not work.wanted.HasField(part):
            continue
        left, wanted = getattr(work.left, part), getattr(work.wanted, part)
        config = types_pb2.UpdateConfig
        if left.parallelism != wanted.parallelism:
            yield from (f"--{part}-parallelism", str(wanted.parallelism))
        if left.failure_action != wanted.failure_action:
            yield from (f"--{part}-failure-action", config.FailureAction.Name(wanted.failure_action).lower())
        if left.order != wanted.order:
            yield from (f"--{part}-order", config.UpdateOrder.Name(wanted.order).lower().replace("_", "-"))
        if left.max_failure_ratio != wanted.max_failure_ratio:
            yield from (f"--{part}-max-failure-ratio", f"{wanted.max_failure_ratio:g}")
        if left.delay != wanted.delay:
            yield from (f"--{part}-delay", _duration(wanted.delay))
        if left.monitor != wanted.monitor:
            yield from (f"--{part}-monitor", _duration(wanted.monitor))
        left.CopyFrom(wanted)


def _force(work: Work) -> Iterator[str]:
    if work.left.task.force_update != work.wanted.task.force_update:
        yield "--force"
        work.left.task.force_update = work.wanted.task.force_update


_PARTS: Final[tuple[Part, ...]] = (
    _mode, _program, _lists, _mounts, _health, _references, _ports, _resources, _restart, _rollouts, _force,
)  # fmt: skip


# -- values ----------------------------------------------------------------------------------------


def _pair(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    return name, value


def _maps(work: Work, name: str, left: Any, wanted: Any) -> Iterator[str]:
    yield from _pairs(work, name, dict(left), dict(wanted))
    left.clear()
    left.update(dict(wanted))


def _pairs(work: Work, name: str, left: Mapping[str, str], wanted: Mapping[str, str]) -> Iterator[str]:
    for key in left:
        if key not in wanted:
            yield from (f"--{name}-rm", key)
    for key, value in wanted.items():
        if left.get(key) != value:
            yield from (f"--{name}" if work.is_new else f"--{name}-add", f"{key}={value}")


def _set(work: Work, name: str, left: Iterable[str], wanted: Iterable[str]) -> Iterator[str]:
    here, there = list(left), list(wanted)
    for one in here:
        if one not in there:
            yield from (f"--{name}-rm", one)
    for one in there:
        if one not in here:
            yield from (f"--{name}" if work.is_new else f"--{name}-add", one)


def _take_list(left: Any, wanted: Any, field: str) -> None:
    if list(getattr(left, field)) != list(getattr(wanted, field)):
        del getattr(left, field)[:]
        getattr(left, field).extend(getattr(wanted, field))


def _durations(left: Any, wanted: Any, flags: Mapping[str, str]) -> Iterator[str]:
    for field, flag in flags.items():
        if getattr(left, field) != getattr(wanted, field):
            yield from (flag, _duration(getattr(wanted, field)))
            getattr(left, field).CopyFrom(getattr(wanted, field))


def _duration(value: Duration) -> str:
    return f"{value.ToNanoseconds() / _NS:.9f}".rstrip("0").rstrip(".") + "s"


def _size(count: int) -> str:
    return next((f"{count // unit}{word}" for word, unit in _UNITS if count and not count % unit), str(count))


def _preference(preference: types_pb2.PlacementPreference) -> str:
    return f"spread={preference.spread.spread_descriptor}"


def _reference(noun: str, one: Any) -> str:
    words = [f"source={getattr(one, f'{noun}_name')}", f"target={one.file.name}"]
    words += [
        f"{key}={value}"
        for key, value in (("uid", one.file.uid), ("gid", one.file.gid))
        if value not in ("", "0")
    ]
    if one.file.mode and one.file.mode != 0o444:
        words.append(f"mode=0{one.file.mode:o}")
    return ",".join(words)


def _network(view: ClusterView, one: types_pb2.NetworkAttachmentConfig) -> str:
    network = view.get(objects_pb2.Network, one.target)
    name = network.spec.annotations.name if network is not None else one.target
    if one.aliases or one.driver_attachment_opts:
        words = [f"name={name}", *(f"alias={alias}" for alias in one.aliases)]
        return ",".join(
            [
                *words,
                *(f"driver-opt={key}={value}" for key, value in sorted(one.driver_attachment_opts.items())),
            ]
        )
    return name


def _port(port: types_pb2.PortConfig) -> str:
    words = [f"published={port.published_port}"] if port.published_port else []
    words.append(f"target={port.target_port}")
    if port.protocol != port.TCP:
        words.append(f"protocol={enum_word(types_pb2.PortConfig.Protocol, port.protocol)}")
    if port.publish_mode == port.HOST:
        words.append("mode=host")
    return ",".join(words)

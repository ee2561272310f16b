"""The flags of `service create` and `service update` as data: what each is called, and what it does to a draft.

Names and meanings are the docker command line's; `create` and `update` differ only in the names of list flags (`--env`
there is `--env-add` and `--env-rm` here). Flags of parts that a server does not have yet are sent: the server refuses them.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from swarm_core.api.proto import specs_pb2, types_pb2
from swarm_core.api.timestamps import duration

from swarm_tui.cli.plumbing import values
from swarm_tui.cli.plumbing.draft import Draft
from swarm_tui.cli.plumbing.values import BadValue


class On(Enum):
    BOTH = "both"
    CREATE = "create"
    UPDATE = "update"


@dataclass(frozen=True, slots=True)
class Flag:
    """`type` is str, bool or list[str]; `apply` is called with the draft and the value, when it was given."""

    declaration: str
    type: Any
    help: str
    apply: Callable[[Draft, Any], object]
    on: On = On.BOTH
    metavar: str | None = None

    @property
    def declarations(self) -> tuple[str, ...]:
        return tuple(self.declaration.split())

    @property
    def long_name(self) -> str:
        """What people call it."""
        return self.declarations[0].partition("/")[0]

    @property
    def name(self) -> str:
        """Its name as a parameter."""
        return self.long_name.removeprefix("--").replace("-", "_")


def apply(draft: Draft, flags: tuple[Flag, ...], given: Mapping[str, Any]) -> None:
    """Carry every given flag out, in the table's order. Raises BadValue that begins with the flag."""
    for flag in flags:
        value = given.get(flag.name)
        if value is None or value == []:
            continue
        try:
            flag.apply(draft, value)
        except BadValue as error:
            raise BadValue(f"{flag.long_name}: {error}.") from None
        except UnicodeError:
            raise
        except (ValueError, OverflowError):
            # The wire's own numbers are narrower than what can be written.
            raise BadValue(f"{flag.long_name}: {value!r} is too large.") from None


# -- what the flags do --------------------------------------------------------------------------


def _body(attribute: str) -> Callable[[Draft, Any], None]:
    return lambda draft, value: setattr(draft.body, attribute, value)


def _container(attribute: str) -> Callable[[Draft, Any], None]:
    return lambda draft, value: setattr(draft.container, attribute, value)


def _extend(read: Callable[[Draft], Any]) -> Callable[[Draft, list[str]], None]:
    def extend(draft: Draft, given: list[str]) -> None:
        held = read(draft)
        held.extend(text for text in given if text not in held)

    return extend


def _shrink(read: Callable[[Draft], Any]) -> Callable[[Draft, list[str]], None]:
    def shrink(draft: Draft, given: list[str]) -> None:
        held = read(draft)
        held[:] = [text for text in held if text not in given]

    return shrink


def _merge(read: Callable[[Draft], Any]) -> Callable[[Draft, list[str]], None]:
    return lambda draft, given: read(draft).update(values.pairs(given))


def _forget(read: Callable[[Draft], Any]) -> Callable[[Draft, list[str]], None]:
    def forget(draft: Draft, given: list[str]) -> None:
        held = read(draft)
        for key in given:
            if key in held:
                del held[key]

    return forget


def _labels(draft: Draft) -> Any:
    return draft.spec.annotations.labels


def _constraints(draft: Draft) -> Any:
    return draft.spec.task.placement.constraints


def _set_env(draft: Draft, given: list[str]) -> None:
    new = values.environment(given, os.environ)
    names = {entry.partition("=")[0] for entry in new}
    _drop_env(draft, list(names))
    draft.body.env.extend(new)


def _drop_env(draft: Draft, names: list[str]) -> None:
    draft.body.env[:] = [entry for entry in draft.body.env if entry.partition("=")[0] not in names]


def _drop_references(kind: str) -> Callable[[Draft, list[str]], None]:
    def drop(draft: Draft, names: list[str]) -> None:
        held = getattr(draft.body, f"{kind}s")
        kept = [ref for ref in held if getattr(ref, f"{kind}_name") not in names]
        if len(kept) == len(held):
            raise BadValue(f"the service has no {kind} {', '.join(names)}")
        del held[:]
        held.extend(kept)

    return drop


def _add_references(kind: str) -> Callable[[Draft, list[str]], None]:
    def add(draft: Draft, given: list[str]) -> None:
        getattr(draft, f"{kind}s").extend(values.reference(text) for text in given)

    return add


def _drop_mounts(draft: Draft, targets: list[str]) -> None:
    kept = [mount for mount in draft.container.mounts if mount.target not in targets]
    del draft.container.mounts[:]
    draft.container.mounts.extend(kept)


def _add_mounts(draft: Draft, given: list[str]) -> None:
    draft.container.mounts.extend(values.mount(text) for text in given)


def _resource(part: str, attribute: str, parse: Callable[[str], int]) -> Callable[[Draft, str], None]:
    return lambda draft, text: setattr(getattr(draft.spec.task.resources, part), attribute, parse(text))


def _generic(draft: Draft, given: list[str]) -> None:
    reserved = draft.spec.task.resources.reservations.generic
    for text in given:
        kind, count = values.pair(text)
        reserved.add(
            discrete_resource_spec=types_pb2.DiscreteGenericResource(kind=kind, value=values.whole(count))
        )


def _set_mode(draft: Draft, mode: str) -> None:
    match mode:
        case "replicated":
            draft.spec.replicated.SetInParent()
        case "global":
            getattr(draft.spec, "global").SetInParent()
        case "replicated-job":
            draft.spec.replicated_job.SetInParent()
        case "global-job":
            draft.spec.global_job.SetInParent()
        case _:
            raise BadValue(f"{mode!r} is none of replicated, global, replicated-job, global-job")


def _set_replicas(draft: Draft, text: str) -> None:
    count = values.whole(text)
    match draft.spec.WhichOneof("mode"):
        case "replicated" | None:
            draft.spec.replicated.replicas = count
        case "replicated_job":
            draft.spec.replicated_job.total_completions = count
        case _:
            raise BadValue("only a replicated service has a number of replicas")


def _set_max_concurrent(draft: Draft, text: str) -> None:
    if draft.spec.WhichOneof("mode") != "replicated_job":
        raise BadValue("is for replicated jobs")
    draft.spec.replicated_job.max_concurrent = values.whole(text)


def _set_restart_condition(draft: Draft, word: str) -> None:
    conditions = {
        "none": types_pb2.RestartPolicy.NONE,
        "on-failure": types_pb2.RestartPolicy.ON_FAILURE,
        "any": types_pb2.RestartPolicy.ANY,
    }
    if word not in conditions:
        raise BadValue(f"{word!r} is none of {', '.join(conditions)}")
    _restart(draft).condition = conditions[word]


def _restart(draft: Draft) -> types_pb2.RestartPolicy:
    """The restart policy; one that is made here restarts always, as without a policy."""
    if not draft.spec.task.HasField("restart"):
        draft.spec.task.restart.condition = types_pb2.RestartPolicy.ANY
    return draft.spec.task.restart


def _restart_time(attribute: str) -> Callable[[Draft, str], None]:
    return lambda draft, text: getattr(_restart(draft), attribute).CopyFrom(duration(values.seconds(text)))


def _set_max_attempts(draft: Draft, text: str) -> None:
    _restart(draft).max_attempts = values.whole(text)


def _health_time(attribute: str) -> Callable[[Draft, str], None]:
    return lambda draft, text: getattr(draft.body.healthcheck, attribute).CopyFrom(
        duration(values.seconds(text))
    )


def _set_health_command(draft: Draft, command: str) -> None:
    draft.body.healthcheck.test[:] = ["CMD-SHELL", command]


def _set_no_health(draft: Draft, wanted: bool) -> None:
    if wanted:
        if draft.body.healthcheck.ByteSize():
            raise BadValue("cannot be given together with the other health flags")
        draft.body.healthcheck.test[:] = ["NONE"]


def _set_retries(draft: Draft, text: str) -> None:
    draft.body.healthcheck.retries = values.whole(text)


def _spread(text: str) -> str:
    strategy, descriptor = values.pair(text)
    if strategy != "spread" or not descriptor:
        raise BadValue(f"{text!r} is no preference (write spread=node.labels.zone)")
    return descriptor


def _add_preferences(draft: Draft, given: list[str]) -> None:
    for text in given:
        draft.spec.task.placement.preferences.add(
            spread=types_pb2.SpreadOver(spread_descriptor=_spread(text))
        )


def _drop_preferences(draft: Draft, given: list[str]) -> None:
    gone = {_spread(text) for text in given}
    held = draft.spec.task.placement.preferences
    kept = [preference for preference in held if preference.spread.spread_descriptor not in gone]
    del held[:]
    held.extend(kept)


def _set_max_per_node(draft: Draft, text: str) -> None:
    if draft.spec.WhichOneof("mode") not in ("replicated", None):
        raise BadValue("is for replicated services")
    draft.spec.task.placement.max_replicas = values.whole(text)


def _set_log_driver(draft: Draft, name: str) -> None:
    draft.spec.task.log_driver.name = name


def _set_init(draft: Draft, wanted: bool) -> None:
    draft.container.init.value = wanted


def _add_ulimits(draft: Draft, given: list[str]) -> None:
    for text in given:
        name, soft, hard = values.ulimit(text)
        draft.container.ulimits.append(specs_pb2.ContainerSpec.Ulimit(name=name, soft=soft, hard=hard))


def _add_ports(draft: Draft, given: list[str]) -> None:
    draft.spec.endpoint.ports.extend(values.port(text) for text in given)


def _drop_ports(draft: Draft, given: list[str]) -> None:
    gone = {values.whole(text.partition("/")[0]) for text in given}
    kept = [port for port in draft.spec.endpoint.ports if port.target_port not in gone]
    del draft.spec.endpoint.ports[:]
    draft.spec.endpoint.ports.extend(kept)


def _add_networks(draft: Draft, given: list[str]) -> None:
    draft.spec.task.networks.extend(types_pb2.NetworkAttachmentConfig(target=name) for name in given)


def _set_endpoint_mode(draft: Draft, word: str) -> None:
    modes = specs_pb2.EndpointSpec.ResolutionMode
    if word.upper() not in modes.keys():  # noqa: SIM118 - an enum wrapper is no mapping
        raise BadValue(f"{word!r} is neither vip nor dnsrr")
    draft.spec.endpoint.mode = modes.Value(word.upper())


def _rollout(part: str, attribute: str) -> Callable[[Draft, str], None]:
    def set_rollout(draft: Draft, text: str) -> None:
        config = getattr(draft.spec, part)
        match attribute:
            case "parallelism":
                config.parallelism = values.whole(text)
            case "delay" | "monitor":
                getattr(config, attribute).CopyFrom(duration(values.seconds(text)))
            case "max_failure_ratio":
                try:
                    config.max_failure_ratio = float(text)
                except ValueError:
                    raise BadValue(f"{text!r} is no number from 0 to 1") from None
            case _:
                _set_rollout_word(config, attribute, text)

    return set_rollout


def _set_rollout_word(config: Any, attribute: str, text: str) -> None:
    words: Any = (
        types_pb2.UpdateConfig.FailureAction
        if attribute == "failure_action"
        else types_pb2.UpdateConfig.UpdateOrder
    )
    name = text.upper().replace("-", "_")
    if name not in words.keys():  # noqa: SIM118 - an enum wrapper is no mapping
        known = ", ".join(word.lower().replace("_", "-") for word in words.keys())  # noqa: SIM118
        raise BadValue(f"{text!r} is none of {known}")
    setattr(config, attribute, words.Value(name))


def _set_args(draft: Draft, text: str) -> None:
    import shlex

    try:
        words = shlex.split(text)
    except ValueError as error:
        raise BadValue(f"{text!r} cannot be split into words ({error})") from None
    draft.body.args[:] = words


def _set_entrypoint(draft: Draft, text: str) -> None:
    import shlex

    try:
        draft.container.command[:] = shlex.split(text)
    except ValueError as error:
        raise BadValue(f"{text!r} cannot be split into words ({error})") from None


def _set_grace(draft: Draft, text: str) -> None:
    draft.body.stop_grace_period.CopyFrom(duration(values.seconds(text)))


def _add_groups(draft: Draft, given: list[str]) -> None:
    draft.container.groups.extend(given)


def _force(draft: Draft, wanted: bool) -> None:
    if wanted:
        draft.spec.task.force_update += 1


_LIST = list[str]


def _list_flags(
    name: str,
    help_text: str,
    add: Callable[[Draft, Any], object],
    drop: Callable[[Draft, Any], object],
    *,
    short: str = "",
    metavar: str = "VALUE",
    drop_metavar: str = "NAME",
) -> tuple[Flag, ...]:
    """One list: `--name` when creating, `--name-rm` and `--name-add` when updating."""
    return (
        Flag(f"--{name} {short}".strip(), _LIST, f"{help_text}.", add, On.CREATE, metavar),
        Flag(f"--{name}-rm", _LIST, f"Remove: {help_text.lower()}.", drop, On.UPDATE, drop_metavar),
        Flag(f"--{name}-add", _LIST, f"Add or replace: {help_text.lower()}.", add, On.UPDATE, metavar),
    )


def _rollout_flags(part: str) -> tuple[Flag, ...]:
    return tuple(
        Flag(
            f"--{part}-{word.replace('_', '-')}", str, f"{text} ({part}).", _rollout(part, word), metavar=meta
        )
        for word, text, meta in (
            ("parallelism", "Tasks replaced at the same time, 0 for all", "N"),
            ("delay", "Pause between groups of tasks", "DURATION"),
            ("failure_action", "pause, continue or rollback", "WORD"),
            ("monitor", "How long a new task is watched for failure", "DURATION"),
            ("max_failure_ratio", "Share of tasks that may fail", "RATIO"),
            ("order", "stop-first or start-first", "WORD"),
        )
    )


FLAGS: tuple[Flag, ...] = (
    Flag("--mode", str, "replicated, global, replicated-job or global-job.", _set_mode, On.CREATE, "WORD"),
    Flag("--replicas", str, "Number of tasks.", _set_replicas, metavar="N"),
    Flag("--max-concurrent", str, "Tasks of a job that run at the same time.", _set_max_concurrent, metavar="N"),
    Flag("--image", str, "Image to run.", _container("image"), On.UPDATE, "IMAGE"),
    Flag("--args", str, "Arguments of the command, as one shell line.", _set_args, On.UPDATE, "LINE"),
    Flag("--entrypoint", str, "Program instead of the image's own, as one shell line.", _set_entrypoint, metavar="LINE"),
    *_list_flags("env", "Environment variable", _set_env, _drop_env, short="-e", metavar="NAME=VALUE"),
    *_list_flags("label", "Label of the service", _merge(_labels), _forget(_labels), short="-l", metavar="KEY=VALUE"),
    *_list_flags(
        "container-label",
        "Label of each container",
        _merge(lambda draft: draft.container.labels),
        _forget(lambda draft: draft.container.labels),
        metavar="KEY=VALUE",
    ),
    *_list_flags(
        "constraint", "Placement constraint", _extend(_constraints), _shrink(_constraints), metavar="EXPRESSION"
    ),
    *_list_flags(
        "placement-pref", "Placement preference", _add_preferences, _drop_preferences,
        metavar="spread=KEY", drop_metavar="spread=KEY",
    ),
    Flag("--replicas-max-per-node", str, "Most tasks on one node, 0 for any number.", _set_max_per_node, metavar="N"),
    *_list_flags("mount", "Mount", _add_mounts, _drop_mounts, metavar="OPTIONS", drop_metavar="TARGET"),
    *_list_flags("secret", "Secret to show to the tasks", _add_references("secret"), _drop_references("secret"), metavar="NAME"),
    *_list_flags("config", "Config to show to the tasks", _add_references("config"), _drop_references("config"), metavar="NAME"),
    Flag("--limit-cpu", str, "Most CPUs a task may use.", _resource("limits", "nano_cpus", values.nano_cpus), metavar="N"),
    Flag("--limit-memory", str, "Most memory a task may use.", _resource("limits", "memory_bytes", values.byte_count), metavar="SIZE"),
    Flag("--reserve-cpu", str, "CPUs kept for each task.", _resource("reservations", "nano_cpus", values.nano_cpus), metavar="N"),
    Flag("--reserve-memory", str, "Memory kept for each task.", _resource("reservations", "memory_bytes", values.byte_count), metavar="SIZE"),
    Flag("--generic-resource", _LIST, "Other resource kept for each task.", _generic, On.CREATE, "KIND=N"),
    Flag("--restart-condition", str, "none, on-failure or any.", _set_restart_condition, metavar="WORD"),
    Flag("--restart-delay", str, "Pause before a task is restarted.", _restart_time("delay"), metavar="DURATION"),
    Flag("--restart-max-attempts", str, "Restarts before giving up, 0 for no end.", _set_max_attempts, metavar="N"),
    Flag("--restart-window", str, "Time in which restarts are counted.", _restart_time("window"), metavar="DURATION"),
    Flag("--user -u", str, "User, or user:group.", _body("user"), metavar="USER"),
    Flag("--group", _LIST, "Further group of the user.", _add_groups, On.CREATE, "GROUP"),
    Flag("--workdir -w", str, "Working directory.", _body("dir"), metavar="DIR"),
    Flag("--hostname", str, "Host name of each container.", _container("hostname"), metavar="NAME"),
    Flag("--no-healthcheck", bool, "Run no health check, not even the image's.", _set_no_health),
    Flag("--health-cmd", str, "Shell command that tells whether a task is healthy.", _set_health_command, metavar="LINE"),
    Flag("--health-interval", str, "Time between two checks.", _health_time("interval"), metavar="DURATION"),
    Flag("--health-timeout", str, "Time one check may take.", _health_time("timeout"), metavar="DURATION"),
    Flag("--health-start-period", str, "Time in which failures do not count yet.", _health_time("start_period"), metavar="DURATION"),
    Flag("--health-start-interval", str, "Time between checks during the start period.", _health_time("start_interval"), metavar="DURATION"),
    Flag("--health-retries", str, "Failures in a row that mean unhealthy.", _set_retries, metavar="N"),
    Flag("--stop-signal", str, "Signal that asks a task to end.", _body("stop_signal"), metavar="SIGNAL"),
    Flag("--stop-grace-period", str, "Time a task has to end before it is killed.", _set_grace, metavar="DURATION"),
    Flag("--log-driver", str, "Log driver.", _set_log_driver, metavar="NAME"),
    Flag("--log-opt", _LIST, "Option of the log driver.", _merge(lambda draft: draft.spec.task.log_driver.options), metavar="KEY=VALUE"),
    Flag("--read-only/--no-read-only", bool, "Mount the root file system read only.", _container("read_only")),
    Flag("--init/--no-init", bool, "Run an init process in each container.", _set_init),
    Flag("--tty/--no-tty -t", bool, "Give each container a terminal.", _container("tty")),
    Flag("--cap-add", _LIST, "Capability to add.", _extend(lambda draft: draft.container.capability_add), metavar="CAP"),
    Flag("--cap-drop", _LIST, "Capability to drop.", _extend(lambda draft: draft.container.capability_drop), metavar="CAP"),
    *_list_flags(
        "sysctl", "Kernel setting",
        _merge(lambda draft: draft.container.sysctls), _forget(lambda draft: draft.container.sysctls),
        metavar="KEY=VALUE",
    ),
    Flag("--ulimit", _LIST, "Limit of the process, name=soft[:hard].", _add_ulimits, On.CREATE, "LIMIT"),
    *_list_flags(
        "dns", "Name server",
        _extend(lambda draft: draft.container.dns_config.nameservers),
        _shrink(lambda draft: draft.container.dns_config.nameservers),
        metavar="ADDRESS", drop_metavar="ADDRESS",
    ),
    *_list_flags(
        "dns-search", "Search domain",
        _extend(lambda draft: draft.container.dns_config.search),
        _shrink(lambda draft: draft.container.dns_config.search),
        metavar="DOMAIN", drop_metavar="DOMAIN",
    ),
    *_list_flags(
        "dns-option", "Option of name resolution",
        _extend(lambda draft: draft.container.dns_config.options),
        _shrink(lambda draft: draft.container.dns_config.options),
        metavar="OPTION", drop_metavar="OPTION",
    ),
    *_list_flags(
        "host", "Line of the hosts file",
        _extend(lambda draft: draft.container.hosts), _shrink(lambda draft: draft.container.hosts),
        metavar="HOST:IP", drop_metavar="HOST:IP",
    ),
    *_list_flags("publish", "Published port", _add_ports, _drop_ports, short="-p", metavar="PORT", drop_metavar="TARGET"),
    Flag("--network", _LIST, "Network to attach to.", _add_networks, On.CREATE, "NETWORK"),
    Flag("--endpoint-mode", str, "vip or dnsrr.", _set_endpoint_mode, metavar="WORD"),
    *_rollout_flags("update"),
    *_rollout_flags("rollback"),
    Flag("--force", bool, "Replace every task even if nothing changed.", _force, On.UPDATE),
)  # fmt: skip

CREATE = tuple(flag for flag in FLAGS if flag.on in (On.BOTH, On.CREATE))
UPDATE = tuple(flag for flag in FLAGS if flag.on in (On.BOTH, On.UPDATE))

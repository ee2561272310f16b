"""The flags of `service create` and `service update` as data: what each is called, and which setter it feeds.

Names and meanings are the docker command line's; `create` and `update` differ only in the names of list flags (`--env`
there is `--env-add` and `--env-rm` here). Flags of parts that a server does not have yet are sent: the server refuses them.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from swarm_core.specs import container, health, placement, policies, service, task
from swarm_core.specs.draft import Draft
from swarm_core.specs.errors import InvalidValue


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
    """Carry every given flag out, in the table's order. Raises InvalidValue that begins with the flag."""
    for flag in flags:
        value = given.get(flag.name)
        if value is None or value == []:
            continue
        try:
            flag.apply(draft, value)
        except InvalidValue as error:
            raise InvalidValue(f"{flag.long_name}: {error}.") from None


def _put_env(draft: Draft, given: Sequence[str]) -> None:
    task.put_env(draft, given, os.environ)


def _put_env_files(draft: Draft, paths: Sequence[str]) -> None:
    for path in paths:
        try:
            lines = Path(path).read_text("utf-8").splitlines()
        except OSError as error:
            raise InvalidValue(f"{path} cannot be read: {error.strerror}") from None
        except UnicodeDecodeError:
            raise InvalidValue(f"{path} is no UTF-8 text") from None
        task.put_env_lines(draft, lines, os.environ)


def _keep_as_written(_draft: Draft, _value: bool) -> None:
    """An image's name is never replaced by a digest here."""


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


def _rollout_flags(part: policies.Part) -> tuple[Flag, ...]:
    return tuple(
        Flag(f"--{part}-{name}", str, f"{text} ({part}).", policies.of(part, setter), metavar=meta)
        for name, text, setter, meta in (
            ("parallelism", "Tasks replaced at the same time, 0 for all", policies.set_parallelism, "N"),
            ("delay", "Pause between groups of tasks", policies.set_delay, "DURATION"),
            ("failure-action", "pause, continue or rollback", policies.set_failure_action, "WORD"),
            ("monitor", "How long a new task is watched for failure", policies.set_monitor, "DURATION"),
            ("max-failure-ratio", "Share of tasks that may fail", policies.set_failure_ratio, "RATIO"),
            ("order", "stop-first or start-first", policies.set_order, "WORD"),
        )
    )


FLAGS: tuple[Flag, ...] = (
    Flag("--mode", str, "replicated, global, replicated-job or global-job.", service.set_mode, On.CREATE, "WORD"),
    Flag("--replicas", str, "Number of tasks.", service.set_replicas, metavar="N"),
    Flag("--max-concurrent", str, "Tasks of a job that run at the same time.", service.set_max_concurrent, metavar="N"),
    Flag("--no-resolve-image", bool, "Keep the image's name as it is written, as is always done here.", _keep_as_written),
    Flag("--image", str, "Image to run.", container.set_image, On.UPDATE, "IMAGE"),
    Flag("--args", str, "Arguments of the command, as one shell line.", task.set_args, On.UPDATE, "LINE"),
    Flag("--entrypoint", str, "Program instead of the image's own, as one shell line.", container.set_entrypoint, metavar="LINE"),
    Flag("--env-file", _LIST, "File of environment variables, a line each.", _put_env_files, On.CREATE, "FILE"),
    *_list_flags("env", "Environment variable", _put_env, task.drop_env, short="-e", metavar="NAME=VALUE"),
    *_list_flags("label", "Label of the service", service.put_labels, service.drop_labels, short="-l", metavar="KEY=VALUE"),
    *_list_flags(
        "container-label",
        "Label of each container",
        container.put_pairs(container.labels),
        container.drop_keys(container.labels),
        metavar="KEY=VALUE",
    ),
    *_list_flags(
        "constraint", "Placement constraint", placement.put_constraints, placement.drop_constraints, metavar="EXPRESSION"
    ),
    *_list_flags(
        "placement-pref", "Placement preference", placement.put_preferences, placement.drop_preferences,
        metavar="spread=KEY", drop_metavar="spread=KEY",
    ),
    Flag("--replicas-max-per-node", str, "Most tasks on one node, 0 for any number.", placement.set_max_per_node, metavar="N"),
    *_list_flags("mount", "Mount", container.add_mounts, container.drop_mounts, metavar="OPTIONS", drop_metavar="TARGET"),
    *_list_flags("secret", "Secret to show to the tasks", task.add_secrets, task.drop_secrets, metavar="NAME"),
    *_list_flags("config", "Config to show to the tasks", task.add_configs, task.drop_configs, metavar="NAME"),
    Flag("--limit-cpu", str, "Most CPUs a task may use.", placement.limit_cpus, metavar="N"),
    Flag("--limit-memory", str, "Most memory a task may use.", placement.limit_memory, metavar="SIZE"),
    Flag("--limit-pids", str, "Most processes in a container, 0 for any number.", container.limit_pids, metavar="N"),
    Flag("--reserve-cpu", str, "CPUs kept for each task.", placement.reserve_cpus, metavar="N"),
    Flag("--oom-score-adj", str, "Who is killed first when memory runs out, -1000 to 1000.", container.set_oom_score_adjustment, metavar="N"),
    Flag("--reserve-memory", str, "Memory kept for each task.", placement.reserve_memory, metavar="SIZE"),
    *_list_flags(
        "generic-resource", "Other resource kept for each task", placement.reserve_generic, placement.drop_generic,
        metavar="KIND=N", drop_metavar="KIND",
    ),
    Flag("--restart-condition", str, "none, on-failure or any.", policies.set_restart_condition, metavar="WORD"),
    Flag("--restart-delay", str, "Pause before a task is restarted.", policies.set_restart_delay, metavar="DURATION"),
    Flag("--restart-max-attempts", str, "Restarts before giving up, 0 for no end.", policies.set_restart_attempts, metavar="N"),
    Flag("--restart-window", str, "Time in which restarts are counted.", policies.set_restart_window, metavar="DURATION"),
    Flag("--user -u", str, "User, or user:group.", task.set_user, metavar="USER"),
    *_list_flags(
        "group", "Further group of the user",
        container.put(container.groups), container.drop(container.groups),
        metavar="GROUP", drop_metavar="GROUP",
    ),
    Flag("--workdir -w", str, "Working directory.", task.set_directory, metavar="DIR"),
    Flag("--hostname", str, "Host name of each container.", container.set_hostname, metavar="NAME"),
    Flag("--no-healthcheck", bool, "Run no health check, not even the image's.", health.set_none),
    Flag("--health-cmd", str, "Shell command that tells whether a task is healthy.", health.set_command, metavar="LINE"),
    Flag("--health-interval", str, "Time between two checks.", health.set_interval, metavar="DURATION"),
    Flag("--health-timeout", str, "Time one check may take.", health.set_timeout, metavar="DURATION"),
    Flag("--health-start-period", str, "Time in which failures do not count yet.", health.set_start_period, metavar="DURATION"),
    Flag("--health-start-interval", str, "Time between checks during the start period.", health.set_start_interval, metavar="DURATION"),
    Flag("--health-retries", str, "Failures in a row that mean unhealthy.", health.set_retries, metavar="N"),
    Flag("--stop-signal", str, "Signal that asks a task to end.", task.set_stop_signal, metavar="SIGNAL"),
    Flag("--stop-grace-period", str, "Time a task has to end before it is killed.", task.set_stop_grace_period, metavar="DURATION"),
    Flag("--log-driver", str, "Log driver.", task.set_log_driver, metavar="NAME"),
    Flag("--log-opt", _LIST, "Option of the log driver.", task.put_log_options, metavar="KEY=VALUE"),
    Flag("--read-only/--no-read-only", bool, "Mount the root file system read only.", container.set_read_only),
    Flag("--init/--no-init", bool, "Run an init process in each container.", container.set_init),
    Flag("--tty/--no-tty -t", bool, "Give each container a terminal.", container.set_tty),
    Flag("--cap-add", _LIST, "Capability to add.", container.put(container.capabilities_added), metavar="CAP"),
    Flag("--cap-drop", _LIST, "Capability to drop.", container.put(container.capabilities_dropped), metavar="CAP"),
    *_list_flags(
        "sysctl", "Kernel setting",
        container.put_pairs(container.sysctls), container.drop_keys(container.sysctls),
        metavar="KEY=VALUE",
    ),
    *_list_flags(
        "ulimit", "Limit of the process, name=soft[:hard]", container.add_ulimits, container.drop_ulimits, metavar="LIMIT"
    ),
    *_list_flags(
        "dns", "Name server",
        container.put(container.name_servers),
        container.drop(container.name_servers),
        metavar="ADDRESS", drop_metavar="ADDRESS",
    ),
    *_list_flags(
        "dns-search", "Search domain",
        container.put(container.search_domains),
        container.drop(container.search_domains),
        metavar="DOMAIN", drop_metavar="DOMAIN",
    ),
    *_list_flags(
        "dns-option", "Option of name resolution",
        container.put(container.dns_options),
        container.drop(container.dns_options),
        metavar="OPTION", drop_metavar="OPTION",
    ),
    *_list_flags(
        "host", "Line of the hosts file",
        container.put(container.hosts), container.drop(container.hosts),
        metavar="HOST:IP", drop_metavar="HOST:IP",
    ),
    *_list_flags("publish", "Published port", service.add_ports, service.drop_ports, short="-p", metavar="PORT", drop_metavar="TARGET"),
    Flag("--network", _LIST, "Network to attach to.", service.add_networks, On.CREATE, "NETWORK"),
    Flag("--endpoint-mode", str, "vip or dnsrr.", service.set_endpoint_mode, metavar="WORD"),
    *_rollout_flags("update"),
    *_rollout_flags("rollback"),
    Flag("--force", bool, "Replace every task even if nothing changed.", service.force, On.UPDATE),
)  # fmt: skip

CREATE = tuple(flag for flag in FLAGS if flag.on in (On.BOTH, On.CREATE))
UPDATE = tuple(flag for flag in FLAGS if flag.on in (On.BOTH, On.UPDATE))

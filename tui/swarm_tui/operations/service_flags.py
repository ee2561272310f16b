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

from swarm_core.specs import capabilities, container, health, hosts, placement, policies, service, task
from swarm_core.specs.draft import Draft
from swarm_core.specs.errors import InvalidValue


class On(Enum):
    BOTH = "both"
    CREATE = "create"
    UPDATE = "update"


@dataclass(frozen=True, slots=True)
class Flag:
    """`type` is str, bool or list[str]; `apply` is called with the draft and the value, when it was given.

    Where the meaning hangs on other flags too, `beside` names them: `apply` is called when any of them was given, and gets their
    values after its own, None for what was not.
    """

    declaration: str
    type: Any
    help: str
    apply: Callable[..., object]
    on: On = On.BOTH
    metavar: str | None = None
    beside: tuple[str, ...] = ()

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
        values = [_given(given, name) for name in (flag.name, *flag.beside)]
        if all(value is None for value in values):
            continue
        try:
            flag.apply(draft, *values)
        except InvalidValue as error:
            raise InvalidValue(f"{flag.long_name}: {error}.") from None


def _given(given: Mapping[str, Any], name: str) -> Any:
    value = given.get(name)
    return None if value == [] else value


def without_effect(given: Mapping[str, Any]) -> list[str]:
    """Sentences about flags that were given and mean nothing as they stand; docker's command says nothing of them."""
    if _given(given, "log_opt") is not None and not given.get("log_driver"):
        return ["--log-opt changes nothing without --log-driver."]
    return []


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


def _mounts(change: Callable[[Draft, Sequence[str]], None]) -> Callable[[Draft, Sequence[str]], None]:
    """A source that begins with a dot is below the directory in which the command runs."""

    def setter(draft: Draft, given: Sequence[str]) -> None:
        change(draft, given)
        for mount in draft.body.mounts:
            if mount.source.startswith("."):
                mount.source = os.path.normpath(Path.cwd() / mount.source)

    return setter


def _capabilities(
    change: Callable[[Draft, Sequence[str], Sequence[str]], None],
) -> Callable[[Draft, Sequence[str] | None, Sequence[str] | None], None]:
    return lambda draft, adding, dropping: change(draft, adding or (), dropping or ())


def _ports(draft: Draft, leaving: Sequence[str] | None, adding: Sequence[str] | None) -> None:
    service.edit_ports(draft, leaving or (), adding or ())


def _set_log(draft: Draft, driver: str | None, options: Sequence[str] | None) -> None:
    """Options belong to the driver that is named beside them; of the one that a service has, nothing is changed."""
    if driver:
        task.set_log_driver(draft, driver)
        task.put_log_options(draft, options or (), os.environ)


def _switch_off_checks(draft: Draft, wanted: bool | None, *others: Any) -> None:
    if wanted and any(value is not None for value in others):
        raise InvalidValue("conflicts with the other health flags")
    health.set_none(draft, bool(wanted))


def _asked_by_the_command(_draft: Draft, _value: bool) -> None:
    """Registries are asked once, by the command, not each time that the flags are carried out."""


def _with_its_companion(_draft: Draft, _value: object) -> None:
    """Carried out by the flag that names this one beside it."""


_LIST = list[str]
_HEALTH = (
    "health_cmd", "health_interval", "health_timeout", "health_start_period", "health_start_interval", "health_retries",
)  # fmt: skip


def _list_flags(
    name: str,
    help_text: str,
    add: Callable[[Draft, Any], object],
    drop: Callable[[Draft, Any], object],
    *,
    short: str = "",
    metavar: str = "VALUE",
    drop_metavar: str = "NAME",
    edit: Callable[[Draft, Any], object] | None = None,
    drops_last: bool = False,
) -> tuple[Flag, ...]:
    """One list: `--name` when creating, `--name-rm` and `--name-add` when updating. What is removed is so before anything is
    added, unless it `drops_last`; `edit` adds when updating, where that is not the same as when creating."""
    removal = Flag(f"--{name}-rm", _LIST, f"Remove: {help_text.lower()}.", drop, On.UPDATE, drop_metavar)
    addition = Flag(
        f"--{name}-add", _LIST, f"Add or replace: {help_text.lower()}.", edit or add, On.UPDATE, metavar
    )
    return (
        Flag(f"--{name} {short}".strip(), _LIST, f"{help_text}.", add, On.CREATE, metavar),
        *((addition, removal) if drops_last else (removal, addition)),
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
    Flag("--no-resolve-image", bool, "Ask no registry for the image's digest and platforms.", _asked_by_the_command),
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
        "constraint", "Placement constraint", placement.put_constraints, placement.drop_constraints, metavar="EXPRESSION",
        edit=placement.edit_constraints, drops_last=True,
    ),
    *_list_flags(
        "placement-pref", "Placement preference", placement.put_preferences, placement.drop_preferences,
        metavar="spread=KEY", drop_metavar="spread=KEY",
    ),
    Flag("--replicas-max-per-node", str, "Most tasks on one node, 0 for any number.", placement.set_max_per_node, metavar="N"),
    *_list_flags(
        "mount", "Mount", _mounts(container.add_mounts), container.drop_mounts, metavar="OPTIONS", drop_metavar="TARGET",
        edit=_mounts(container.replace_mounts), drops_last=True,
    ),
    *_list_flags("secret", "Secret to show to the tasks", task.add_secrets, task.drop_secrets, metavar="NAME"),
    *_list_flags("config", "Config to show to the tasks", task.add_configs, task.drop_configs, metavar="NAME"),
    Flag("--limit-cpu", str, "Most CPUs a task may use.", placement.limit_cpus, metavar="N"),
    Flag("--limit-memory", str, "Most memory a task may use.", placement.limit_memory, metavar="SIZE"),
    Flag("--limit-pids", str, "Most processes in a container, 0 for any number.", container.limit_pids, metavar="N"),
    Flag("--reserve-cpu", str, "CPUs kept for each task.", placement.reserve_cpus, metavar="N"),
    Flag("--oom-score-adj", str, "Who is killed first when memory runs out, -1000 to 1000.", container.set_oom_score_adjustment, metavar="N"),
    Flag("--reserve-memory", str, "Memory kept for each task.", placement.reserve_memory, metavar="SIZE"),
    *_list_flags(
        "generic-resource", "Other resource kept for each task", placement.reserve_generic, placement.release_generic,
        metavar="KIND=N", drop_metavar="KIND", edit=placement.edit_generic, drops_last=True,
    ),
    Flag("--restart-condition", str, "none, on-failure or any.", policies.set_restart_condition, metavar="WORD"),
    Flag("--restart-delay", str, "Pause before a task is restarted.", policies.set_restart_delay, metavar="DURATION"),
    Flag("--restart-max-attempts", str, "Restarts before giving up, 0 for no end.", policies.set_restart_attempts, metavar="N"),
    Flag("--restart-window", str, "Time in which restarts are counted.", policies.set_restart_window, metavar="DURATION"),
    Flag("--user -u", str, "User, or user:group.", task.set_user, metavar="USER"),
    *_list_flags(
        "group", "Further group of the user",
        container.put(container.groups), container.drop(container.groups, is_sorted=True),
        metavar="GROUP", drop_metavar="GROUP", edit=container.put(container.groups, is_sorted=True), drops_last=True,
    ),
    Flag("--workdir -w", str, "Working directory.", task.set_directory, metavar="DIR"),
    Flag("--hostname", str, "Host name of each container.", container.set_hostname, metavar="NAME"),
    Flag("--no-healthcheck", bool, "Run no health check, not even the image's.", _switch_off_checks, beside=_HEALTH),
    Flag("--health-cmd", str, "Shell command that tells whether a task is healthy.", health.set_command, metavar="LINE"),
    Flag("--health-interval", str, "Time between two checks.", health.set_interval, metavar="DURATION"),
    Flag("--health-timeout", str, "Time one check may take.", health.set_timeout, metavar="DURATION"),
    Flag("--health-start-period", str, "Time in which failures do not count yet.", health.set_start_period, metavar="DURATION"),
    Flag("--health-start-interval", str, "Time between checks during the start period.", health.set_start_interval, metavar="DURATION"),
    Flag("--health-retries", str, "Failures in a row that mean unhealthy.", health.set_retries, metavar="N"),
    Flag("--stop-signal", str, "Signal that asks a task to end.", task.set_stop_signal, metavar="SIGNAL"),
    Flag("--stop-grace-period", str, "Time a task has to end before it is killed.", task.set_stop_grace_period, metavar="DURATION"),
    Flag("--log-driver", str, "Log driver.", _set_log, metavar="NAME", beside=("log_opt",)),
    Flag("--log-opt", _LIST, "Option of the log driver.", _with_its_companion, metavar="KEY=VALUE"),
    Flag("--read-only/--no-read-only", bool, "Mount the root file system read only.", container.set_read_only),
    Flag("--init/--no-init", bool, "Run an init process in each container.", container.set_init),
    Flag("--tty/--no-tty -t", bool, "Give each container a terminal.", container.set_tty),
    Flag("--cap-add", _LIST, "Capability to add.", _capabilities(capabilities.put), On.CREATE, "CAP", ("cap_drop",)),
    Flag(
        "--cap-add", _LIST, "Capability to add; RESET for no added ones.",
        _capabilities(capabilities.edit), On.UPDATE, "CAP", ("cap_drop",),
    ),
    Flag("--cap-drop", _LIST, "Capability to drop; RESET when updating for no dropped ones.", _with_its_companion, metavar="CAP"),
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
        container.put(container.name_servers, hosts.name_server), container.drop(container.name_servers, is_sorted=True),
        metavar="ADDRESS", drop_metavar="ADDRESS",
        edit=container.put(container.name_servers, hosts.name_server, is_sorted=True), drops_last=True,
    ),
    *_list_flags(
        "dns-search", "Search domain",
        container.put(container.search_domains, hosts.search_domain), container.drop(container.search_domains, is_sorted=True),
        metavar="DOMAIN", drop_metavar="DOMAIN",
        edit=container.put(container.search_domains, hosts.search_domain, is_sorted=True), drops_last=True,
    ),
    *_list_flags(
        "dns-option", "Option of name resolution",
        container.put(container.dns_options), container.drop(container.dns_options, is_sorted=True),
        metavar="OPTION", drop_metavar="OPTION",
        edit=container.put(container.dns_options, is_sorted=True), drops_last=True,
    ),
    *_list_flags("host", "Line of the hosts file", hosts.add, hosts.drop, metavar="HOST:IP", drop_metavar="HOST[:IP]"),
    Flag("--publish -p", _LIST, "Published port, or range of ports.", service.add_ports, On.CREATE, "PORT"),
    Flag("--publish-rm", _LIST, "Remove: published port.", _ports, On.UPDATE, "TARGET", ("publish_add",)),
    Flag("--publish-add", _LIST, "Add: published port, or range of ports.", _with_its_companion, On.UPDATE, "PORT"),
    *_list_flags("network", "Network to attach to", service.add_networks, service.drop_networks, metavar="NETWORK"),
    Flag("--endpoint-mode", str, "vip or dnsrr.", service.set_endpoint_mode, metavar="WORD"),
    *_rollout_flags("update"),
    *_rollout_flags("rollback"),
    Flag("--force", bool, "Replace every task even if nothing changed.", service.force, On.UPDATE),
)  # fmt: skip

CREATE = tuple(flag for flag in FLAGS if flag.on in (On.BOTH, On.CREATE))
UPDATE = tuple(flag for flag in FLAGS if flag.on in (On.BOTH, On.UPDATE))

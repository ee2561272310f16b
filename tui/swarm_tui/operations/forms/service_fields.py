"""The fields of services, in the order in which a form shows them; each feeds the setters that the commands' flags feed.

Networks stand in a sheet's spec by name (`sheet`), as they are typed. The module is long because it is one thing: the table of all fields.
"""

import shlex
from typing import Any, Final

from swarm_core.api.proto import specs_pb2, types_pb2
from swarm_core.api.runtimes import CONTAINER, PROCESS
from swarm_core.specs import container, health, hosts, notation, placement, policies, replicas, service, task
from swarm_core.specs import texts as spec_texts
from swarm_core.specs.defaults import update_config
from swarm_core.specs.draft import Draft

from swarm_tui.operations.forms import judging, volumes
from swarm_tui.operations.forms.builders import (
    OFF,
    ON,
    choice_field,
    list_field,
    messages_field,
    pairs_field,
    switch_field,
    text_field,
)
from swarm_tui.operations.forms.fields import Field, Section, Texts, Typed, line

MODES: Final = ("replicated", "global", "replicated-job", "global-job")
_CONDITIONS: Final = {
    types_pb2.RestartPolicy.ANY: "any",
    types_pb2.RestartPolicy.ON_FAILURE: "on-failure",
    types_pb2.RestartPolicy.NONE: "none",
}
_ORDERS: Final = notation.words_of(types_pb2.UpdateConfig.UpdateOrder)
_ACTIONS: Final = notation.words_of(types_pb2.UpdateConfig.FailureAction)
_SHELL: Final = "CMD-SHELL"


def is_container(typed: Typed) -> bool:
    return line(typed.get("runtime", ())) == CONTAINER


def is_process(typed: Typed) -> bool:
    return line(typed.get("runtime", ())) == PROCESS


def _mode(typed: Typed) -> str:
    return line(typed.get("mode", ()))


def _is_counted(typed: Typed) -> bool:
    return _mode(typed) in ("replicated", "replicated-job")


def _is_no_job(typed: Typed) -> bool:
    return not _mode(typed).endswith("job")


# -- what a service is ---------------------------------------------------------------------------------


def _read_runtime(draft: Draft) -> Texts:
    return (PROCESS if draft.process is not None else CONTAINER,)


def _read_program(draft: Draft) -> str:
    assert draft.process is not None
    return shlex.join([*draft.process.command, *draft.process.args])


def _put_program(draft: Draft, text: str) -> None:
    task.set_program(draft, notation.words(text))


def _no_program(draft: Draft) -> None:
    assert draft.process is not None
    del draft.process.command[:], draft.process.args[:]


def _read_mode(draft: Draft) -> str:
    return (draft.spec.WhichOneof("mode") or "replicated").replace("_", "-")


def _read_count(draft: Draft) -> str:
    return str(replicas.count(draft.spec) or 0)


def _at_once(draft: Draft) -> str:
    found = draft.spec.replicated_job.max_concurrent
    return str(found) if draft.spec.WhichOneof("mode") == "replicated_job" and found else ""


def _no_command(draft: Draft) -> None:
    del draft.body.args[:]


def _keep(_draft: Draft, _typed: object = None) -> None:
    """Nothing is written: it is what the draft was made for."""


GENERAL: Final = Section(
    "",
    (
        text_field("name", "Name", lambda draft: draft.spec.annotations.name, service.set_name, lambda draft: service.set_name(draft, ""),
                   hint="letters, digits, - and _", help="What the service is called in this cluster.", judge=judging.name, only_new=True),
        Field("runtime", "Runtime", _read_runtime, _keep, options=(CONTAINER, PROCESS), only_new=True,
              help="A container of an image, or a command of the nodes themselves."),
        text_field("image", "Image", lambda draft: draft.container.image, container.set_image,
                   lambda draft: setattr(draft.container, "image", ""), hint="redis:7", help="REPOSITORY[:TAG][@DIGEST], as docker pull takes it.",
                   judge=judging.image, applies=is_container),
        text_field("args", "Command", lambda draft: shlex.join(draft.container.args), task.set_args, _no_command,
                   help="What the image is told to run, as one shell line; empty for its own command.", judge=judging.arguments, applies=is_container),
        text_field("program", "Command", _read_program, _put_program, _no_program, hint="python3 -m http.server",
                   help="The program and its arguments, as one shell line.", judge=judging.program, applies=is_process),
        choice_field("mode", "Mode", MODES, _read_mode, service.set_mode, only_new=True,
                     help="A number of tasks, or one on every node; a job's tasks end."),
        text_field("replicas", "Tasks", _read_count, service.set_replicas, lambda draft: service.set_replicas(draft, "0"),
                   hint="1", help="How many tasks run; of a job, how many are to complete.", judge=judging.number, applies=_is_counted, is_replaced=True),
        text_field("at_once", "At once", _at_once, service.set_max_concurrent, lambda draft: service.set_max_concurrent(draft, "0"),
                   hint="all", help="How many tasks of the job run at the same time.", applies=lambda typed: _mode(typed) == "replicated-job"),
    ),
)  # fmt: skip


# -- what it is connected to ---------------------------------------------------------------------------


def _networks(draft: Draft) -> Any:
    """Where the attachments stand: old clients wrote them beside the task."""
    return (
        draft.spec.networks
        if draft.spec.networks and not draft.spec.task.networks
        else draft.spec.task.networks
    )


def _read_endpoint(draft: Draft) -> str:
    return "dnsrr" if draft.spec.endpoint.mode == specs_pb2.EndpointSpec.DNSRR else "vip"


def _secret_text(one: types_pb2.SecretReference) -> str:
    return spec_texts.reference(one.secret_name, one.file)


def _config_text(one: types_pb2.ConfigReference) -> str:
    return spec_texts.reference(one.config_name, one.file)


PORTS: Final = Section(
    "Ports",
    (
        messages_field("ports", "Publish", lambda draft: draft.spec.endpoint.ports, spec_texts.port, service.add_ports, hint="8080:80",
                       help="PUBLISHED:TARGET[/udp], a range 8000-8002:80-82, or published=…,target=…,mode=host for the node's own port.",
                       judge=judging.ports),
        choice_field("endpoint", "Address", ("vip", "dnsrr"), _read_endpoint, service.set_endpoint_mode,
                     help="One virtual address for all tasks, or their own addresses in turn; dnsrr publishes no port through ingress."),
    ),
)  # fmt: skip
NETWORKS: Final = Section(
    "Networks",
    (
        messages_field("networks", "Attach to", _networks, lambda one: spec_texts.network(one, one.target), service.add_networks,
                       hint="a network's name", help="NAME, or name=NAME,alias=OTHER for a further name of the service there.", judge=judging.networks),
    ),
    applies=is_container,
)  # fmt: skip
ENV: Final = Section(
    "Env",
    (
        list_field("env", "Variable", lambda draft: draft.body.env, task.put_env, hint="NAME=value",
                   help="NAME=value, a row each. The value is taken as it stands, blanks and all.", judge=judging.variables),
    ),
)  # fmt: skip
MOUNTS: Final = Section(
    "Mounts",
    (
        messages_field("mounts", "Mount", lambda draft: draft.body.mounts, volumes.short_form,
                       lambda draft, given: container.add_mounts(draft, [volumes.long_form(text) for text in given]), hint="data:/data",
                       help="VOLUME:/target or /file:/target, with :ro to only read it; or type=…,source=…,target=… with more options."),
    ),
)  # fmt: skip
SECRETS: Final = Section(
    "Secrets",
    (
        messages_field("secrets", "Secret", lambda draft: draft.body.secrets, _secret_text, task.add_secrets, hint="a secret's name",
                       help="NAME, or source=NAME,target=FILE,mode=0400. It is a file below /run/secrets.", judge=judging.secrets),
    ),
)  # fmt: skip
CONFIGS: Final = Section(
    "Configs",
    (
        messages_field("configs", "Config", lambda draft: draft.body.configs, _config_text, task.add_configs, hint="a config's name",
                       help="NAME, or source=NAME,target=/etc/file.conf.", judge=judging.configs),
    ),
)  # fmt: skip


# -- what it needs and where it may run ----------------------------------------------------------------


def _amount(part: str, field: str, form: Any) -> Any:
    def read(draft: Draft) -> str:
        value = getattr(getattr(draft.spec.task.resources, part), field)
        return form(value) if value else ""

    return read


def _cleared(setter: Any) -> Any:
    return lambda draft: setter(draft, "0")


def _generic_text(one: types_pb2.GenericResource) -> str:
    return f"{one.discrete_resource_spec.kind}={one.discrete_resource_spec.value}"


def _whole(read: Any) -> Any:
    return lambda draft: str(read(draft)) if read(draft) else ""


RESOURCES: Final = Section(
    "Resources",
    (
        text_field("reserve_cpu", "Reserve cpu", _amount("reservations", "nano_cpus", spec_texts.cpus), placement.reserve_cpus,
                   _cleared(placement.reserve_cpus), hint="0.5", help="CPUs that are kept for each task.", judge=judging.amount_of_cpus),
        text_field("reserve_memory", "Reserve mem", _amount("reservations", "memory_bytes", spec_texts.byte_count), placement.reserve_memory,
                   _cleared(placement.reserve_memory), hint="512m", help="Memory that is kept for each task.", judge=judging.amount_of_memory),
        text_field("limit_cpu", "Limit cpu", _amount("limits", "nano_cpus", spec_texts.cpus), placement.limit_cpus,
                   _cleared(placement.limit_cpus), hint="2", help="The most CPUs that a task may use.", judge=judging.amount_of_cpus),
        text_field("limit_memory", "Limit mem", _amount("limits", "memory_bytes", spec_texts.byte_count), placement.limit_memory,
                   _cleared(placement.limit_memory), hint="1g", help="The most memory that a task may use; more ends it.",
                   judge=judging.amount_of_memory),
        text_field("limit_pids", "Limit procs", _whole(lambda draft: draft.container.pidsLimit), container.limit_pids,
                   _cleared(container.limit_pids), hint="100", help="The most processes in one container.", applies=is_container),
        messages_field("generic", "Other", lambda draft: draft.spec.task.resources.reservations.generic, _generic_text,
                       placement.reserve_generic, hint="gpu=1", help="KIND=N of a resource that nodes offer."),
    ),
)  # fmt: skip
PLACEMENT: Final = Section(
    "Placement",
    (
        list_field("constraints", "Constraint", lambda draft: draft.spec.task.placement.constraints, placement.put_constraints,
                   hint="node.labels.disk==ssd", help="node.role, node.labels.X, node.hostname, engine.labels.X … == or != a value; all must hold.",
                   judge=judging.constraints),
        messages_field("preferences", "Spread over", lambda draft: draft.spec.task.placement.preferences,
                       lambda one: f"spread={one.spread.spread_descriptor}", placement.put_preferences, hint="spread=node.labels.zone",
                       help="spread=LABEL: tasks are shared out evenly over its values."),
        text_field("per_node", "Per node", _whole(lambda draft: draft.spec.task.placement.max_replicas), placement.set_max_per_node,
                   lambda draft: setattr(draft.spec.task.placement, "max_replicas", 0), hint="any number",
                   help="The most tasks of the service on one node.", applies=lambda typed: _mode(typed) == "replicated"),
    ),
)  # fmt: skip


# -- how it is watched, updated and started again ------------------------------------------------------


def _check_line(draft: Draft) -> str:
    test = list(draft.body.healthcheck.test)
    if test[:1] == [_SHELL]:
        return test[1] if len(test) == 2 else shlex.join(test[1:])
    return shlex.join(test[1:]) if test[:1] == ["CMD"] else ""


def _is_checked(draft: Draft) -> str:
    return OFF if list(draft.body.healthcheck.test) == ["NONE"] else ON


def _switch_check(draft: Draft, word: str) -> None:
    if word == OFF:
        health.set_none(draft, wanted=True)
    else:
        health.set_command(draft, "")


def _period(field: str) -> Any:
    def read(draft: Draft) -> str:
        found = getattr(draft.body.healthcheck, field)
        return spec_texts.duration(found) if found.ToNanoseconds() else ""

    return read


def _no_period(field: str) -> Any:
    def clear(draft: Draft) -> None:
        if draft.body.HasField("healthcheck"):
            getattr(draft.body.healthcheck, field).Clear()

    return clear


def _watched(typed: Typed) -> bool:
    return line(typed.get("check", ())) != OFF


def _health_period(key: str, label: str, field: str, setter: Any, hint: str, text: str) -> Field:
    return text_field(
        key, label, _period(field), setter, _no_period(field), hint=hint, help=text, applies=_watched
    )


HEALTH: Final = Section(
    "Health",
    (
        choice_field("check", "Check", (ON, OFF), _is_checked, _switch_check, help="Off runs no check, not even the image's own."),
        text_field("health_cmd", "Command", _check_line, health.set_command, lambda draft: health.set_command(draft, ""),
                   hint="curl -f localhost/health", help="A shell line that ends with 0 while the task is healthy; empty for the image's own check.",
                   applies=_watched),
        _health_period("health_interval", "Every", "interval", health.set_interval, "30s", "Time between two checks."),
        _health_period("health_timeout", "Timeout", "timeout", health.set_timeout, "30s", "Time that one check may take."),
        text_field("health_retries", "Retries", _whole(lambda draft: draft.body.healthcheck.retries), health.set_retries,
                   lambda draft: _no_retries(draft), hint="3", help="Failures in a row that mean unhealthy.", applies=_watched),
        _health_period("health_start", "Start period", "start_period", health.set_start_period, "0s",
                       "Time after the start in which failures do not count."),
    ),
)  # fmt: skip


def _no_retries(draft: Draft) -> None:
    if draft.body.HasField("healthcheck"):
        draft.body.healthcheck.retries = 0


def _rollout(part: policies.Part, title: str, told: str) -> Section:
    def config(draft: Draft) -> types_pb2.UpdateConfig | None:
        if not draft.spec.HasField(part):
            return None
        return draft.spec.update if part == "update" else draft.spec.rollback

    def read(form: Any) -> Any:
        return lambda draft: "" if (found := config(draft)) is None else form(found)

    def back(field: str) -> Any:
        """To what holds where nothing is said."""

        def clear(draft: Draft) -> None:
            if (found := config(draft)) is None:
                return
            value = getattr(update_config(), field)
            if hasattr(value, "CopyFrom"):
                getattr(found, field).CopyFrom(value)
            else:
                setattr(found, field, value)

        return clear

    def word(known: dict[int, str], field: str) -> Any:
        return lambda draft: known[getattr(config(draft) or update_config(), field)]

    orders = {value: one for one, value in _ORDERS.items()}
    actions = {value: one for one, value in _ACTIONS.items() if part == "update" or one != "rollback"}

    def put(setter: Any) -> Any:
        return policies.of(part, setter)

    return Section(
        title,
        (
            text_field(f"{part}_parallelism", "At a time", read(lambda one: str(one.parallelism)), put(policies.set_parallelism),
                       back("parallelism"), hint="1", help=f"How many tasks {told} at the same time; 0 for all."),
            choice_field(f"{part}_order", "Order", tuple(orders.values()), word(orders, "order"), put(policies.set_order),
                         help="Whether the old task ends before the new one starts, or after."),
            text_field(f"{part}_delay", "Pause", read(lambda one: spec_texts.duration(one.delay) if one.delay.ToNanoseconds() else ""),
                       put(policies.set_delay), back("delay"), hint="0s", help="Time between two groups of tasks."),
            choice_field(f"{part}_action", "On failure", tuple(actions.values()), word(actions, "failure_action"),
                         put(policies.set_failure_action), help="What happens when too many new tasks fail."),
            text_field(f"{part}_monitor", "Watch for", read(lambda one: spec_texts.duration(one.monitor) if one.HasField("monitor") else ""),
                       put(policies.set_monitor), back("monitor"), hint="5s", help="How long a new task is watched for failure."),
            text_field(f"{part}_ratio", "May fail", read(lambda one: spec_texts.ratio(one.max_failure_ratio) if one.max_failure_ratio else ""),
                       put(policies.set_failure_ratio), back("max_failure_ratio"), hint="0", help="The share of tasks that may fail, 0 to 1.",
                       judge=judging.share),
        ),
        applies=_is_no_job,
    )  # fmt: skip


def _restart(form: Any) -> Any:
    return lambda draft: form(draft.spec.task.restart) if draft.spec.task.HasField("restart") else ""


def _restart_word(draft: Draft) -> str:
    held = draft.spec.task.restart
    return _CONDITIONS[held.condition] if draft.spec.task.HasField("restart") else "any"


def _no_restart(field: str) -> Any:
    def clear(draft: Draft) -> None:
        if draft.spec.task.HasField("restart"):
            draft.spec.task.restart.ClearField(field)  # type: ignore[arg-type]

    return clear


RESTART: Final = Section(
    "Restart",
    (
        choice_field("restart", "When", tuple(_CONDITIONS.values()), _restart_word, policies.set_restart_condition,
                     help="Whether a task that ends is started again."),
        text_field("restart_delay", "After", _restart(lambda one: spec_texts.duration(one.delay) if one.HasField("delay") else ""),
                   policies.set_restart_delay, _no_restart("delay"), hint="5s", help="Pause before a task is started again."),
        text_field("restart_attempts", "At most", _restart(lambda one: str(one.max_attempts) if one.max_attempts else ""),
                   policies.set_restart_attempts, _no_restart("max_attempts"), hint="no end", help="How many times before giving up."),
        text_field("restart_window", "Within", _restart(lambda one: spec_texts.duration(one.window) if one.HasField("window") else ""),
                   policies.set_restart_window, _no_restart("window"), hint="ever", help="The time in which those are counted."),
    ),
)  # fmt: skip
LABELS: Final = Section(
    "Labels",
    (
        pairs_field("labels", "Of service", lambda draft: draft.spec.annotations.labels, service.put_labels, hint="team=web",
                    help="KEY=VALUE on the service."),
        pairs_field("container_labels", "Of container", lambda draft: draft.container.labels, container.put_pairs(container.labels),
                    hint="KEY=VALUE", help="KEY=VALUE on each container.", applies=is_container),
    ),
)  # fmt: skip


# -- what few need -------------------------------------------------------------------------------------


def _driver_options(draft: Draft) -> Any:
    return draft.spec.task.log_driver.options


def _put_driver(draft: Draft, name: str) -> None:
    """The name alone: its options are a field of their own."""
    draft.spec.task.log_driver.name = name


def _grace(draft: Draft) -> str:
    return (
        spec_texts.duration(draft.body.stop_grace_period) if draft.body.HasField("stop_grace_period") else ""
    )


def _host_texts(draft: Draft) -> Any:
    return draft.container.hosts


MORE: Final = Section(
    "More",
    (
        text_field("entrypoint", "Entrypoint", lambda draft: shlex.join(draft.container.command), container.set_entrypoint,
                   lambda draft: draft.container.ClearField("command"), help="The program instead of the image's own, as one shell line.",
                   applies=is_container),
        text_field("user", "User", lambda draft: draft.body.user, task.set_user, lambda draft: task.set_user(draft, ""), hint="1000:1000",
                   help="USER or USER:GROUP, by name or number."),
        text_field("workdir", "Directory", lambda draft: draft.body.dir, task.set_directory, lambda draft: task.set_directory(draft, ""),
                   hint="/srv", help="Where the program begins."),
        text_field("hostname", "Host name", lambda draft: draft.container.hostname, container.set_hostname,
                   lambda draft: container.set_hostname(draft, ""), help="Of each container; templates such as {{.Task.Slot}} are filled in.",
                   applies=is_container),
        text_field("stop_signal", "Stop signal", lambda draft: draft.body.stop_signal, task.set_stop_signal,
                   lambda draft: task.set_stop_signal(draft, ""), hint="SIGTERM", help="What asks a task to end."),
        text_field("stop_grace", "Stop within", _grace, task.set_stop_grace_period, lambda draft: draft.body.ClearField("stop_grace_period"),
                   hint="10s", help="The time that it has before it is killed."),
        switch_field("read_only", "Read only", lambda draft: draft.container.read_only, container.set_read_only,
                     help="On mounts the root file system so that nothing can be written.", applies=is_container),
        switch_field("init", "Init", lambda draft: draft.container.init.value, container.set_init,
                     help="On runs an init process that collects what ended.", applies=is_container),
        switch_field("tty", "Terminal", lambda draft: draft.container.tty, container.set_tty, help="On gives each container a terminal.",
                     applies=is_container),
        text_field("log_driver", "Log driver", lambda draft: draft.spec.task.log_driver.name, _put_driver,
                   lambda draft: draft.spec.task.ClearField("log_driver"), hint="the engine's", help="Where the lines of the tasks go."),
        pairs_field("log_options", "Log option", _driver_options, task.put_log_options, hint="max-size=10m", help="KEY=VALUE for the log driver.",
                    applies=lambda typed: bool(line(typed.get("log_driver", ())))),
        list_field("dns", "DNS server", lambda draft: draft.container.dns_config.nameservers,
                   container.put(container.name_servers, hosts.name_server), hint="10.0.0.2", help="Servers that are asked for names.",
                   applies=is_container),
        list_field("hosts", "Hosts line", _host_texts, hosts.add, hint="db:10.0.0.5", help="HOST:ADDRESS for the hosts file.",
                   applies=is_container),
        pairs_field("sysctls", "Sysctl", lambda draft: draft.container.sysctls, container.put_pairs(container.sysctls),
                    hint="net.core.somaxconn=1024", help="KEY=VALUE of the kernel.", applies=is_container),
        messages_field("ulimits", "Ulimit", lambda draft: draft.container.ulimits, spec_texts.ulimit, container.add_ulimits,
                       hint="nofile=1024:2048", help="NAME=SOFT[:HARD].", applies=is_container),
    ),
)  # fmt: skip

SECTIONS: Final = (
    GENERAL, PORTS, NETWORKS, ENV, MOUNTS, SECRETS, CONFIGS, RESOURCES, PLACEMENT, HEALTH,
    _rollout("update", "Update", "are replaced"), _rollout("rollback", "Rollback", "are taken back"), RESTART, LABELS, MORE,
)  # fmt: skip
FIELDS: Final = {field.key: field for section in SECTIONS for field in section.fields}

"""One service of containers or processes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from swarm_core.api.proto import process_pb2, specs_pb2, types_pb2
from swarm_core.api.runtimes import set_process
from swarm_core.compose.convert import mounts, networks, task
from swarm_core.compose.convert.names import IMAGE, Namespace
from swarm_core.compose.convert.payloads import Payloads, references
from swarm_core.compose.forms.scalars import plain_texts
from swarm_core.compose.reading.errors import Unsound, joined
from swarm_core.compose.reading.values import Map
from swarm_core.specs import notation
from swarm_core.specs.images import familiar

Body = specs_pb2.ContainerSpec | process_pb2.ProcessSpec
_MODES: Final = ("replicated", "global", "replicated-job", "global-job")
_ENDPOINT_MODES: Final = notation.words_of(specs_pb2.EndpointSpec.ResolutionMode)
_PROTOCOLS: Final = notation.words_of(types_pb2.PortConfig.Protocol)
_PUBLISH_MODES: Final = notation.words_of(types_pb2.PortConfig.PublishMode)
_ISOLATIONS: Final = {"": 0, "default": 0, "process": 1, "hyperv": 2}
_ALL: Final = "ALL"
_OF_PROCESSES: Final = frozenset(
    {"x-process", "environment", "env_file", "secrets", "configs", "deploy", "stop_signal", "stop_grace_period",
     "healthcheck", "depends_on", "ports", "profiles", "logging", "restart"}
)  # fmt: skip
"""What a service of processes can have beside `x-process`."""


@dataclass(frozen=True, slots=True)
class Stack:
    """What services of one stack refer to."""

    space: Namespace
    networks: Map
    volumes: Map
    secrets: Payloads[specs_pb2.SecretSpec]
    configs: Payloads[specs_pb2.ConfigSpec]


def service(short: str, given: Map, stack: Stack) -> specs_pb2.ServiceSpec:
    """The spec of a service, its references without ids. Raises Unsound."""
    deploy = given.get("deploy") or Map(given.mark)
    spec = specs_pb2.ServiceSpec()
    spec.annotations.name = stack.space.scoped(short)
    spec.annotations.labels.update(stack.space.labels(plain_texts(deploy.get("labels") or {})))
    task.fill(spec.task, given)
    if "x-process" in given:
        _process(short, spec, given, stack)
    else:
        _container(short, spec, given, stack)
        spec.annotations.labels[IMAGE] = given["image"]
        spec.task.networks.extend(
            networks.attachments(short, given.get("networks"), stack.networks, stack.space)
        )
    _mode(spec, deploy)
    for part, config in (("update_config", spec.update), ("rollback_config", spec.rollback)):
        if deploy.get(part) is not None:
            task.update(config, deploy[part])
    _endpoint(spec.endpoint, given, deploy)
    return spec


def _body(short: str, body: Body, given: Map, stack: Stack) -> None:
    """What containers and processes have alike."""
    variables = given.get("environment") or {}
    body.env.extend(sorted(name if value is None else f"{name}={value}" for name, value in variables.items()))
    body.stop_signal = given.get("stop_signal") or ""
    if given.get("stop_grace_period") is not None:
        body.stop_grace_period.CopyFrom(notation.duration(given["stop_grace_period"]))
    if given.get("healthcheck") is not None:
        body.healthcheck.CopyFrom(task.health(given["healthcheck"]))
    body.secrets.extend(
        references("secret", short, given.get("secrets") or (), stack.secrets, types_pb2.SecretReference)
    )
    body.configs.extend(
        references("config", short, given.get("configs") or (), stack.configs, types_pb2.ConfigReference)
    )


def _process(short: str, spec: specs_pb2.ServiceSpec, given: Map, stack: Stack) -> None:
    wrong = [
        Unsound(f"service {short} is a process, and {key} is for containers", given.at(key))
        for key in given
        if key not in _OF_PROCESSES and not (key.startswith("x-"))
    ]
    if wrong:
        raise joined(wrong)
    what = given["x-process"]
    if not what.get("command"):
        raise Unsound(f"service {short} is a process and needs a command", what.mark)
    process = process_pb2.ProcessSpec(
        command=what["command"],
        args=what.get("args") or (),
        dir=what.get("dir") or "",
        user=what.get("user") or "",
    )
    _body(short, process, given, stack)
    set_process(spec.task, process)


def _container(short: str, spec: specs_pb2.ServiceSpec, given: Map, stack: Stack) -> None:
    container = spec.task.container
    container.image = familiar(given["image"])
    container.command.extend(given.get("entrypoint") or ())
    container.args.extend(given.get("command") or ())
    container.labels.update(stack.space.labels(plain_texts(given.get("labels") or {})))
    for key, field in _PLAIN.items():
        if given.get(key):
            setattr(container, field, given[key])
    if given.get("init") is not None:
        container.init.value = given["init"]
    _body(short, container, given, stack)
    container.hosts.extend(_host(text) for text in given.get("extra_hosts") or ())
    container.groups.extend(given.get("group_add") or ())
    container.sysctls.update(plain_texts(given.get("sysctls") or {}))
    container.mounts.extend(mounts.mounts(given.get("volumes") or (), stack.volumes, stack.space))
    limits = ((given.get("deploy") or {}).get("resources") or {}).get("limits") or {}
    container.pidsLimit = limits.get("pids") or 0
    if given.get("dns") or given.get("dns_search"):
        container.dns_config.nameservers.extend(given.get("dns") or ())
        container.dns_config.search.extend(given.get("dns_search") or ())
    _capabilities(container, given)
    _ulimits(container, given.get("ulimits") or {})
    isolation = given.get("isolation") or ""
    if isolation not in _ISOLATIONS:
        raise Unsound(f"isolation {isolation!r} is none of default, process, hyperv", given.at("isolation"))
    container.isolation = _ISOLATIONS[isolation]  # type: ignore[assignment]
    container.privileges.SetInParent()
    if given.get("credential_spec"):
        _credentials(short, container, given["credential_spec"], stack)


_PLAIN: Final[Mapping[str, str]] = {
    "hostname": "hostname",
    "working_dir": "dir",
    "user": "user",
    "tty": "tty",
    "stdin_open": "open_stdin",
    "read_only": "read_only",
    "oom_score_adj": "oom_score_adj",
}


def _host(text: str) -> str:
    name, _, address = text.partition(":")
    return f"{address} {name}"


def _capabilities(container: specs_pb2.ContainerSpec, given: Map) -> None:
    """Upper case, with their prefix, each once; what is added is not dropped. ALL stands alone."""
    added = {_capability(word) for word in given.get("cap_add") or ()}
    dropped = {_capability(word) for word in given.get("cap_drop") or ()}
    container.capability_add.extend([_ALL] if _ALL in added else sorted(added))
    if _ALL in added:
        return
    container.capability_drop.extend([_ALL] if _ALL in dropped else sorted(dropped - added))


def _capability(word: str) -> str:
    upper = word.strip().upper()
    return upper if upper == _ALL or upper.startswith("CAP_") else f"CAP_{upper}"


def _ulimits(container: specs_pb2.ContainerSpec, given: Mapping[str, Any]) -> None:
    for name in sorted(given):
        limit = given[name]
        soft, hard = (limit["soft"], limit["hard"]) if isinstance(limit, Map) else (limit, limit)
        container.ulimits.add(name=name, soft=soft, hard=hard)


def _credentials(short: str, container: specs_pb2.ContainerSpec, given: Map, stack: Stack) -> None:
    chosen = [key for key in ("config", "file", "registry") if given.get(key)]
    if len(chosen) > 1:
        named = [f'"{key.capitalize()}"' for key in chosen]
        last = ", and " if len(named) > 2 else " and "
        told = f"invalid credential spec: cannot specify both {', '.join(named[:-1])}{last}{named[-1]}"
        raise Unsound(told, given.mark)
    if not chosen:
        return
    (key,) = chosen
    setattr(container.privileges.credential_spec, key, given[key])
    if key == "config":
        name = stack.configs.full_name(given["config"])
        if name is None:
            raise Unsound(f'service {short}: undefined config "{given["config"]}"', given.at("config"))
        reference = types_pb2.ConfigReference(config_name=name)
        reference.runtime.SetInParent()
        rest = sorted([*container.configs, reference], key=lambda one: one.config_name)
        del container.configs[:]
        container.configs.extend(rest)
        container.privileges.credential_spec.config = name


def _mode(spec: specs_pb2.ServiceSpec, deploy: Map) -> None:
    mode, replicas = deploy.get("mode") or "replicated", deploy.get("replicas")
    if mode not in _MODES:
        raise Unsound(f"unknown mode: {mode}", deploy.at("mode"))
    if replicas is not None and replicas < 0:
        raise Unsound("the number of replicas must not be negative", deploy.at("replicas"))
    if mode.startswith("global"):
        if replicas is not None:
            told = "replicas can only be used with replicated or replicated-job mode"
            raise Unsound(told, deploy.at("replicas"))
        getattr(spec, mode.replace("-", "_")).SetInParent()
        return
    count = 1 if replicas is None else replicas
    if mode == "replicated":
        spec.replicated.replicas = count
    else:
        spec.replicated_job.total_completions = spec.replicated_job.max_concurrent = count


def _endpoint(found: specs_pb2.EndpointSpec, given: Map, deploy: Map) -> None:
    found.SetInParent()
    mode = (deploy.get("endpoint_mode") or "vip").lower()
    if mode not in _ENDPOINT_MODES:
        raise Unsound(
            f"endpoint_mode {mode!r} is none of {', '.join(_ENDPOINT_MODES)}", deploy.at("endpoint_mode")
        )
    found.mode = _ENDPOINT_MODES[mode]  # type: ignore[assignment]
    ports = [_port(entry) for entry in given.get("ports") or ()]
    found.ports.extend(sorted(ports, key=lambda port: (port.published_port, port.target_port, port.protocol)))


def _port(entry: Map) -> types_pb2.PortConfig:
    values = {}
    for key, known in (("protocol", _PROTOCOLS), ("mode", _PUBLISH_MODES)):
        word = (entry.get(key) or next(iter(known))).lower()
        if word not in known:
            raise Unsound(f"{key} {word!r} of a port is none of {', '.join(known)}", entry.at(key))
        values[key] = known[word]
    if not entry.get("target"):
        raise Unsound("a port needs a target", entry.mark)
    return types_pb2.PortConfig(
        protocol=values["protocol"],  # type: ignore[arg-type]
        publish_mode=values["mode"],  # type: ignore[arg-type]
        target_port=entry["target"],
        published_port=entry.get("published") or 0,
    )

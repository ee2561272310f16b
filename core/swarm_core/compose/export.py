"""The way back: a compose file from the services of a stack as they run (docs/design/stacks.md 12.10).

What a file cannot say is named, never dropped in silence. Secrets are external, as their data cannot be read.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from google.protobuf.duration_pb2 import Duration

from swarm_core.api.proto import objects_pb2, specs_pb2, types_pb2
from swarm_core.api.runtimes import process_spec
from swarm_core.compose.changes.binding import Body
from swarm_core.compose.changes.held import Held, stack_of
from swarm_core.compose.changes.state import is_state
from swarm_core.compose.convert.names import GENERATION, IMAGE, NAMESPACE, Namespace, NoNamespace
from swarm_core.compose.forms import scalars
from swarm_core.specs import notation

_OWN_LABELS: Final = (NAMESPACE, IMAGE, GENERATION)
_NANOS: Final = 1_000_000_000


@dataclass(slots=True)
class Exported:
    """A document, the files beside it, and what it cannot say."""

    document: dict[str, Any] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)


def export(held: Held, *, is_pinned: bool = False, has_files: bool = False) -> Exported:
    """The stack as a file. With `is_pinned` images keep their digests; with `has_files` configs are written beside it."""
    return _Export(held, is_pinned, has_files).run()


def export_alone(spec: specs_pb2.ServiceSpec, held: Held) -> tuple[dict[str, Any], list[str]]:
    """One service without its stack, as it stands under its name in a file, and what the file cannot say. What it refers to is called as in
    the swarm and is defined nowhere."""
    return _Alone(held).one(objects_pb2.Service(spec=spec))


class _Export:
    def __init__(self, held: Held, is_pinned: bool, has_files: bool) -> None:
        self._held = held
        self._space = Namespace(held.stack)
        self._is_pinned = is_pinned
        self._has_files = has_files
        self._networks = {network.id: network for network in held.networks.values()}
        self._tops: dict[str, dict[str, Any]] = {"networks": {}, "volumes": {}, "secrets": {}, "configs": {}}
        self._out = Exported()

    def run(self) -> Exported:
        """All services, then what they refer to."""
        services = {
            self._space.descoped(name): self._service(service)
            for name, service in sorted(self._held.own(self._held.services).items())
        }
        self._out.document = {"version": "3.13", "services": services}
        self._out.document |= {key: top for key, top in self._tops.items() if top}
        return self._out

    def _service(self, service: objects_pb2.Service) -> dict[str, Any]:
        spec, task = service.spec, service.spec.task
        process = process_spec(task)
        found: dict[str, Any] = {}
        if process is not None:
            found["x-process"] = _kept(
                command=list(process.command), args=list(process.args), dir=process.dir, user=process.user
            )
            self._body(found, process)
        else:
            self._container(found, spec)
            self._body(found, task.container)
            networks = self._attachments(spec)
            if list(networks) != ["default"] or networks["default"]:
                found["networks"] = networks
        if spec.endpoint.ports:
            found["ports"] = [_port(port) for port in spec.endpoint.ports]
        if task.HasField("log_driver"):
            found["logging"] = _kept(driver=task.log_driver.name, options=dict(task.log_driver.options))
        found["deploy"] = _deploy(spec)
        self._note_lost(service)
        return {key: value for key, value in found.items() if value not in ({}, [], "", None)}

    def _body(self, found: dict[str, Any], body: Body) -> None:
        pairs = (entry.partition("=") for entry in body.env)
        found["environment"] = {name: value if there else None for name, there, value in pairs}
        found["stop_signal"] = body.stop_signal
        if body.HasField("stop_grace_period"):
            found["stop_grace_period"] = _duration(body.stop_grace_period)
        if body.HasField("healthcheck"):
            found["healthcheck"] = _health(body.healthcheck)
        found["secrets"] = [self._reference("secret", one) for one in body.secrets]
        found["configs"] = [self._reference("config", one) for one in body.configs if one.HasField("file")]

    def _container(self, found: dict[str, Any], spec: specs_pb2.ServiceSpec) -> None:
        container = spec.task.container
        label = spec.annotations.labels.get(IMAGE, "")
        found["image"] = container.image if self._is_pinned or not label else label
        found["entrypoint"], found["command"] = list(container.command), list(container.args)
        found["labels"] = _labels(container.labels)
        for key, name in _PLAIN.items():
            found[key] = getattr(container, name) or None
        if container.HasField("init"):
            found["init"] = container.init.value
        found["extra_hosts"] = [
            f"{name}:{address}" for address, _, name in (one.partition(" ") for one in container.hosts)
        ]
        found["group_add"], found["sysctls"] = list(container.groups), dict(container.sysctls)
        found["cap_add"], found["cap_drop"] = list(container.capability_add), list(container.capability_drop)
        found["dns"], found["dns_search"] = (
            list(container.dns_config.nameservers),
            list(container.dns_config.search),
        )
        found["ulimits"] = {one.name: {"soft": one.soft, "hard": one.hard} for one in container.ulimits}
        found["volumes"] = [self._mount(mount) for mount in container.mounts]
        if container.isolation:
            found["isolation"] = {1: "process", 2: "hyperv"}[container.isolation]
        credentials = container.privileges.credential_spec
        if kind := credentials.WhichOneof("source"):
            found["credential_spec"] = {kind: getattr(credentials, kind)}

    def _attachments(self, spec: specs_pb2.ServiceSpec) -> dict[str, Any]:
        found: dict[str, Any] = {}
        short = self._space.descoped(spec.annotations.name)
        for attachment in spec.task.networks or spec.networks:
            network = self._networks.get(attachment.target)
            name = network.spec.annotations.name if network is not None else attachment.target
            key = self._network(name, network)
            aliases = [alias for alias in attachment.aliases if alias != short]
            found[key] = _kept(aliases=aliases, driver_opts=dict(attachment.driver_attachment_opts)) or None
        return found

    def _network(self, name: str, network: objects_pb2.Network | None) -> str:
        """What the file calls a network, which is defined there."""
        if network is None or stack_of(network) != self._held.stack:
            self._tops["networks"][name] = {"external": True, "name": name}
            return name
        spec, short = network.spec, self._space.descoped(name)
        definition = _kept(
            name="" if name == self._space.scoped(short) else name,
            driver=spec.driver_config.name,
            driver_opts=dict(spec.driver_config.options),
            internal=spec.internal,
            attachable=spec.attachable,
            enable_ipv6=spec.ipv6_enabled,
            labels=_labels(spec.annotations.labels),
        )
        if spec.ipam.configs:
            configs = [
                _kept(subnet=one.subnet, ip_range=one.range, gateway=one.gateway) for one in spec.ipam.configs
            ]
            definition["ipam"] = _kept(driver=spec.ipam.driver.name, config=configs)
        self._tops["networks"][short] = definition
        return short

    def _mount(self, mount: types_pb2.Mount) -> dict[str, Any]:
        kind = types_pb2.Mount.Type.Name(mount.type).lower()
        found = _kept(type=kind, source=mount.source, target=mount.target, read_only=mount.readonly)
        if mount.consistency:
            found["consistency"] = types_pb2.Mount.Consistency.Name(mount.consistency).lower()
        if kind == "volume" and mount.source:
            found["source"] = self._volume(mount)
            if options := _kept(nocopy=mount.volume_options.nocopy, subpath=mount.volume_options.subpath):
                found["volume"] = options
        elif kind == "cluster" and not mount.source.startswith("group:"):
            self._tops["volumes"][mount.source] = {"external": True, "name": mount.source}
        elif mount.HasField("bind_options"):
            found["bind"] = {"propagation": _PROPAGATIONS[mount.bind_options.propagation]}
        elif mount.HasField("tmpfs_options"):
            found["tmpfs"] = {"size": mount.tmpfs_options.size_bytes}
        return found

    def _volume(self, mount: types_pb2.Mount) -> str:
        options = mount.volume_options
        if options.labels.get(NAMESPACE) != self._held.stack:
            self._tops["volumes"][mount.source] = {"external": True, "name": mount.source}
            return mount.source
        short = self._space.descoped(mount.source)
        definition = _kept(
            name="" if mount.source == self._space.scoped(short) else mount.source,
            labels=_labels(options.labels),
        )
        if options.HasField("driver_config"):
            definition |= {
                "driver": options.driver_config.name,
                "driver_opts": dict(options.driver_config.options),
            }
        self._tops["volumes"][short] = definition
        return short

    def _reference(self, noun: str, reference: Any) -> dict[str, Any]:
        name, file = getattr(reference, f"{noun}_name"), reference.file
        found = {"source": self._payload(noun, name), "target": file.name, "mode": file.mode}
        return found | {key: getattr(file, key) for key in ("uid", "gid") if getattr(file, key) != "0"}

    def _payload(self, noun: str, name: str) -> str:
        item: Any = (self._held.secrets if noun == "secret" else self._held.configs).get(name)
        top = self._tops[f"{noun}s"]
        is_own = item is not None and stack_of(item) == self._held.stack
        if noun == "secret" or not (is_own and self._has_files) or is_state(item):
            top[name] = {"external": True, "name": name}
            return name
        labels = item.spec.annotations.labels
        short = labels.get(GENERATION) or self._space.descoped(name)
        definition = _kept(
            file=f"./{short}", labels=_labels(labels), template_driver=item.spec.templating.name
        )
        if GENERATION not in labels and name != self._space.scoped(short):
            definition["name"] = name
        self._out.files[short] = item.spec.data
        top[short] = definition
        return str(short)

    def _note_lost(self, service: objects_pb2.Service) -> None:
        """What a compose file has no word for."""
        name, container = service.spec.annotations.name, service.spec.task.container
        privileges = container.privileges
        lost: Mapping[str, bool] = {
            "seccomp": privileges.HasField("seccomp"),
            "AppArmor": privileges.HasField("apparmor"),
            "SELinux": privileges.HasField("selinux_context"),
            "no-new-privileges": privileges.no_new_privileges,
            "swap": service.spec.task.resources.HasField("swap_bytes"),
            "DNS options": bool(container.dns_config.options),
        }
        self._out.lost += [
            f"{name}: {what} cannot be said in a compose file" for what, there in lost.items() if there
        ]


class _Alone(_Export):
    """Everything is the swarm's, by the name that it has there."""

    def __init__(self, held: Held) -> None:
        super().__init__(held, is_pinned=True, has_files=False)
        self._space = NoNamespace()

    def one(self, service: objects_pb2.Service) -> tuple[dict[str, Any], list[str]]:
        """The service and what is lost."""
        return self._service(service), self._out.lost

    def _network(self, name: str, network: objects_pb2.Network | None) -> str:
        return name

    def _volume(self, mount: types_pb2.Mount) -> str:
        return mount.source

    def _payload(self, noun: str, name: str) -> str:
        return name


_PLAIN: Final[Mapping[str, str]] = {
    "hostname": "hostname",
    "working_dir": "dir",
    "user": "user",
    "tty": "tty",
    "stdin_open": "open_stdin",
    "read_only": "read_only",
    "oom_score_adj": "oom_score_adj",
}
_PROPAGATIONS: Final = {
    value: word for word, value in notation.words_of(types_pb2.Mount.BindOptions.Propagation).items()
}
_CONDITIONS: Final = {0: "none", 1: "on-failure", 2: "any"}
_ACTIONS: Final = {0: "pause", 1: "continue", 2: "rollback"}


def _kept(**values: Any) -> dict[str, Any]:
    """Those that say something."""
    return {key: value for key, value in values.items() if value}


def _labels(given: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in given.items() if key not in _OWN_LABELS}


def _duration(value: Duration) -> str:
    return scalars.duration(f"{value.ToNanoseconds()}ns")


def _health(given: types_pb2.HealthConfig) -> dict[str, Any]:
    if list(given.test) == ["NONE"]:
        return {"disable": True}
    found = _kept(test=list(given.test), retries=given.retries)
    for key in ("interval", "timeout", "start_period", "start_interval"):
        if getattr(given, key).ToNanoseconds():
            found[key] = _duration(getattr(given, key))
    return found


def _port(port: types_pb2.PortConfig) -> dict[str, Any]:
    return {
        "target": port.target_port,
        **_kept(published=port.published_port),
        "protocol": types_pb2.PortConfig.Protocol.Name(port.protocol).lower(),
        "mode": types_pb2.PortConfig.PublishMode.Name(port.publish_mode).lower(),
    }


def _deploy(spec: specs_pb2.ServiceSpec) -> dict[str, Any]:
    task = spec.task
    mode = (spec.WhichOneof("mode") or "replicated").replace("_", "-")
    found: dict[str, Any] = {"mode": mode}
    if mode == "replicated":
        found["replicas"] = spec.replicated.replicas
    elif mode == "replicated-job":
        found["replicas"] = spec.replicated_job.total_completions
    if spec.endpoint.mode:
        found["endpoint_mode"] = "dnsrr"
    found["labels"] = _labels(spec.annotations.labels)
    for key, there, config in (
        ("update_config", spec.HasField("update"), spec.update),
        ("rollback_config", spec.HasField("rollback"), spec.rollback),
    ):
        if there:
            found[key] = _update(config)
    found["resources"] = _kept(
        limits=_amounts(task.resources.limits, task.container.pidsLimit if task.HasField("container") else 0),
        reservations=_amounts(task.resources.reservations, 0),
    )
    if task.HasField("restart"):
        found["restart_policy"] = _restart(task.restart)
    found["placement"] = _kept(
        constraints=list(task.placement.constraints),
        preferences=[{"spread": one.spread.spread_descriptor} for one in task.placement.preferences],
        max_replicas_per_node=task.placement.max_replicas,
    )
    return {key: value for key, value in found.items() if value not in ({}, [])}


def _amounts(given: types_pb2.Resources, pids: int) -> dict[str, Any]:
    generic = [
        {
            "discrete_resource_spec": {
                "kind": one.discrete_resource_spec.kind,
                "value": one.discrete_resource_spec.value,
            }
        }
        for one in given.generic
    ]
    return _kept(
        cpus=_decimal(given.nano_cpus) if given.nano_cpus else "",
        memory=str(given.memory_bytes) if given.memory_bytes else "",
        pids=pids,
        generic_resources=generic,
    )


def _decimal(nanos: int) -> str:
    whole, rest = divmod(nanos, _NANOS)
    return f"{whole}.{rest:09}".rstrip("0").rstrip(".")


def _update(config: types_pb2.UpdateConfig) -> dict[str, Any]:
    found: dict[str, Any] = {"parallelism": config.parallelism}
    if config.delay.ToNanoseconds():
        found["delay"] = _duration(config.delay)
    if config.HasField("monitor"):
        found["monitor"] = _duration(config.monitor)
    if config.max_failure_ratio:
        # The wire holds a float of 32 bits: its shortest text is the one that was written.
        found["max_failure_ratio"] = float(f"{config.max_failure_ratio:.7g}")
    found["failure_action"] = _ACTIONS[config.failure_action]
    found["order"] = "start-first" if config.order else "stop-first"
    return found


def _restart(policy: types_pb2.RestartPolicy) -> dict[str, Any]:
    found: dict[str, Any] = {"condition": _CONDITIONS[policy.condition]}
    for key in ("delay", "window"):
        if policy.HasField(key):
            found[key] = _duration(getattr(policy, key))
    return found | _kept(max_attempts=policy.max_attempts)

"""From a task to the body of the engine's create request (docs/design/docker-executor.md 7.2 to 7.4). Pure.

Rules: nothing the spec asks for is dropped; what this executor cannot give is refused with InvalidTask. Reservations are
the scheduler's business and do not appear here.
"""

from collections.abc import Sequence
from typing import Any

from swarm_core.api.naming import task_name
from swarm_core.api.proto.objects_pb2 import Task
from swarm_core.api.proto.specs_pb2 import ContainerSpec
from swarm_core.api.proto.types_pb2 import HealthConfig, PortConfig, Privileges
from swarm_core.api.timestamps import timestamp_ns
from swarm_core.api.words import enum_word

from swarm_agentd.exec.environment import claimed_resources
from swarm_agentd.exec.errors import InvalidTask, UnsupportedRuntime
from swarm_agentd.executors.docker import mounts, networks
from swarm_agentd.executors.docker.mounts import known

LABEL_PREFIX = "com.docker.swarm."
TASK_LABEL = LABEL_PREFIX + "task.id"
_ISOLATION = {0: "default", 1: "process", 2: "hyperv"}
_SECCOMP = {
    Privileges.SeccompOpts.DEFAULT: "",
    Privileges.SeccompOpts.UNCONFINED: "seccomp=unconfined",
    Privileges.SeccompOpts.CUSTOM: "seccomp={}",
}
_APPARMOR = {Privileges.AppArmorOpts.DEFAULT: "", Privileges.AppArmorOpts.DISABLED: "apparmor=unconfined"}


def check(task: Task) -> None:
    """Refuse what can be seen to be wrong without the engine. Raises UnsupportedRuntime or InvalidTask."""
    if task.spec.WhichOneof("runtime") != "container":
        raise UnsupportedRuntime("the container runtime runs containers only")
    if not task.spec.container.image:
        raise InvalidTask("the container spec names no image")
    if task.spec.container.privileges.credential_spec.WhichOneof("source"):
        raise InvalidTask("credential specs are for Windows containers; this node runs Linux containers")
    mounts.check(task.spec.container)
    networks.check(task)


def container_name(task: Task) -> str:
    return task_name(task)


def image_reference(image: str) -> str:
    """The image with its default tag."""
    last = image.rpartition("/")[2]
    return image if "@" in image or ":" in last else f"{image}:latest"


def is_image_id(image: str) -> bool:
    """Whether `image` is an id, which no registry can be asked for."""
    return image.startswith("sha256:")


def create_body(task: Task, own_labels: dict[str, str], binds: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """The request's body; `binds` are further files to mount read-only, as (here, there)."""
    spec = task.spec.container
    body: dict[str, Any] = {
        "Image": image_reference(spec.image),
        "Env": [*spec.env, *claimed_resources(task)],
        "Labels": {**labels(task), **own_labels},
        "WorkingDir": spec.dir,
        "User": spec.user,
        "Hostname": spec.hostname,
        "Tty": spec.tty,
        "OpenStdin": spec.open_stdin,
        "HostConfig": _host_config(task, binds),
    }
    if spec.command:
        body["Entrypoint"] = list(spec.command)
    if spec.args:
        body["Cmd"] = list(spec.args)
    if spec.stop_signal:
        body["StopSignal"] = spec.stop_signal
    if spec.HasField("healthcheck"):
        body["Healthcheck"] = _health_check(spec.healthcheck)
    if ports := _host_ports(task):
        body["ExposedPorts"] = {_port_key(port): {} for port in ports}
    if first := networks.first_endpoint(task):
        body["NetworkingConfig"] = {"EndpointsConfig": first}
    return body


def labels(task: Task) -> dict[str, str]:
    """Labels of the container, the system's last."""
    system = {
        "task": "",
        "task.id": task.id,
        "task.name": container_name(task),
        "node.id": task.node_id,
        "service.id": task.service_id,
        "service.name": task.service_annotations.name,
    }
    return {
        **task.spec.container.labels,
        **task.annotations.labels,
        **{LABEL_PREFIX + name: value for name, value in system.items()},
    }


def _host_config(task: Task, binds: Sequence[tuple[str, str]]) -> dict[str, Any]:
    spec = task.spec.container
    own = [{"Type": "bind", "Source": here, "Target": there, "ReadOnly": True} for here, there in binds]
    config: dict[str, Any] = {
        "Mounts": [*map(mounts.mount, spec.mounts), *own],
        "PortBindings": {_port_key(port): [_binding(port)] for port in _host_ports(task)},
        "GroupAdd": list(spec.groups),
        "CapAdd": list(spec.capability_add),
        "CapDrop": list(spec.capability_drop),
        "OomScoreAdj": spec.oom_score_adj,
        "Isolation": known(_ISOLATION, spec.isolation, "isolation"),
        "ExtraHosts": _extra_hosts(spec.hosts),
        "ReadonlyRootfs": spec.read_only,
        "Sysctls": dict(spec.sysctls),
        "SecurityOpt": _security_options(spec),
        **_resources(task),
    }
    if spec.HasField("init"):
        config["Init"] = spec.init.value
    if spec.HasField("dns_config"):
        dns = spec.dns_config
        config |= {
            "Dns": list(dns.nameservers),
            "DnsSearch": list(dns.search),
            "DnsOptions": list(dns.options),
        }
    driver = task.log_driver if task.HasField("log_driver") else task.spec.log_driver
    if driver.name:
        config["LogConfig"] = {"Type": driver.name, "Config": dict(driver.options)}
    if mode := networks.mode(task):
        config["NetworkMode"] = mode
    return config


def _resources(task: Task) -> dict[str, Any]:
    spec, asked = task.spec.container, task.spec.resources
    found: dict[str, Any] = {}
    if asked.limits.memory_bytes > 0:
        found["Memory"] = asked.limits.memory_bytes
        if asked.HasField("swap_bytes"):
            swap = asked.swap_bytes.value
            found["MemorySwap"] = -1 if swap < 0 else asked.limits.memory_bytes + swap
    if asked.HasField("memory_swappiness"):
        found["MemorySwappiness"] = asked.memory_swappiness.value
    if asked.limits.nano_cpus > 0:
        found["NanoCpus"] = asked.limits.nano_cpus
    if spec.pidsLimit > 0:
        found["PidsLimit"] = spec.pidsLimit
    found["Ulimits"] = [{"Name": u.name, "Soft": u.soft, "Hard": u.hard} for u in spec.ulimits]
    return found


def _health_check(config: HealthConfig) -> dict[str, Any]:
    return {
        "Test": list(config.test),
        "Interval": _nanoseconds(config.interval),
        "Timeout": _nanoseconds(config.timeout),
        "Retries": config.retries,
        "StartPeriod": _nanoseconds(config.start_period),
        "StartInterval": _nanoseconds(config.start_interval),
    }


def _nanoseconds(value: Any) -> int:
    return timestamp_ns(value)  # both messages hold seconds and nanos


def _host_ports(task: Task) -> list[PortConfig]:
    return [port for port in task.endpoint.ports if port.publish_mode == PortConfig.HOST]


def _port_key(port: PortConfig) -> str:
    return f"{port.target_port}/{enum_word(PortConfig.Protocol, port.protocol)}"


def _binding(port: PortConfig) -> dict[str, str]:
    return {"HostPort": str(port.published_port) if port.published_port else ""}


def _extra_hosts(hosts: Sequence[str]) -> list[str]:
    """From "IP name aliases…" to "name:IP"; what is too short is no entry."""
    entries = [entry.split() for entry in hosts]
    return [f"{words[1]}:{words[0]}" for words in entries if len(words) >= 2]


def _security_options(spec: ContainerSpec) -> list[str]:
    privileges, found = spec.privileges, []
    selinux = privileges.selinux_context
    if selinux.disable:
        found.append("label=disable")
    for name in ("user", "role", "level", "type"):
        if value := getattr(selinux, name):
            found.append(f"label={name}:{value}")
    if seccomp := known(_SECCOMP, privileges.seccomp.mode, "seccomp mode"):
        found.append(seccomp.format(privileges.seccomp.profile.decode(errors="replace")))
    if apparmor := known(_APPARMOR, privileges.apparmor.mode, "AppArmor mode"):
        found.append(apparmor)
    if privileges.no_new_privileges:
        found.append("no-new-privileges=true")
    return found

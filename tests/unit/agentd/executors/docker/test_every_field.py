"""Every field that a manager can set reaches the engine, or stands here with the place that answers for it
(docs/design/docker-executor.md 7.3)."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import reduce
from typing import Any

import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from swarm_agentd.exec.errors import InvalidTask
from swarm_agentd.executors.docker import mapping, networks
from swarm_core.api.proto.objects_pb2 import Task
from swarm_core.api.proto.types_pb2 import IPAMConfig, Mount, PortConfig, Privileges
from swarm_core.api.timestamps import duration
from swarm_testkit.factories import make_task

ROOTS = (
    "spec.container",
    "spec.resources",
    "log_driver",
    "endpoint.ports",
    "networks",
    "assigned_generic_resources",
)


@dataclass(frozen=True)
class Case:
    """`value` in the spec becomes `there` in the request. `also` is what the field needs to make sense."""

    value: object
    at: str
    there: object
    also: dict[str, object] = field(default_factory=dict)


HC, MOUNT, HEALTH = "HostConfig", "spec.container.mounts", "spec.container.healthcheck"
BIND = {f"{MOUNT}.type": Mount.BIND, f"{MOUNT}.source": "/s", f"{MOUNT}.target": "/t"}
VOLUME = {f"{MOUNT}.type": Mount.VOLUME, f"{MOUNT}.target": "/t"}
TMPFS = {f"{MOUNT}.type": Mount.TMPFS, f"{MOUNT}.target": "/t"}
HOST = {"endpoint.ports.target_port": 80, "endpoint.ports.publish_mode": PortConfig.HOST}
NET = "networks.network"
LOCAL = {f"{NET}.spec.annotations.name": "lan", f"{NET}.driver_state.name": "bridge"}
PRIVILEGES = "spec.container.privileges"
NAMED, COUNTED = (f"assigned_generic_resources.{kind}_resource_spec" for kind in ("named", "discrete"))

MAPPED = {
    "spec.container.image": Case("nginx:1", "Image", "nginx:1"),
    "spec.container.labels": Case({"a": "b"}, "Labels.a", "b"),
    "spec.container.command": Case(["run"], "Entrypoint", ["run"]),
    "spec.container.args": Case(["-v"], "Cmd", ["-v"]),
    "spec.container.hostname": Case("box", "Hostname", "box"),
    "spec.container.env": Case(["A=1"], "Env", ["A=1"]),
    "spec.container.dir": Case("/srv", "WorkingDir", "/srv"),
    "spec.container.user": Case("1:2", "User", "1:2"),
    "spec.container.groups": Case(["video"], f"{HC}.GroupAdd", ["video"]),
    "spec.container.init": Case(True, f"{HC}.Init", True),
    "spec.container.tty": Case(True, "Tty", True),
    "spec.container.open_stdin": Case(True, "OpenStdin", True),
    "spec.container.read_only": Case(True, f"{HC}.ReadonlyRootfs", True),
    "spec.container.stop_signal": Case("SIGHUP", "StopSignal", "SIGHUP"),
    "spec.container.hosts": Case(["::1 six alias"], f"{HC}.ExtraHosts", ["six:::1"]),
    "spec.container.dns_config.nameservers": Case(["1.1.1.1"], f"{HC}.Dns", ["1.1.1.1"]),
    "spec.container.dns_config.search": Case(["a.b"], f"{HC}.DnsSearch", ["a.b"]),
    "spec.container.dns_config.options": Case(["ndots:3"], f"{HC}.DnsOptions", ["ndots:3"]),
    "spec.container.isolation": Case(1, f"{HC}.Isolation", "process"),
    "spec.container.pidsLimit": Case(7, f"{HC}.PidsLimit", 7),
    "spec.container.sysctls": Case({"net.x": "1"}, f"{HC}.Sysctls", {"net.x": "1"}),
    "spec.container.capability_add": Case(["CAP_A"], f"{HC}.CapAdd", ["CAP_A"]),
    "spec.container.capability_drop": Case(["ALL"], f"{HC}.CapDrop", ["ALL"]),
    "spec.container.ulimits.name": Case("core", f"{HC}.Ulimits.0.Name", "core"),
    "spec.container.ulimits.soft": Case(1, f"{HC}.Ulimits.0.Soft", 1),
    "spec.container.ulimits.hard": Case(2, f"{HC}.Ulimits.0.Hard", 2),
    "spec.container.oom_score_adj": Case(-5, f"{HC}.OomScoreAdj", -5),
    # health
    f"{HEALTH}.test": Case(["NONE"], "Healthcheck.Test", ["NONE"]),
    f"{HEALTH}.interval": Case(1.5, "Healthcheck.Interval", 1_500_000_000),
    f"{HEALTH}.timeout": Case(2.5, "Healthcheck.Timeout", 2_500_000_000),
    f"{HEALTH}.retries": Case(4, "Healthcheck.Retries", 4),
    f"{HEALTH}.start_period": Case(3.0, "Healthcheck.StartPeriod", 3_000_000_000),
    f"{HEALTH}.start_interval": Case(0.5, "Healthcheck.StartInterval", 500_000_000),
    # privileges
    f"{PRIVILEGES}.selinux_context.disable": Case(True, f"{HC}.SecurityOpt", ["label=disable"]),
    f"{PRIVILEGES}.selinux_context.user": Case("u", f"{HC}.SecurityOpt", ["label=user:u"]),
    f"{PRIVILEGES}.selinux_context.role": Case("r", f"{HC}.SecurityOpt", ["label=role:r"]),
    f"{PRIVILEGES}.selinux_context.type": Case("t", f"{HC}.SecurityOpt", ["label=type:t"]),
    f"{PRIVILEGES}.selinux_context.level": Case("s0", f"{HC}.SecurityOpt", ["label=level:s0"]),
    f"{PRIVILEGES}.seccomp.mode": Case(
        Privileges.SeccompOpts.UNCONFINED, f"{HC}.SecurityOpt", ["seccomp=unconfined"]
    ),
    f"{PRIVILEGES}.seccomp.profile": Case(
        b'{"a": {}}', f"{HC}.SecurityOpt", ['seccomp={"a": {}}'],
        {f"{PRIVILEGES}.seccomp.mode": Privileges.SeccompOpts.CUSTOM},
    ),
    f"{PRIVILEGES}.apparmor.mode": Case(
        Privileges.AppArmorOpts.DISABLED, f"{HC}.SecurityOpt", ["apparmor=unconfined"]
    ),
    f"{PRIVILEGES}.no_new_privileges": Case(True, f"{HC}.SecurityOpt", ["no-new-privileges=true"]),
    # mounts
    f"{MOUNT}.type": Case(Mount.TMPFS, f"{HC}.Mounts.0.Type", "tmpfs", {f"{MOUNT}.target": "/t"}),
    f"{MOUNT}.source": Case("data", f"{HC}.Mounts.0.Source", "data", VOLUME),
    f"{MOUNT}.target": Case("/x", f"{HC}.Mounts.0.Target", "/x", {**VOLUME}),
    f"{MOUNT}.readonly": Case(True, f"{HC}.Mounts.0.ReadOnly", True, BIND),
    f"{MOUNT}.consistency": Case(Mount.CACHED, f"{HC}.Mounts.0.Consistency", "cached", BIND),
    f"{MOUNT}.bind_options.propagation": Case(
        Mount.BindOptions.RSHARED, f"{HC}.Mounts.0.BindOptions.Propagation", "rshared", BIND
    ),
    f"{MOUNT}.bind_options.nonrecursive": Case(True, f"{HC}.Mounts.0.BindOptions.NonRecursive", True, BIND),
    f"{MOUNT}.bind_options.createmountpoint": Case(
        True, f"{HC}.Mounts.0.BindOptions.CreateMountpoint", True, BIND
    ),
    f"{MOUNT}.bind_options.readonlynonrecursive": Case(
        True, f"{HC}.Mounts.0.BindOptions.ReadOnlyNonRecursive", True, BIND
    ),
    f"{MOUNT}.bind_options.readonlyforcerecursive": Case(
        True, f"{HC}.Mounts.0.BindOptions.ReadOnlyForceRecursive", True, BIND
    ),
    f"{MOUNT}.volume_options.nocopy": Case(True, f"{HC}.Mounts.0.VolumeOptions.NoCopy", True, VOLUME),
    f"{MOUNT}.volume_options.labels": Case(
        {"a": "b"}, f"{HC}.Mounts.0.VolumeOptions.Labels", {"a": "b"}, VOLUME
    ),
    f"{MOUNT}.volume_options.subpath": Case("sub", f"{HC}.Mounts.0.VolumeOptions.Subpath", "sub", VOLUME),
    f"{MOUNT}.volume_options.driver_config.name": Case(
        "nfs", f"{HC}.Mounts.0.VolumeOptions.DriverConfig.Name", "nfs", VOLUME
    ),
    f"{MOUNT}.volume_options.driver_config.options": Case(
        {"o": "x"}, f"{HC}.Mounts.0.VolumeOptions.DriverConfig.Options", {"o": "x"}, VOLUME
    ),
    f"{MOUNT}.tmpfs_options.size_bytes": Case(9, f"{HC}.Mounts.0.TmpfsOptions.SizeBytes", 9, TMPFS),
    f"{MOUNT}.tmpfs_options.mode": Case(0o700, f"{HC}.Mounts.0.TmpfsOptions.Mode", 0o700, TMPFS),
    f"{MOUNT}.tmpfs_options.options": Case(
        '[["exec"]]', f"{HC}.Mounts.0.TmpfsOptions.Options", [["exec"]], TMPFS
    ),
    # resources
    "spec.resources.limits.nano_cpus": Case(5, f"{HC}.NanoCpus", 5),
    "spec.resources.limits.memory_bytes": Case(1 << 23, f"{HC}.Memory", 1 << 23),
    "spec.resources.swap_bytes": Case(1, f"{HC}.MemorySwap", 9, {"spec.resources.limits.memory_bytes": 8}),
    "spec.resources.memory_swappiness": Case(0, f"{HC}.MemorySwappiness", 0),
    f"{NAMED}.kind": Case("gpu", "Env", ["DOCKER_RESOURCE_GPU="]),
    f"{NAMED}.value": Case("u1", "Env", ["DOCKER_RESOURCE_GPU=u1"], {f"{NAMED}.kind": "gpu"}),
    f"{COUNTED}.kind": Case("ssd", "Env", ["DOCKER_RESOURCE_SSD=0"]),
    f"{COUNTED}.value": Case(3, "Env", ["DOCKER_RESOURCE_SSD=3"], {f"{COUNTED}.kind": "ssd"}),
    # logs
    "log_driver.name": Case("local", f"{HC}.LogConfig.Type", "local"),
    "log_driver.options": Case(
        {"max-size": "1m"}, f"{HC}.LogConfig.Config", {"max-size": "1m"}, {"log_driver.name": "local"}
    ),
    # ports
    "endpoint.ports.target_port": Case(
        81, "ExposedPorts", {"81/tcp": {}}, {"endpoint.ports.publish_mode": PortConfig.HOST}
    ),
    "endpoint.ports.published_port": Case(
        8080, f"{HC}.PortBindings", {"80/tcp": [{"HostPort": "8080"}]}, HOST
    ),
    "endpoint.ports.protocol": Case(PortConfig.SCTP, "ExposedPorts", {"80/sctp": {}}, HOST),
    "endpoint.ports.publish_mode": Case(
        PortConfig.HOST, f"{HC}.PortBindings", {"80/tcp": [{"HostPort": ""}]}, {"endpoint.ports.target_port": 80}
    ),
    # networks
    "networks.addresses": Case(
        ["10.0.0.5/24", "fd00::5/64"],
        "NetworkingConfig.EndpointsConfig.lan.IPAMConfig",
        {"IPv4Address": "10.0.0.5", "IPv6Address": "fd00::5"},
        LOCAL,
    ),
    "networks.aliases": Case(
        ["db"], "NetworkingConfig.EndpointsConfig.lan.Aliases", ["db", "web", "tasks.web"], LOCAL
    ),
    "networks.driver_attachment_opts": Case(
        {"o": "x"}, "NetworkingConfig.EndpointsConfig.lan.DriverOpts", {"o": "x"}, LOCAL
    ),
    f"{NET}.id": Case("n1", "Network.Labels", {networks.ID_LABEL: "n1", "own": "x"}, LOCAL),
    f"{NET}.spec.annotations.name": Case("lan", f"{HC}.NetworkMode", "lan"),
    f"{NET}.spec.annotations.labels": Case({"a": "b"}, "Network.Labels.a", "b", LOCAL),
    f"{NET}.spec.driver_config.name": Case("macvlan", "Network.Driver", "macvlan"),
    f"{NET}.spec.driver_config.options": Case({"parent": "eth0"}, "Network.Options", {"parent": "eth0"}, LOCAL),
    f"{NET}.spec.ipv6_enabled": Case(True, "Network.EnableIPv6", True, LOCAL),
    f"{NET}.spec.internal": Case(True, "Network.Internal", True, LOCAL),
    f"{NET}.spec.network": Case("settings", "Network.ConfigFrom", {"Network": "settings"}, LOCAL),
    f"{NET}.driver_state.name": Case("ipvlan", "Network.Driver", "ipvlan"),
    f"{NET}.driver_state.options": Case({"parent": "eth1"}, "Network.Options", {"parent": "eth1"}, LOCAL),
    **{
        f"{NET}.{where}.{name}": case
        for where in ("spec.ipam", "ipam")
        for name, case in {
            "driver.name": Case("dhcp", "Network.IPAM.Driver", "dhcp", {f"{NET}.{where}.configs.subnet": "s"}),
            "driver.options": Case(
                {"o": "x"}, "Network.IPAM.Options", {"o": "x"}, {f"{NET}.{where}.configs.subnet": "s"}
            ),
            "configs.subnet": Case("10.0.0.0/24", "Network.IPAM.Config.0.Subnet", "10.0.0.0/24"),
            "configs.range": Case("10.0.0.0/25", "Network.IPAM.Config.0.IPRange", "10.0.0.0/25"),
            "configs.gateway": Case("10.0.0.9", "Network.IPAM.Config.0.Gateway", "10.0.0.9"),
            "configs.reserved": Case(
                {"router": "10.0.0.8"}, "Network.IPAM.Config.0.AuxiliaryAddresses", {"router": "10.0.0.8"}
            ),
        }.items()
    },
}  # fmt: skip

ELSEWHERE = {
    "spec.container.stop_grace_period": "controller: how long stopping waits",
    "spec.container.pull_options.registry_auth": "controller: credentials of the pull",
    "spec.container.secrets": "files: mounted from the node's memory",
    "spec.container.configs": "files: mounted from the node's memory",
    "spec.resources.reservations": "the scheduler's business",
    "spec.resources.limits.generic": "generic resources are reserved, not limited",
    f"{PRIVILEGES}.credential_spec": "refused: Windows only",
    "endpoint.ports.name": "a name for people",
    f"{NET}.meta": "the store's",
    f"{NET}.spec.attachable": "for containers that are no tasks; of the swarm's networks alone",
    f"{NET}.spec.ingress": "an overlay network",
    f"{NET}.spec.annotations.indices": "the store's",
    f"{NET}.pending_delete": "the manager's",
    f"{NET}.extra": "an extension's",
    f"{NET}.ipam.configs.family": "the subnet says it",
    f"{NET}.spec.ipam.configs.family": "the subnet says it",
}


def leaves(path: str, message: Descriptor) -> Iterator[str]:
    """The paths of all fields below a message, maps and protobuf's own messages whole."""
    for each in message.fields:
        inner, below = each.message_type, f"{path}.{each.name}"
        if inner is None or inner.GetOptions().map_entry or inner.file.package == "google.protobuf":
            yield below
        else:
            yield from leaves(below, inner)


def all_paths() -> set[str]:
    found: set[str] = set()
    for root in ROOTS:
        descriptor = Task.DESCRIPTOR
        for name in root.split("."):
            inner: FieldDescriptor = descriptor.fields_by_name[name]
            assert inner.message_type is not None
            descriptor = inner.message_type
        found.update(leaves(root, descriptor))
    return found


def put(message: Message, path: str, value: Any) -> None:
    """Set a field; the first element where the way leads through a list."""
    name, _, rest = path.partition(".")
    there = getattr(message, name)
    if rest:
        if hasattr(there, "add"):
            there = there[0] if len(there) else there.add()
        put(there, rest, value)
    elif isinstance(value, dict):
        there.update(value)
    elif isinstance(value, list):
        del there[:]
        there.extend(value)
    elif isinstance(value, float):
        there.CopyFrom(duration(value))
    elif isinstance(there, Message):
        there.value = value  # type: ignore[attr-defined]
    else:
        setattr(message, name, value)


def minimal() -> Task:
    made = make_task("task-id", service_id="service-id", slot=3, node_id="node-id")
    made.service_annotations.name = "web"
    return made


def told(made: Task) -> dict[str, Any]:
    """The create request, and that of the task's first network."""
    body = mapping.create_body(made, {"own": "x"}, [])
    if made.networks:
        body["Network"] = networks.create_body(made.networks[0].network, {"own": "x"})
    return body


def test_every_field_has_its_place() -> None:
    """A field that is neither mapped nor answered for by another place is forgotten, and this test names it."""
    paths = all_paths()
    covered = {path for path in paths if any(path == p or path.startswith(f"{p}.") for p in ELSEWHERE)}
    assert paths - covered - MAPPED.keys() == set()
    assert MAPPED.keys() <= paths and not MAPPED.keys() & covered
    assert all(any(path == p or path.startswith(f"{p}.") for path in paths) for p in ELSEWHERE)


@pytest.mark.parametrize("path", sorted(MAPPED))
def test_field_reaches_the_engine(path: str) -> None:
    """One field set alone shows in the request where the engine looks for it, and changes it."""
    case, made = MAPPED[path], minimal()
    for other, value in case.also.items():
        put(made, other, value)
    before = told(made)
    put(made, path, case.value)
    after = told(made)
    assert after != before
    where = [int(step) if step.isdecimal() else step for step in case.at.split(".")]
    assert reduce(lambda inside, step: inside[step], where, after) == case.there  # type: ignore[index]


def test_what_only_windows_has_is_refused() -> None:
    """Credential specs and named pipes end the task with a sentence before anything is made."""
    made = minimal()
    made.spec.container.privileges.credential_spec.file = "x.json"
    with pytest.raises(InvalidTask, match="Windows"):
        mapping.check(made)
    made = minimal()
    made.spec.container.mounts.add(type=Mount.NPIPE, source="\\\\.\\pipe\\x", target="\\\\.\\pipe\\x")
    with pytest.raises(InvalidTask, match="Windows"):
        mapping.check(made)


def test_several_subnets() -> None:
    """Each subnet of a network is one pool of the engine's request."""
    made = minimal()
    network = made.networks.add().network
    network.driver_state.name = "bridge"
    network.spec.ipam.configs.extend([IPAMConfig(subnet="10.1.0.0/24"), IPAMConfig(subnet="fd00::/64")])
    assert [each["Subnet"] for each in told(made)["Network"]["IPAM"]["Config"]] == [
        "10.1.0.0/24",
        "fd00::/64",
    ]

"""Bodies for an Engine's HTTP API that set every field of a noun, each in a state that an engine of version 20.10 takes.

`SERVICES` are functions of what must be there before: the ids of a network, a secret and a config.
"""

import base64
from dataclasses import dataclass
from typing import Any, Final

from swarm_testkit.engines import IMAGE

SECOND: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Ids:
    """What services refer to."""

    network: str
    secret: str
    config: str
    runtime_config: str


SECRET: Final[dict[str, Any]] = {
    "Name": "sek",
    "Labels": {"b": "2", "a": "1"},
    "Data": base64.b64encode(b"\x00\xffdata").decode(),
    "Templating": {"Name": "golang", "Options": {"o": "1"}},
}
PLAIN_SECRET: Final[dict[str, Any]] = {"name": "plain", "data": base64.b64encode(b"x").decode()}
CONFIG: Final[dict[str, Any]] = {
    "Name": "conf",
    "Labels": {"x": ""},
    "Data": base64.b64encode("wert=ä\n".encode()).decode(),
    "Templating": {"Name": "golang"},
}
NETWORKS: Final[list[dict[str, Any]]] = [
    {
        "Name": "full",
        "CheckDuplicate": True,
        "Driver": "overlay",
        "Labels": {"l": "1", "k": "2"},
        "Options": {"com.docker.network.driver.mtu": "1400", "encrypted": ""},
        "Internal": True,
        "Attachable": True,
        "EnableIPv6": False,
        "IPAM": {
            "Driver": "default",
            "Config": [{"Subnet": "10.77.0.0/24", "IPRange": "10.77.0.128/25", "Gateway": "10.77.0.1"}],
        },
    },
    {"Name": "bare", "Driver": "overlay"},
    {"Name": "pools", "Driver": "overlay", "Scope": "swarm", "IPAM": {"Config": []}},
]


def services(ids: Ids) -> list[dict[str, Any]]:
    """Specs of services that never start a container, but for what their tasks show."""
    return [
        {"TaskTemplate": {"ContainerSpec": {"Image": IMAGE}}, "Mode": {"Replicated": {"Replicas": 0}}},
        _full(ids),
        _other_words(ids),
        {
            "Name": "job",
            "TaskTemplate": {
                "ContainerSpec": {"Image": IMAGE, "Command": ["true"]},
                "RestartPolicy": {"Condition": "none"},
                "Placement": {"Constraints": ["node.labels.there == never"]},
            },
            "Mode": {"ReplicatedJob": {"TotalCompletions": 4}},
        },
        {
            "Name": "job2",
            "TaskTemplate": {
                "ContainerSpec": {"Image": IMAGE, "Command": ["true"]},
                "Placement": {"Constraints": ["node.labels.there == never"]},
                "RestartPolicy": {"Condition": "on-failure"},
            },
            "Mode": {"GlobalJob": {}},
        },
        {
            "Name": "everywhere",
            "TaskTemplate": {
                "ContainerSpec": {"Image": IMAGE, "Privileges": {}, "Healthcheck": {}, "DNSConfig": {}},
                "Resources": {},
                "Placement": {"Constraints": ["node.labels.there == never"]},
                "RestartPolicy": {},
            },
            "Mode": {"Global": {}},
            "UpdateConfig": {},
            "EndpointSpec": {},
        },
        _running(ids),
    ]


def _full(ids: Ids) -> dict[str, Any]:
    return {
        "Name": "full",
        "Labels": {"z": "1", "a": "2"},
        "TaskTemplate": {
            "ContainerSpec": _container(ids),
            "Resources": {
                "Limits": {"NanoCPUs": 500_000_000, "MemoryBytes": 64 << 20, "Pids": 20},
                "Reservations": {
                    "NanoCPUs": 250_000_000,
                    "MemoryBytes": 32 << 20,
                    "GenericResources": [
                        {"DiscreteResourceSpec": {"Kind": "gpu", "Value": 2}},
                        {"DiscreteResourceSpec": {"Kind": "ssd", "Value": 1}},
                    ],
                },
            },
            "RestartPolicy": {
                "Condition": "on-failure",
                "Delay": 3 * SECOND,
                "MaxAttempts": 4,
                "Window": 90 * SECOND,
            },
            "Placement": {
                "Constraints": ["node.role == manager"],
                "Preferences": [{"Spread": {"SpreadDescriptor": "node.labels.zone"}}],
                "MaxReplicas": 3,
                "Platforms": [{"Architecture": "x86_64", "OS": "linux"}],
            },
            "Networks": [{"Target": ids.network, "Aliases": ["one", "two"], "DriverOpts": {"o": "p"}}],
            "LogDriver": {"Name": "json-file", "Options": {"max-size": "1m"}},
            "ForceUpdate": 7,
            "Runtime": "container",
        },
        "Mode": {"Replicated": {"Replicas": 0}},
        "UpdateConfig": {
            "Parallelism": 2,
            "Delay": 5 * SECOND,
            "FailureAction": "rollback",
            "Monitor": 10 * SECOND,
            "MaxFailureRatio": 0.1,
            "Order": "start-first",
        },
        "RollbackConfig": {
            "Parallelism": 0,
            "FailureAction": "continue",
            "MaxFailureRatio": 1,
            "Order": "stop-first",
        },
        "EndpointSpec": {
            "Mode": "vip",
            "Ports": [
                {
                    "Name": "web",
                    "TargetPort": 80,
                    "PublishedPort": 18080,
                    "Protocol": "tcp",
                    "PublishMode": "ingress",
                },
                {"TargetPort": 53, "PublishedPort": 10053, "Protocol": "udp", "PublishMode": "host"},
                {"TargetPort": 90, "Protocol": "sctp", "PublishMode": "host"},
                {"TargetPort": 91},
            ],
        },
    }


def _container(ids: Ids) -> dict[str, Any]:
    return {
        "Image": IMAGE,
        "Labels": {"c": "1", "b": ""},
        "Command": ["sleep"],
        "Args": ["1000"],
        "Hostname": "{{.Task.Slot}}",
        "Env": ["A=1", "B"],
        "Dir": "/tmp",
        "User": "0:0",
        "Groups": ["1", "wheel"],
        "Privileges": {
            "CredentialSpec": {"File": "spec.json"},
            "SELinuxContext": {"Disable": True, "User": "u", "Role": "r", "Type": "t", "Level": "l"},
        },
        "Init": False,
        "StopSignal": "SIGINT",
        "TTY": True,
        "OpenStdin": True,
        "ReadOnly": True,
        "Mounts": [
            {
                "Type": "bind",
                "Source": "/tmp",
                "Target": "/b",
                "ReadOnly": True,
                "Consistency": "cached",
                "BindOptions": {"Propagation": "rslave", "NonRecursive": True},
            },
            {"Type": "bind", "Source": "/tmp", "Target": "/b2", "BindOptions": {}},
            {"Type": "bind", "Source": "/tmp", "Target": "/b3", "BindOptions": {"NonRecursive": True}},
            {
                "Type": "volume",
                "Source": "vol",
                "Target": "/v",
                "VolumeOptions": {
                    "NoCopy": True,
                    "Labels": {"m": "1"},
                    "DriverConfig": {"Name": "local", "Options": {"o": "uid=1"}},
                },
            },
            {"Type": "volume", "Target": "/anonymous", "VolumeOptions": {}},
            {"Type": "tmpfs", "Target": "/t", "TmpfsOptions": {"SizeBytes": 1 << 20, "Mode": 0o1770}},
        ],
        "StopGracePeriod": 0,
        "Healthcheck": {
            "Test": ["CMD", "true"],
            "Interval": 5 * SECOND,
            "Timeout": SECOND,
            "Retries": 3,
            "StartPeriod": 2 * SECOND,
        },
        "Hosts": ["1.2.3.4 host alias"],
        "DNSConfig": {"Nameservers": ["8.8.8.8", "::1"], "Search": ["example.com"], "Options": ["timeout:1"]},
        "Secrets": [
            {
                "File": {"Name": "s", "UID": "1", "GID": "2", "Mode": 0o400},
                "SecretID": ids.secret,
                "SecretName": "sek",
            }
        ],
        "Configs": [
            {
                "File": {"Name": "/c", "UID": "0", "GID": "0", "Mode": 292},
                "ConfigID": ids.config,
                "ConfigName": "conf",
            }
        ],
        "Isolation": "process",
        "Sysctls": {"net.ipv4.ip_forward": "1"},
        "CapabilityAdd": ["CAP_NET_ADMIN"],
        "CapabilityDrop": ["CAP_MKNOD"],
        "Ulimits": [{"Name": "nofile", "Hard": 2048, "Soft": 1024}],
    }


def _other_words(ids: Ids) -> dict[str, Any]:
    """Names in other cases, nulls, a deprecated place for networks, and words that the first one does not have."""
    return {
        "name": "other",
        "LABELS": None,
        "tasktemplate": {
            "containerspec": {
                "image": IMAGE,
                "Init": True,
                "Isolation": "hyperv",
                "StopGracePeriod": 1_500_000_000,
                "Privileges": {"CredentialSpec": {"Config": ids.runtime_config}},
                "Configs": [{"Runtime": {}, "ConfigID": ids.runtime_config, "ConfigName": "runtime"}],
                "Mounts": [{"Type": "bind", "Source": "/tmp", "Target": "/x"}],
                "Unknown": {"a": [1]},
            },
            "Resources": {"Limits": {}, "Reservations": {}},
            "RestartPolicy": {"Condition": "any", "Delay": 0},
            "Placement": {},
        },
        "Mode": {"Replicated": {"Replicas": 0}},
        "Networks": [{"Target": ids.network}],
        "UpdateConfig": {"FailureAction": "pause", "MaxFailureRatio": 0.3333},
        "EndpointSpec": {"Mode": "dnsrr"},
    }


def _running(ids: Ids) -> dict[str, Any]:
    """Its tasks have a container, published ports, addresses and a network."""
    return {
        "Name": "running",
        "TaskTemplate": {
            "ContainerSpec": {"Image": IMAGE, "Command": ["sleep", "1000"], "StopGracePeriod": 0},
            "Networks": [{"Target": ids.network}],
        },
        "Mode": {"Replicated": {"Replicas": 2}},
        "EndpointSpec": {
            "Ports": [
                {"TargetPort": 80, "PublishedPort": 18081, "PublishMode": "ingress"},
                {"TargetPort": 81, "PublishMode": "host"},
            ]
        },
    }


def _with(**container: Any) -> dict[str, Any]:
    return {"TaskTemplate": {"ContainerSpec": {"Image": IMAGE, **container}}}


_PLAIN: Final = _with()["TaskTemplate"]
REFUSED_SERVICES: Final[list[dict[str, Any]]] = [
    {},
    {"TaskTemplate": {"Runtime": "container"}},
    {"TaskTemplate": {"Runtime": "plugin"}},
    {"TaskTemplate": {**_PLAIN, "Runtime": "what"}},
    {
        "TaskTemplate": {"Runtime": "plugin", "PluginSpec": {"name": "p"}},
        "Mode": {"Replicated": {"Replicas": 1}},
    },
    {"TaskTemplate": _PLAIN, "Mode": {"Replicated": {}, "Global": {}}},
    {"TaskTemplate": _PLAIN, "UpdateConfig": {"FailureAction": "explode"}},
    {"TaskTemplate": _PLAIN, "RollbackConfig": {"Order": "sideways"}},
    {"TaskTemplate": _PLAIN, "EndpointSpec": {"Mode": "VIP"}},
    {"TaskTemplate": {**_PLAIN, "RestartPolicy": {"Condition": "sometimes"}}},
    _with(Mounts=[{"Type": "cloud", "Target": "/x"}]),
    _with(Mounts=[{"Type": "bind", "Target": "/x", "BindOptions": {"Propagation": "up"}}]),
    _with(Configs=[{"ConfigID": "x"}]),
    _with(Configs=[{"ConfigID": "x", "Runtime": {}, "File": {"Name": "n"}}]),
    _with(Privileges={"CredentialSpec": {}}),
    _with(Privileges={"CredentialSpec": {"File": "a", "Registry": "b"}}),
    _with(Privileges={"CredentialSpec": {"File": "a", "Registry": "b", "Config": "c"}}),
]
"""Bodies that an engine refuses before its manager sees them."""

"""Specs of the cluster become the Engine API's JSON and come back whole (docs/design/engine-api-json.md 14.1)."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from swarm_core.api.proto import objects_pb2, specs_pb2
from swarm_core.engine_json import config, network, node, secret, service, swarm, volume
from swarm_core.http.errors import BadRequest, NotImplementedHere
from swarm_core.http.version import NEWEST, OLDEST, Version
from swarm_testkit.same_flags import differences
from swarm_testkit.spec_strategies import messages

EVERYTHING = Version(1, 60)
"""A client that knows every field."""
NAMES = [
    "Name",
    "Labels",
    "TaskTemplate",
    "ContainerSpec",
    "Mode",
    "Replicated",
    "Replicas",
    "ReplicatedJob",
    "TotalCompletions",
    "UpdateConfig",
    "Delay",
    "Order",
    "Networks",
    "EndpointSpec",
    "Ports",
    "TargetPort",
    "Mounts",
    "Type",
    "BindOptions",
    "TmpfsOptions",
    "Options",
    "Resources",
    "Limits",
    "Pids",
    "Runtime",
    "PluginSpec",
    "RestartPolicy",
    "Placement",
    "Preferences",
    "Spread",
    "Healthcheck",
    "Test",
    "Interval",
    "Privileges",
    "Secrets",
    "Configs",
    "File",
    "Data",
    "Driver",
    "IPAM",
    "Config",
    "Role",
    "Availability",
    "ClusterVolumeSpec",
    "AccessMode",
    "Raft",
    "CAConfig",
    "ExternalCAs",
    "Protocol",
    "Target",
    "DriverOpts",
    "Env",
]


def as_sent(body: Any) -> Any:
    """As it is after it was written and read again."""
    return json.loads(json.dumps(body, allow_nan=False))


@settings(max_examples=40)
@given(messages(specs_pb2.ServiceSpec))
def test_services(spec: specs_pb2.ServiceSpec) -> None:
    """Rule 14.1.1: every field of a service's spec that JSON has a name for. Limits have no generic resources there."""
    if spec.task.resources.HasField("limits"):
        del spec.task.resources.limits.generic[:]
    if spec.task.container.pidsLimit:
        spec.task.resources.limits.SetInParent()
    shown = as_sent(service.to_json(objects_pb2.Service(spec=spec), EVERYTHING)["Spec"])
    assert not differences(spec, service.from_json(shown, EVERYTHING))


@given(messages(specs_pb2.NodeSpec), st.sampled_from([0, 1]))
def test_nodes(spec: specs_pb2.NodeSpec, membership: int) -> None:
    """Rule 14.3.2: role, availability, name and labels; the membership is the stored one's."""
    spec.membership = membership  # type: ignore[assignment]
    shown = as_sent(node.to_json(objects_pb2.Node(spec=spec), EVERYTHING)["Spec"])
    assert not differences(spec, node.from_json(shown, EVERYTHING, spec))


@given(messages(specs_pb2.SecretSpec))
def test_secrets(spec: specs_pb2.SecretSpec) -> None:
    """Rule 14.7.1: all but the data, which never leaves."""
    shown = as_sent(secret.to_json(objects_pb2.Secret(spec=spec), EVERYTHING)["Spec"])
    assert "Data" not in shown
    spec.data = b""
    assert not differences(spec, secret.from_json(shown, EVERYTHING))


@given(messages(specs_pb2.ConfigSpec))
def test_configs(spec: specs_pb2.ConfigSpec) -> None:
    """Rule 14.7.1: all fields, data too."""
    shown = as_sent(config.to_json(objects_pb2.Config(spec=spec), EVERYTHING)["Spec"])
    assert not differences(spec, config.from_json(shown, EVERYTHING))


@given(messages(specs_pb2.NetworkSpec))
def test_networks(spec: specs_pb2.NetworkSpec) -> None:
    """Rule 14.6.1: a network that was made as it was asked for is shown as it was asked for."""
    if spec.HasField("ipam"):
        spec.ipam.driver.name = spec.ipam.driver.name or "default"
    made = objects_pb2.Network(spec=spec, driver_state=spec.driver_config)
    if spec.HasField("ipam"):
        made.ipam.CopyFrom(spec.ipam)
    shown = as_sent(network.to_json(made, EVERYTHING))
    if not spec.HasField("ipam"):
        del shown["IPAM"]
    if not spec.network:
        del shown["ConfigFrom"]
    assert not differences(spec, network.from_json(shown, EVERYTHING))


@given(messages(specs_pb2.VolumeSpec))
def test_volumes(spec: specs_pb2.VolumeSpec) -> None:
    """Rule 14.8.1: all fields of a cluster volume's spec; and of an update, the availability."""
    shown = as_sent(volume.to_json(objects_pb2.Volume(spec=spec), EVERYTHING))
    body = shown | {"ClusterVolumeSpec": shown["ClusterVolume"]["Spec"], "DriverOpts": shown["Options"]}
    assert not differences(spec, volume.from_json(body, EVERYTHING))
    update = {"Spec": body["ClusterVolumeSpec"]}
    for kept in specs_pb2.VolumeSpec.VolumeAvailability.values():
        assert volume.availability_from_json(update, EVERYTHING, kept) == spec.availability
        assert volume.availability_from_json({}, EVERYTHING, kept) == kept


@settings(max_examples=40)
@given(messages(specs_pb2.ClusterSpec), messages(specs_pb2.ClusterSpec))
def test_the_swarm(spec: specs_pb2.ClusterSpec, base: specs_pb2.ClusterSpec) -> None:
    """Rule 14.9.2: all settings; where a number is 0 or a name missing, those of the spec before stay."""
    shown = as_sent(swarm.to_json(objects_pb2.Cluster(spec=spec), EVERYTHING)["Spec"])
    assert not differences(spec, swarm.from_json(shown, EVERYTHING, spec))
    merged = swarm.from_json(shown, EVERYTHING, base)
    for numbers, wanted, held in (
        (merged.raft.snapshot_interval, spec.raft.snapshot_interval, base.raft.snapshot_interval),
        (merged.raft.election_tick, spec.raft.election_tick, base.raft.election_tick),
        (merged.raft.keep_old_snapshots, spec.raft.keep_old_snapshots, None),
    ):
        assert numbers == (wanted if wanted or held is None else held)
    kept = swarm.from_json({}, EVERYTHING, base)
    assert kept.raft == base.raft
    assert kept.orchestration == base.orchestration
    assert kept.dispatcher == base.dispatcher
    assert kept.task_defaults == base.task_defaults


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-2, 1 << 65)
    | st.floats()
    | st.text(max_size=4)
    | st.sampled_from(NAMES),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=12,
)


@given(
    st.dictionaries(st.sampled_from(NAMES), values, max_size=6) | values,
    st.sampled_from([OLDEST, NEWEST, EVERYTHING]),
)
def test_whatever_is_sent(body: object, version: Version) -> None:
    """Rule 14.1.5: a body of any shape makes a spec or is refused with a sentence."""
    for read in (
        service.from_json,
        node.from_json,
        secret.from_json,
        config.from_json,
        network.from_json,
        volume.from_json,
        lambda sent, asked: volume.availability_from_json(sent, asked, specs_pb2.VolumeSpec.ACTIVE),
        swarm.from_json,
    ):
        try:
            read(body, version)
        except (BadRequest, NotImplementedHere) as refused:
            assert refused.message

"""Specs of nodes, secrets, configs and the cluster: setters and what each must meet."""

import pytest
from swarm_core.api.proto import specs_pb2, types_pb2
from swarm_core.specs import cluster, node, payload
from swarm_core.specs.errors import InvalidSpec, InvalidValue

Secret, Config = specs_pb2.SecretSpec, specs_pb2.ConfigSpec


def test_a_node() -> None:
    """Availability and role are chosen by their words; a number that stands for none breaks a rule."""
    spec = specs_pb2.NodeSpec()
    node.set_availability(spec, "Drain")
    node.set_role(spec, "manager")
    node.check(spec)
    assert (spec.availability, spec.desired_role) == (specs_pb2.NodeSpec.DRAIN, types_pb2.MANAGER)
    with pytest.raises(InvalidValue, match="'asleep' is none of active, pause, drain"):
        node.set_availability(spec, "asleep")
    for wrong in (specs_pb2.NodeSpec(availability=9), specs_pb2.NodeSpec(desired_role=9)):  # type: ignore[arg-type]
        with pytest.raises(InvalidSpec):
            node.check(wrong)


@pytest.mark.parametrize(
    ("spec_type", "end"), [(Secret, payload.SECRET_BYTES_END), (Config, payload.CONFIG_BYTES_END)]
)
def test_payloads(spec_type: type[specs_pb2.SecretSpec], end: int) -> None:
    """A payload has a name, labels, and from one byte to just below its limit."""
    spec = payload.new(spec_type, "key", ["k=v"], "golang")
    assert (dict(spec.annotations.labels), spec.templating.name) == ({"k": "v"}, "golang")
    for size in (1, end - 1):
        spec.data = bytes(size)
        payload.check(spec)
    for size in (0, end):
        spec.data = bytes(size)
        with pytest.raises(InvalidSpec, match=f"less than {end} bytes"):
            payload.check(spec)
    with pytest.raises(InvalidSpec, match="invalid name, only 64"):
        payload.check(payload.new(spec_type, "-", []))


def test_a_driver_brings_the_bytes() -> None:
    """A secret of a driver has no bytes of its own; a config has no driver."""
    secret = payload.new(Secret, "key")
    payload.set_driver(secret, "vault")
    payload.check(secret)
    with pytest.raises(InvalidValue, match="is for secrets"):
        payload.set_driver(payload.new(Config, "conf"), "vault")


def test_the_cluster() -> None:
    """Each rule of the cluster's settings is a sentence."""
    spec = specs_pb2.ClusterSpec()
    spec.annotations.name = "default"
    cluster.check(spec)
    cluster.set_cert_expiry(spec, "1h")
    cluster.check(spec)
    cluster.set_cert_expiry(spec, "59m59s")
    with pytest.raises(InvalidSpec, match="minimum certificate expiry time is"):
        cluster.check(spec)
    renamed = specs_pb2.ClusterSpec()
    with pytest.raises(InvalidSpec, match="must stay 'default'"):
        cluster.check(renamed)
    renamed.dispatcher.heartbeat_period.seconds = -1
    with pytest.raises(InvalidSpec, match="must not be negative"):
        cluster.check(renamed)
    renamed.acceptance_policy.policies.add().secret.alg = "md5"
    with pytest.raises(InvalidSpec, match="bcrypt"):
        cluster.check(renamed)

"""Docker's form of objects, which templates and `inspect` know, is that of docker's API (docs/design/engine-api-json.md)."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from google.protobuf.message import Message
from hypothesis import given, settings
from swarm_agentd.engine_api.translate import config, network, node, secret, service, task
from swarm_core.api.proto.objects_pb2 import Config, Network, Node, Secret, Service, Task
from swarm_core.api.proto.specs_pb2 import ServiceSpec
from swarm_core.http.version import NEWEST
from swarm_core.specs.defaults import with_defaults
from swarm_testkit.cluster_fake import lively_cluster
from swarm_testkit.factories import make_config, make_network, make_secret, make_service
from swarm_testkit.spec_strategies import messages
from swarm_tui.resources.docker_form import Form, docker_form

_API: dict[type[Any], Callable[..., Any]] = {
    Service: service.to_json, Task: task.to_json, Node: node.to_json, Secret: secret.to_json, Config: config.to_json,
    Network: network.to_json,
}  # fmt: skip


def told(form: Any) -> Any:
    """What the form's JSON has."""
    found = form.told if isinstance(form, Form) else form
    if isinstance(found, dict):
        return {key: told(value) for key, value in found.items()}
    return [told(value) for value in found] if isinstance(found, list) else found


def of_the_api(item: Any) -> Any:
    """What docker's API answers, a service with its defaults."""
    shown = type(item)()
    shown.CopyFrom(item)
    if isinstance(shown, Service):
        with_defaults(shown.spec)
    return json.loads(json.dumps(_API[type(item)](shown, NEWEST)))


@pytest.mark.parametrize("kind", list(_API))
def test_the_form_is_that_of_the_api(kind: type[Message]) -> None:
    """Of the objects of a cluster that lives."""
    cluster = lively_cluster()
    cluster.put(make_secret(), make_config(), make_network())
    found = cluster.all(kind)
    assert found
    for item in found:
        assert told(docker_form(item)) == of_the_api(item)


@settings(max_examples=40)
@given(messages(ServiceSpec))
def test_the_form_of_any_service_is_that_of_the_api(spec: ServiceSpec) -> None:
    """The names and values of everything that a service's spec may hold, and what is left out where it is empty."""
    item = make_service("s", name="web")
    item.meta.version.index = item.meta.created_at.seconds = item.meta.updated_at.seconds = 7
    item.spec.CopyFrom(spec)
    item.previous_spec.CopyFrom(spec)
    assert told(docker_form(item)) == of_the_api(item)


def test_the_form_of_a_network_is_that_of_the_api() -> None:
    """With addresses, options and labels, and of the ingress network; a template finds the id under both of docker's names."""
    item = make_network("n", name="back")
    item.meta.created_at.FromNanoseconds(1_700_000_000_120_000_000)
    item.spec.annotations.labels.update({"b": "2", "a": "1"})
    item.spec.ipv6_enabled = item.spec.internal = item.spec.attachable = item.spec.ingress = True
    item.driver_state.options["com.docker.network.driver.overlay.vxlanid_list"] = "4097"
    item.ipam.driver.name = "default"
    item.ipam.driver.options["x"] = "y"
    item.ipam.configs.add(subnet="10.0.1.0/24", range="10.0.1.128/25", gateway="10.0.1.1").reserved["r"] = (
        "10.0.1.5"
    )
    item.ipam.configs.add(subnet="10.0.2.0/24")
    form = docker_form(item)
    assert told(form) == of_the_api(item)
    assert form["ID"] == form["Id"] == "n"
    other = make_network("m", name="from")
    other.spec.network = "settings"
    assert told(docker_form(other)) == of_the_api(other)

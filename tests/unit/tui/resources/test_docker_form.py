"""Docker's form of objects, which templates know, is that of docker's API, with a name for what nobody has set (docs/design/engine-api-json.md 14.13)."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from google.protobuf.message import Message
from hypothesis import given, settings
from swarm_core.api.proto.objects_pb2 import (
    Cluster,
    Config,
    Network,
    Node,
    Resource,
    Secret,
    Service,
    Task,
    Volume,
)
from swarm_core.api.proto.process_pb2 import ProcessSpec
from swarm_core.api.proto.specs_pb2 import ServiceSpec
from swarm_core.api.runtimes import set_process
from swarm_core.engine_json import config, network, node, secret, service, swarm, task, volume
from swarm_core.engine_json.form import Form
from swarm_core.http.version import NEWEST
from swarm_core.specs.defaults import with_defaults
from swarm_testkit.cluster_fake import lively_cluster
from swarm_testkit.factories import (
    make_config,
    make_network,
    make_node,
    make_secret,
    make_service,
    make_task,
)
from swarm_testkit.spec_strategies import messages
from swarm_tui.resources.docker_form import docker_form

_API: dict[type[Any], Callable[..., Any]] = {
    Service: service.to_json, Task: task.to_json, Node: node.to_json, Secret: secret.to_json, Config: config.to_json,
    Network: network.to_json, Volume: volume.to_json, Cluster: swarm.to_json,
}  # fmt: skip
_SHOWN_AS_THEY_ARE = ("PluginSpec",)
"""What is another payload in each object."""


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


def assert_same_fields(one: Any, other: Any, place: str = "") -> None:
    """Two forms of one sort have the same names, down to where one of them has nothing."""
    if isinstance(one, list) and isinstance(other, list):
        for each in one[1:] + other:
            assert_same_fields(one[0] if one else each, each, f"{place}[]")
    if isinstance(one, Form) and isinstance(other, Form):
        assert one.keys() == other.keys(), place
        for name in one.keys() - {*_SHOWN_AS_THEY_ARE}:
            assert_same_fields(one[name], other[name], f"{place}.{name}")
    elif isinstance(one, dict) and isinstance(other, dict):
        assert not isinstance(one, Form) and not isinstance(other, Form), place


@pytest.mark.parametrize("kind", list(_API))
def test_the_form_is_that_of_the_api(kind: type[Message]) -> None:
    """Of the objects of a cluster that lives. It has the same names of every object, also of one of which nothing is known."""
    cluster = lively_cluster()
    cluster.put(make_secret(), make_config(), make_network(), Volume(id="v"))
    found = cluster.all(kind)
    assert found
    for item in [kind(), *found]:
        assert told(docker_form(item)) == of_the_api(item)
        assert_same_fields(docker_form(item), docker_form(found[0]))


def filled(spec: ServiceSpec) -> Service:
    item = make_service("s", name="web")
    item.meta.version.index = item.meta.created_at.seconds = item.meta.updated_at.seconds = 7
    item.spec.CopyFrom(spec)
    item.previous_spec.CopyFrom(spec)
    return item


@settings(max_examples=40)
@given(messages(ServiceSpec), messages(ServiceSpec))
def test_the_form_of_any_service_is_that_of_the_api(spec: ServiceSpec, other: ServiceSpec) -> None:
    """The names and values of everything that a service's spec may hold; and the same names whatever it holds, of its tasks too."""
    items = [filled(spec), filled(other)]
    tasks = [make_task("t", service=item, slot=1, state="RUNNING") for item in items]
    for item in items:
        assert told(docker_form(item)) == of_the_api(item)
    assert_same_fields(*map(docker_form, items))
    assert_same_fields(*map(docker_form, tasks))


def test_what_nobody_has_set() -> None:
    """It is empty in a form, as in Go's structs, and none where docker has a pointer; JSON does not have it."""
    item = make_service("s", name="web")
    form = docker_form(item)
    container = form["Spec"]["TaskTemplate"]["ContainerSpec"]
    assert container["Hostname"] == "" and container["Env"] == [] and container["TTY"] is False
    assert container["Privileges"] is None and form["UpdateStatus"] is None and form["PreviousSpec"] is None
    assert form["Endpoint"]["Spec"]["Ports"] == [] and form["Spec"]["Mode"]["Global"] is None
    assert not {"Hostname", "Env", "TTY", "Privileges"} & container.told.keys()
    assert docker_form(make_node("n"))["ManagerStatus"] is None


def test_a_service_of_processes() -> None:
    """It is shown as docker's command is shown it, with the command and its environment."""
    item = make_service("s", name="web")
    set_process(item.spec.task, ProcessSpec(command=["sleep"], env=["A=1"]))
    template = docker_form(item)["Spec"]["TaskTemplate"]
    assert template["Runtime"] == "process"
    assert (template["ContainerSpec"]["Command"], template["ContainerSpec"]["Env"]) == (["sleep"], ["A=1"])


def test_a_kind_that_docker_does_not_have() -> None:
    """A template sees the stored object."""
    assert docker_form(Resource(id="r", kind="toy"))["kind"] == "toy"


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
    assert form["IPAM"]["Config"][1]["Gateway"] == ""
    other = make_network("m", name="from")
    other.spec.network = "settings"
    assert told(docker_form(other)) == of_the_api(other)

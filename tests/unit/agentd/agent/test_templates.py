"""Templates in tasks and payloads, and what a task may see of the node's secrets and configs."""

import pytest
from swarm_agentd.agent.dependencies import DependencyStore
from swarm_agentd.agent.task_templates import expand_task, task_fields
from swarm_agentd.agent.templates import TemplateError, expand
from swarm_agentd.exec.errors import InvalidTask, Missing, NotAuthorized, Temporary
from swarm_core.api.proto.objects_pb2 import Secret, Task
from swarm_core.api.proto.process_pb2 import ProcessSpec
from swarm_core.api.proto.types_pb2 import ConfigReference, Mount, NodeDescription, SecretReference
from swarm_testkit.factories import make_config, make_secret, make_service, make_task, make_task_spec

SECRET = SecretReference(secret_id="x", secret_name="x-name")
SECRET.file.name = "password"
CONFIG = ConfigReference(config_id="y", config_name="y-name")
CONFIG.file.name = "/etc/app.conf"
NODE = NodeDescription(hostname="host-1")
NODE.platform.os, NODE.platform.architecture = "linux", "x86_64"


def task(**spec: object) -> Task:
    service = make_service(
        "s1",
        name="web",
        labels={"a.b": "label"},
        task=make_task_spec(**spec),  # type: ignore[arg-type]
    )
    return make_task("t1", service=service, slot=3, node_id="n1")


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("plain", "plain"),
        ("{{.Service.Name}}-{{.Task.Slot}}", "web-3"),
        (
            "{{ .Node.ID }} {{.Node.Hostname}} {{.Node.Platform.OS}}/{{.Node.Platform.Architecture}}",
            "n1 host-1 linux/x86_64",
        ),
        ("{{.Task.Name}} {{.Task.ID}} {{.Service.ID}}", "web.3.t1 t1 s1"),
        ('{{index .Service.Labels "a.b"}}', "label"),
        ("{{.Service.Labels}}", "map[a.b:label]"),
        ('{{join "," .Task.ID "x" `y`}}', "t1,x,y"),
        ('{{.Task.ID | print "id="}}', "id=t1"),
        ('{{print (join "-" "a" "b") 7}}', "a-b7"),
        ("a {{- .Task.ID -}} b", "at1b"),
        ("a{{/* nothing }} to see */}}b", "ab"),
        ('{{"}}"}}', "}}"),
        (r'{{"\"q\"\n"}}', '"q"\n'),
        ("{{true}}", "true"),
        ("{ {.Task.ID} }", "{ {.Task.ID} }"),
    ],
)
def test_expansion(template: str, expected: str) -> None:
    """Actions are replaced as Go's text/template does."""
    assert expand(template, task_fields(task(), NODE)) == expected


@pytest.mark.parametrize(
    "template",
    [
        "{{",
        "{{.Task.ID",
        "{{.Task.Nope}}",
        "{{.task.ID}}",
        '{{index .Service.Labels "none"}}',
        "{{if .Task.ID}}x{{end}}",
        "{{nope 1}}",
        "{{.Task.ID .Task.ID}}",
        "{{}}",
        '{{"open}}',
        "{{(.Task.ID}}",
        "{{.Task.ID)}}",
        "{{join}}",
        "{{$x := 1}}",
    ],
)
def test_wrong_templates_are_errors(template: str) -> None:
    """What is wrong, missing or not supported is an error, never left as it is."""
    with pytest.raises(TemplateError):
        expand(template, task_fields(task(), NODE))


def test_global_task_has_its_node_as_slot() -> None:
    """Slot is the node's id for tasks without a slot."""
    one = task()
    one.slot = 0
    assert expand("{{.Task.Slot}}", task_fields(one, NODE)) == "n1"


def test_container_fields_are_expanded() -> None:
    """Environment values, hostname, mounts and their volume options are templates; nothing else is."""
    mount = Mount(source="data-{{.Task.Slot}}", target="/{{.Service.Name}}")
    mount.volume_options.labels["l"] = "{{.Task.ID}}"
    mount.volume_options.driver_config.options["o"] = "{{.Node.ID}}"
    one = task(mounts=[mount])
    one.spec.container.env.extend(["A={{.Task.ID}}", "B={{.Node.Hostname}}=x", "{{C"])
    one.spec.container.hostname = "{{.Service.Name}}-{{.Task.Slot}}"
    one.spec.container.args.append("{{.Task.ID}}")
    container = expand_task(one, NODE).spec.container
    assert list(container.env) == ["A=t1", "B=host-1=x", "{{C"]
    assert container.hostname == "web-3"
    assert (container.mounts[0].source, container.mounts[0].target) == ("data-3", "/web")
    assert container.mounts[0].volume_options.labels["l"] == "t1"
    assert container.mounts[0].volume_options.driver_config.options["o"] == "n1"
    assert container.args[0] == "{{.Task.ID}}"
    assert one.spec.container.hostname == "{{.Service.Name}}-{{.Task.Slot}}"


def test_task_without_templates_is_itself() -> None:
    """Nothing to expand costs no copy."""
    one = task()
    assert expand_task(one, NODE) is one


def test_process_environment_is_expanded() -> None:
    """The environment of a process is a template like a container's."""
    one = task(command=["sh"])
    process = ProcessSpec(command=["sh"], env=["A={{.Task.Slot}}"])
    one.spec.generic.payload.Pack(process)
    expanded = ProcessSpec()
    assert expand_task(one, NODE).spec.generic.payload.Unpack(expanded)
    assert list(expanded.env) == ["A=3"]


# secrets and configs


def store() -> DependencyStore:
    known = DependencyStore()
    known.secrets["x"] = make_secret("x", data=b"hush")
    known.configs["y"] = make_config("y", data=b"k=v")
    return known


@pytest.mark.parametrize("command", [None, ["sh"]])
def test_listed_dependencies_are_seen(command: list[str] | None) -> None:
    """A container's and a process's task sees what it lists."""
    one = task(command=command, secrets=[SECRET], configs=[CONFIG])
    seen = store().restricted(one, lambda: NODE)
    assert seen.secret("x").spec.data == b"hush"
    assert seen.config("y").spec.data == b"k=v"


def test_unlisted_dependencies_are_refused() -> None:
    """What the spec does not list is not authorised, even when resource references name it; what is absent is missing,
    or still to come before the first full set."""
    one = task()
    one.spec.resource_references.add(resource_id="x", resource_type=1)
    seen = store().restricted(one, lambda: NODE)
    with pytest.raises(NotAuthorized):
        seen.secret("x")
    with pytest.raises(NotAuthorized):
        seen.config("y")
    known = DependencyStore()
    seen = known.restricted(task(secrets=[SECRET], configs=[CONFIG]), lambda: NODE)
    with pytest.raises(Temporary):
        seen.secret("x")
    known.reset()
    with pytest.raises(Missing):
        seen.secret("x")
    with pytest.raises(Missing):
        seen.config("y")


def test_own_secret_comes_first() -> None:
    """A secret sent for this task alone is shown under the plain id."""
    known = store()
    known.secrets["x.t1"] = Secret(id="x.t1")
    known.secrets["x.t1"].spec.data = b"mine"
    secret = known.restricted(task(secrets=[SECRET]), lambda: NODE).secret("x")
    assert (secret.id, secret.spec.data) == ("x", b"mine")


def test_payload_templates() -> None:
    """A payload with the golang driver is expanded, with secret, config and env; without a driver it is raw."""
    known = store()
    config = make_config("y")
    config.spec.data = (
        b'{{.Task.ID}} {{secret "password"}} {{env "A"}}{{env "B"}} {{config "/etc/app.conf" | print}}'
    )
    known.configs["y"] = config
    one = task(secrets=[SECRET], configs=[CONFIG])
    one.spec.container.env.append("A=1")
    seen = known.restricted(one, lambda: NODE)
    assert seen.config("y").spec.data == config.spec.data
    config.spec.templating.name = "golang"
    assert seen.config("y").spec.data == b"t1 hush 1 " + config.spec.data
    config.spec.templating.name = "mustache"
    with pytest.raises(InvalidTask):
        seen.config("y")
    config.spec.templating.name = "golang"
    config.spec.data = b'{{secret "other"}}'
    with pytest.raises(InvalidTask):
        seen.config("y")

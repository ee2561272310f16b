"""Templates as Go's text/template has them, and where they stand in a task."""

import json
from pathlib import Path

import pytest
from swarm_core.api.proto.objects_pb2 import Task
from swarm_core.api.proto.process_pb2 import ProcessSpec
from swarm_core.api.proto.types_pb2 import Mount, NodeDescription, PortConfig
from swarm_core.api.runtimes import process_spec, set_process
from swarm_core.rules.templates.execute import expand
from swarm_core.rules.templates.tasks import check_templates, expand_task, task_fields
from swarm_core.rules.templates.values import STEPS_MAX, Struct, TemplateError
from swarm_testkit.factories import make_service, make_task, make_task_spec

NODE = NodeDescription(hostname="host-1")
NODE.platform.os, NODE.platform.architecture = "linux", "x86_64"
FIELDS = Struct(
    Name="web",
    Empty="",
    Labels={"b": "2", "a": "1"},
    Nothing={},
    Count=3,
    Zero=0,
    Float=2.5,
    List=["x", "y", 7],
    Yes=True,
    Inner=Struct(ID="i1"),
)


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
        "{{nope 1}}",
        "{{.Task.ID .Task.ID}}",
        "{{}}",
        '{{"open}}',
        "{{(.Task.ID}}",
        "{{.Task.ID)}}",
        "{{join}}",
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


ANSWERS = json.loads((Path(__file__).parents[3] / "data" / "templates" / "answers.json").read_text())
"""Templates and what Go's text/template made of them on FIELDS, null where it refused: taken by a program of ours, written by hand
and at random."""


def test_the_answers_are_gos() -> None:
    """Conditions, loops, variables, definitions and functions make what Go makes of them, and refuse what it refuses."""
    assert len(ANSWERS) > 200
    for template, expected in ANSWERS:
        try:
            found = expand(template, FIELDS)
        except TemplateError:
            found = None
        assert found == expected, template


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        ("{{if .Name}}x", "end}} is missing"),
        ("{{end}}", "unexpected"),
        ("{{else}}", "unexpected"),
        ("{{if}}x{{end}}", "empty"),
        ("{{if .Name}}a{{else}}b{{else}}c{{end}}", "unexpected"),
        ("{{break}}", "outside of range"),
        ("{{$x}}", "undefined variable"),
        ("{{$x = 1}}", "undefined variable"),
        ("{{if true}}{{$x := 1}}{{end}}{{$x}}", "undefined variable"),
        ("{{range .Name}}x{{end}}", "can't iterate"),
        ("{{range .}}x{{end}}", "can't iterate"),
        ("{{index .List 3}}", "out of range"),
        ("{{index .List .Name}}", "cannot index"),
        ("{{len 3}}", "len of"),
        ("{{slice .Name 5}}", "out of range"),
        ('{{eq 1 "1"}}', "incompatible"),
        ("{{lt true false}}", "invalid type"),
        ("{{eq .Labels .Labels}}", "non-comparable"),
        ("{{eq 1}}", "missing argument"),
        ('{{template "none"}}', "not defined"),
        ('{{if true}}{{define "x"}}{{end}}{{end}}', "inside"),
        ("{{call .Name}}", "no function"),
        ("{{nil}}", "nil"),
        ("{{.Labels.none}}", "no field"),
        ("{{.Name.x}}", "type string"),
        ('{{join "," 1}}', "wants strings"),
        ("{{and}}", "needs an argument"),
        ("{{/* a */ .Name}}", "alone"),
        ("{{'ab'}}", "unexpected"),
        ("{{template .Name}}", "must be a string"),
        ('{{define "a"}}{{template "a"}}{{end}}{{template "a"}}', "without an end"),
        ("{{range 1000000000}}{{end}}", f"more than {STEPS_MAX} steps"),
        ('{{range 90000}}{{printf "%100d" .}}{{end}}', "characters"),
        ('{{printf "%999999999d" 1}}', "width"),
        ("{{if 1}}" * 101 + "{{end}}" * 101, "levels deep"),
        ("{{" + "(" * 200 + "1" + ")" * 200 + "}}", "levels deep"),
    ],
)
def test_what_is_wrong_is_said(template: str, reason: str) -> None:
    """Wrong structure, wrong types, what is not there, and what would never end: each a sentence."""
    with pytest.raises(TemplateError, match=reason.replace("}", r"\}")):
        expand(template, FIELDS)


@pytest.mark.parametrize("quote", ['"', "'", "`"])
def test_a_quote_without_an_end_is_refused_at_once(quote: str) -> None:
    """Whatever follows it: 40 KB of such a template, read again behind each quote, kept a manager busy for minutes."""
    template = "{{" + quote + "\\\"\\'" * 250_000
    with pytest.raises(TemplateError, match="unexpected"):
        expand(template, FIELDS)


def test_a_service_is_tried_with_a_task_that_stands_for_all() -> None:
    """A wrong template is found in a spec; one that needs nothing but what every task has is none."""
    good = make_service("s1", name="web", task=make_task_spec())
    good.spec.task.container.env.append(
        "A={{if .Service.Labels}}{{.Task.Slot}}{{else}}{{.Node.Hostname}}{{end}}"
    )
    check_templates(good.spec)
    good.spec.task.container.hostname = "{{.Task.Nope}}"
    with pytest.raises(TemplateError, match="Nope"):
        check_templates(good.spec)
    wrong = make_service("s1", name="web", task=make_task_spec(command=["sh"]))
    wrong.spec.task.generic.payload.Pack(ProcessSpec(command=["sh"], env=["A={{end}}"]))
    with pytest.raises(TemplateError):
        check_templates(wrong.spec)


def test_ports_of_a_process() -> None:
    """A process's environment may name its ports of the node; a service that names a port it does not publish is refused at once."""
    spec = make_service("s", task=make_task_spec(command=["serve"])).spec
    process = ProcessSpec(command=["serve"], env=["A={{.Task.Port}}", 'B={{index .Task.Ports "53/udp"}}'])
    set_process(spec.task, process)
    spec.endpoint.ports.add(target_port=80, published_port=8080)
    spec.endpoint.ports.add(target_port=53, protocol=PortConfig.UDP)
    check_templates(spec)
    task = Task(spec=spec.task)
    task.status.port_status.ports.add(target_port=80, published_port=20001)
    task.status.port_status.ports.add(target_port=53, published_port=20002, protocol=PortConfig.UDP)
    expanded = process_spec(expand_task(task, NodeDescription()).spec)
    assert expanded is not None and list(expanded.env) == ["A=20001", "B=20002"]
    del spec.endpoint.ports[:]
    with pytest.raises(TemplateError):
        check_templates(spec)

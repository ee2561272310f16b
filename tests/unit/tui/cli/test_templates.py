"""`--format` with docker's templates."""

import json

import pytest
from swarm_core.api.proto import objects_pb2, types_pb2
from swarm_testkit.cluster_fake import FakeCluster, lively_cluster
from swarm_testkit.command_line import CommandLine
from swarm_testkit.factories import make_service, make_task
from swarm_tui.cli.plumbing import templates
from swarm_tui.cli.plumbing.session import Failure
from swarm_tui.resources import registry
from swarm_tui.resources.docker_form import docker_form


@pytest.fixture
def tui(capsys: pytest.CaptureFixture[str]) -> CommandLine:
    return CommandLine(lively_cluster(), capsys)


def test_rows_and_tables(tui: CommandLine) -> None:
    """A line for each object; with `table` the titles first, in columns; the shell's \\t and \\n are meant."""
    names = tui("service", "ls", "--format", "{{.Name}}").lines
    assert "api" in names and names == sorted(names)
    heading, *rows = tui("service", "ls", "--format", r"table {{.Name}}\t{{upper .Mode}}").lines
    assert heading.split() == ["NAME", "MODE"] and len(rows) == len(names)
    assert {row.index(row.split()[1]) for row in rows} == {heading.index("MODE")}
    assert {row.split()[1] for row in rows} <= {"REPLICATED", "GLOBAL"}
    record = json.loads(tui("node", "ls", "--format", "{{json .}}").lines[0])
    assert list(record) == sorted(record) and "Hostname" in record


def test_objects(tui: CommandLine) -> None:
    """Names and values are docker's, also of what nobody has set."""
    result = tui("service", "inspect", "api", "--format", "{{.Spec.Name}} {{.Spec.Mode.Replicated.Replicas}}")
    assert (result.code, result.out) == (0, "api 9\n")
    hostname = "[{{.Spec.TaskTemplate.ContainerSpec.Hostname}}]"
    assert tui("service", "inspect", "api", "--format", hostname).out == "[]\n"
    assert tui("task", "inspect", "api.1", "--format", "{{.Status.State}}").out == "running\n"


@pytest.mark.parametrize(
    ("template", "sentence"),
    [
        ("{{.Nothing}}", "--format: there is no field 'Nothing'."),
        ("{{.Name", "'--format': an action is not closed"),
        ("{{nothing .}}", "--format: function 'nothing' is not defined."),
        ("words", "is neither table, json nor yaml, nor a template"),
    ],
)
def test_what_is_wrong_is_a_sentence(tui: CommandLine, template: str, sentence: str) -> None:
    """A template that cannot be carried out is wrong usage."""
    result = tui("service", "ls", "--format", template)
    assert (result.code, result.out, sentence in result.err) == (2, "", True), result.err


def test_a_wrong_template_is_told_where_there_is_nothing_to_show(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """It is wrong usage before anything is listed."""
    result = CommandLine(FakeCluster(), capsys)("service", "ls", "--format", "{{if}}")
    assert (result.code, "--format" in result.err) == (2, True)


@pytest.mark.parametrize("word", ["JSON", "Yaml", " table"])
def test_words_in_any_case(tui: CommandLine, word: str) -> None:
    """json, yaml and table stay what they are."""
    assert tui("service", "ls", "--format", word).code == 0


def test_functions() -> None:
    """Those of docker's command line; their arguments are in docker's order."""
    text = '{{join (split .A ",") "-"}} {{title .B}} {{truncate .B 2}} {{pad .B 1 2}}| {{json .C}}'
    value = {"A": "x,y", "B": "foo bar", "C": {"z": ["<&>", None]}}
    assert templates.rendered(text, value) == 'x-y Foo Bar fo  foo bar  | {"z":["<&>",null]}'
    with pytest.raises(Failure, match="wrong arguments for 'truncate'"):
        templates.rendered("{{truncate .A}}", value)


def test_every_kind_has_a_form() -> None:
    """Each object of a cluster can be shown, and no credentials are in it; what docker leaves out of JSON is there for templates."""
    fake = lively_cluster()
    for kind in registry.stored():
        for item in fake.all(kind.message):
            shown = json.loads(templates.rendered("{{json .}}", docker_form(item)))
            assert item.id in (shown.get("ID"), shown.get("Id"), shown.get("ClusterVolume", {}).get("ID"))
    service = make_service("s", name="web")
    service.spec.task.container.pull_options.registry_auth = "planted"
    service.spec.task.container.pidsLimit = 7
    service.update_status.state = types_pb2.UpdateStatus.ROLLBACK_COMPLETED
    form = docker_form(service)
    assert "planted" not in repr(form)
    assert form["Spec"]["TaskTemplate"]["Resources"]["Limits"]["Pids"] == 7
    assert form["UpdateStatus"]["State"] == "rollback_completed"
    task = make_task("t", service=service, slot=1, state="RUNNING")
    assert isinstance(task, objects_pb2.Task)
    assert docker_form(task)["Spec"]["ContainerSpec"]["Env"] == []
    assert "Env" not in docker_form(task)["Spec"]["ContainerSpec"].told

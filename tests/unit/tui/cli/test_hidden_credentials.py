"""Credentials of registries that a spec holds are in no output: each command, each format, the dashboard's texts, plans."""

import base64
import json

import pytest
from google.protobuf.message import Message
from swarm_core.api.proto import objects_pb2, service_history_pb2, specs_pb2
from swarm_core.client.watch import Listed
from swarm_testkit.cluster_fake import FakeCluster, lively_cluster
from swarm_testkit.command_line import CommandLine
from swarm_tui.cli.commands import watch
from swarm_tui.clusters.snapshot import Snapshot
from swarm_tui.operations import update
from swarm_tui.resources import registry
from swarm_tui.resources.documents import HIDDEN, as_dict, as_json, as_yaml
from swarm_tui.views.detail.pages import page_lines, yaml_lines

SECRET = "aHVudGVyMg-planted-"
SHOWN = (SECRET, base64.b64encode(SECRET.encode()).decode()[:20])


def planted(item: Message) -> Message:
    """A copy with credentials in every spec of a container."""
    found = type(item)()
    found.CopyFrom(item)
    tasks = {
        objects_pb2.Service: lambda: [found.spec.task, found.previous_spec.task],
        objects_pb2.Task: lambda: [found.spec],
    }.get(type(item), list)()
    for task in tasks:
        task.container.pull_options.registry_auth = SECRET
    return found


@pytest.fixture
def fake() -> FakeCluster:
    cluster = lively_cluster()
    for kind in (objects_pb2.Service, objects_pb2.Task):
        for item in cluster.all(kind):
            cluster.put(planted(item))
    return cluster


@pytest.fixture
def tui(fake: FakeCluster, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    return CommandLine(fake, capsys)


FORMATS = [("--format", word) for word in ("table", "json", "yaml")]
COMMANDS = [
    *((noun, "ls", *style) for noun in ("service", "task", "node") for style in FORMATS),
    *((noun, "inspect", name, *style) for noun, name in (("service", "api"), ("task", "api.1")) for style in FORMATS),
    ("service", "inspect", "--pretty", "api"),
    *(("service", "ps", "api", *style) for style in FORMATS),
    *(("node", "ps", "self", *style) for style in FORMATS),
    ("status",),
    *(("service", "history", "api", *style) for style in FORMATS),
    ("service", "inspect", "api", "--format", "{{json .}}{{.Spec}}"),
    ("task", "inspect", "api.1", "--format", "{{json .}}{{.Spec}}"),
    ("service", "rollback", "-d", "api"),
    ("service", "scale", "-d", "api=3"),
    ("service", "update", "-d", "--label-add", "a=b", "api"),
    ("service", "update", "-d", "--constraint-add", "nonsense", "api"),
]  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_no_command_shows_them(tui: CommandLine, command: tuple[str, ...]) -> None:
    """Neither in its output nor in what it says against something."""
    done = tui(*command)
    assert done.out or done.err
    for text in SHOWN:
        assert text not in done.out + done.err


@pytest.mark.parametrize("noun", ["service", "task"])
def test_that_there_are_some_is_shown(tui: CommandLine, noun: str) -> None:
    """A word stands in their place."""
    (found,) = json.loads(tui(noun, "inspect", "api" if noun == "service" else "api.1").out)
    task = found["spec"]["task"] if noun == "service" else found["spec"]
    assert task["container"]["pull_options"] == {"registry_auth": HIDDEN}


def test_no_text_of_the_dashboard_shows_them(fake: FakeCluster) -> None:
    """Descriptions, YAML, rows, problems and changes of every kind; and the plan of a change."""
    view = Snapshot([item for kind in registry.stored() for item in fake.all(kind.message)])
    texts = []
    for kind in registry.stored():
        for item in view.objects(kind.message):
            texts += [yaml_lines(item), page_lines(kind.describe(item, view, fake.now_ns))]
            texts += [kind.row(item, view, fake.now_ns), kind.problems(item, view, fake.now_ns)]
            if kind.changes is not None:
                texts.append(list(kind.changes(type(item)(), item, view)))
    (service, *_) = fake.all(objects_pb2.Service)

    def edit(spec: specs_pb2.ServiceSpec) -> None:
        spec.task.container.pull_options.registry_auth = SECRET + "new"

    texts.append(update.plan(view, [service.id], edit).steps[0].changes)
    told = repr(texts)
    assert HIDDEN in told
    for text in SHOWN:
        assert text not in told


def test_watched_objects_hide_them() -> None:
    """In JSON and YAML, in a payload that holds a spec, and where protobuf's own way fails; a label of that name is shown."""
    resource = objects_pb2.Resource(id="r", kind="history")
    kept = objects_pb2.Resource(id="h", kind="history")
    spec = specs_pb2.ServiceSpec()
    spec.task.container.pull_options.registry_auth = SECRET
    spec.annotations.labels["registry_auth"] = "a label"
    resource.payload.Pack(spec)
    kept.payload.Pack(service_history_pb2.ServiceRevision(number=1, spec=spec))
    assert as_dict(resource)["payload"]["annotations"]["labels"] == {"registry_auth": "a label"}
    broken = objects_pb2.Service(id="s")
    broken.spec.CopyFrom(spec)
    broken.previous_spec.task.generic.payload.type_url = "no such type"
    broken.previous_spec.task.container.pull_options.registry_auth = SECRET
    for item in (resource, kept, broken):
        told = as_json(as_dict(item)) + as_yaml(as_dict(item))
        told += as_json(watch.records(Listed([item], version=1), with_objects=True))
        assert HIDDEN in told
        assert SECRET not in told

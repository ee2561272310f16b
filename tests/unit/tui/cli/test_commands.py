"""The commands on a cluster in memory: what they change, print and refuse."""

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from google.protobuf import json_format
from swarm_core.api.proto import control_pb2, objects_pb2, process_pb2, specs_pb2, types_pb2
from swarm_core.client import node_directory
from swarm_core.client.errors import CallFailed, Unreachable
from swarm_testkit.cluster_fake import START_NS, FakeCluster, lively_cluster, log_line
from swarm_testkit.command_line import CommandLine
from swarm_testkit.factories import make_config, make_job, make_network, make_secret, make_task, make_volume
from swarm_tui.cli.plumbing.templates import as_go_json
from swarm_tui.resources import registry
from swarm_tui.resources.docker_form import docker_form
from swarm_tui.resources.documents import as_dict

Node, Service, Task = objects_pb2.Node, objects_pb2.Service, objects_pb2.Task


@pytest.fixture
def fake() -> FakeCluster:
    return lively_cluster()


@pytest.fixture
def tui(fake: FakeCluster, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    return CommandLine(fake, capsys)


def only(fake: FakeCluster, name: str) -> objects_pb2.Service:
    (found,) = (s for s in fake.all(Service) if s.spec.annotations.name == name)
    return found


# -- lists --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("noun", "titles"),
    [
        ("node", "ID HOSTNAME STATUS AVAILABILITY MANAGER STATUS ENGINE VERSION"),
        ("service", "ID NAME MODE REPLICAS IMAGE PORTS"),
        ("task", "ID NAME IMAGE NODE DESIRED STATE CURRENT STATE ERROR PORTS"),
        ("secret", "ID NAME DRIVER CREATED UPDATED"),
        ("config", "ID NAME CREATED UPDATED"),
    ],
)
def test_columns_are_dockers(tui: CommandLine, noun: str, titles: str) -> None:
    """Each ls has the docker command line's columns, in its order."""
    result = tui(noun, "ls")
    assert result.code == 0
    assert " ".join(result.lines[0].split()) == titles


@pytest.mark.parametrize(
    ("terms", "names"),
    [
        (["tasks", "state:pending"], ["billing.2", "billing.3"]),
        (["svc", "/^b/", "!stack:ops"], ["billing"]),
        (["nodes", "state:down"], ["w7"]),
        (["service", "-f", "blng"], ["billing"]),
        (["service", "-l", "com.docker.stack.namespace=nowhere"], []),
    ],
)
def test_find(tui: CommandLine, terms: list[str], names: list[str]) -> None:
    """The filter line's terms find the same on the command line, options of k9s among them."""
    key = {"nodes": "Hostname"}.get(terms[0], "Name")
    result = tui("find", *terms, "--format", "json")
    assert result.code == 0
    assert [json.loads(line)[key] for line in result.lines] == names


@pytest.mark.parametrize(
    ("terms", "said"),
    [(["svc", "colour:red"], "There is no field 'colour'"), (["cats"], "no kind of object")],
)
def test_find_refuses(tui: CommandLine, terms: list[str], said: str) -> None:
    """A mistake is wrong usage, said in a sentence."""
    result = tui("find", *terms)
    assert result.code == 2
    assert said in result.err


def test_service_ls(tui: CommandLine) -> None:
    """Services by name, with what runs and what should."""
    rows = {line.split()[1]: line.split() for line in tui("service", "ls").lines[1:]}
    assert rows["billing"] == ["s-billing", "billing", "replicated", "1/3", "registry/billing:2.0"]
    assert list(rows) == sorted(rows)


def test_service_ls_of_an_old_server(tui: CommandLine, fake: FakeCluster) -> None:
    """A server that does not count tasks has them counted here."""
    fake.fail_next("Control.ListServiceStatuses", CallFailed("UNIMPLEMENTED", "unknown method"))
    assert any(
        line.split()[:4] == ["s-api", "api", "replicated", "6/9"] for line in tui("service", "ls").lines
    )


@pytest.mark.parametrize("is_old", [False, True])
def test_service_ls_of_jobs(tui: CommandLine, fake: FakeCluster, is_old: bool) -> None:
    """Jobs are listed with their completions, whether the server counts tasks or they are counted here."""
    both = (make_job("j", name="sum", completions=5, max_concurrent=2), make_job("k", name="everywhere"))
    fake.put(*both)
    for number, state in enumerate(("COMPLETE", "COMPLETE", "RUNNING")):
        fake.put(
            *(
                make_task(service=job, slot=number, node_id="w1", state=state, desired="COMPLETE")
                for job in both
            )
        )
    if is_old:
        fake.fail_next("Control.ListServiceStatuses", CallFailed("UNIMPLEMENTED", "unknown method"))
    lines = [line.split()[1:7] for line in tui("service", "ls", "-f", "mode=replicated-job").lines[1:]]
    assert lines == [["sum", "replicated", "job", "1/2", "(2/5", "completed)"]]
    if is_old:
        fake.fail_next("Control.ListServiceStatuses", CallFailed("UNIMPLEMENTED", "unknown method"))
    lines = [line.split()[1:7] for line in tui("service", "ls", "-f", "mode=global-job").lines[1:]]
    assert lines == [["everywhere", "global", "job", "1/1", "(2/3", "completed)"]]


def test_quiet_prints_ids(tui: CommandLine) -> None:
    """-q prints ids alone; task ids are shortened unless --no-trunc."""
    assert tui("node", "ls", "-q", "--filter", "role=manager").lines == ["n00-m1", "n01-m2", "n02-m3"]
    tui.fake.put(make_task("x" * 25, service=only(tui.fake, "db"), slot=2, state="RUNNING"))
    assert "x" * 12 in tui("service", "ps", "-q", "db").lines
    assert "x" * 25 in tui("service", "ps", "-q", "--no-trunc", "db").lines


def test_machine_formats(tui: CommandLine) -> None:
    """JSON is an object a line, YAML a list, with docker's keys."""
    records = [json.loads(line) for line in tui("node", "ls", "--format", "json").lines]
    assert records[0] == {
        "ID": "n00-m1", "Hostname": "m1", "Status": "Ready", "Availability": "Active",
        "ManagerStatus": "Leader", "EngineVersion": "25.0.0",
    }  # fmt: skip
    assert yaml.safe_load(tui("node", "ls", "--format", "yaml").out) == records


@pytest.mark.parametrize(
    ("arguments", "count"),
    [
        (["node", "ls", "--filter", "name=w", "--filter", "node.label=zone=a"], 3),
        (["node", "ls", "--filter", "role=manager", "--filter", "role=worker"], 12),
        (["service", "ls", "-f", "label=com.docker.stack.namespace=ops"], 2),
        (["service", "ls", "-f", "mode=global"], 0),
        (["service", "ps", "billing", "-f", "desired-state=running"], 3),
        (["task", "ls", "-f", "state=failed"], 1),
        (["node", "ps", "w2", "-f", "name=web"], 2),
    ],
)
def test_filters(tui: CommandLine, arguments: list[str], count: int) -> None:
    """Values of one key are OR-ed, keys are AND-ed."""
    assert len(tui(*arguments).lines) - 1 == count


def test_earlier_attempts_hang_below(tui: CommandLine) -> None:
    """service ps shows the newest attempt of a slot first and the others below it."""
    service = only(tui.fake, "db")
    tui.fake.put(
        make_task("older", service=service, slot=1, state="FAILED", desired="SHUTDOWN", created_ns=1)
    )
    names = [line.split("   ")[1].strip() for line in tui("service", "ps", "db").lines[1:]]
    assert names == ["db.1", r"\_ db.1"]


def test_long_errors_are_cut(tui: CommandLine) -> None:
    """A long error is cut in the table and whole with --no-trunc; control characters never reach the terminal."""
    service = only(tui.fake, "db")
    tui.fake.put(make_task("bad", service=service, slot=1, state="FAILED", err="\x1b[31m" + "x" * 100))
    cut = tui("service", "ps", "db").out
    assert "\x1b" not in cut and "x" * 100 not in cut and "…" in cut
    assert "x" * 100 in tui("service", "ps", "db", "--no-trunc").out


# -- inspect ------------------------------------------------------------------------------------


_MAKERS: dict[type[Any], Callable[[], Any]] = {
    objects_pb2.Secret: make_secret, objects_pb2.Config: make_config,
    objects_pb2.Network: make_network, objects_pb2.Volume: make_volume,
}  # fmt: skip


@pytest.mark.parametrize("noun", [kind.noun for kind in registry.stored()])
def test_inspect_formats(tui: CommandLine, noun: str) -> None:
    """Of every kind: whole objects as the cluster stores them, in JSON and YAML alike; sections for people; docker's names in a template
    (docs/design/engine-api-json.md 14.13)."""
    kind = registry.by_noun(noun)
    if not tui.fake.all(kind.message):
        tui.fake.put(_MAKERS[kind.message]())
    item = tui.fake.all(kind.message)[0]
    words = (noun, "inspect") if noun == "cluster" else (noun, "inspect", item.id)
    (found,) = json.loads(tui(*words, "--format", "json").out)
    shown = json_format.ParseDict(found, kind.message())
    assert shown.id == item.id and as_dict(shown) == found
    assert yaml.safe_load(tui(*words, "--format", "yaml").out) == [found]
    assert tui(*words, "--format", "table").lines[0].endswith(":")
    assert json.loads(tui(*words, "--format", "{{json .}}").out) == json.loads(as_go_json(docker_form(shown)))


def test_inspect_unpacks_processes(tui: CommandLine) -> None:
    """A process's payload is shown as its fields; a payload of an unknown type as its bytes."""
    tui("service", "create", "--runtime", "process", "--name", "p", "-d", "--", "sleep", "9")
    (found,) = json.loads(tui("service", "inspect", "p").out)
    assert found["spec"]["task"]["generic"]["payload"]["command"] == ["sleep"]

    def strange(service: objects_pb2.Service) -> None:
        service.spec.task.generic.payload.type_url = "example.com/other.Thing"

    tui.fake.update(Service, only(tui.fake, "p").id, strange)
    (found,) = json.loads(tui("service", "inspect", "p").out)
    assert found["spec"]["task"]["generic"]["payload"]["type_url"] == "example.com/other.Thing"


def test_cluster_inspect_shows_tokens(tui: CommandLine) -> None:
    """cluster inspect shows the quorum and the join tokens."""
    tui.fake.update(
        objects_pb2.Cluster,
        "cluster-1",
        lambda c: c.root_ca.join_tokens.MergeFrom(types_pb2.JoinTokens(worker="SWMTKN-1-w")),
    )
    out = tui("cluster", "inspect").out
    assert "SWMTKN-1-w" in out and "3 managers · leader m1 · tolerates 1" in out


# -- changes ------------------------------------------------------------------------------------


def test_node_update(tui: CommandLine) -> None:
    """Availability, role and labels change together; what was not named stays."""
    result = tui(
        "node", "update", "w1", "--availability", "drain", "--label-add", "disk=ssd", "--label-rm", "zone"
    )
    assert (result.code, result.out) == (0, "w1\n")
    spec = tui.fake.get(Node, "n03-w1").spec
    assert spec.availability == specs_pb2.NodeSpec.DRAIN
    assert dict(spec.annotations.labels) == {"disk": "ssd"}
    assert spec.membership == specs_pb2.NodeSpec.ACCEPTED


def test_service_create_waits_for_its_tasks(tui: CommandLine) -> None:
    """Without -d create tells the progress and ends at the goal; the id goes to standard output alone."""
    result = tui("service", "create", "--name", "new", "--replicas", "2", "nginx")
    assert result.code == 0
    assert result.out.strip() == only(tui.fake, "new").id
    assert result.err.strip().endswith("2 of 2 tasks running")
    assert tui("service", "create", "--name", "quiet", "-q", "nginx").err == ""


def test_options_after_the_image_belong_to_the_command(tui: CommandLine) -> None:
    """As with docker, what follows the image is the command, whatever it looks like."""
    tui("service", "create", "-d", "--name", "x", "redis", "redis-server", "--name", "y", "-d")
    container = only(tui.fake, "x").spec.task.container
    assert (container.image, list(container.args)) == ("redis:latest", ["redis-server", "--name", "y", "-d"])


def test_process_service(tui: CommandLine) -> None:
    """--runtime process packs the command and the shared flags into a ProcessSpec."""
    tui.fake.put(make_secret("sec", name="key"), make_config("con", name="conf"))
    result = tui(
        "service", "create", "-d", "--runtime", "process", "--name", "p", "-e", "A=1", "-w", "/tmp", "-u", "nobody",
        "--secret", "key", "--config", "source=conf,target=/etc/conf,mode=0400", "--health-cmd", "true",
        "--stop-signal", "SIGINT", "--stop-grace-period", "3s", "--", "sleep", "9",
    )  # fmt: skip
    assert result.code == 0, result.err
    spec = only(tui.fake, "p").spec
    process = process_pb2.ProcessSpec()
    assert spec.task.generic.kind == "process" and spec.task.generic.payload.Unpack(process)
    assert (list(process.command), list(process.args), process.dir) == (["sleep"], ["9"], "/tmp")
    assert (list(process.env), process.user, process.stop_signal) == (["A=1"], "nobody", "SIGINT")
    assert [(ref.secret_id, ref.file.name) for ref in process.secrets] == [("sec", "key")]
    assert [(ref.config_id, ref.file.name, ref.file.mode) for ref in process.configs] == [
        ("con", "/etc/conf", 0o400)
    ]
    assert list(process.healthcheck.test) == ["CMD-SHELL", "true"]
    assert process.stop_grace_period.seconds == 3


def test_invented_name(tui: CommandLine) -> None:
    """A service without --name is named after its image."""
    tui("service", "create", "-d", "docker.io/library/redis:7")
    assert any(s.spec.annotations.name.startswith("redis-") for s in tui.fake.all(Service))


def test_service_scale(tui: CommandLine) -> None:
    """scale sets several services and waits for them."""
    result = tui("service", "scale", "web=3", "cache=5")
    assert result.lines == ["web scaled to 3", "cache scaled to 5"]
    assert only(tui.fake, "web").spec.replicated.replicas == 3
    assert result.err.strip().endswith("5 of 5 tasks running")


def test_scale_of_a_global_service(tui: CommandLine) -> None:
    """Only a replicated service can be scaled."""
    tui("service", "create", "-d", "--mode", "global", "--name", "g", "nginx")
    result = tui("service", "scale", "g=3")
    said = "Could not scale g: it is global, and only a replicated service has a number of tasks."
    assert (result.code, result.err) == (1, f"Error: {said}\n")


def test_scale_from_the_present_number(tui: CommandLine) -> None:
    """An amount with a sign counts from the number there is, as in the dashboard."""
    tui("service", "scale", "-d", "web=3", "cache=4")
    result = tui("service", "scale", "-d", "web+=2", "cache*=2")
    assert result.lines == ["web scaled to 5", "cache scaled to 8"]
    assert only(tui.fake, "web").spec.replicated.replicas == 5
    refused = tui("service", "scale", "-d", "web-=9")
    assert (refused.code, refused.err) == (1, "Error: Could not scale web: 5 − 9 is below zero.\n")
    refused = tui("service", "scale", "-d", "web=1000001")
    said = "Could not scale web: a service may ask for at most 1000000 tasks."
    assert (refused.code, refused.err) == (1, f"Error: {said}\n")


def test_a_refused_scale_changes_nothing(tui: CommandLine) -> None:
    """When one of several cannot be scaled, none is: the plan as a whole is refused before the first call."""
    tui("service", "create", "-d", "--mode", "global", "--name", "g", "nginx")
    before = only(tui.fake, "web").spec.replicated.replicas
    result = tui("service", "scale", f"web={before + 1}", "g=3")
    assert (result.code, result.out) == (1, "")
    assert only(tui.fake, "web").spec.replicated.replicas == before
    assert tui("service", "scale", f"web={before + 1}", "nope=3").code == 1
    assert only(tui.fake, "web").spec.replicated.replicas == before


def test_a_refused_change_is_one_sentence(tui: CommandLine) -> None:
    """What the manager refuses is told with what was tried; a part that it lacks is told as such."""
    tui.fake.fail_next(
        "Control.CreateService", CallFailed("UNIMPLEMENTED", "attachments are not supported yet")
    )
    result = tui("service", "create", "-d", "--name", "sum", "--mode", "replicated-job", "nginx")
    said = "Could not create sum: this cluster cannot do that (attachments are not supported yet)."
    assert (result.code, result.out, result.err) == (1, "", f"Error: {said}\n")
    tui.fake.fail_next("Control.UpdateNode", CallFailed("FAILED_PRECONDITION", "it is the last manager"))
    result = tui("node", "demote", "m1", "nobody", "w1")
    assert result.lines == ["Node w1 is already a worker."]
    assert result.err.splitlines() == [
        "Error: There is no node named 'nobody', and no id begins with it.",
        "Error: Could not demote m1: it is the last manager.",
    ]


def test_service_update(tui: CommandLine) -> None:
    """update changes what is named and nothing else; lists grow and shrink."""
    tui.fake.put(make_secret("sec", name="key"))
    tui(
        "service",
        "create",
        "-d",
        "--replicas",
        "0",
        "--name",
        "x",
        "-e",
        "A=1",
        "-e",
        "B=2",
        "-l",
        "k=v",
        "nginx:1",
    )
    result = tui(
        "service", "update", "-d", "x", "--image", "nginx:2", "--env-add", "A=3", "--env-rm", "B", "--label-rm", "k",
        "--constraint-add", "node.labels.disk==ssd", "--secret-add", "key", "--limit-memory", "64m", "--force",
    )  # fmt: skip
    assert (result.code, result.out) == (0, "x\n")
    spec = only(tui.fake, "x").spec
    assert (spec.task.container.image, list(spec.task.container.env)) == ("nginx:2", ["A=3"])
    assert not spec.annotations.labels and spec.replicated.replicas == 0
    assert list(spec.task.placement.constraints) == ["node.labels.disk==ssd"]
    assert [ref.secret_id for ref in spec.task.container.secrets] == ["sec"]
    assert spec.task.resources.limits.memory_bytes == 64 << 20
    assert spec.task.force_update == 1
    tui("service", "update", "-d", "x", "--secret-rm", "key", "--replicas", "2")
    spec = only(tui.fake, "x").spec
    assert not spec.task.container.secrets and spec.replicated.replicas == 2


def test_a_port_that_is_not_published_is_told_when_it_is_to_leave(tui: CommandLine) -> None:
    """The rest of the update is done, as by docker, which says nothing of the port."""
    port = "mode=host,published=7080,target=80"
    tui("service", "create", "-d", "--replicas", "0", "--name", "x", "-p", port, "nginx:1")
    result = tui("service", "update", "-d", "x", "--publish-rm", "7080", "--label-add", "a=b")
    meant = "mode=host,target=80,protocol=tcp"
    assert (result.code, result.out) == (0, "x\n")
    assert result.err == (
        f"No port 7080 of the tasks of x is published, so none was removed. Use --publish-rm {meant} for the one that there is.\n"
    )
    spec = only(tui.fake, "x").spec
    assert len(spec.endpoint.ports) == 1 and dict(spec.annotations.labels) == {"a": "b"}
    assert tui("service", "update", "-d", "x", "--publish-rm", meant).err == ""
    assert not only(tui.fake, "x").spec.endpoint.ports


def test_update_of_a_process(tui: CommandLine) -> None:
    """A process's payload is changed in place."""
    tui(
        "service",
        "create",
        "-d",
        "--replicas",
        "0",
        "--runtime",
        "process",
        "--name",
        "p",
        "--",
        "sleep",
        "9",
    )
    tui("service", "update", "-d", "p", "--env-add", "A=1", "--args", "10 'b c'")
    process = process_pb2.ProcessSpec()
    only(tui.fake, "p").spec.task.generic.payload.Unpack(process)
    assert (list(process.command), list(process.args), list(process.env)) == (
        ["sleep"],
        ["10", "b c"],
        ["A=1"],
    )


def test_update_of_what_runs(tui: CommandLine) -> None:
    """A running service takes another image; --force changes nothing but the counter."""
    result = tui("service", "update", "-d", "web", "--image", "registry/web:8")
    assert (result.code, result.out) == (0, "web\n")
    assert only(tui.fake, "web").spec.task.container.image == "registry/web:8"
    assert tui("service", "update", "-d", "web", "--force").code == 0
    assert only(tui.fake, "web").spec.task.force_update == 1


def test_update_without_a_change(tui: CommandLine) -> None:
    """update without a flag changes nothing and waits for the service, as docker's does."""
    before = tui("service", "inspect", "web", "--format", "json").out
    assert tui("service", "update", "web").code == 0
    assert tui("service", "inspect", "web", "--format", "json").out == before


def test_rollback_stands_alone(tui: CommandLine) -> None:
    """Nothing can be changed in the same breath in which a service goes back."""
    result = tui("service", "update", "--rollback", "--image", "x", "web")
    assert (result.code, result.err) == (2, "Error: --rollback: other flags may not be combined with it.\n")


def test_remove_goes_on_after_a_failure(tui: CommandLine) -> None:
    """rm removes what it can, prints it, and fails with what it could not."""
    result = tui("service", "rm", "web", "nope", "db")
    assert (result.code, result.lines) == (1, ["web", "db"])
    assert result.err == "Error: There is no service named 'nope', and no id begins with it.\n"


def test_secret_comes_from_standard_input_or_a_file(
    tui: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A payload is read from a file or standard input, byte by byte, and never from an argument."""
    (tmp_path / "file").write_bytes(b"\xff\x00")
    assert tui("secret", "create", "a", str(tmp_path / "file"), "-l", "k=v").code == 0
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"piped")))
    assert tui("config", "create", "b").code == 0
    (secret,), (config,) = tui.fake.all(objects_pb2.Secret), tui.fake.all(objects_pb2.Config)
    assert (secret.spec.data, secret.spec.annotations.labels["k"], config.spec.data) == (
        b"\xff\x00",
        "v",
        b"piped",
    )
    assert tui("secret", "rm", "a").out == "a\n"


# -- logs and watch -----------------------------------------------------------------------------


def test_service_logs(tui: CommandLine) -> None:
    """Lines of all tasks by time, each with its task and node; standard error goes to standard error."""
    one, two = tui.fake.get(Task, "t-web-01"), tui.fake.get(Task, "t-web-02")
    tui.fake.log_lines(
        log_line(two, "second", at_ns=START_NS + 2, is_stderr=True),
        log_line(one, "first", at_ns=START_NS + 1),
    )
    result = tui("service", "logs", "web")
    width = len("web.12@w6")
    assert result.out == f"{'web.1@w2'.ljust(width)} | first\n"
    assert result.err == f"{'web.2@w3'.ljust(width)} | second\n"
    assert tui("service", "logs", "--raw", "-t", "t-web-01").out == "2025-10-09T08:53:20.000000001Z first\n"
    assert tui("task", "logs", "web.1").out == "first\n"


@pytest.mark.parametrize("flags", [["--tail", "many"], ["--since", "yesterday"]])
def test_log_flags_are_checked(tui: CommandLine, flags: list[str]) -> None:
    """A tail that is no number and a time that is none are wrong usage."""
    assert tui("service", "logs", "web", *flags).code == 2


def test_watch_prints_json_lines(tui: CommandLine) -> None:
    """watch prints what is there when asked, then every change; a refusal of its kinds is wrong usage."""
    calls = tui.fake.call

    async def end_after_listing(method: str, request: object, **more: object) -> object:
        answer = await calls(method, request)  # type: ignore[arg-type]
        tui.fake.fail_next("Watch.Watch", KeyboardInterrupt())  # type: ignore[arg-type]
        tui.fake.cut("over")
        return answer

    tui.fake.call = end_after_listing  # type: ignore[method-assign]
    result = tui("watch", "--existing", "secret")
    assert result.code == 130
    records = [json.loads(line) for line in result.lines]
    assert [record["event"] for record in records] == ["listed", "lost"]
    assert tui("watch", "nonsense").code == 2


# -- status and failures ------------------------------------------------------------------------


def test_status(tui: CommandLine) -> None:
    """status counts what there is and names what is wrong."""
    out = tui("status").out
    assert "3 managers · leader m1 · tolerates 1" in out and "11 of 12 ready" in out
    assert "✖ billing  1/3 · pending 4m  no suitable node" in out


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            CallFailed("UNIMPLEMENTED", "networks are not supported yet"),
            "This cluster cannot do that: networks",
        ),
        (CallFailed("PERMISSION_DENIED", "not for you"), "not for you"),
        (Unreachable("nobody is listening at /x"), "nobody is listening at /x"),
        (RuntimeError("bug"), "RuntimeError: bug"),
    ],
)
def test_failures_are_one_sentence(tui: CommandLine, error: Exception, said: str) -> None:
    """Whatever goes wrong is one line on standard error and exit code 1, never a traceback."""
    tui.fake.fail_next("Control.ListNodes", error)
    result = tui("node", "ls")
    assert (result.code, result.out) == (1, "")
    assert result.err.startswith(f"Error: {said}") and result.err.count("\n") == 1


def test_interrupt_is_clean(tui: CommandLine) -> None:
    """Ctrl-C ends a command with 130 and says nothing."""
    tui.fake.fail_next("Control.ListNodes", KeyboardInterrupt())  # type: ignore[arg-type]
    result = tui("node", "ls")
    assert (result.code, result.out, result.err) == (130, "", "")


def test_dashboard_needs_a_terminal(tui: CommandLine) -> None:
    """Without a terminal the dashboard says so instead of drawing into a pipe."""
    result = tui()
    assert result.code == 2 and "needs a terminal" in result.err


@pytest.mark.parametrize("noun", ["node", "service", "task", "secret", "config", "cluster"])
def test_noun_alone_shows_its_help(tui: CommandLine, noun: str) -> None:
    """A noun without a verb lists its verbs."""
    result = tui(noun)
    assert result.code == 0 and "inspect" in result.out


def test_rollback_is_a_command_too(fake: FakeCluster, tui: CommandLine) -> None:
    """`service rollback` asks the manager for the spec before this one, as `service update --rollback` does."""
    asked = []
    for words in (["rollback", "db", "--detach"], ["update", "db", "--rollback", "--detach"]):
        result = tui("service", *words)
        # It was never updated, so it is refused; what is asked for is the same.
        (request,) = (call[1] for call in fake.calls[-1:])
        asked.append((result.code, result.err, request.service_id, request.rollback))
    assert asked[0] == asked[1]
    assert asked[0][2:] == (only(fake, "db").id, control_pb2.UpdateServiceRequest.PREVIOUS)


def test_logs_name_tasks_as_asked(fake: FakeCluster, tui: CommandLine) -> None:
    """With whole ids, without them, and with ids in place of names."""
    task = next(one for one in fake.all(Task) if one.service_id == "s-web" and one.slot == 1)
    fake.log_lines(log_line(task, "hello"))
    node = fake.get(Node, task.node_id).description.hostname
    said = {
        flags: tui("service", "logs", *flags.split(), "web").out.partition(" |")[0].strip()
        for flags in ("", "--no-task-ids", "--no-trunc", "--no-trunc --no-task-ids", "--no-resolve")
    }
    assert said[""] == said["--no-task-ids"] == said["--no-trunc --no-task-ids"] == f"web.1@{node}"
    assert said["--no-trunc"] == f"web.1.{task.id}@{node}"
    assert said["--no-resolve"] == f"s-web.1@{task.node_id}"


@pytest.mark.parametrize("words", [("service", "ps", "web"), ("node", "ps", "w1")])
def test_ps_without_names(fake: FakeCluster, tui: CommandLine, words: tuple[str, ...]) -> None:
    """--no-resolve shows ids of services and nodes, in tables and for machines."""
    rows = [json.loads(line) for line in tui(*words, "--no-resolve", "--format", "json").lines]
    assert rows
    for row in rows:
        task = fake.get(Task, row["ID"])
        assert row["Name"].startswith(f"{task.service_id}.") and row["Node"] == task.node_id
    table = tui(*words, "--no-resolve").out
    assert all(row["Name"] in table for row in rows)


def test_self_is_the_node_that_is_asked(
    fake: FakeCluster, tui: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """promote, demote, update and rm know `self`; where it cannot be told which node that is, they say so."""
    worker = fake.get(Node, "n03-w1")
    commands = (
        ("promote", "self"),
        ("demote", "self"),
        ("update", "--label-add", "a=b", "self"),
        ("rm", "--force", "self"),
    )
    for words in commands:
        result = tui("node", *words)
        assert result.code == 1 and "which node 'self' is" in result.err
    for words in commands:
        own = "n01-m2" if words[0] == "demote" else worker.id
        assert fake.get(Node, own) is not None
        monkeypatch.setattr(node_directory, "role", lambda place, own=own: (own, "worker"))
        assert tui("node", *words).code == 0
        if words[0] == "update":
            assert fake.get(Node, worker.id).spec.annotations.labels["a"] == "b"
    assert worker.id not in {one.id for one in fake.all(Node)}

"""The form of a service without a screen: verdicts, the spec that is meant, and what is kept of the one it began with."""

import pytest
from swarm_core.api.proto import objects_pb2, specs_pb2
from swarm_core.api.runtimes import PROCESS, process_spec
from swarm_core.specs.checks import check_service
from swarm_testkit.cluster_fake import lively_cluster
from swarm_testkit.factories import make_node, make_resources, make_service
from swarm_tui.clusters.snapshot import Snapshot
from swarm_tui.operations.forms.fields import Around
from swarm_tui.operations.forms.service_fields import FIELDS
from swarm_tui.operations.forms.sheet import Judged, Sheet, judge, new_sheet, sheet_of, to_send


def named(kind, id_, name):
    found = kind(id=id_)
    found.spec.annotations.name = name
    return found


def busy() -> objects_pb2.Service:
    """A service with a port through ingress."""
    service = make_service("s-api", name="api")
    service.spec.endpoint.ports.add(target_port=80, published_port=8080)
    return service


NODES = [
    make_node(
        f"n{n}",
        hostname=f"w{n}",
        state="READY",
        labels={"disk": "ssd" if n < 2 else "hdd"},
        resources=make_resources(cpus=4, memory=8 << 30),
    )
    for n in range(4)
]
VIEW = Snapshot(
    [
        *NODES,
        busy(),
        named(objects_pb2.Network, "net1", "front"),
        named(objects_pb2.Secret, "sec1", "db"),
        named(objects_pb2.Config, "con1", "conf"),
    ]
)
AROUND = Around(VIEW)
GOOD = new_sheet().put("name", ("cache",)).put("image", ("redis:7",))


def judged(sheet: Sheet = GOOD, **fields: str | tuple[str, ...]) -> Judged:
    for key, texts in fields.items():
        sheet = sheet.put(key, (texts,) if isinstance(texts, str) else texts)
    return judge(sheet, AROUND)


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("name", "", "✖ needed"),
        ("name", "api", "✖ taken"),
        ("name", "a b", "✖ letters, digits, - and _"),
        ("name", "x" * 64, "✖ 64 of 63 letters"),
        ("image", "", "✖ needed"),
        ("image", "UPPER", "✖ no image reference"),
        ("args", "sh -c 'open", "✖ a quote is open"),
        ("replicas", "many", "✖ a number"),
        ("replicas", "-1", "✖ a number"),
        ("replicas", "10000000", "✖ at most 1000000"),
        ("replicas", "9" * 25, "✖ at most 1000000"),
        ("replicas", "٣", "✖ a number"),
        ("env", ("A=1", "=2"), "✖ cannot be read"),
        ("constraints", "disk", "✖ write key==value"),
        ("reserve_cpu", "much", "✖ like 0.5"),
        ("reserve_memory", "512", "✖ like 512m"),
        ("reserve_memory", "99999999p", "✖ like 512m"),
        ("reserve_memory", "1 KiB", "✖ at least 4 MiB"),
        ("limit_cpu", "0.0001", "✖ at least 0.001 cpu"),
        ("ports", "8080:80", "✖ used by api"),
        ("ports", "99999", "✖ cannot be read"),
        ("networks", "back", "✖ no network back"),
        ("secrets", "nope", "✖ no secret nope"),
        ("configs", "nope", "✖ no config nope"),
        ("mounts", "data:data", "✖ cannot be read"),
        ("health_interval", "soon", "✖ like 30s"),
        ("update_ratio", "2", "✖ 0 to 1"),
        ("restart_attempts", "x", "✖ like no end"),
    ],
)
def test_bad_fields_are_named(field, value, words):
    """A wrong field keeps the service from being made and says why in a few words; the rest stands in a sentence."""
    found = judged(**{field: value})
    assert found.verdicts[field].text == words
    assert not found.is_ready
    assert found.first_bad == field


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("name", "cache", "✓ free"),
        ("image", "redis", "▲ no tag: latest"),
        ("image", "localhost:5000/redis", "▲ no tag: latest"),
        ("image", "redis@sha256:" + "0" * 64, "✓ pinned by digest"),
        ("args", "redis-server --save ''", "3 words"),
        ("replicas", "0", "▲ none will run"),
        ("env", ("A=1", "B=two words"), "2 variables"),
        ("constraints", "node.labels.disk == ssd", "▲ 2 of 4 nodes"),
        ("constraints", "node.role==worker", "✓ 4 of 4 nodes"),
        ("reserve_memory", "1 GiB", "✓ per task"),
        ("reserve_cpu", "900", "▲ no node is so large"),
        ("ports", ("6379:6379", "53:53/udp"), "✓ free"),
        ("ports", "80", "✓ a free one"),
        ("networks", "front", "✓ there"),
        ("secrets", "source=db,target=x", "✓ there"),
        ("mounts", ("data:/data:ro", "/etc:/x"), ""),
    ],
)
def test_good_fields_are_confirmed(field, value, words):
    """A right field says what it means here and now."""
    found = judged(**{field: value})
    assert found.verdicts[field].text == words
    assert found.is_ready


def test_a_port_says_whose_it_is():
    """The sentence has what the words have no room for."""
    assert (
        judged(ports="8080:80")
        .verdicts["ports"]
        .sentence.startswith("Port 8080/tcp is already in use by service api")
    )


FILLED = {
    "args": ("redis-server --save ''",),
    "replicas": ("3",),
    "ports": ("6379:6379", "published=53,target=53,protocol=udp,mode=host"),
    "networks": ("name=front,alias=kv",),
    "env": ("A=1", "B= two words "),
    "mounts": ("data:/data", "type=tmpfs,target=/tmp,tmpfs-size=1048576"),
    "secrets": ("source=db,target=pw,mode=0400",),
    "configs": ("conf",),
    "reserve_cpu": ("0.5",),
    "reserve_memory": ("64m",),
    "limit_cpu": ("2",),
    "limit_memory": ("1g",),
    "limit_pids": ("100",),
    "generic": ("gpu=1",),
    "constraints": ("node.labels.disk==ssd", "node.role != manager"),
    "preferences": ("spread=node.labels.zone",),
    "per_node": ("2",),
    "health_cmd": ("curl -f localhost | grep ok",),
    "health_interval": ("5s",),
    "health_timeout": ("1s",),
    "health_retries": ("4",),
    "health_start": ("1m",),
    "update_parallelism": ("2",),
    "update_order": ("start-first",),
    "update_delay": ("10s",),
    "update_action": ("rollback",),
    "update_monitor": ("30s",),
    "update_ratio": ("0.1",),
    "rollback_parallelism": ("0",),
    "rollback_order": ("start-first",),
    "restart": ("on-failure",),
    "restart_delay": ("1s",),
    "restart_attempts": ("3",),
    "restart_window": ("2m",),
    "labels": ("team=web",),
    "container_labels": ("a=b",),
    "entrypoint": ("/entry -x",),
    "user": ("1000:1000",),
    "workdir": ("/srv",),
    "hostname": ("h-{{.Task.Slot}}",),
    "stop_signal": ("SIGINT",),
    "stop_grace": ("20s",),
    "read_only": ("on",),
    "init": ("on",),
    "tty": ("on",),
    "log_driver": ("json-file",),
    "log_options": ("max-size=10m",),
    "dns": ("10.0.0.2",),
    "hosts": ("db:10.0.0.5",),
    "sysctls": ("net.core.somaxconn=1024",),
    "ulimits": ("nofile=1024:2048",),
    "endpoint": ("vip",),
}
READ_OTHERWISE = {"hosts": ("10.0.0.5 db",)}


def test_every_field_says_what_was_written():
    """What is typed into any field is in the spec, and a form that begins with that spec shows it again."""
    wanted = judged(**FILLED)
    assert wanted.is_ready, {key: one for key, one in wanted.verdicts.items() if one.is_bad}
    spec = to_send(GOOD, wanted.spec, VIEW)
    check_service(spec)
    again = sheet_of(spec, VIEW, "s-new")
    for key, texts in FILLED.items():
        assert again.texts(FIELDS[key]) == READ_OTHERWISE.get(key, texts), key
    assert [one.target for one in spec.task.networks] == ["net1"]
    assert spec.task.container.secrets[0].secret_id == "sec1"
    assert to_send(again, judge(again, Around(VIEW, "s-new")).spec, VIEW) == spec


def test_every_field_can_be_emptied():
    """What was typed and taken back again leaves no trace that changes anything."""
    full = sheet_of(to_send(GOOD, judged(**FILLED).spec, VIEW), VIEW, "s-new")
    lines = [
        one for one in FIELDS.values() if not one.options and one.key in FILLED and one.key != "replicas"
    ]
    for one in lines:
        full = full.put(one.key, ("",))
    found = judge(full, Around(VIEW, "s-new"))
    assert found.is_ready, {key: one for key, one in found.verdicts.items() if one.is_bad}
    check_service(to_send(full, found.spec, VIEW))
    container = found.spec.task.container
    assert not (container.env or container.mounts or container.secrets or container.configs)
    assert not found.spec.endpoint.ports
    assert not found.spec.task.networks
    assert found.spec.update.parallelism == 1


@pytest.mark.parametrize("service", lively_cluster().all(objects_pb2.Service), ids=lambda one: one.id)
def test_a_form_that_nobody_touched_changes_nothing(service):
    """Of any service, also of what no field shows."""
    fake = lively_cluster()
    view = Snapshot([item for kind in (objects_pb2.Node, objects_pb2.Service) for item in fake.all(kind)])
    spec = specs_pb2.ServiceSpec()
    spec.CopyFrom(service.spec)
    if spec.task.HasField("container"):
        spec.task.container.privileges.no_new_privileges = True
        spec.task.container.mounts.add(
            type="BIND", source="/a", target="/b"
        ).bind_options.createmountpoint = True
        spec.task.container.healthcheck.test.extend(["CMD", "a", "b c"])
        spec.task.container.env.append("LINES=a\nb")
    spec.endpoint.ports.add(name="main", target_port=80)
    sheet = sheet_of(spec, view, service.id)
    assert to_send(sheet, judge(sheet, Around(view, service.id)).spec, view) == spec


def test_a_row_that_stays_keeps_what_its_text_does_not_say():
    """Beside a row that is new."""
    spec = to_send(GOOD, GOOD.base, VIEW)
    mount = spec.task.container.mounts.add(type="BIND", source="/a", target="/b")
    mount.bind_options.createmountpoint = True
    sheet = sheet_of(spec, VIEW, "s-new")
    (text,) = sheet.texts(FIELDS["mounts"])
    found = judge(sheet.put("mounts", ("data:/data", text)), Around(VIEW, "s-new"))
    assert [one.target for one in found.spec.task.container.mounts] == ["/data", "/b"]
    assert found.spec.task.container.mounts[1].bind_options.createmountpoint


def test_a_process_needs_a_command_and_no_image():
    """It travels as the process runtime's payload; what only containers have is not asked for."""
    sheet = GOOD.put("runtime", (PROCESS,)).put("mode", ("global",))
    found = judge(sheet, AROUND)
    assert found.first_bad == "program"
    assert "image" not in found.verdicts
    assert "networks" not in found.verdicts
    done = judge(sheet.put("program", ("python3 -m http.server",)).put("env", ("A=1",)), AROUND)
    assert done.verdicts["program"].text == "✓ runs python3"
    assert done.is_ready
    check_service(done.spec)
    process = process_spec(done.spec.task)
    assert process is not None
    assert [*process.command, *process.args] == ["python3", "-m", "http.server"]
    assert list(process.env) == ["A=1"]
    assert done.spec.WhichOneof("mode") == "global"


def test_another_runtime_and_back_loses_nothing_typed():
    """What both have stays, and so does what comes back."""
    sheet = GOOD.put("env", ("A=1",)).put("runtime", (PROCESS,)).put("runtime", ("container",))
    found = judge(sheet, AROUND)
    assert found.is_ready
    assert found.spec.task.container.image == "redis:7"
    assert list(found.spec.task.container.env) == ["A=1"]


def test_jobs_have_their_own_fields():
    """A number to complete and one at a time, and no update settings."""
    sheet = GOOD.put("mode", ("replicated-job",)).put("replicas", ("9",)).put("at_once", ("2",))
    found = judge(sheet, AROUND)
    assert found.spec.replicated_job.total_completions == 9
    assert found.spec.replicated_job.max_concurrent == 2
    assert "update_order" not in found.verdicts
    check_service(to_send(sheet, found.spec, VIEW))


def test_size_times_number_has_a_bound():
    """A number of tasks whose specs would take too much together is refused where it is typed, with the number that may be."""
    found = judged(env=f"A={'x' * 2000}", replicas="1000000")
    words = found.verdicts["replicas"].text
    assert words.startswith("✖ at most ")
    assert words.endswith(" of this size")
    assert judged(env=f"A={'x' * 2000}", replicas=words.split()[3]).is_ready


def test_its_own_ports_are_no_conflict():
    """Of the service that is changed."""
    sheet = sheet_of(busy().spec, VIEW, "s-api").put("ports", ("8080:80", "8081:81"))
    assert judge(sheet, Around(VIEW, "s-api")).verdicts["ports"].text == "✓ free"

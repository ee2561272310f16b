"""The docker commands that do the same as a plan (docs/design/plans.md 13.2): what they say is what the plan does."""

import shlex
from collections.abc import Callable, Iterator

import pytest
from swarm_core.api.proto import objects_pb2, specs_pb2, types_pb2
from swarm_core.api.proto.process_pb2 import ProcessSpec
from swarm_core.api.runtimes import set_process
from swarm_core.api.timestamps import duration
from swarm_testkit.cluster_fake import FakeCluster
from swarm_testkit.command_line import CommandLine
from swarm_testkit.factories import (
    make_cluster,
    make_config,
    make_network,
    make_node,
    make_secret,
    make_service,
    make_task,
)
from swarm_tui.clusters.snapshot import Snapshot
from swarm_tui.operations import cluster as settings
from swarm_tui.operations import create, nodes, remove, scale, update
from swarm_tui.operations.docker.commands import Commands, commands_of
from swarm_tui.operations.forecast.changed import changed
from swarm_tui.operations.model import Done, Plan, Remove, Step
from swarm_tui.resources.nodes import KIND as NODE
from swarm_tui.resources.services import KIND as SERVICE

Service, Spec = objects_pb2.Service, specs_pb2.ServiceSpec
Config = types_pb2.UpdateConfig


def told(plan: Plan, *objects: object) -> Commands:
    view = Snapshot(objects)
    return commands_of(plan, changed(plan, view), view)


def a_service() -> Service:
    service = make_service("s", name="web", replicas=2)
    spec = service.spec
    spec.task.container.image = "redis:7"
    spec.task.container.env.extend(["A=1", "B=two words"])
    spec.annotations.labels.update(old="1", kept="2")
    spec.task.placement.constraints.append("node.role==worker")
    for name in ("data", "spool"):
        spec.task.container.mounts.add(type=types_pb2.Mount.VOLUME, source=name, target=f"/{name}")
    return service


def around() -> Iterator[object]:
    yield make_network("net", name="front")
    yield make_secret("sec", name="key")
    yield make_config("con", name="conf")


def _env(spec: Spec) -> None:
    del spec.task.container.env[:]
    spec.task.container.env.extend(["B=it's", "C="])


def _labels(spec: Spec) -> None:
    del spec.annotations.labels["old"]
    spec.annotations.labels.update(new="a=b")
    spec.task.container.labels.update(tier="front")


def _placement(spec: Spec) -> None:
    del spec.task.placement.constraints[:]
    spec.task.placement.constraints.append("node.labels.disk==ssd")
    spec.task.placement.preferences.add().spread.spread_descriptor = "node.labels.zone"
    spec.task.placement.max_replicas = 3


def _program(spec: Spec) -> None:
    container = spec.task.container
    container.image = "redis:8"
    container.args.extend(["sh", "-c", "echo 'a b'"])
    container.command.append("/bin/run")
    container.user, container.dir, container.hostname, container.tty = "app", "/srv", "h", True
    container.stop_grace_period.CopyFrom(duration(2.5))


def _resources(spec: Spec) -> None:
    spec.task.resources.reservations.nano_cpus = 250_000_000
    spec.task.resources.reservations.memory_bytes = 512 << 20
    spec.task.resources.limits.memory_bytes = (1 << 30) + 1


def _policies(spec: Spec) -> None:
    spec.task.restart.condition = types_pb2.RestartPolicy.ON_FAILURE
    spec.task.restart.max_attempts = 3
    spec.task.restart.delay.CopyFrom(duration(7))
    spec.task.restart.window.CopyFrom(duration(60))
    spec.update.CopyFrom(
        Config(
            parallelism=2,
            delay=duration(10),
            failure_action=Config.ROLLBACK,
            monitor=duration(20),
            max_failure_ratio=0.25,
            order=Config.START_FIRST,
        )
    )


def _ports(spec: Spec) -> None:
    port = types_pb2.PortConfig
    spec.endpoint.ports.add(protocol=port.UDP, target_port=53, published_port=5353, publish_mode=port.HOST)
    spec.endpoint.ports.add(protocol=port.TCP, target_port=80, published_port=8080, publish_mode=port.HOST)


def _mounts(spec: Spec) -> None:
    mount = types_pb2.Mount
    data, spool = spec.task.container.mounts
    data.readonly = True
    spool.CopyFrom(mount(type=mount.BIND, source="/etc/x", target="/x"))
    spec.task.container.mounts.add(type=mount.TMPFS, target="/run").tmpfs_options.size_bytes = 64 << 20


def _health(spec: Spec) -> None:
    check = spec.task.container.healthcheck
    check.test.extend(["CMD-SHELL", "curl -f 'http://a' || exit 1"])
    check.interval.CopyFrom(duration(5))
    check.start_period.CopyFrom(duration(1.5))
    check.retries = 4


def _no_health(spec: Spec) -> None:
    spec.task.container.healthcheck.test.append("NONE")


EDITS: list[Callable[[Spec], object]] = [
    _env, _labels, _placement, _program, _resources, _policies, _ports, _mounts, _health, _no_health,
    lambda spec: setattr(spec.replicated, "replicas", 5),
    lambda spec: setattr(spec.task, "force_update", 1),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(EDITS)))
def test_the_command_makes_the_spec_of_the_plan(number: int, capsys: pytest.CaptureFixture[str]) -> None:
    """13.2.2: our command with the flags of the line, which are docker's, makes the spec that the plan makes."""
    service = a_service()
    plan = update.plan(Snapshot([service]), ["s"], EDITS[number])
    (line,) = told(plan, service).lines
    program, *words = shlex.split(line)
    assert program == "docker"
    fake = FakeCluster([service])
    words = [words[0], words[1], *(["--detach"] if words[1] in ("update", "scale") else []), *words[2:]]
    if words[1] == "update":
        words.insert(2, "--no-resolve-image")
    ended = CommandLine(fake, capsys)(*words)
    assert (ended.code, ended.err) == (0, "")
    wanted = Spec()
    wanted.CopyFrom(service.spec)
    EDITS[number](wanted)
    made = fake.get(Service, "s").spec
    made.task.container.ClearField("pull_options")
    wanted.endpoint.SetInParent()
    made.endpoint.SetInParent()
    for spec in (made, wanted):
        spec.task.resources.SetInParent()
        if spec.task.container.HasField("healthcheck"):
            for field in ("interval", "timeout", "start_period"):
                getattr(spec.task.container.healthcheck, field).SetInParent()
        mounts = sorted(spec.task.container.mounts, key=lambda one: one.target)
        del spec.task.container.mounts[:]
        spec.task.container.mounts.extend(mounts)
        ports = sorted(spec.endpoint.ports, key=lambda one: one.target_port)
        del spec.endpoint.ports[:]
        spec.endpoint.ports.extend(ports)
    # What an update sets in part gets docker's defaults for the rest.
    assert made.SerializeToString(deterministic=True) == wanted.SerializeToString(deterministic=True)


def test_creations() -> None:
    """13.2.2: a new service is told with image and arguments at the end; of a secret the content comes from standard input."""
    spec = Spec()
    spec.annotations.name = "web"
    spec.task.container.image = "redis:7"
    spec.task.container.args.extend(["--port", "1"])
    spec.task.container.env.append("A=1")
    spec.replicated.replicas = 3
    assert told(create.plan(Service, spec)).lines == (
        "docker service create --name web --replicas 3 --env A=1 redis:7 --port 1",
    )
    secret = make_secret("x", name="key").spec
    secret.annotations.labels.update(a="b")
    assert told(create.plan(objects_pb2.Secret, secret)).lines == ("docker secret create --label a=b key -",)


def test_references_are_told_by_name() -> None:
    """13.2.2: secrets, configs and networks stand there as docker's command takes them."""

    def edit(spec: Spec) -> None:
        spec.task.networks.add().target = "net"
        secret = spec.task.container.secrets.add(secret_id="sec", secret_name="key")
        secret.file.name, secret.file.mode = "key", 0o444

    service = a_service()
    plan = update.plan(Snapshot([service]), ["s"], edit)
    assert told(plan, service, *around()).lines == (
        "docker service update --secret-add source=key,target=key --network-add front web",
    )


def test_nodes() -> None:
    """13.2.2: availability and labels are one command, a role another."""
    node = make_node("n", hostname="w1", labels={"old": "1"})
    edit = nodes.Edit(availability="drain", role="manager", labels_put={"zone": "a"}, labels_removed=("old",))
    assert told(nodes.plan(Snapshot([node]), ["n"], edit), node).lines == (
        "docker node promote w1",
        "docker node update --availability drain --label-rm old --label-add zone=a w1",
    )


def test_several_services_are_scaled_by_one_command() -> None:
    """13.2.2: what one command of docker's does for several is one line."""
    services = [make_service("a", name="api", replicas=1), make_service("b", name="web", replicas=2)]
    plan = scale.plan(Snapshot(services), ["a", "b"], scale.Amount("+", 1))
    assert told(plan, *services).lines == ("docker service scale api=2 web=3",)


def test_removals_and_rollbacks() -> None:
    """13.2.2: what goes is told by kind; a rollback is docker's own."""
    service = a_service()
    service.previous_spec.CopyFrom(service.spec)
    node = make_node("n", hostname="w1", state="DOWN")
    assert told(remove.plan(Snapshot([service]), SERVICE, ["s"]), service).lines == ("docker service rm web",)
    forced = remove.plan(Snapshot([node]), NODE, ["n"], force=True)
    assert told(forced, node).lines == ("docker node rm --force w1",)
    assert told(update.rollback(Snapshot([service]), ["s"]), service).lines == (
        "docker service rollback web",
    )


def test_where_there_is_none_the_reason_stands() -> None:
    """13.2.3: docker runs no processes, ends no single task, and changes no mode."""
    process = make_service("p", name="job")
    set_process(process.spec.task, ProcessSpec(command=["sleep"], args=["1"]))

    def longer(spec: Spec) -> None:
        set_process(spec.task, ProcessSpec(command=["sleep"], args=["2"]))

    said = told(update.plan(Snapshot([process]), ["p"], longer), process)
    assert (said.lines, said.why_none) == (
        (),
        "No docker command does this: docker knows containers only, and this service runs processes.",
    )
    task = make_task("t", service=process, slot=1)
    ending = Plan("End", (Step("job.1", "end job.1", Remove(objects_pb2.Task, "t"), Done("")),))
    assert told(ending, process, task).why_none == "No docker command does this: docker ends no single task."
    service = a_service()
    more = update.plan(
        Snapshot([service]), ["s"], lambda spec: spec.task.container.healthcheck.test.extend(["CMD", "a"])
    )
    assert "more than the flags that are known here" in told(more, service).why_none


def test_rotations() -> None:
    """13.2.2: tokens are rotated by docker's command too."""
    item = make_cluster("default")
    plan = settings.rotate(Snapshot([item]), "default", "worker_join_token")
    assert told(plan, item).lines == ("docker swarm join-token --rotate worker",)

"""The docker executor against a real, private Docker Engine."""

import asyncio
import contextlib
import itertools
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from swarm_agentd.exec import errors
from swarm_agentd.exec.volumes import PublishedVolume
from swarm_agentd.executors.docker.controller import DockerController
from swarm_agentd.executors.docker.executor import DockerExecutor
from swarm_agentd.executors.docker.networks import PREDEFINED_LABEL
from swarm_core.api.proto.logbroker_pb2 import LOG_STREAM_STDOUT, LogSubscriptionOptions
from swarm_core.api.proto.objects_pb2 import Network, Task
from swarm_core.api.proto.types_pb2 import Mount, PortConfig
from swarm_core.api.timestamps import duration
from swarm_core.runtime.clock import SystemClock
from swarm_testkit.conformance.executor import (
    CONFIG_ID,
    SECRET_ID,
    CommandConformance,
    ExecutorConformance,
    FixedDependencies,
    HealthConformance,
    SecretConformance,
    Work,
    running,
)
from swarm_testkit.engines import IMAGE, Engine
from swarm_testkit.factories import make_resources

pytestmark = [pytest.mark.docker, pytest.mark.timeout(180)]
CLOCK = SystemClock()
_RUNS = 'trap "exit 0" TERM; echo started; while :; do sleep 0.05; done'
_SCRIPTS = {
    Work.RUNS: _RUNS,
    Work.HEALTHY: _RUNS,
    Work.UNHEALTHY: _RUNS,
    Work.STUBBORN: 'trap "" TERM; echo started; while :; do sleep 0.05; done',
    Work.ENDS: "echo one; echo two; echo three; echo oops >&2",
    Work.FAILS: "exit 3",
    Work.BROKEN: "true",
    Work.SECRETS: "cat /run/secrets/hush; echo; cat /etc/conf.d/setting",
}
_numbers = itertools.count()


def container(task_id: str, script: str) -> Task:
    task = Task(id=task_id, service_id="service-id", slot=1, node_id="node-id")
    task.service_annotations.name = "web"
    task.spec.container.image = IMAGE
    task.spec.container.command.extend(["sh", "-c", script])
    task.spec.container.stop_grace_period.CopyFrom(duration(5))
    return task


class DockerBench:
    def __init__(self, engine: Engine, directory: Path) -> None:
        self._engine, self._directory = engine, directory

    def executor(self) -> DockerExecutor:
        memory = self._directory / "memory" / "swarm" / "key"
        return DockerExecutor(self._engine.url, self._directory, CLOCK, memory=memory)

    def task(self, work: Work, task_id: str) -> Task:
        task = container(task_id, _SCRIPTS[work])
        spec = task.spec.container
        if work is Work.BROKEN:
            spec.image = "no-such-image:local"
        if work is Work.STUBBORN:
            spec.stop_grace_period.CopyFrom(duration(0.2))
        if work is Work.SECRETS:
            spec.secrets.add(secret_id=SECRET_ID, secret_name="a-secret").file.name = "hush"
            spec.configs.add(config_id=CONFIG_ID, config_name="a-config").file.name = "etc/conf.d/setting"
        if work in (Work.HEALTHY, Work.UNHEALTHY):
            spec.healthcheck.test.extend(["CMD", "true" if work is Work.HEALTHY else "false"])
            spec.healthcheck.interval.CopyFrom(duration(0.1))
            spec.healthcheck.retries = 2
        return task


@pytest.fixture
def bench(engine: Engine, tmp_path: Path) -> DockerBench:
    return DockerBench(engine, tmp_path)


class TestDockerExecutor(ExecutorConformance, SecretConformance, HealthConformance, CommandConformance):
    """All rules."""


async def start(executor: DockerExecutor, task: Task) -> DockerController:
    controller = executor.controller(task, FixedDependencies())
    await controller.prepare()
    await controller.start()
    return controller


async def output(controller: DockerController, **options: object) -> list[str]:
    asked = LogSubscriptionOptions(**options)  # type: ignore[arg-type]
    return [message.data.decode().rstrip() async for message in controller.logs(asked)]


async def test_container_is_made_as_the_spec_says(bench: DockerBench, engine: Engine) -> None:
    """Name, labels, environment, limits, mounts and ports reach the engine, and the bound port is told."""
    task = container("made", _RUNS)
    spec = task.spec.container
    spec.env.append("A=1")
    spec.hostname, spec.dir = "box", "/tmp"
    spec.labels["mine"] = "yes"
    spec.mounts.add(type=Mount.TMPFS, target="/scratch").tmpfs_options.size_bytes = 1 << 20
    task.spec.resources.limits.CopyFrom(make_resources(cpus=0.5, memory=64 << 20))
    task.assigned_generic_resources.extend(make_resources(generic={"gpu": ["u1", "u2"]}).generic)
    task.endpoint.ports.add(target_port=80, publish_mode=PortConfig.HOST)
    async with running(bench.executor()) as executor:
        controller = await start(executor, task)
        assert engine.docker(
            "inspect", "-f", "{{.Config.Hostname}} {{.HostConfig.NanoCpus}}", "web.1.made"
        ) == ("box 500000000")
        labels = engine.docker("inspect", "-f", "{{json .Config.Labels}}", "web.1.made")
        assert '"com.docker.swarm.task.id":"made"' in labels and '"mine":"yes"' in labels
        told = engine.docker(
            "exec", "web.1.made", "sh", "-c", "echo $A $DOCKER_RESOURCE_GPU $PWD; df /scratch | tail -1"
        )
        assert told.startswith("1 u1,u2 /tmp\ntmpfs")
        ports = await controller.port_status()
        assert ports is not None and ports.ports[0].target_port == 80 and ports.ports[0].published_port > 0
        await controller.remove()


async def test_many_fields_take_effect_in_the_container(bench: DockerBench, engine: Engine) -> None:
    """What the spec asks for is how the container finds its world: user, limits, files, names, privileges."""
    task = container("fields", _RUNS)
    spec = task.spec.container
    spec.user, spec.stop_signal, spec.read_only, spec.pidsLimit = "7:8", "SIGHUP", True, 77
    spec.groups.append("99")
    spec.init.value = True
    spec.hosts.append("10.9.8.7 db alias")
    spec.dns_config.search.append("example.test")
    spec.capability_drop.append("ALL")
    spec.capability_add.append("CAP_NET_RAW")
    spec.sysctls["net.ipv4.ip_default_ttl"] = "42"
    spec.ulimits.add(name="nofile", soft=111, hard=222)
    spec.privileges.no_new_privileges = True
    spec.oom_score_adj = 321
    tmpfs = spec.mounts.add(type=Mount.TMPFS, target="/scratch").tmpfs_options
    tmpfs.size_bytes, tmpfs.mode = 1 << 20, 0o1770
    volume = spec.mounts.add(type=Mount.VOLUME, source="kept", target="/kept").volume_options
    volume.labels["mine"] = "yes"
    volume.driver_config.name = "local"
    spec.mounts.add(type=Mount.BIND, source="/etc/hostname", target="/host-name", readonly=True)
    task.spec.resources.limits.memory_bytes = 64 << 20
    task.spec.resources.swap_bytes.value = 32 << 20
    task.log_driver.name = "local"
    # The soft limit is asked of the engine: its runtime, a Go program, now and then leaves its own raised one to the process.
    asked = (
        "id -u; id -G; ulimit -H -n; cat /proc/sys/net/ipv4/ip_default_ttl; grep -w db /etc/hosts; stat -c %a /scratch; "
        "grep -E 'NoNewPrivs|CapBnd' /proc/1/status; cat /proc/self/oom_score_adj; touch /x 2>&1; cat /proc/1/comm"
    )
    async with running(bench.executor()) as executor:
        controller = await start(executor, task)
        lines = engine.docker("exec", "web.1.fields", "sh", "-c", f"{asked}; true").splitlines()
        assert lines[:5] == ["7", "8 99", "222", "42", "10.9.8.7\tdb"]
        assert lines[5] == "1770" and lines[6].endswith("2000") and lines[7] == "NoNewPrivs:\t1"
        assert lines[8] == "321" and "Read-only" in lines[9] and "init" in lines[10]
        told = engine.docker(
            "inspect",
            "-f",
            "{{.HostConfig.PidsLimit}} {{.HostConfig.MemorySwap}} {{.HostConfig.LogConfig.Type}} "
            "{{.Config.StopSignal}} {{json .HostConfig.Ulimits}}",
            "web.1.fields",
        )
        ulimits = '[{"Name":"nofile","Hard":222,"Soft":111}]'
        assert told == f"77 {96 << 20} local SIGHUP {ulimits}"
        assert engine.docker("volume", "inspect", "-f", "{{.Labels.mine}}", "kept") == "yes"
        await controller.remove()
    engine.docker("volume", "rm", "kept")


def in_network(task: Task, name: str, *, driver: str = "bridge") -> Network:
    """Put the task into a network of the cluster that works on one machine."""
    network = task.networks.add().network
    network.id, network.driver_state.name = f"id-of-{name}", driver
    network.spec.annotations.name = name
    return network


def networks_of(engine: Engine) -> set[str]:
    return set(engine.docker("network", "ls", "--format", "{{.Name}}").split())


async def test_networks_of_one_machine_are_made_and_removed(bench: DockerBench, engine: Engine) -> None:
    """Containers of a service find each other by its name in each of their networks, which end with the last of them."""
    tasks = [container(f"net{number}", _RUNS) for number in range(2)]
    for slot, task in enumerate(tasks):
        task.slot = slot + 1
        in_network(task, "front").spec.annotations.labels["mine"] = "yes"
        in_network(task, "back").spec.internal = True
    async with running(bench.executor()) as executor:
        controllers = await asyncio.gather(*(start(executor, task) for task in tasks))
        assert {"front", "back"} <= networks_of(engine)
        assert engine.docker("network", "inspect", "-f", "{{.Internal}}", "back") == "true"
        there = engine.docker("exec", "web.1.net0", "nslookup", "tasks.web", "127.0.0.11")
        for name in ("web.1.net0", "web.2.net1"):
            told = (
                "{{.NetworkSettings.Networks.front.IPAddress}} {{.NetworkSettings.Networks.back.IPAddress}}"
            )
            # The engine answers from one of the networks that they share.
            assert any(address in there for address in engine.docker("inspect", "-f", told, name).split()), (
                there
            )
        await controllers[0].shutdown()
        assert {"front", "back"} <= networks_of(engine)
        await controllers[1].shutdown()
        assert not {"front", "back"} & networks_of(engine)
        for controller in controllers:
            await controller.remove()


async def test_a_network_that_went_before_the_start_is_made_again(bench: DockerBench, engine: Engine) -> None:
    """Nothing is in the network of a container that was not started, so others may have removed it."""
    task = container("late", _RUNS)
    in_network(task, "passing")
    async with running(bench.executor()) as executor:
        controller = executor.controller(task, FixedDependencies())
        await controller.prepare()
        engine.docker("network", "rm", "passing")
        await controller.start()
        assert "passing" in networks_of(engine)
        await controller.remove()
    assert "passing" not in networks_of(engine)


async def test_networks_of_others_are_left_alone(bench: DockerBench, engine: Engine) -> None:
    """A network that somebody else made is not used under the name of the cluster's, and stays; so is its absence told."""
    engine.docker("network", "create", "taken")
    task, lost = container("stranger-net", _RUNS), container("no-settings", _RUNS)
    in_network(task, "taken")
    in_network(lost, "derived").spec.network = "no-such-settings"
    async with running(bench.executor()) as executor:
        for each, reason in ((task, "taken already"), (lost, '"no-such-settings" does not exist')):
            controller = executor.controller(each, FixedDependencies())
            with pytest.raises(errors.Fatal, match=reason):
                await controller.prepare()
            await controller.remove()
        await executor.retain(())
    assert "taken" in networks_of(engine)
    engine.docker("network", "rm", "taken")


async def test_a_network_with_settings_of_the_node(bench: DockerBench, engine: Engine) -> None:
    """Each node has the settings under the same name; the network takes them, and ends with its last container."""
    engine.docker("network", "create", "--config-only", "--subnet", "10.99.0.0/24", "settings")
    task = container("derived", "ip -4 addr show eth0")
    in_network(task, "from-settings").spec.network = "settings"
    async with running(bench.executor()) as executor:
        controller = await start(executor, task)
        await controller.wait()
        assert any("10.99.0." in line for line in await output(controller))
        await controller.remove()
    assert "from-settings" not in networks_of(engine)
    engine.docker("network", "rm", "settings")


async def test_the_hosts_network(bench: DockerBench, engine: Engine) -> None:
    """A container in the host's network has the host's devices."""
    task = container("in-host", "ls /sys/class/net; ls /sys/class/net | wc -l")
    in_network(task, "host", driver="host").spec.annotations.labels[PREDEFINED_LABEL] = "true"
    async with running(bench.executor()) as executor:
        controller = await start(executor, task)
        await controller.wait()
        assert "docker0" in await output(controller)
        await controller.remove()


async def test_an_unhealthy_container_tells_what_its_check_said(bench: DockerBench) -> None:
    """The task's error names the check's exit code and its last line."""
    task = container("ill", _RUNS)
    check = task.spec.container.healthcheck
    check.test.extend(["CMD-SHELL", "echo first; echo no database; exit 4"])
    check.interval.CopyFrom(duration(0.1))
    check.retries = 1
    async with running(bench.executor()) as executor:
        controller = executor.controller(task, FixedDependencies())
        await controller.prepare()
        with pytest.raises(errors.Fatal, match=r"unhealthy: .*\(exit code 4, 'no database'\)"):
            await controller.start()
        await controller.remove()


async def test_a_missing_program_is_fatal(bench: DockerBench) -> None:
    """A program that is not in the image fails the start with the engine's reason."""
    task = container("lost", "")
    task.spec.container.command[:] = ["/no/such/program"]
    async with running(bench.executor()) as executor:
        with pytest.raises(errors.Fatal, match="no such file"):
            await start(executor, task)
        await executor.controller(task, FixedDependencies()).remove()


async def test_out_of_memory_is_told(bench: DockerBench) -> None:
    """A container that exceeds its limit fails with the reason. A busy engine may lose the event that says so, and then the limit is named as
    what may be the reason."""
    task = container("greedy", "x=a; while :; do x=$x$x; done")
    task.spec.resources.limits.memory_bytes = 16 << 20
    async with running(bench.executor()) as executor:
        controller = await start(executor, task)
        with pytest.raises(errors.ExitFailure, match="using more memory than its limit"):
            await controller.wait()
        await controller.remove()


async def test_secrets_are_private_and_go_away(bench: DockerBench, tmp_path: Path) -> None:
    """The secret's file has the asked mode in the container, cannot be written, and is gone from the host afterwards."""
    task = container("trust", "stat -c '%a %u' /run/secrets/hush; echo x > /run/secrets/hush || echo refused")
    secret = task.spec.container.secrets.add(secret_id=SECRET_ID, secret_name="s")
    secret.file.name, secret.file.mode, secret.file.uid = "hush", 0o400, "7"
    async with running(bench.executor()) as executor:
        controller = await start(executor, task)
        await controller.wait()
        lines = await output(controller, streams=[LOG_STREAM_STDOUT])
        assert lines == ["400 7", "refused"]
        assert not (tmp_path / "memory" / "swarm" / "key" / "trust").exists()
        await controller.remove()


async def test_terminal_output_is_read(bench: DockerBench) -> None:
    """A container with a terminal has no stream frames; its lines are told all the same."""
    task = container("tty", "echo one; echo two")
    task.spec.container.tty = True
    async with running(bench.executor()) as executor:
        controller = await start(executor, task)
        await controller.wait()
        assert await output(controller) == ["one", "two"]
        await controller.remove()


@pytest.mark.parametrize("has_terminal", [False, True])
async def test_details_that_the_log_driver_notes(bench: DockerBench, has_terminal: bool) -> None:
    """Labels and variables that a log driver notes come with each line; a line that begins with a blank keeps it."""
    task = container("details", "echo ' one'; echo two")
    task.spec.container.tty = has_terminal
    task.spec.container.labels["a,b"] = "c d=é"
    task.spec.container.env.append("E=f")
    task.spec.log_driver.name = "json-file"
    task.spec.log_driver.options["labels"] = "a,b"
    task.spec.log_driver.options["env"] = "E"
    async with running(bench.executor()) as executor:
        controller = await start(executor, task)
        await controller.wait()
        records = [record async for record in controller.logs(LogSubscriptionOptions())]
        assert [record.data.decode().rstrip() for record in records] == [" one", "two"]
        for record in records:
            assert ("E", "f") in [(one.key, one.value) for one in record.attrs]
        await controller.remove()


async def test_many_lines_and_a_reader_that_leaves(bench: DockerBench) -> None:
    """All lines come in order, and a reader may leave a stream that goes on."""
    async with running(bench.executor()) as executor:
        controller = await start(executor, container("talk", f"seq 1 5000; {_RUNS}"))
        lines = []
        async for message in controller.logs(LogSubscriptionOptions(follow=True)):
            lines.append(int(message.data))
            if len(lines) == 5000:
                break
        assert lines == list(range(1, 5001))
        while await output(controller, tail=-2) != ["started"]:
            await CLOCK.sleep(0.05)
        assert await output(controller, tail=-3) == ["5000", "started"]
        follow = controller.logs(LogSubscriptionOptions(follow=True, tail=-2))
        assert (await anext(follow)).data == b"started\n"
        await follow.aclose()  # type: ignore[attr-defined]
        await controller.remove()


async def test_foreign_containers_are_left_alone(bench: DockerBench, engine: Engine, tmp_path: Path) -> None:
    """retain touches what this daemon made, nothing else on the engine."""
    name = f"stranger{next(_numbers)}"
    engine.docker("run", "-d", "--name", name, "--label", "com.docker.swarm.task.id=x", IMAGE, "sleep", "100")
    other = DockerExecutor(engine.url, tmp_path / "other", CLOCK, memory=tmp_path / "m" / "k")
    async with running(other), running(bench.executor()) as executor:
        theirs = await start(other, container("theirs", _RUNS))
        await executor.retain(())
        assert engine.docker("inspect", "-f", "{{.State.Running}}", name) == "true"
        with pytest.raises(errors.AlreadyStarted):
            await theirs.start()
        await theirs.remove()
    engine.docker("rm", "-f", name)


async def test_a_container_of_somebody_else_under_the_name_is_left_alone(
    bench: DockerBench, engine: Engine
) -> None:
    """It is not taken for the task's: the task is refused with the engine's reason, and removing the task removes nothing."""
    task = container("mine", _RUNS)
    task.annotations.name = f"named{next(_numbers)}"
    engine.docker("run", "-d", "--name", task.annotations.name, IMAGE, "sleep", "100")
    async with running(bench.executor()) as executor:
        controller = executor.controller(task, FixedDependencies())
        with pytest.raises(errors.Fatal, match="already in use"):
            await controller.prepare()
        await controller.shutdown()
        await controller.remove()
    assert engine.docker("inspect", "-f", "{{.State.Running}}", task.annotations.name) == "true"
    engine.docker("rm", "-f", task.annotations.name)


async def test_description(bench: DockerBench) -> None:
    """The node tells its engine's version and plugins, and that it runs containers."""
    async with running(bench.executor()) as executor:
        description = await executor.describe()
    plugins = {(plugin.type, plugin.name) for plugin in description.engine.plugins}
    assert description.engine.engine_version and {("Runtime", "container"), ("Volume", "local")} <= plugins


async def test_without_an_engine(tmp_path: Path) -> None:
    """An engine that is not there: everything is Temporary, and retain is not a failure."""
    executor = DockerExecutor(f"unix://{tmp_path}/none.sock", tmp_path, CLOCK, memory=tmp_path / "m" / "k")
    async with running(executor):
        with pytest.raises(errors.Temporary, match="does not answer: No such file"):
            await executor.describe()
        controller = executor.controller(container("t", "true"), FixedDependencies())
        with pytest.raises(errors.Temporary):
            await controller.prepare()
        await executor.retain(())


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await CLOCK.sleep(0.05)


@pytest.mark.slow
async def test_an_engine_that_restarts(bench: DockerBench, engine: Engine) -> None:
    """While the engine is away waiting is Temporary; when it is back the container's end is told and new ones start."""
    async with running(bench.executor()) as executor:
        controller = await start(executor, container("through", _RUNS.replace("exit 0", "exit 9")))
        waiting = asyncio.create_task(controller.wait())
        await asyncio.to_thread(engine.stop, signal.SIGTERM)
        with pytest.raises((errors.Temporary, errors.ExitFailure)):
            await waiting
        with pytest.raises(errors.Temporary):
            await controller.shutdown()
        await asyncio.to_thread(engine.start)
        with pytest.raises(errors.ExitFailure):
            await controller.wait()
        again = await start(executor, container("after", _RUNS))
        waiting = asyncio.create_task(again.wait())
        await asyncio.to_thread(engine.docker, "kill", "web.1.after")
        with pytest.raises(errors.ExitFailure):
            await asyncio.wait_for(waiting, 60)
        for each in (controller, again):
            with contextlib.suppress(errors.Temporary):
                await each.remove()


async def test_cluster_volume_in_a_container(bench: DockerBench, tmp_path: Path) -> None:
    """docs/design/volumes.md 12.10.2: what is published on this machine is at the mount's target, also through a link, and kept
    from writing where the mount says so; without it the container waits."""
    (tmp_path / "published").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "published")
    (tmp_path / "published/there").write_text("before")
    task = container("cv", "cat /data/there; echo after > /data/new; touch /seen/x 2>/dev/null || echo kept")
    for target, is_read_only in (("/data", False), ("/seen", True)):
        task.spec.container.mounts.add(type=Mount.CLUSTER, source="v", target=target, readonly=is_read_only)
        task.volumes.add(id="v1", source="v", target=target)
    async with running(bench.executor()) as executor:
        with pytest.raises(errors.Temporary, match="not published"):
            await executor.controller(task, FixedDependencies()).prepare()
        places = {"v1": PublishedVolume(tmp_path / "link")}
        controller = executor.controller(task, FixedDependencies(places))
        await controller.prepare()
        await controller.start()
        await controller.wait()
        assert "".join(await output(controller)) == "beforekept"
        assert (tmp_path / "published/new").read_text() == "after\n"
        assert not (tmp_path / "published/x").exists()
        await controller.remove()
        assert (tmp_path / "published/there").exists()


async def test_a_port_is_reached_inside(bench: DockerBench) -> None:
    """exec.md 15.4.4: also what listens on the container's loopback address alone, in a network that no way leads into from here."""
    executor = bench.executor()
    script = "exec busybox httpd -f -p 127.0.0.1:7000 -h /"
    controller = await start(executor, container("ports", script))
    try:
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(30):
            while True:
                try:
                    connection = await controller.connect(7000)
                    break
                except OSError as error:  # it has not begun to listen
                    assert "nothing listens on port 7000" in str(error)
                    await asyncio.sleep(0.01)
            with connection:
                await loop.sock_sendall(connection, b"GET /none HTTP/1.0\r\n\r\n")
                assert await loop.sock_recv(connection, 9) == b"HTTP/1.1 "
        with pytest.raises(OSError, match="nothing listens on port 7001"):
            await controller.connect(7001)
    finally:
        await controller.terminate()
        with pytest.raises(errors.Missing):
            await controller.connect(7000)
        await controller.remove()

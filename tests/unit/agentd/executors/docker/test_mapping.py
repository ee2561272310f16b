"""What the engine is asked for, field by field (docs/design/docker-executor.md 7.2 to 7.4)."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from swarm_agentd.exec.errors import InvalidTask, UnsupportedRuntime
from swarm_agentd.exec.volumes import MountedVolume
from swarm_agentd.executors.docker import engine_age, mapping, mounts, networks
from swarm_agentd.executors.docker.executor import describe
from swarm_agentd.executors.docker.logs import FrameSplitter, LineSplitter, Record, parse_time
from swarm_core.api.proto.objects_pb2 import Task
from swarm_core.api.proto.types_pb2 import HealthConfig, Mount, PortConfig
from swarm_core.api.timestamps import duration
from swarm_core.rules.placement.filters import Pipeline
from swarm_core.rules.placement.node_info import NodeInfo
from swarm_testkit.factories import make_cluster_mount, make_node, make_resources, make_task, make_task_spec


def task() -> Task:
    made = make_task("task-id", service_id="service-id", slot=3, node_id="node-id")
    made.service_annotations.name = "web"
    return made


def body(made: Task) -> dict[str, Any]:
    return mapping.create_body(made, {"own": "x"}, [("/here", "/there")])


def host(made: Task) -> dict[str, Any]:
    config: dict[str, Any] = body(made)["HostConfig"]
    return config


def test_names() -> None:
    """A task's own name, else service, slot and id; the node's id stands for the slot of a global task."""
    made = task()
    assert mapping.container_name(made) == "web.3.task-id"
    made.slot = 0
    assert mapping.container_name(made) == "web.node-id.task-id"
    made.annotations.name = "own"
    assert mapping.container_name(made) == "own"


@pytest.mark.parametrize(
    ("image", "reference"),
    [
        ("nginx", "nginx:latest"),
        ("nginx:1", "nginx:1"),
        ("host:5000/nginx", "host:5000/nginx:latest"),
        ("nginx@sha256:00", "nginx@sha256:00"),
    ],
)
def test_image_references(image: str, reference: str) -> None:
    """A missing tag is latest; a port of a registry is no tag."""
    assert mapping.image_reference(image) == reference


def test_labels_of_the_system_win() -> None:
    """Labels of spec, task and system, in this order; those of the service are not there."""
    made = task()
    made.spec.container.labels.update({"a": "spec", "b": "spec", "com.docker.swarm.task.id": "forged"})
    made.annotations.labels["b"] = "task"
    made.service_annotations.labels["c"] = "service"
    labels = body(made)["Labels"]
    assert (labels["a"], labels["b"], labels["own"]) == ("spec", "task", "x")
    assert labels["com.docker.swarm.task.id"] == "task-id" and labels["com.docker.swarm.task"] == ""
    assert "c" not in labels


def test_command_and_arguments() -> None:
    """The command replaces the entry point; arguments alone leave the image's."""
    made = task()
    made.spec.container.args.append("-v")
    assert body(made)["Cmd"] == ["-v"] and "Entrypoint" not in body(made)
    made.spec.container.command.append("run")
    assert body(made)["Entrypoint"] == ["run"]


def test_limits() -> None:
    """Limits reach the engine; reservations do not; no limit is no field."""
    made = task()
    assert not {"Memory", "NanoCpus", "MemorySwap", "PidsLimit"} & host(made).keys()
    made.spec.resources.limits.CopyFrom(make_resources(cpus=1.5, memory=1 << 20))
    made.spec.resources.reservations.CopyFrom(make_resources(cpus=9, memory=9 << 20))
    made.spec.resources.swap_bytes.value = 5
    made.spec.resources.memory_swappiness.value = 60
    made.spec.container.pidsLimit = 7
    made.spec.container.oom_score_adj = -500
    made.spec.container.ulimits.add(name="nofile", soft=1, hard=2)
    config = host(made)
    assert (config["Memory"], config["NanoCpus"], config["MemorySwap"]) == (
        1 << 20,
        1_500_000_000,
        (1 << 20) + 5,
    )
    assert (config["MemorySwappiness"], config["PidsLimit"]) == (60, 7)
    assert config["OomScoreAdj"] == -500
    assert config["Ulimits"] == [{"Name": "nofile", "Soft": 1, "Hard": 2}]
    made.spec.resources.swap_bytes.value = -1
    assert host(made)["MemorySwap"] == -1


def test_ports_of_the_host() -> None:
    """Host ports are bound, the engine chooses where none is named; ingress ports are not bound."""
    made = task()
    for target, published, mode in (
        (80, 8080, PortConfig.HOST),
        (81, 0, PortConfig.HOST),
        (82, 82, PortConfig.INGRESS),
    ):
        made.endpoint.ports.add(target_port=target, published_port=published, publish_mode=mode)
    assert host(made)["PortBindings"] == {"80/tcp": [{"HostPort": "8080"}], "81/tcp": [{"HostPort": ""}]}
    assert body(made)["ExposedPorts"] == {"80/tcp": {}, "81/tcp": {}}


def test_mounts() -> None:
    """Each type of mount with its options; the executor's own files come last, read-only."""
    made = task()
    bind = made.spec.container.mounts.add(type=Mount.BIND, source="/a", target="/b", readonly=True)
    bind.bind_options.propagation = Mount.BindOptions.RSLAVE
    volume = made.spec.container.mounts.add(type=Mount.VOLUME, source="data", target="/d")
    volume.volume_options.driver_config.name = "local"
    tmpfs = made.spec.container.mounts.add(type=Mount.TMPFS, target="/t")
    tmpfs.tmpfs_options.size_bytes, tmpfs.tmpfs_options.options = 5, '[["exec"], ["uid", 1]]'
    mounts = host(made)["Mounts"]
    assert mounts[0]["BindOptions"]["Propagation"] == "rslave" and mounts[0]["ReadOnly"]
    assert mounts[1]["VolumeOptions"]["DriverConfig"] == {"Name": "local", "Options": {}}
    assert mounts[2]["TmpfsOptions"] == {"SizeBytes": 5, "Mode": 0, "Options": [["exec"], ["uid", "1"]]}
    assert mounts[3] == {"Type": "bind", "Source": "/here", "Target": "/there", "ReadOnly": True}


@pytest.mark.parametrize(
    "mount",
    [
        Mount(type=Mount.BIND, source="/a", target="b"),
        Mount(type=Mount.BIND, source="a", target="/b"),
        Mount(type=Mount.VOLUME, source="/a", target="/b"),
        Mount(type=Mount.TMPFS, source="a", target="/b"),
        Mount(type=Mount.NPIPE, target="x"),
    ],
)
def test_bad_mounts_are_refused(mount: Mount) -> None:
    """Mounts that make no sense are refused before the engine sees them."""
    made = task()
    made.spec.container.mounts.append(mount)
    with pytest.raises(InvalidTask):
        mapping.check(made)


def test_cluster_volumes_are_bound() -> None:
    """12.10.2: a cluster volume is a directory of this machine; what else the mount says, and other mounts, stay."""
    made = task()
    made.spec.container.mounts.add(type=Mount.VOLUME, source="data", target="/d")
    made.spec.container.mounts.append(make_cluster_mount("group:g", "/g", readonly=True))
    mapping.check(made)
    volumes = [MountedVolume(made.spec.container.mounts[1], Path("/published/v1"), is_read_only=False)]
    found = mapping.create_body(mounts.with_volumes(made, volumes), {}, [])["HostConfig"]["Mounts"]
    assert [(each["Type"], each["Source"], each["Target"], each["ReadOnly"]) for each in found] == [
        ("volume", "data", "/d", False),
        ("bind", "/published/v1", "/g", True),
    ]
    assert made.spec.container.mounts[1].type == Mount.CLUSTER


def test_other_tasks_are_refused() -> None:
    """Processes are not ours, and a container needs an image."""
    with pytest.raises(UnsupportedRuntime):
        mapping.check(make_task("t", spec=make_task_spec(command=["true"])))
    with pytest.raises(InvalidTask, match="no image"):
        mapping.check(make_task("t", spec=make_task_spec(image="")))


@pytest.mark.parametrize("driver", ["", "overlay"])
def test_overlay_networks_are_refused_with_the_reason(driver: str) -> None:
    """An engine that is in no swarm cannot join one, and the task says so before its container is made."""
    networked = task()
    network = networked.networks.add().network
    network.spec.annotations.name, network.driver_state.name = "backend", driver
    with pytest.raises(InvalidTask, match=r"backend is an overlay network .* is in no swarm"):
        mapping.check(networked)


def test_the_engines_own_networks() -> None:
    """host and bridge are modes of the container; they take no names, and the host's network no company."""
    networked = task()
    own = networked.networks.add()
    own.network.spec.annotations.name = own.network.driver_state.name = "host"
    own.network.spec.annotations.labels[networks.PREDEFINED_LABEL] = "true"
    mapping.check(networked)
    assert host(networked)["NetworkMode"] == "host" and "NetworkingConfig" not in body(networked)
    own.aliases.append("db")
    with pytest.raises(InvalidTask, match="takes no aliases"):
        mapping.check(networked)
    del own.aliases[:]
    second = networked.networks.add().network
    second.spec.annotations.name, second.driver_state.name = "lan", "bridge"
    with pytest.raises(InvalidTask, match="in no other network"):
        mapping.check(networked)


@pytest.mark.parametrize(
    ("change", "since"),
    [
        (lambda spec: setattr(spec.mounts.add().bind_options, "createmountpoint", True), "1.42"),
        (lambda spec: spec.healthcheck.start_interval.CopyFrom(duration(1)), "1.44"),
        (lambda spec: setattr(spec.mounts.add().bind_options, "readonlyforcerecursive", True), "1.44"),
        (lambda spec: setattr(spec.mounts.add().volume_options, "subpath", "a"), "1.45"),
        (lambda spec: setattr(spec.mounts.add().tmpfs_options, "options", '[["exec"]]'), "1.46"),
    ],
)
def test_what_an_older_engine_would_leave_out_is_refused(change: Callable[[Any], None], since: str) -> None:
    """An engine ignores fields that are newer than its API; the task is refused instead, with both versions."""
    made = task()
    engine_age.check(made, "1.24")
    change(made.spec.container)
    engine_age.check(made, since)
    with pytest.raises(InvalidTask, match=f"API 1.41, which does not know .*API {since}"):
        engine_age.check(made, "1.41")


def test_what_newer_docker_managers_always_write_asks_for_nothing() -> None:
    """Rule 7.3.3: a start interval of 0 in every health check, and tmpfs options that say null, run on engines that know neither."""
    made = task()
    spec = made.spec.container
    spec.healthcheck.start_interval.SetInParent()
    spec.mounts.add(type=Mount.TMPFS, target="/t").tmpfs_options.options = "null"
    engine_age.check(made, "1.41")
    assert host(made)["Mounts"][0]["TmpfsOptions"] == {"SizeBytes": 0, "Mode": 0}


def test_tmpfs_options_as_on_a_command_line() -> None:
    """Both notations of tmpfs options reach the engine; what is neither is refused."""
    made = task()
    tmpfs = made.spec.container.mounts.add(type=Mount.TMPFS, target="/t").tmpfs_options
    tmpfs.options = "noexec,uid=1000"
    assert host(made)["Mounts"][0]["TmpfsOptions"]["Options"] == [["noexec"], ["uid", "1000"]]
    tmpfs.options = "[1]"
    with pytest.raises(InvalidTask, match="not a list of lists"):
        host(made)


def test_modes_of_a_newer_manager_are_refused() -> None:
    """A seccomp or AppArmor mode without a meaning here must not end up as the default."""
    for change in (
        lambda spec: setattr(spec.privileges.seccomp, "mode", 9),
        lambda spec: setattr(spec.privileges.apparmor, "mode", 9),
    ):
        made = task()
        change(made.spec.container)
        with pytest.raises(InvalidTask, match="mode 9"):
            body(made)


def test_the_rest_of_the_spec() -> None:
    """Health check, security, hosts, names, init, logs: each in the engine's words."""
    made = task()
    spec = made.spec.container
    spec.healthcheck.CopyFrom(HealthConfig(test=["CMD", "x"], interval=duration(1.5), retries=4))
    spec.hosts.extend(["10.0.0.1 db alias", "short"])
    spec.init.value = True
    spec.privileges.no_new_privileges = True
    spec.privileges.selinux_context.level = "s0"
    spec.privileges.seccomp.mode = 1
    spec.dns_config.nameservers.append("1.1.1.1")
    made.log_driver.name = "local"
    made.log_driver.options["max-size"] = "1m"
    made.assigned_generic_resources.extend(make_resources(generic={"gpu": ["a", "b"]}).generic)
    found, config = body(made), host(made)
    assert found["Healthcheck"]["Interval"] == 1_500_000_000 and found["Healthcheck"]["Retries"] == 4
    assert config["ExtraHosts"] == ["db:10.0.0.1"] and config["Init"] is True
    assert config["SecurityOpt"] == ["label=level:s0", "seccomp=unconfined", "no-new-privileges=true"]
    assert config["Dns"] == ["1.1.1.1"] and config["LogConfig"] == {
        "Type": "local",
        "Config": {"max-size": "1m"},
    }
    assert "DOCKER_RESOURCE_GPU=a,b" in found["Env"]
    assert "Healthcheck" not in body(task()) and "Init" not in host(task())


def test_placement_knows_what_such_a_node_cannot_join() -> None:
    """A task in an overlay network is not placed there, and is told the missing driver; one in a bridge network is."""
    info = {
        "Name": "box", "Architecture": "x86_64", "OSType": "linux", "NCPU": 2, "MemTotal": 9, "ServerVersion": "20.10",
        "Plugins": {"Network": ["bridge", "host", "overlay"]},
    }  # fmt: skip
    node = make_node()
    node.description.CopyFrom(describe(info, []))
    for driver, lacking in (("overlay", ["no network plugin 'overlay'"]), ("bridge", [])):
        networked = task()
        networked.networks.add().network.driver_state.name = driver
        verdicts = Pipeline(networked).verdicts(NodeInfo(node))
        assert [verdict.shortfall for verdict in verdicts if not verdict.passed] == lacking


def test_description() -> None:
    """Plugins of all kinds, each once and in order, but not the overlay networks of a swarm; labels without a value are left out, the last one wins."""
    info = {
        "Name": "box", "Architecture": "x86_64", "OSType": "linux", "NCPU": 2, "MemTotal": 9,
        "ServerVersion": "20.10", "Labels": ["a=1", "a=2=3", "bare"],
        "Plugins": {"Volume": ["local"], "Network": ["host", "overlay"], "Authorization": None, "Log": ["json-file"]},
        "GenericResources": [
            {"NamedResourceSpec": {"Kind": "gpu", "Value": "u1"}},
            {"DiscreteResourceSpec": {"Kind": "ssd", "Value": 3}},
        ],
    }  # fmt: skip
    managed = [
        {"Name": "nfs", "Enabled": True, "Config": {"Interface": {"Types": ["docker.volumedriver/1.0"]}}},
        {"Name": "off", "Enabled": False, "Config": {"Interface": {"Types": ["docker.logdriver/1.0"]}}},
    ]
    found = describe(info, managed)
    assert [(plugin.type, plugin.name) for plugin in found.engine.plugins] == [
        ("Log", "json-file"),
        ("Network", "host"),
        ("Runtime", "container"),
        ("Volume", "local"),
        ("Volume", "nfs"),
    ]
    assert dict(found.engine.labels) == {"a": "2=3"}
    assert len(found.resources.generic) == 2


def test_output_is_taken_apart() -> None:
    """Frames may come in any pieces; times have nine digits or fewer, details are none or some."""
    raw = b""
    for stream, text in ((1, b" one\n"), (2, b"a%2Cb=c+d,e=%C3%A9 two\n")):
        line = b"2026-01-02T03:04:05.000000007Z " + text
        raw += bytes([stream, 0, 0, 0]) + len(line).to_bytes(4, "big") + line
    split = FrameSplitter()
    records = [record for at in range(len(raw)) for record in split(raw[at : at + 1])]
    at_ns = parse_time("2026-01-02T03:04:05.000000007Z")
    assert records == [
        Record(at_ns, 1, b"one\n"),
        Record(at_ns, 2, b"two\n", (("a,b", "c d"), ("e", "é"))),
    ]
    assert at_ns % 1_000_000_000 == 7
    assert parse_time("1970-01-01T00:00:01.5Z") == 1_500_000_000
    assert [record.data for record in LineSplitter()(b"1970-01-01T00:00:01Z  hi\r\n1970")] == [b"hi\r\n"]


def test_what_only_a_newer_manager_knows_is_refused_with_a_sentence() -> None:
    """An isolation, a mount type or a consistency without a word here fails its task with what is unknown."""
    for change, what in (
        (lambda spec: setattr(spec, "isolation", 9), "isolation 9"),
        (lambda spec: setattr(spec.mounts.add(target="/x"), "type", 77), "mount type 77"),
        (
            lambda spec: setattr(spec.mounts.add(source="/x", target="/x"), "consistency", 8),
            "mount consistency 8",
        ),
    ):
        made = task()
        change(made.spec.container)
        with pytest.raises(InvalidTask, match=what):
            body(made)

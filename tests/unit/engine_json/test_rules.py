"""What the Engine API's JSON says in particular cases (docs/design/engine-api-json.md 14.1 to 14.9)."""

from types import SimpleNamespace
from typing import Any

import pytest
from google.protobuf.any_pb2 import Any as AnyPayload
from swarm_core.api.proto import objects_pb2, process_pb2, specs_pb2, types_pb2
from swarm_core.api.runtimes import set_process
from swarm_core.api.timestamps import duration
from swarm_core.ca.root_ca import RootCa
from swarm_core.engine_json import config, network, node, secret, service, swarm, task, volume
from swarm_core.engine_json.given import Given
from swarm_core.engine_json.shape import (
    TEXT,
    Choice,
    Inline,
    Moment,
    Nanoseconds,
    NanosecondsOrZero,
    Part,
    Parts,
    Shape,
    Value,
    Words,
    Wrapped,
)
from swarm_core.http.errors import BadRequest, NotImplementedHere
from swarm_core.http.version import NEWEST, Version
from swarm_testkit.factories import make_cluster, make_network, make_node, make_service, make_task

CONTAINER = {"TaskTemplate": {"ContainerSpec": {"Image": "i"}}}


def read(version: Version = NEWEST, **container: Any) -> specs_pb2.ContainerSpec:
    """The container's spec of a service with these fields."""
    body = {"TaskTemplate": {"ContainerSpec": {"Image": "i", **container}}}
    return service.from_json(body, version).task.container


def test_names_in_any_case() -> None:
    """Rule 14.1.2: any case, the last of several, null as nothing, unknown names ignored."""
    spec = service.from_json({"NAME": "a", "name": "b", "labels": None, "What": 1, **CONTAINER}, NEWEST)
    assert (spec.annotations.name, dict(spec.annotations.labels)) == ("b", {})
    assert read(env=["A"], Env=None, TTY=None).tty is False


@pytest.mark.parametrize(
    ("container", "text"),
    [
        ({"Image": 1}, "TaskTemplate.ContainerSpec.Image must be a string, not a number"),
        ({"TTY": "yes"}, "TaskTemplate.ContainerSpec.TTY must be a boolean, not a string"),
        ({"Env": "A=1"}, "TaskTemplate.ContainerSpec.Env must be a list, not a string"),
        ({"Env": [True]}, "TaskTemplate.ContainerSpec.Env[0] must be a string, not a boolean"),
        ({"Labels": []}, "TaskTemplate.ContainerSpec.Labels must be an object, not a list"),
        ({"Labels": {"a": 1.5}}, "TaskTemplate.ContainerSpec.Labels.a must be a string, not a number"),
        ({"StopGracePeriod": 1.0}, "TaskTemplate.ContainerSpec.StopGracePeriod must be a whole number, not a number"),
        ({"StopGracePeriod": 1 << 63}, f"TaskTemplate.ContainerSpec.StopGracePeriod must be from {-(1 << 63)} to {(1 << 63) - 1}"),
        ({"Mounts": [{"TmpfsOptions": {"Mode": -1}}]}, f"TaskTemplate.ContainerSpec.Mounts[0].TmpfsOptions.Mode must be from 0 to {(1 << 32) - 1}"),
        ({"Healthcheck": 3}, "TaskTemplate.ContainerSpec.Healthcheck must be an object, not a number"),
    ],
)  # fmt: skip
def test_values_of_another_type(container: dict[str, Any], text: str) -> None:
    """Rule 14.1.5: they are refused with their place."""
    with pytest.raises(BadRequest) as refused:
        read(**container)
    assert refused.value.message == f"invalid JSON: {text}"


def test_data_that_is_no_base64() -> None:
    """Rule 14.1.5: bytes are padded standard base64."""
    for data in ("eA", "e A==", "_-8="):
        with pytest.raises(BadRequest, match="Data must be base64"):
            secret.from_json({"Name": "s", "Data": data}, NEWEST)
    assert secret.from_json({"Name": "s", "Data": "eA==\n"}, NEWEST).data == b"x"


def test_half_characters() -> None:
    """Rule 14.1.5: half of a character, which JSON can say and a message cannot hold, is replaced."""
    assert read(Image="a\ud800b").image == "a\ufffdb"


def test_times_and_numbers() -> None:
    """Rule 14.1.4: as many digits as needed; 1970 where none is set, and nothing where Docker leaves it out."""
    made = make_service()
    made.meta.created_at.seconds, made.meta.created_at.nanos = 1_500_000_000, 120_000_000
    made.update_status.state = types_pb2.UpdateStatus.ROLLBACK_STARTED
    made.spec.update.max_failure_ratio = 0.1
    shown = service.to_json(made, NEWEST)
    assert shown["CreatedAt"] == "2017-07-14T02:40:00.12Z"
    assert shown["UpdatedAt"] == "1970-01-01T00:00:00Z"
    assert shown["UpdateStatus"] == {"State": "rollback_started"}
    assert str(shown["Spec"]["UpdateConfig"]["MaxFailureRatio"]) == "0.1"
    made.meta.created_at.seconds = 1 << 40
    assert service.to_json(made, NEWEST)["CreatedAt"] == "0001-01-01T00:00:00Z"


def test_words_of_a_newer_member() -> None:
    """Rule 14.1.6: a number without a word is shown as a number."""
    found = make_node()
    found.status.state = 9  # type: ignore[assignment]
    assert node.to_json(found, NEWEST)["Status"]["State"] == "9"


@pytest.mark.parametrize(
    ("newest_without", "container", "fields"),
    [
        (39, {"Sysctls": {"a": "1"}}, ["sysctls"]),
        (40, {"CapabilityAdd": ["A"], "CapabilityDrop": ["B"]}, ["capability_add", "capability_drop"]),
        (40, {"Ulimits": [{"Name": "n"}]}, ["ulimits"]),
        (45, {"OomScoreAdj": 5}, ["oom_score_adj"]),
    ],
)
def test_fields_newer_than_the_client(
    newest_without: int, container: dict[str, Any], fields: list[str]
) -> None:
    """Rule 14.1.7: dropped from what an older client sends, kept from the first that knows them, shown to all."""
    for field in fields:
        assert not getattr(read(Version(1, newest_without), **container), field)
        assert getattr(read(Version(1, newest_without + 1), **container), field)
    made = objects_pb2.Service(spec=service.from_json({"TaskTemplate": {"ContainerSpec": container}}, NEWEST))
    shown = service.to_json(made, Version(1, 24))["Spec"]["TaskTemplate"]["ContainerSpec"]
    assert set(container) <= set(shown)


def test_further_fields_newer_than_the_client() -> None:
    """Rule 14.1.7: seccomp and its kin, tmpfs options, start intervals, jobs, processes, tasks per node, runtime targets."""
    old, new = Version(1, 43), Version(1, 46)
    privileges = {
        "Seccomp": {"Mode": "custom", "Profile": "e30="},
        "AppArmor": {"Mode": "disabled"},
        "NoNewPrivileges": True,
    }
    assert not read(old, Privileges=privileges).privileges.ByteSize()
    found = read(new, Privileges=privileges).privileges
    assert (found.seccomp.mode, found.seccomp.profile, found.apparmor.mode, found.no_new_privileges) == (
        2,
        b"{}",
        1,
        True,
    )
    mounts = [{"Type": "tmpfs", "Target": "/t", "TmpfsOptions": {"Options": [["noexec"], ["uid", "1"]]}}]
    assert not read(Version(1, 45), Mounts=mounts).mounts[0].tmpfs_options.options
    assert read(new, Mounts=mounts).mounts[0].tmpfs_options.options == '[["noexec"],["uid","1"]]'
    assert not read(old, Healthcheck={"StartInterval": 1}).healthcheck.HasField("start_interval")
    assert read(new, Healthcheck={}).healthcheck.HasField("start_interval")
    job = {**CONTAINER, "Mode": {"ReplicatedJob": {"TotalCompletions": 5}}}
    assert service.from_json(job, Version(1, 40)).replicated.replicas == 1
    assert service.from_json(job, Version(1, 41)).replicated_job.total_completions == 5
    template = {
        **CONTAINER["TaskTemplate"],
        "Resources": {"Limits": {"Pids": 3}},
        "Placement": {"MaxReplicas": 2},
    }
    before = service.from_json({"TaskTemplate": template}, Version(1, 39)).task
    assert (before.container.pidsLimit, before.placement.max_replicas) == (0, 0)
    after = service.from_json({"TaskTemplate": template}, Version(1, 41)).task
    assert (after.container.pidsLimit, after.placement.max_replicas) == (3, 2)


def test_what_is_always_written_since() -> None:
    """Rule 14.1.8: volumes of tasks and no new privileges; EnableIPv4 from 1.48 on."""
    made = make_task()
    made.spec.container.privileges.SetInParent()
    old, new = task.to_json(made, Version(1, 41)), task.to_json(made, Version(1, 44))
    assert "Volumes" not in old and new["Volumes"] is None
    assert "NoNewPrivileges" not in old["Spec"]["ContainerSpec"]["Privileges"]
    assert new["Spec"]["ContainerSpec"]["Privileges"]["NoNewPrivileges"] is False
    made.volumes.add(id="v", source="s", target="/t")
    assert task.to_json(made, Version(1, 24))["Volumes"] == [{"ID": "v", "Source": "s", "Target": "/t"}]
    assert network.to_json(make_network(), Version(1, 48))["EnableIPv4"] is True


def test_addresses_that_are_none() -> None:
    """Rule 14.2.6: what strict readers could not read is left out."""
    made = make_service()
    made.endpoint.virtual_ips.add(network_id="n", addr="10.0.0.1")
    made.endpoint.virtual_ips.add(network_id="m", addr="10.0.0.1/24")
    made.spec.task.container.dns_config.nameservers.extend(["1.1.1.1", "dns", "::1"])
    shown = service.to_json(made, NEWEST)
    assert shown["Endpoint"]["VirtualIPs"] == [{"NetworkID": "n"}, {"NetworkID": "m", "Addr": "10.0.0.1/24"}]
    assert shown["Spec"]["TaskTemplate"]["ContainerSpec"]["DNSConfig"]["Nameservers"] == ["1.1.1.1", "::1"]
    attached = make_task()
    attached.networks.add(addresses=["10.0.0.3/24", "10.0.0.3", "10.0.0.3/255.0.0.0"])
    assert task.to_json(attached, NEWEST)["NetworksAttachments"][0]["Addresses"] == ["10.0.0.3/24"]
    overlay = make_network()
    overlay.ipam.configs.add(subnet="10.0.0.0/24", gateway="10.0.0.1/24", range="all")
    assert network.to_json(overlay, NEWEST)["IPAM"]["Config"] == [{"Subnet": "10.0.0.0/24"}]


def test_a_service_of_processes() -> None:
    """Rule 14.4.2: shown with a container's spec that says what the process has; not made or changed here."""
    made = make_service()
    process = process_pb2.ProcessSpec(
        command=["sleep"],
        args=["9"],
        env=["A=1"],
        dir="/d",
        user="u",
        stop_signal="SIGINT",
        stop_grace_period=duration(2),
    )
    made.spec.task.ClearField("container")
    set_process(made.spec.task, process)
    shown = service.to_json(made, NEWEST)["Spec"]["TaskTemplate"]
    assert shown["Runtime"] == "process"
    assert shown["ContainerSpec"] == {
        "Image": "process", "Command": ["sleep"], "Args": ["9"], "Env": ["A=1"], "Dir": "/d", "User": "u",
        "StopSignal": "SIGINT", "StopGracePeriod": 2_000_000_000, "Isolation": "default",
    }  # fmt: skip
    with pytest.raises(NotImplementedHere):
        service.from_json({"TaskTemplate": shown}, NEWEST)
    one = make_task()
    one.spec.CopyFrom(made.spec.task)
    assert task.to_json(one, NEWEST)["Spec"]["Runtime"] == "process"
    made.spec.task.generic.kind = "wasm"
    made.spec.task.generic.payload.Clear()
    shown = service.to_json(made, NEWEST)["Spec"]["TaskTemplate"]
    assert (shown["Runtime"], shown["ContainerSpec"]["Image"]) == ("wasm", "wasm")


PLUGIN = {
    "name": "p",
    "remote": "r:1",
    "privileges": [{"name": "network", "description": "d", "value": ["host"]}, {"name": "empty"}],
    "disabled": True,
    "env": ["A=1", "B="],
}


def test_a_service_of_plugins() -> None:
    """Rule 14.4.2: packed as Docker packs it, and shown again; its mode is global."""
    spec = service.from_json({"TaskTemplate": {"Runtime": "plugin", "PluginSpec": PLUGIN}}, NEWEST)
    assert spec.HasField("global")
    assert spec.task.generic.kind == "plugin"
    assert spec.task.generic.payload.type_url == "types.docker.com/RuntimePlugin"
    assert spec.task.generic.payload.value.startswith(b"\n\x01p\x12\x03r:1\x1a")
    shown = service.to_json(objects_pb2.Service(spec=spec), NEWEST)["Spec"]["TaskTemplate"]
    assert (shown["Runtime"], shown["PluginSpec"]) == ("plugin", PLUGIN)
    spec.task.generic.payload.CopyFrom(AnyPayload(value=b"\xff"))
    shown = service.to_json(objects_pb2.Service(spec=spec), NEWEST)["Spec"]["TaskTemplate"]
    assert shown["PluginSpec"] == {}


def test_attachments() -> None:
    """Rules 14.4.2 and 14.5.1: shown of tasks, with their runtime; never made."""
    made = make_task()
    made.spec.attachment.container_id = "c"
    shown = task.to_json(made, NEWEST)["Spec"]
    assert (shown["NetworkAttachmentSpec"], shown["Runtime"]) == ({"ContainerID": "c"}, "attachment")
    with pytest.raises(BadRequest, match='spec type "attachment" not supported'):
        service.from_json({"TaskTemplate": shown}, NEWEST)
    assert "Runtime" not in task.to_json(make_task(), NEWEST)["Spec"]


def test_ports_that_docker_would_guess() -> None:
    """Rule 14.4.9: unknown protocols and modes are refused, known ones are read in any case."""
    for port, text in (
        ({"Protocol": "x"}, 'invalid protocol: "x"'),
        ({"PublishMode": "y"}, 'invalid publish mode: "y"'),
    ):
        with pytest.raises(BadRequest) as refused:
            service.from_json({**CONTAINER, "EndpointSpec": {"Ports": [port]}}, NEWEST)
        assert refused.value.message == text
    spec = service.from_json(
        {**CONTAINER, "EndpointSpec": {"Ports": [{"Protocol": "UDP", "PublishMode": "Host"}]}}, NEWEST
    )
    assert (spec.endpoint.ports[0].protocol, spec.endpoint.ports[0].publish_mode) == (1, 1)


def test_switches_of_binds_that_docker_only_shows() -> None:
    """Rule 14.4.7: all of them are read; options that say nothing are none."""
    options = {"CreateMountpoint": True, "ReadOnlyNonRecursive": True, "ReadOnlyForceRecursive": True}
    found = read(
        Mounts=[{"Target": "/a", "BindOptions": options}, {"Target": "/b", "BindOptions": {}}]
    ).mounts
    bind = found[0].bind_options
    assert bind.createmountpoint and bind.readonlynonrecursive and bind.readonlyforcerecursive
    assert not found[1].HasField("bind_options")
    with pytest.raises(BadRequest, match=r"Options\[0\] must be a list of strings"):
        read(Mounts=[{"TmpfsOptions": {"Options": ["noexec"]}}])


def test_tmpfs_options_that_cannot_be_read() -> None:
    """Rule 14.4.7: they are left out, and the list is shown all the same."""
    made = make_service()
    made.spec.task.container.mounts.add(type=types_pb2.Mount.TMPFS, target="/t").tmpfs_options.options = "[1]"
    (shown,) = service.to_json(made, NEWEST)["Spec"]["TaskTemplate"]["ContainerSpec"]["Mounts"]
    assert shown == {"Type": "tmpfs", "Target": "/t", "TmpfsOptions": {}}


def test_generic_resources_that_are_neither() -> None:
    """Rule 14.2.4: they are refused."""
    resources = {"Reservations": {"GenericResources": [{}]}}
    with pytest.raises(BadRequest, match="either DiscreteResourceSpec or NamedResourceSpec"):
        service.from_json({"TaskTemplate": {**CONTAINER["TaskTemplate"], "Resources": resources}}, NEWEST)


def test_service_status_and_jobs() -> None:
    """Rules 14.4.11 and 14.5.2: the numbers of a job; its iteration is there also when it is 0."""
    spec = service.from_json({**CONTAINER, "Mode": {"ReplicatedJob": {"MaxConcurrent": 3}}}, NEWEST)
    assert (spec.replicated_job.max_concurrent, spec.replicated_job.total_completions) == (3, 3)
    made = objects_pb2.Service(spec=spec)
    made.job_status.SetInParent()
    status = service.Status(desired_tasks=3, running_tasks=2, completed_tasks=1)
    shown = service.to_json(made, NEWEST, status)
    assert shown["ServiceStatus"] == {"RunningTasks": 2, "DesiredTasks": 3, "CompletedTasks": 1}
    assert shown["JobStatus"] == {"JobIteration": {}, "LastExecution": "1970-01-01T00:00:00Z"}
    one = make_task()
    one.job_iteration.SetInParent()
    assert task.to_json(one, NEWEST)["JobIteration"] == {}


def test_nodes_need_their_words() -> None:
    """Rule 14.3.2: role and availability must be there and known."""
    for body, text in (
        ({"Availability": "active"}, 'invalid Role: ""'),
        ({"Role": "king", "Availability": "active"}, 'invalid Role: "king"'),
        ({"Role": "worker"}, 'invalid Availability: ""'),
    ):
        with pytest.raises(BadRequest) as refused:
            node.from_json(body, NEWEST)
        assert refused.value.message == text
    assert (
        node.from_json({"Role": "Manager", "Availability": "DRAIN"}, NEWEST).availability
        == specs_pb2.NodeSpec.DRAIN
    )


@pytest.mark.parametrize(("noun", "read_spec"), [("secret", secret.from_json), ("config", config.from_json)])
def test_templates_from_old_clients(noun: str, read_spec: Any) -> None:
    """Rule 14.7.2: refused below 1.37, since the data would be taken literally."""
    body = {"Name": "n", "Templating": {"Name": "golang"}}
    with pytest.raises(BadRequest) as refused:
        read_spec(body, Version(1, 36))
    assert refused.value.message == f"{noun} templating is not supported on the specified API version: 1.36"
    assert read_spec(body, Version(1, 37)).templating.name == "golang"


def test_networks_that_are_made() -> None:
    """Rule 14.6.1 and 14.6.2: reserved addresses, the default driver, and the ingress network of an old swarm."""
    spec = network.from_json(
        {
            "Name": "n",
            "IPAM": {"Config": [{"Subnet": "10.0.0.0/24", "AuxiliaryAddresses": {"router": "10.0.0.9"}}]},
        },
        NEWEST,
    )
    assert (spec.ipam.driver.name, dict(spec.ipam.configs[0].reserved)) == ("default", {"router": "10.0.0.9"})
    old = make_network(name="ingress")
    old.spec.annotations.labels["com.docker.swarm.internal"] = "true"
    assert network.to_json(old, NEWEST)["Ingress"] is True
    attached = make_task()
    attached.networks.add().network.CopyFrom(old)
    assert task.to_json(attached, NEWEST)["NetworksAttachments"][0]["Network"]["Spec"]["Ingress"] is True


def test_volumes_tell_their_time_in_gos_text() -> None:
    """Rule 14.8.1."""
    made = objects_pb2.Volume()
    made.meta.created_at.seconds, made.meta.created_at.nanos = 1_500_000_000, 900_000_000
    assert volume.to_json(made, NEWEST)["CreatedAt"] == "2017-07-14 02:40:00.9 +0000 UTC"


def test_the_issuer_during_a_change_of_the_root() -> None:
    """Rule 14.9.1: the new root's subject and key, and never a key that signs."""
    old, new = RootCa.create(0), RootCa.create(0)
    made = make_cluster()
    made.root_ca.ca_cert = old.certificate
    before = swarm.to_json(made, NEWEST)
    made.root_ca.root_rotation.ca_cert = new.certificate
    after = swarm.to_json(made, NEWEST)
    assert before["TLSInfo"]["TrustRoot"] == after["TLSInfo"]["TrustRoot"] == old.certificate.decode()
    assert before["TLSInfo"]["CertIssuerPublicKey"] != after["TLSInfo"]["CertIssuerPublicKey"]
    assert (before["RootRotationInProgress"], after["RootRotationInProgress"]) == (False, True)
    made.root_ca.ca_cert = b"nonsense"
    made.root_ca.ClearField("root_rotation")
    assert swarm.to_json(made, NEWEST)["TLSInfo"] == {"TrustRoot": "nonsense"}


def test_an_update_of_the_swarm_that_is_not_whole() -> None:
    """Rule 14.9.2: numbers stay; labels, external CAs, the signing root, its change and the lock are as given."""
    base = make_cluster(log_driver="journald").spec
    base.raft.snapshot_interval, base.ca_config.force_rotate = 7, 3
    base.encryption_config.auto_lock_managers = True
    base.annotations.labels["a"] = "1"
    base.ca_config.external_cas.add(url="https://one")
    found = swarm.from_json(
        {"Raft": {"KeepOldSnapshots": 2}, "CAConfig": {"SigningCACert": "pem"}}, NEWEST, base
    )
    assert (found.annotations.name, dict(found.annotations.labels)) == ("default", {})
    assert (found.raft.snapshot_interval, found.raft.keep_old_snapshots) == (7, 2)
    assert (found.ca_config.force_rotate, len(found.ca_config.external_cas)) == (0, 0)
    assert found.ca_config.signing_ca_cert == b"pem"
    assert found.encryption_config.auto_lock_managers is False
    assert found.task_defaults.log_driver.name == "journald"
    with pytest.raises(BadRequest, match='invalid protocol: "acme"'):
        swarm.from_json({"CAConfig": {"ExternalCAs": [{"Protocol": "acme"}]}}, NEWEST, base)


@pytest.mark.parametrize(
    "row",
    [
        Value("Name", "name", TEXT),
        Part("Part", "preferences", Shape()),
        Parts("Preferences", "preferences", Shape()),
        Nanoseconds("Delay", "delay"),
        NanosecondsOrZero("Delay", "delay"),
        Wrapped("Replicas", "replicas", TEXT),
        Moment("At", "at"),
    ],
    ids=lambda row: type(row).__name__,
)
def test_a_row_does_nothing_without_the_name_that_it_needs(row: Any) -> None:
    """So a shape need not ask it: it touches no message, where the name is missing and where it is another one."""
    assert row.needs == row.name
    for body in ({}, {"Other": 1}):
        row.read(Given(body, NEWEST), SimpleNamespace(preferences=None))


def test_rows_with_a_default_are_always_asked() -> None:
    """What is missing has a meaning to them."""
    rows: list[Any] = [
        Part("Part", "part", Shape(), always=True),
        NanosecondsOrZero("Delay", "delay", always=True),
        Choice("State", "state", Words({})),
        Inline("part", Shape()),
    ]
    assert [row.needs for row in rows] == [None] * 4

"""Cluster volumes on the command line (docs/design/volumes.md 12.9)."""

import json
from collections.abc import Callable

import pytest
from swarm_core.api import volume_failures
from swarm_core.api.proto import objects_pb2, specs_pb2, types_pb2
from swarm_core.api.runtimes import process_spec
from swarm_testkit.cluster_fake import FakeCluster
from swarm_testkit.command_line import CommandLine
from swarm_testkit.factories import (
    make_cluster_mount,
    make_node,
    make_secret,
    make_service,
    make_task,
    make_task_spec,
    make_volume,
)

Volume = objects_pb2.Volume
_Mode = types_pb2.VolumeAccessMode


@pytest.fixture
def fake() -> FakeCluster:
    return FakeCluster([make_node("n1", hostname="alpha"), make_secret("sec", name="login")])


@pytest.fixture
def tui(fake: FakeCluster, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    return CommandLine(fake, capsys)


def test_create_with_every_flag(tui: CommandLine) -> None:
    """12.9.1: docker's flags reach the spec; the name is printed."""
    result = tui(
        "volume", "create", "data", "--driver", "csi", "--opt", "pool=fast", "--label", "a=b", "--group", "g", "--scope", "multi",
        "--sharing", "onewriter", "--type", "mount", "--availability", "pause", "--secret", "password=login",
        "--required-bytes", "1g", "--limit-bytes", "2g", "--topology-required", "zone=a,rack=1", "--topology-preferred", "zone=b",
    )  # fmt: skip
    assert (result.code, result.out) == (0, "data\n")
    (volume,) = tui.fake.all(Volume)
    spec = volume.spec
    assert spec.access_mode == _Mode(
        scope=_Mode.MULTI_NODE, sharing=_Mode.ONE_WRITER, mount=_Mode.MountVolume()
    )
    assert (spec.annotations.name, spec.group, spec.driver.name) == ("data", "g", "csi")
    assert (dict(spec.annotations.labels), dict(spec.driver.options)) == ({"a": "b"}, {"pool": "fast"})
    assert spec.availability == specs_pb2.VolumeSpec.PAUSE
    assert [(each.key, each.secret) for each in spec.secrets] == [("password", "sec")]
    assert (spec.capacity_range.required_bytes, spec.capacity_range.limit_bytes) == (1 << 30, 2 << 30)
    assert dict(spec.AccessibilityRequirements.requisite[0].segments) == {"zone": "a", "rack": "1"}
    assert dict(spec.AccessibilityRequirements.preferred[0].segments) == {"zone": "b"}


def test_defaults_are_dockers(tui: CommandLine) -> None:
    """12.9.1: what is not said is for one node, for one task, a block device, and active."""
    assert tui("volume", "create", "data", "-d", "csi").code == 0
    (volume,) = tui.fake.all(Volume)
    assert volume.spec.access_mode == _Mode(block=_Mode.BlockVolume())
    assert volume.spec.availability == specs_pb2.VolumeSpec.ACTIVE


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ((), "--driver is needed"),
        (("-d", "csi", "--scope", "all"), "--scope: 'all' is none of single, multi"),
        (("-d", "csi", "--sharing", "some"), "--sharing: 'some' is none of none, readonly"),
        (("-d", "csi", "--type", "tape"), "--type: 'tape' is none of mount, block"),
        (("-d", "csi", "--availability", "off"), "--availability: 'off' is none of active"),
        (("-d", "csi", "--limit-bytes", "big"), "--limit-bytes: 'big' is no size"),
        (("-d", "csi", "--topology-required", "zone"), "--topology-required: 'zone' is no topology"),
        (("-d", "csi", "--secret", "key=nowhere"), "There is no secret named 'nowhere'"),
        (("-d", "csi", "--required-bytes", "2g", "--limit-bytes", "1g"), "at least 2147483648 bytes"),
    ],
)
def test_bad_values(tui: CommandLine, words: tuple[str, ...], reason: str) -> None:
    """12.9.1: what cannot be used is refused with the flag's name, and nothing is created."""
    result = tui("volume", "create", "data", *words)
    assert result.code != 0
    assert reason in result.err
    assert tui.fake.all(Volume) == []


@pytest.mark.parametrize(
    ("edit", "status"),
    [
        (lambda volume: volume.ClearField("volume_info"), "pending creation"),
        (lambda volume: None, "created"),
        (lambda volume: volume.publish_status.add(node_id="n1"), "in use (1 node)"),
        (lambda volume: [volume.publish_status.add(node_id=n) for n in ("n1", "n2")], "in use (2 nodes)"),
        (lambda volume: setattr(volume, "pending_delete", True), "being removed"),
    ],
)
def test_list(tui: CommandLine, edit: Callable[[Volume], object], status: str) -> None:
    """12.9.2: docker's columns of cluster volumes, and its words for their states."""
    volume = make_volume("v1", name="data", group="g", availability="DRAIN")
    edit(volume)
    tui.fake.put(volume, make_volume("v2", name="other"))
    lines = tui("volume", "ls").lines
    assert " ".join(lines[0].split()) == "VOLUME NAME GROUP DRIVER AVAILABILITY STATUS"
    assert " ".join(lines[1].split()) == f"data g csi drain {status}"
    assert tui("volume", "ls", "-q").out == "v1\nv2\n"
    assert len(tui("volume", "ls", "--filter", "group=g").lines) == 2
    assert len(tui("volume", "ls", "--filter", "driver=nfs").lines) == 1


def test_inspect(tui: CommandLine) -> None:
    """12.9.2: everything as JSON; for people where it is, what keeps it, and who asks for it."""
    volume = make_volume("v1", name="data", group="g", published={"n1": "PENDING_PUBLISH"})
    volume.publish_status[0].message = "the cable is out"
    spec = make_task_spec(mounts=[make_cluster_mount("group:g")])
    tui.fake.put(volume, make_service("s1", name="web", task=spec))
    (found,) = json.loads(tui("volume", "inspect", "data").out)
    assert found["spec"]["annotations"]["name"] == "data"
    said = tui("volume", "inspect", "--pretty", "v1").out
    assert "alpha: pending publish: the cable is out" in said
    assert "file system, scope multi, sharing all" in said
    assert "Used by:" in said
    assert "web" in said


def test_update(tui: CommandLine) -> None:
    """12.9.2: availability and labels, of several volumes at once; nothing else, and never nothing."""
    tui.fake.put(make_volume("v1", name="a"), make_volume("v2", name="b"))
    result = tui("volume", "update", "--availability", "drain", "--label-add", "x=y", "a", "v2")
    assert (result.code, result.out) == (0, "a\nv2\n")
    for volume in tui.fake.all(Volume):
        assert volume.spec.availability == specs_pb2.VolumeSpec.DRAIN
        assert dict(volume.spec.annotations.labels) == {"x": "y"}
    assert tui("volume", "update", "--label-rm", "x", "a").code == 0
    assert not tui.fake.all(Volume)[0].spec.annotations.labels
    assert "nothing to change" in tui("volume", "update", "a").err
    assert "'off' is none of" in tui("volume", "update", "--availability", "off", "a").err
    assert "no volume named 'c'" in tui("volume", "update", "--availability", "pause", "c").err


def test_remove(tui: CommandLine) -> None:
    """12.9.2: a published volume stays, with the nodes named, unless by force."""
    tui.fake.put(make_volume("v1", name="a"), make_volume("v2", name="b", published={"n1": "PUBLISHED"}))
    assert tui("volume", "rm", "a").out == "a\n"
    result = tui("volume", "rm", "b")
    assert result.code == 1
    assert "published on alpha" in result.err
    assert tui("volume", "rm", "--force", "b").out == "b\n"
    assert [volume.pending_delete for volume in tui.fake.all(Volume)] == [True]


def test_mounts_of_services(tui: CommandLine) -> None:
    """12.9.3: containers and processes mount cluster volumes; a process nothing else."""
    assert (
        tui(
            "service",
            "create",
            "-d",
            "--name",
            "c",
            "--mount",
            "type=cluster,source=data,target=/d,readonly",
            "img",
        ).code
        == 0
    )
    mount = ("--mount", "type=cluster,source=group:g,target=/d")
    assert (
        tui("service", "create", "-d", "--name", "p", "--runtime", "process", *mount, "--", "sleep", "9").code
        == 0
    )
    specs = {each.spec.annotations.name: each.spec.task for each in tui.fake.all(objects_pb2.Service)}
    assert list(specs["c"].container.mounts) == [make_cluster_mount("data", "/d", readonly=True)]
    process = process_spec(specs["p"])
    assert process is not None
    assert list(process.mounts) == [make_cluster_mount("group:g", "/d")]
    result = tui(
        "service", "update", "-d", "--mount-rm", "/d", "--mount-add", "type=cluster,source=w,target=/w", "p"
    )
    assert result.code == 0
    specs = {each.spec.annotations.name: each.spec.task for each in tui.fake.all(objects_pb2.Service)}
    process = process_spec(specs["p"])
    assert process is not None
    assert list(process.mounts) == [make_cluster_mount("w", "/w")]
    for words, reason in (
        (("type=bind,source=/a,target=/b",), "takes mounts of type=cluster alone"),
        (("type=cluster,target=/b",), "names no volume"),
    ):
        bad = tui(
            "service", "create", "-d", "--name", "q", "--runtime", "process", "--mount", *words, "--", "true"
        )
        assert bad.code != 0
        assert reason in bad.err


def failed(fake: FakeCluster, name: str, text: str, **how: bool) -> None:
    """A volume that its plugin could not make, or not delete, as the leader tells it; and a service that asks for it."""
    volume = make_volume(f"id-of-{name}", name=name, **how)
    extension = objects_pb2.Extension(id=f"extension-{name}")
    extension.annotations.name = volume_failures.KIND
    resource = objects_pb2.Resource(id=f"failure-{name}", kind=volume_failures.KIND)
    resource.annotations.name = volume.id
    volume_failures.write(resource, text)
    service = make_service("s", name="web", task=make_task_spec(mounts=[make_cluster_mount(name)]))
    task = make_task("t", service=service, slot=1, state="PENDING", err="no suitable node")
    fake.put(volume, extension, resource, service, task)


@pytest.mark.parametrize(
    ("how", "status"),
    [({"is_created": False}, "pending creation"), ({"pending_delete": True}, "being removed")],
)
def test_why_a_plugin_has_not_done_it(
    fake: FakeCluster, tui: CommandLine, how: dict[str, bool], status: str
) -> None:
    """12.5.8: the list, the description and both explanations tell what the plugin said."""
    failed(fake, "data", "the pool is full", **how)
    told = f"{status}: the pool is full"
    assert told in tui("volume", "ls").out
    assert [json.loads(line)["Status"] for line in tui("volume", "ls", "--format", "json").lines] == [told]
    assert told in tui("volume", "inspect", "--pretty", "data").out
    for words in (("task", "why", "t"), ("service", "why", "web")):
        assert f"Volume data is {status}: the pool is full." in tui(*words).out


def test_what_was_made_meanwhile_has_no_reason(fake: FakeCluster, tui: CommandLine) -> None:
    """12.5.8: a reason that a leader of another make left behind is not told of a volume that is there."""
    failed(fake, "data", "the pool is full")
    for words in (("volume", "ls"), ("volume", "inspect", "--pretty", "data"), ("service", "why", "web")):
        assert "the pool is full" not in tui(*words).out

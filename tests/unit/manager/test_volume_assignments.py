"""What nodes are told of volumes (docs/design/volumes.md 12.6)."""

import random
from collections.abc import Mapping

import pytest
from swarm_core.api.proto.dispatcher_pb2 import (
    AssignmentChange,
    AssignmentsMessage,
    AssignmentsRequest,
    SessionRequest,
    UpdateVolumeStatusRequest,
)
from swarm_core.api.proto.objects_pb2 import Config, Secret, Volume
from swarm_core.api.proto.types_pb2 import VolumePublishStatus
from swarm_core.manager.dispatcher import wire
from swarm_core.manager.dispatcher.assignments import AssignmentSet
from swarm_core.manager.dispatcher.dispatcher import Dispatcher
from swarm_core.rpc.caller import Caller
from swarm_testkit.clock import VirtualClock, in_virtual_time
from swarm_testkit.factories import make_node, make_secret, make_volume
from swarm_testkit.leader import Leader

CALLER = Caller("n1", frozenset({"swarm-worker"}), "cluster", "[2001:db8::7]:5555")


def told(message: AssignmentsMessage) -> list[str]:
    out = []
    for change in message.changes:
        kind = change.assignment.WhichOneof("item")
        assert kind
        sign = "-" if change.action == AssignmentChange.REMOVE else "+"
        out.append(f"{sign}{kind} {getattr(change.assignment, kind).id}")
    return out


class Set:
    """What the node n1 is told as a volume changes."""

    def __init__(self) -> None:
        self.set = AssignmentSet("n1", self.look_up)
        self.message = AssignmentsMessage()

    def look_up(self, item: int, object_id: str) -> Secret | Config | None:
        return make_secret(object_id) if item == wire.SECRET and object_id == "s1" else None

    def put(self, state: str, *, secret: str = "", node: str = "n1") -> list[str]:
        self.set.put_volume(volume({node: state} if state else {}, secret))
        return self.told()

    def told(self) -> list[str]:
        self.message = AssignmentsMessage.FromString(wire.complete("", "1", self.set.take()))
        return told(self.message)


def volume(published: Mapping[str, str], secret: str = "") -> Volume:
    made = make_volume("v1", published=published)
    made.volume_info.volume_context["made"] = "yes"
    for status in made.publish_status:
        status.publish_context["device"] = "sda"
    if secret:
        made.spec.secrets.add(key="password", secret=secret)
    return made


def test_from_published_to_gone() -> None:
    """12.6.1 to 12.6.3: told when it is published, taken away when the node shall let go, and nothing in between or after."""
    node = Set()
    states = ["PENDING_PUBLISH", "PUBLISHED", "PUBLISHED", "PENDING_NODE_UNPUBLISH", "PENDING_UNPUBLISH", ""]
    assert [node.put(state) for state in states] == [[], ["+volume v1"], [], ["-volume v1"], [], []]
    assert node.put("PUBLISHED") == ["+volume v1"]


def test_what_is_told() -> None:
    """12.6.1, 12.6.2: everything that the plugin of the node needs, also for the removal."""
    node = Set()
    for state in ("PUBLISHED", "PENDING_NODE_UNPUBLISH"):
        node.put(state, secret="s1")
        change = next(each for each in node.message.changes if each.assignment.HasField("volume"))
        found = change.assignment.volume
        assert (found.id, found.volume_id, found.driver.name) == ("v1", "plugin-v1", "csi")
        assert dict(found.volume_context) == {"made": "yes"}
        assert dict(found.publish_context) == {"device": "sda"}
        assert found.access_mode.WhichOneof("access_type") == "mount"
        assert [(secret.key, secret.secret) for secret in found.secrets] == [("password", "s1")]


def test_a_node_that_knows_nothing_is_told_to_let_go() -> None:
    """12.6.2: a removal is told also where nothing was told before."""
    assert Set().put("PENDING_NODE_UNPUBLISH") == ["-volume v1"]


def test_other_nodes_do_not_matter() -> None:
    """12.6.3: what is published elsewhere is not told here."""
    assert Set().put("PUBLISHED", node="n2") == []


def test_secrets_come_and_go() -> None:
    """12.6.1, 12.6.3: a secret comes before its volume, and goes when the volume has left."""
    node = Set()
    assert node.put("PUBLISHED", secret="s1") == ["+secret s1", "+volume v1"]
    assert node.put("PENDING_NODE_UNPUBLISH", secret="s1") == ["-volume v1"]
    assert node.put("PENDING_UNPUBLISH", secret="s1") == ["-secret s1"]
    assert node.put("PUBLISHED", secret="none") == ["+volume v1"]


def test_removal_by_force() -> None:
    """12.6.2: a node that has a volume whose object is deleted is told to let go of it, once."""
    node = Set()
    node.put("PUBLISHED")
    node.set.remove_volume(volume({"n1": "PUBLISHED"}))
    assert node.told() == ["-volume v1"]
    node.set.remove_volume(volume({"n1": "PUBLISHED"}))
    assert node.told() == []


def test_untold_changes_are_merged() -> None:
    """12.6.1: of several changes between two messages the last one is told."""
    node = Set()
    node.set.put_volume(volume({"n1": "PUBLISHED"}))
    node.set.put_volume(volume({"n1": "PENDING_NODE_UNPUBLISH"}))
    assert node.told() == ["-volume v1"]


class Rig(Leader):
    """A dispatcher that serves the node n1."""

    def dispatcher(self, **_: object) -> Dispatcher:
        self.made = Dispatcher(
            self.store,
            VirtualClock(),
            random.Random(1),
            node_id="m1",
            managers=list,
            managers_are_ours=lambda: False,
        )
        return self.made

    async def session(self) -> str:
        async for message in self.made.session(SessionRequest(), CALLER):
            return message.session_id
        raise AssertionError


@in_virtual_time
async def test_stream() -> None:
    """12.6.1, 12.6.2: a stream begins with what is published for its node, and follows what changes."""
    rig = Rig()
    await rig.put(make_node("n1"), volume({"n1": "PUBLISHED", "n2": "PUBLISHED"}))
    await rig.put(make_volume("v2", published={"n2": "PUBLISHED"}))
    async with rig.running(rig.dispatcher):
        session_id = await rig.session()
        stream = rig.made.assignments(AssignmentsRequest(session_id=session_id), CALLER)

        async def following() -> list[str]:
            return told(AssignmentsMessage.FromString(await anext(stream)))

        assert await following() == ["+volume v1"]
        await rig.put(make_volume("v2", published={"n1": "PUBLISHED", "n2": "PUBLISHED"}))
        assert await following() == ["+volume v2"]
        await rig.put(volume({"n1": "PENDING_NODE_UNPUBLISH"}))
        assert await following() == ["-volume v1"]
        await rig.delete(Volume, "v2")
        assert await following() == ["-volume v2"]
        await stream.aclose()  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("state", "after"),
    [
        ("PENDING_NODE_UNPUBLISH", "PENDING_UNPUBLISH"),
        ("PUBLISHED", "PUBLISHED"),
        ("PENDING_PUBLISH", "PENDING_PUBLISH"),
    ],
)
@in_virtual_time
async def test_report(state: str, after: str) -> None:
    """12.6.4: the report of a node moves its own entry on, if that waits for it; an unknown volume is ignored."""
    rig = Rig()
    await rig.put(make_node("n1"), volume({"n1": state, "n2": "PENDING_NODE_UNPUBLISH"}))
    async with rig.running(rig.dispatcher):
        request = UpdateVolumeStatusRequest(session_id=await rig.session())
        for volume_id in ("nowhere", "v1"):
            request.updates.add(id=volume_id, unpublished=True)
        await rig.made.update_volume_status(request, CALLER)
        await VirtualClock().sleep(1)
    (found,) = rig.store.find(Volume)
    states = {each.node_id: VolumePublishStatus.State.Name(each.state) for each in found.publish_status}
    assert states == {"n1": after, "n2": "PENDING_NODE_UNPUBLISH"}

"""The watch: list, mark, stream; resume after a cut, list anew after a refusal."""

import random
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import pytest
from google.protobuf.message import Message
from swarm_core.api import volume_failures
from swarm_core.api.proto import objects_pb2, types_pb2
from swarm_core.client.errors import NO_LEADER, CallFailed, Unreachable
from swarm_core.client.watch import MIRRORED, Action, Changed, ClusterWatch, Listed, Lost, Resumed, Update
from swarm_testkit.cluster_fake import FakeCluster, lively_cluster
from swarm_testkit.factories import (
    make_cluster,
    make_node,
    make_service,
    make_task,
    make_volume,
    make_volume_failure,
)


class NoWait:
    """A clock on which waiting takes no time; `slept` counts the waits."""

    def __init__(self) -> None:
        self.slept = 0

    def monotonic(self) -> float:
        return 0.0

    def wall_ns(self) -> int:
        return 0

    async def sleep(self, seconds: float) -> None:
        self.slept += 1


@asynccontextmanager
async def watching(fake: FakeCluster, clock: NoWait | None = None) -> AsyncIterator[AsyncGenerator[Update]]:
    watch = ClusterWatch(fake, clock=clock or NoWait(), rng=random.Random(1))
    async with aclosing(watch.updates()) as updates:
        yield updates


def small_cluster() -> FakeCluster:
    return FakeCluster([make_cluster("c1"), make_service("s1", name="web")])


async def test_lists_then_streams() -> None:
    """First everything there is, then each commit as one update."""
    fake = small_cluster()
    async with watching(fake) as updates:
        listed = await anext(updates)
        assert isinstance(listed, Listed)
        assert {item.id for item in listed.objects} == {"c1", "s1"}
        fake.put(make_service("s2", name="api"), make_service("s3", name="db"))
        changed = await anext(updates)
        assert isinstance(changed, Changed)
        assert [(change.action, change.object.id) for change in changed.changes] == [
            (Action.CREATED, "s2"),
            (Action.CREATED, "s3"),
        ]
        fake.remove(objects_pb2.Service, "s1")
        removed = await anext(updates)
        assert isinstance(removed, Changed)
        assert [change.action for change in removed.changes] == [Action.REMOVED]


async def test_tells_why_volumes_could_not_be_made() -> None:
    """Of resources those of volumes that are still to be made are listed and streamed, and no others."""
    extension = objects_pb2.Extension(id="e1")
    extension.annotations.name = volume_failures.KIND
    other = objects_pb2.Extension(id="e2")
    other.annotations.name = "other"
    volume = make_volume("v1", is_created=False)
    fake = FakeCluster(
        [make_cluster("c1"), extension, other, volume, make_volume_failure("v1", "full", "r1")]
    )
    watch = ClusterWatch(fake, clock=NoWait(), rng=random.Random(1), kinds=MIRRORED)
    async with aclosing(watch.updates()) as updates:
        listed = await anext(updates)
        assert isinstance(listed, Listed)
        assert {item.id for item in listed.objects} == {"c1", "v1", "r1"}
        stranger = objects_pb2.Resource(id="r2", kind="other")
        stranger.annotations.name = "of another program"
        fake.put(stranger)
        fake.put(make_volume_failure("v1", "still full", "r1"))
        changed = await anext(updates)
        assert isinstance(changed, Changed)
        assert [volume_failures.read(change.object) for change in changed.changes] == ["still full"]


async def test_opens_before_it_lists() -> None:
    """A change between the mark and the list is not lost."""
    fake = small_cluster()
    call, seen = fake.call, []

    async def call_after_a_change(method: str, request: object, *, timeout: float | None = None) -> object:
        if method == "Control.ListTasks" and not seen:
            seen.append(method)
            fake.put(make_service("late", name="late"))
        return await call(method, request, timeout=timeout)  # type: ignore[arg-type]

    fake.call = call_after_a_change  # type: ignore[method-assign]
    async with watching(fake) as updates:
        await anext(updates)
        changed = await anext(updates)
        assert isinstance(changed, Changed)
        assert [change.object.id for change in changed.changes] == ["late"]


async def test_resumes_after_a_cut() -> None:
    """After a lost connection only what was missed is given; nothing is listed again."""
    fake = small_cluster()
    async with watching(fake) as updates:
        await anext(updates)
        fake.put(make_service("s2", name="api"))
        await anext(updates)
        fake.cut("gone")
        assert await anext(updates) == Lost("gone")
        fake.put(make_service("s3", name="missed"))
        assert isinstance(await anext(updates), Resumed)
        changed = await anext(updates)
        assert isinstance(changed, Changed)
        assert [change.object.id for change in changed.changes] == ["s3"]
        assert [method for method, _ in fake.calls].count("Control.ListServices") == 1


async def test_retries_while_nobody_answers() -> None:
    """An unreachable manager is tried again and again, with a wait before each try."""
    fake, clock = small_cluster(), NoWait()
    fake.unreachable = "nobody there"
    async with watching(fake, clock) as updates:
        for _ in range(3):
            assert await anext(updates) == Lost("nobody there")
        fake.unreachable = None
        assert isinstance(await anext(updates), Listed)
        assert clock.slept == 3


@pytest.mark.parametrize(
    "error", [CallFailed("UNKNOWN", "compacted"), CallFailed("ABORTED", "the watch fell too far behind")]
)
async def test_lists_anew_when_resuming_is_refused(error: CallFailed) -> None:
    """A token that the peer no longer honours is forgotten at once, without a wait."""
    fake, clock = small_cluster(), NoWait()
    async with watching(fake, clock) as updates:
        await anext(updates)
        fake.cut("gone")
        await anext(updates)
        fake.fail_next("Watch.Watch", error)
        assert await anext(updates) == Lost(str(error), is_refusal=True)
        assert isinstance(await anext(updates), Listed)
        assert clock.slept == 1


async def test_a_manager_without_a_leader_is_an_outage() -> None:
    """The manager is back and nobody leads: it is not listed anew, and goes on where it broke once somebody does."""
    fake, clock = small_cluster(), NoWait()
    async with watching(fake, clock) as updates:
        await anext(updates)
        fake.fail_next("Control.ListClusters", CallFailed(NO_LEADER, "nobody leads"), times=2)
        fake.cut("gone")
        assert [await anext(updates) for _ in range(3)] == [
            Lost("gone"),
            Lost("nobody leads"),
            Lost("nobody leads"),
        ]
        assert isinstance(await anext(updates), Resumed)
        assert clock.slept == 3


async def test_lists_anew_for_another_cluster() -> None:
    """When another cluster answers on the same socket its whole content replaces the old one."""
    fake = small_cluster()
    async with watching(fake) as updates:
        await anext(updates)
        fake.remove(objects_pb2.Cluster, "c1")
        await anext(updates)
        fake.put(make_cluster("c2"))
        await anext(updates)
        fake.cut("gone")
        await anext(updates)
        assert isinstance(await anext(updates), Listed)


async def test_refusal_is_not_hammered() -> None:
    """A peer that always refuses is asked again only after a wait."""
    fake, clock = small_cluster(), NoWait()
    fake.fail_next("Watch.Watch", CallFailed("PERMISSION_DENIED", "no"), times=3)
    async with watching(fake, clock) as updates:
        for _ in range(3):
            assert await anext(updates) == Lost("no", is_refusal=True)
        assert isinstance(await anext(updates), Listed)
        assert clock.slept == 3


async def test_messages_without_version() -> None:
    """A follower of Docker's sends no versions: resuming then starts from the objects' own, which lie before."""
    fake = small_cluster()
    fake.silent_versions = True
    async with watching(fake) as updates:
        await anext(updates)
        fake.put(make_service("s2", name="api"))
        changed = await anext(updates)
        assert isinstance(changed, Changed)
        assert changed.version == changed.changes[0].object.meta.version.index < fake.version
        fake.cut("gone")
        await anext(updates)
        assert isinstance(await anext(updates), Resumed)
        again = await anext(updates)
        assert isinstance(again, Changed)
        assert [change.object.id for change in again.changes] == ["s2"]


async def test_old_engine_without_volumes() -> None:
    """Kinds that the peer does not know are left out."""
    fake = small_cluster()
    fake.missing_kinds = {"volume", "config"}
    async with watching(fake) as updates:
        assert isinstance(await anext(updates), Listed)


async def test_events_are_given_as_they_come() -> None:
    """Nothing is asked of the manager beside the stream: what no event holds is not made up."""
    node = make_node("n1", role="MANAGER")
    node.manager_status.leader = True
    fake = FakeCluster([make_cluster("c1"), node])
    async with watching(fake) as updates:
        await anext(updates)
        calls = len(fake.calls)
        fake.update(objects_pb2.Node, "n1", lambda node: node.status.ClearField("addr"))
        changed = await anext(updates)
        assert isinstance(changed, Changed)
        assert not changed.changes[0].object.HasField("manager_status")
        assert len(fake.calls) == calls


async def test_one_task_does_not_hold_its_whole_message() -> None:
    """An object of a large message is its own: changing it leaves the message alone."""
    fake = small_cluster()
    stream, messages = fake.stream, []

    async def kept(method: str, request: Message) -> AsyncIterator[Any]:
        async with aclosing(stream(method, request)) as given:
            async for message in given:
                messages.append(message)
                yield message

    fake.stream = kept
    async with watching(fake) as updates:
        await anext(updates)
        fake.put(*(make_task(f"t{i}", state="RUNNING") for i in range(3)))
        changed = await anext(updates)
        assert isinstance(changed, Changed)
        changed.changes[0].object.status.state = types_pb2.FAILED
        assert messages[-1].events[0].object.task.status.state == types_pb2.RUNNING


async def test_reader_that_leaves_ends_the_stream() -> None:
    """Closing the updates closes the call."""
    fake = lively_cluster()
    async with watching(fake) as updates:
        await anext(updates)
        assert fake.streams_open == 1
    assert fake.streams_open == 0


async def test_stream_that_ends_politely_is_lost() -> None:
    """A manager that stops ends its streams without an error; that is a loss like any other."""
    fake = small_cluster()
    stream = fake.stream

    async def ended_after_its_mark(method: str, request: Message) -> AsyncIterator[Any]:
        fake.stream = stream
        async with aclosing(stream(method, request)) as given:
            yield await anext(given)

    fake.stream = ended_after_its_mark
    async with watching(fake) as updates:
        await anext(updates)
        lost = await anext(updates)
        assert isinstance(lost, Lost) and not lost.is_refusal
        assert isinstance(await anext(updates), Resumed)


async def test_cut_during_the_list() -> None:
    """A connection lost while listing is a loss; the next try lists from the beginning."""
    fake = small_cluster()
    fake.fail_next("Control.ListTasks", Unreachable("gone"))
    async with watching(fake) as updates:
        assert await anext(updates) == Lost("gone")
        assert isinstance(await anext(updates), Listed)

"""The client's conformance suite: what a manager answers to its clients, whoever carries the calls.

How to use it: write a class `TestX(ControlConformance)` with a fixture `calls` that gives a connection to a manager whose
cluster holds its cluster object and no service, config or secret of this suite's names.
"""

import random
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import pytest
from google.protobuf.message import Message
from swarm_core.api.proto import control_pb2, logbroker_pb2, objects_pb2, specs_pb2, types_pb2, watch_pb2
from swarm_core.client.calls import Calls, opened
from swarm_core.client.control import Control
from swarm_core.client.errors import CallFailed
from swarm_core.client.watch import Action, Changed, ClusterWatch, Listed
from swarm_core.runtime.clock import SystemClock

from swarm_testkit.factories import make_service

Config, Service = objects_pb2.Config, objects_pb2.Service


def config_spec(name: str, **labels: str) -> specs_pb2.ConfigSpec:
    return specs_pb2.ConfigSpec(annotations=types_pb2.Annotations(name=name, labels=labels), data=b"x")


async def refused(calls: Calls, method: str, request: Message) -> tuple[str, str]:
    """Code and text of the refusal."""
    with pytest.raises(CallFailed) as failed:
        await calls.call(method, request)
    return failed.value.code, failed.value.message


def watch_of_configs(**fields: Any) -> watch_pb2.WatchRequest:
    request = watch_pb2.WatchRequest(**fields)
    request.entries.add(kind="config", action=watch_pb2.WATCH_ACTION_CREATE)
    return request


class ControlConformance:
    """See the module's text."""

    async def test_refusals_have_their_code_and_text(self, calls: Calls) -> None:
        """Each kind of refusal arrives as such: unknown, taken, malformed, out of date, not supported."""
        control = Control(calls)
        made = await control.create(Config, config_spec("taken"))
        with pytest.raises(CallFailed, match="config taken already exists") as taken:
            await control.create(Config, config_spec("taken"))
        assert taken.value.code == "ALREADY_EXISTS"
        unknown = control_pb2.GetConfigRequest(config_id="nothing")
        assert await refused(calls, "Control.GetConfig", unknown) == ("NOT_FOUND", "config nothing not found")
        empty = control_pb2.GetConfigRequest()
        assert (await refused(calls, "Control.GetConfig", empty))[0] == "INVALID_ARGUMENT"
        stale = control_pb2.UpdateConfigRequest(config_id=made.id, spec=config_spec("taken", late="yes"))
        stale.config_version.index = made.meta.version.index + 1000
        assert await refused(calls, "Control.UpdateConfig", stale) == ("UNKNOWN", "update out of sequence")
        extension = control_pb2.CreateExtensionRequest()
        assert await refused(calls, "Control.CreateExtension", extension) == (
            "UNIMPLEMENTED",
            "extensions are not supported yet",
        )
        await control.remove(Config, made.id)

    async def test_changes_are_read_back(self, calls: Calls) -> None:
        """A created object has an id and a version, a changed one another version; a removed one is gone."""
        control = Control(calls)
        made = await control.create(Config, config_spec("read"))
        assert len(made.id) == 25 and made.meta.version.index
        changed = await control.change(
            Config, made.id, lambda spec: spec.annotations.labels.update({"a": "b"})
        )
        assert changed.meta.version.index > made.meta.version.index
        assert await control.get(Config, made.id) == changed
        for value, found in (("b", [changed]), ("c", [])):
            filters = control_pb2.ListConfigsRequest.Filters(names=["read"], labels={"a": value})
            answer = await calls.call("Control.ListConfigs", control_pb2.ListConfigsRequest(filters=filters))
            assert list(answer.configs) == found
        await control.remove(Config, made.id)
        assert await control.find(Config, names=["read"]) == []

    async def test_an_answer_is_the_caller_s_own(self, calls: Calls) -> None:
        """Neither what was sent nor what came back changes the cluster when it is edited."""
        control, spec = Control(calls), config_spec("own")
        made = await control.create(Config, spec)
        kept = made.SerializeToString()
        spec.annotations.name = made.spec.annotations.name = "edited"
        assert (await control.get(Config, made.id)).SerializeToString() == kept
        await control.remove(Config, made.id)

    async def test_a_service_is_scaled_at_the_version_read(self, calls: Calls) -> None:
        """The number of tasks changes, the spec before is kept, and a second write at the old version is refused."""
        control = Control(calls)
        made = await control.create(Service, make_service(name="scaled", replicas=0).spec)
        request = control_pb2.UpdateServiceRequest(
            service_id=made.id, service_version=made.meta.version, spec=made.spec
        )
        request.spec.annotations.labels["tier"] = "front"
        answer = (await calls.call("Control.UpdateService", request)).service
        assert answer.previous_spec == made.spec and answer.spec == request.spec
        assert (await refused(calls, "Control.UpdateService", request))[0] == "UNKNOWN"
        statuses = control_pb2.ListServiceStatusesRequest(services=[made.id])
        (status,) = (await calls.call("Control.ListServiceStatuses", statuses)).statuses
        assert (status.service_id, status.desired_tasks, status.running_tasks) == (made.id, 0, 0)
        await control.remove(Service, made.id)

    async def test_a_watch_begins_with_a_mark_and_can_be_resumed(self, calls: Calls) -> None:
        """The mark comes first, then each commit with its version; a later watch goes on after any of them."""
        control = Control(calls)
        async with opened(calls.stream("Watch.Watch", watch_of_configs())) as stream:
            assert await anext(stream) == watch_pb2.WatchMessage()
            first, second = [await control.create(Config, config_spec(name)) for name in ("first", "second")]
            seen = [await anext(stream), await anext(stream)]
        assert [message.events[0].object.config for message in seen] == [first, second]
        assert seen[0].version.index < seen[1].version.index
        resumed = watch_of_configs(resume_from=seen[0].version)
        async with opened(calls.stream("Watch.Watch", resumed)) as stream:
            assert await anext(stream) == watch_pb2.WatchMessage()
            assert await anext(stream) == seen[1]
        for item in (first, second):
            await control.remove(Config, item.id)

    async def test_a_watch_that_cannot_be_served(self, calls: Calls) -> None:
        """A version that is not there yet, and an entry without a kind, are refused before the mark."""
        future = watch_of_configs(resume_from=types_pb2.Version(index=1 << 40))
        nameless = watch_pb2.WatchRequest(
            entries=[watch_pb2.WatchRequest.WatchEntry(action=watch_pb2.WATCH_ACTION_CREATE)]
        )
        for request, code in ((future, "UNKNOWN"), (nameless, "INVALID_ARGUMENT")):
            with pytest.raises(CallFailed) as failed:
                await _first(calls.stream("Watch.Watch", request))
            assert failed.value.code == code

    async def test_the_cluster_s_content_as_a_stream(self, calls: Calls) -> None:
        """The client's own watch lists what there is, and tells what changes. Resources may be asked for wherever it runs."""
        control = Control(calls)
        kinds = (objects_pb2.Cluster, Config, objects_pb2.Resource)
        watch = ClusterWatch(calls, clock=SystemClock(), rng=random.Random(1), kinds=kinds)
        async with aclosing(watch.updates()) as updates:
            listed = await anext(updates)
            assert isinstance(listed, Listed)
            assert any(isinstance(item, objects_pb2.Cluster) for item in listed.objects)
            made = await control.create(Config, config_spec("streamed"))
            created = await anext(updates)
            await control.remove(Config, made.id)
            removed = await anext(updates)
        for update, action in ((created, Action.CREATED), (removed, Action.REMOVED)):
            assert isinstance(update, Changed)
            assert [(change.action, change.object.id) for change in update.changes] == [(action, made.id)]

    async def test_logs_of_nothing(self, calls: Calls) -> None:
        """Without a selector logs are refused; of a service without tasks there are none."""
        with pytest.raises(CallFailed, match="log selector must not be empty") as failed:
            await _first(calls.stream("Logs.SubscribeLogs", logbroker_pb2.SubscribeLogsRequest()))
        assert failed.value.code == "INVALID_ARGUMENT"
        request = logbroker_pb2.SubscribeLogsRequest()
        request.selector.service_ids.append("nothing")
        assert await _first(calls.stream("Logs.SubscribeLogs", request)) is None


async def _first(stream: AsyncIterator[Any]) -> Any:
    async with opened(stream):
        return await anext(stream, None)

"""The Control service for programs: typed calls by kind of object, names resolved, changes that survive a race.

Rules:
- A kind is the message class (`objects_pb2.Service`); its calls follow from its name. There is no second set of classes.
- `resolve` takes what a person types: a whole id, else an exact name, else the beginning of an id that fits one object.
- `change` reads, edits a copy of the spec and writes it with the version read; when somebody else was faster it reads
  and edits again, so `edit` must be fit to run more than once.
"""

from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any, TypeVar

from google.protobuf.message import Message

from swarm_core.api import revisions, volume_failures
from swarm_core.api.kinds import NOUNS
from swarm_core.api.proto import (
    control_pb2,
    exec_pb2,
    manager_figures_pb2,
    objects_pb2,
    progress_pb2,
    raft_status_pb2,
    rollouts_pb2,
    types_pb2,
    usage_pb2,
)
from swarm_core.api.proto.service_history_pb2 import ServiceRevision
from swarm_core.client.calls import Calls, opened
from swarm_core.client.errors import CallFailed, NotTaken

T = TypeVar("T", bound=Message)

OUT_OF_SEQUENCE = "update out of sequence"
RAFT_STATUS_S = 2.0
FIGURES_S = 5.0
"""The manager that is asked waits for the others, for two seconds each, side by side."""
_CHANGE_TRIES_MAX = 8
_NO_HOLD = "its leader is a Docker Engine or an older manager, and knows no call that pauses a rollout or lets it go on"
_NO_EXEC = (
    "its leader is a Docker Engine or an older manager, and knows no call that runs a command in a task"
)
_BEGIN_TRIES_MAX = 3
_AMBIGUOUS_SHOWN_MAX = 5


class UnresolvedReference(LookupError):
    """What was typed names no object, or more than one; the text is a sentence for people.

    UnresolvedReference
    ├── NoSuchObject          nothing fits: retrying does not help
    └── AmbiguousReference    several fit: a longer id decides
    """


class NoSuchObject(UnresolvedReference):
    """Nothing fits."""


class AmbiguousReference(UnresolvedReference):
    """More than one object fits."""


def name_of(item: Any) -> str:
    """What people call an object: a node by its hostname, a task by service and slot, the rest by their spec's name."""
    if isinstance(item, objects_pb2.Node):
        return item.description.hostname or item.id
    if isinstance(item, objects_pb2.Task):
        owner = item.service_annotations.name or item.annotations.name or item.id
        return f"{owner}.{item.slot or item.node_id or item.id}"
    return str(item.spec.annotations.name)


class Control:
    """Thin calls on one cluster's Control service."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def get(self, kind: type[T], id_: str, **more: Any) -> T:
        """The object with exactly this id (`insert_defaults=True` for a service as it is run). Raises CallFailed NOT_FOUND."""
        noun = NOUNS[kind]
        request = getattr(control_pb2, f"Get{noun.title()}Request")(**{f"{noun}_id": id_, **more})
        return _only(kind, await self._calls.call(f"Control.Get{noun.title()}", request))

    async def find(self, kind: type[T], **filters: Iterable[Any]) -> list[T]:
        """All objects that match; filters are those of the kind's List request (`names`, `id_prefixes`, …)."""
        noun = NOUNS[kind]
        request = getattr(control_pb2, f"List{noun.title()}sRequest")()
        for field, values in filters.items():
            getattr(request.filters, field).extend(values)
        response = await self._calls.call(f"Control.List{noun.title()}s", request)
        return list(getattr(response, f"{noun}s"))

    async def select(self, kind: type[T], filters: Message) -> list[T]:
        """All objects that match; `filters` is the message of the kind's List request."""
        noun = NOUNS[kind]
        request = getattr(control_pb2, f"List{noun.title()}sRequest")(filters=filters)
        response = await self._calls.call(f"Control.List{noun.title()}s", request)
        return list(getattr(response, f"{noun}s"))

    async def create(self, kind: type[T], spec: Message) -> T:
        """A new object of this spec. Raises CallFailed ALREADY_EXISTS when the name is taken."""
        noun = NOUNS[kind]
        request = getattr(control_pb2, f"Create{noun.title()}Request")(spec=spec)
        return _only(kind, await self._calls.call(f"Control.Create{noun.title()}", request))

    async def update(self, kind: type[T], item: T, spec: Message, **more: Any) -> T:
        """Replace the spec of `item` as it was read. Raises CallFailed with OUT_OF_SEQUENCE after a race."""
        noun = NOUNS[kind]
        read: Any = item
        request = getattr(control_pb2, f"Update{noun.title()}Request")(
            **{f"{noun}_id": read.id, f"{noun}_version": read.meta.version, "spec": spec, **more}
        )
        return _only(kind, await self._calls.call(f"Control.Update{noun.title()}", request))

    async def change(self, kind: type[T], id_: str, edit: Callable[[Any], object], **more: Any) -> T:
        """Edit the spec of the object with this id and write it back, again and again until nobody interferes."""
        for tries_left in reversed(range(_CHANGE_TRIES_MAX)):
            item: Any = await self.get(kind, id_)
            spec = type(item.spec)()
            spec.CopyFrom(item.spec)
            edit(spec)
            try:
                return await self.update(kind, item, spec, **more)
            except CallFailed as error:
                if OUT_OF_SEQUENCE not in str(error) or not tries_left:
                    raise
        raise AssertionError("the last try returns or raises")

    async def remove(self, kind: type[Message], id_: str, **more: Any) -> None:
        """Remove the object with exactly this id (`force=True` for a node that is not down)."""
        noun = NOUNS[kind]
        request = getattr(control_pb2, f"Remove{noun.title()}Request")(**{f"{noun}_id": id_, **more})
        await self._calls.call(f"Control.Remove{noun.title()}", request)

    async def service_statuses(
        self, ids: Iterable[str]
    ) -> list[control_pb2.ListServiceStatusesResponse.ServiceStatus]:
        """Wanted, running and completed tasks of each service, in the order asked."""
        request = control_pb2.ListServiceStatusesRequest(services=ids)
        response = await self._calls.call("Control.ListServiceStatuses", request)
        return list(response.statuses)

    async def earlier_specs(self, service_id: str) -> list[ServiceRevision]:
        """The earlier specs of a service that are kept, oldest first. A Docker Engine that leads keeps none."""
        filters = control_pb2.ListResourcesRequest.Filters(
            kind=revisions.KIND, names=revisions.names_of(service_id)
        )
        response = await self._calls.call(
            "Control.ListResources", control_pb2.ListResourcesRequest(filters=filters)
        )
        return revisions.read(response.resources)

    async def volume_failures(self, volumes: Iterable[objects_pb2.Volume]) -> list[objects_pb2.Resource]:
        """Why plugins could not make, or not delete, those of these volumes for which they still have to. A Docker Engine that leads does
        not tell."""
        wanted = [volume.id for volume in volumes if volume_failures.may_have_failed(volume)]
        if not wanted:
            return []
        filters = control_pb2.ListResourcesRequest.Filters(kind=volume_failures.KIND, names=wanted)
        response = await self._calls.call(
            "Control.ListResources", control_pb2.ListResourcesRequest(filters=filters)
        )
        return [one for one in response.resources if one.kind == volume_failures.KIND]

    async def raft_status(self) -> raft_status_pb2.GetRaftStatusResponse | None:
        """How the managers stand with raft's log; None where that is not told, as by a Docker Engine."""
        try:
            answer: raft_status_pb2.GetRaftStatusResponse = await self._calls.call(
                "RaftStatus.GetRaftStatus", raft_status_pb2.GetRaftStatusRequest(), timeout=RAFT_STATUS_S
            )
        except CallFailed as error:
            if error.code != "UNIMPLEMENTED":
                raise
            return None
        return answer

    async def manager_figures(self) -> manager_figures_pb2.ListFiguresResponse | None:
        """What each manager knows of itself; None where that is not told, as by a Docker Engine."""
        try:
            answer: manager_figures_pb2.ListFiguresResponse = await self._calls.call(
                "ManagerFigures.ListFigures", manager_figures_pb2.ListFiguresRequest(), timeout=FIGURES_S
            )
        except CallFailed as error:
            if error.code != "UNIMPLEMENTED":
                raise
            return None
        return answer

    async def hold_rollout(self, service_id: str, spec_version: int, *, is_on: bool) -> None:
        """Stop the rollout of this version of a service's spec where it is, or let it go on. Raises CallFailed, with a sentence of its own
        where a Docker Engine leads: docker has no such call."""
        method, kind = (
            ("HoldRollout", rollouts_pb2.HoldRolloutRequest)
            if is_on
            else ("ResumeRollout", rollouts_pb2.ResumeRolloutRequest)
        )
        version = types_pb2.Version(index=spec_version)
        try:
            await self._calls.call(f"Rollouts.{method}", kind(service_id=service_id, spec_version=version))
        except CallFailed as error:
            if error.code != "UNIMPLEMENTED":
                raise
            raise CallFailed(error.code, _NO_HOLD) from None

    async def watch_progress(self) -> AsyncIterator[progress_pb2.WatchProgressMessage]:
        """What tasks are busy with while they are prepared. Ends at once where it is not told, as by a Docker Engine."""
        request = progress_pb2.WatchProgressRequest()
        async with opened(self._calls.stream("Progress.WatchProgress", request)) as messages:
            try:
                async for message in messages:
                    yield message
            except CallFailed as error:
                if error.code != "UNIMPLEMENTED":
                    raise

    async def watch_usage(self) -> AsyncIterator[usage_pb2.WatchUsageMessage]:
        """What nodes and tasks use, as nodes report it. Ends at once where it is not told, as by a Docker Engine."""
        async with opened(self._calls.stream("Usage.WatchUsage", usage_pb2.WatchUsageRequest())) as messages:
            try:
                async for message in messages:
                    yield message
            except CallFailed as error:
                if error.code != "UNIMPLEMENTED":
                    raise

    async def run_in_task(
        self, spec: exec_pb2.ExecSpec, typed: AsyncIterator[exec_pb2.ExecInput]
    ) -> AsyncIterator[exec_pb2.ExecOutput]:
        """Run a command in a task that runs: what it writes, and at last how it ended. When `typed` ends so does the command's input. Raises
        CallFailed, with a sentence of its own where a Docker Engine leads: docker has no such call."""
        for tries_left in reversed(range(_BEGIN_TRIES_MAX)):
            was_taken = False

            async def requests() -> AsyncIterator[exec_pb2.ExecRequest]:
                nonlocal was_taken
                yield exec_pb2.ExecRequest(begin=spec)
                was_taken = True
                async for one in typed:
                    yield exec_pb2.ExecRequest(input=one)

            async with opened(self._calls.both_ways("Exec.RunInTask", requests())) as outputs:
                try:
                    async for output in outputs:
                        yield output
                    return
                except CallFailed as error:
                    if error.code == "UNIMPLEMENTED":
                        raise CallFailed(error.code, _NO_EXEC) from None
                    if not isinstance(error, NotTaken) or was_taken or not tries_left:
                        raise

    async def cluster(self) -> objects_pb2.Cluster:
        """The one cluster object."""
        clusters = await self.find(objects_pb2.Cluster)
        for cluster in clusters:
            if cluster.spec.annotations.name == "default":
                return cluster
        raise NoSuchObject(
            "The manager holds no cluster object yet: it has just started, or it has no leader."
        )

    async def resolve(self, kind: type[T], reference: str) -> T:
        """The one object that `reference` names. Raises NoSuchObject or AmbiguousReference."""
        if not reference:
            raise NoSuchObject(f"A {NOUNS[kind]}'s name or id is needed, not an empty word.")
        try:
            return await self.get(kind, reference)
        except CallFailed as error:
            if error.code != "NOT_FOUND":
                raise
        for filters in _lookups(kind, reference):
            found = await self.find(kind, **filters)
            if kind is objects_pb2.Task and len(found) > 1:
                found = [task for task in found if _is_wanted(task)] or found
            if len(found) == 1:
                return found[0]
            if found:
                raise AmbiguousReference(_ambiguity(kind, reference, found))
        raise NoSuchObject(f"There is no {NOUNS[kind]} named {reference!r}, and no id begins with it.")


def _lookups(kind: type[Message], reference: str) -> list[dict[str, list[str]]]:
    if kind is objects_pb2.Task:
        # A task's name ends with its id; service.slot is as much of it as people type.
        return [{"name_prefixes": [reference + "."]}, {"id_prefixes": [reference]}]
    return [{"names": [reference]}, {"id_prefixes": [reference]}]


def _is_wanted(task: Any) -> bool:
    return bool(task.desired_state <= types_pb2.RUNNING)


def _ambiguity(kind: type[Message], reference: str, found: list[Any]) -> str:
    shown = ", ".join(f"{name_of(item)} ({item.id})" for item in found[:_AMBIGUOUS_SHOWN_MAX])
    more = f" and {len(found) - _AMBIGUOUS_SHOWN_MAX} more" if len(found) > _AMBIGUOUS_SHOWN_MAX else ""
    return f"{reference!r} fits {len(found)} {NOUNS[kind]}s: {shown}{more}; give a longer id."


def _only(kind: type[T], response: Any) -> T:
    item = getattr(response, NOUNS[kind])
    assert isinstance(item, kind)
    return item

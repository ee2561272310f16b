"""Several runtimes as one executor: each task goes to the runtime it is written for.

The node tells the scheduler what it offers by plugins: `node.description.engine.plugins` holds an entry of type
`Runtime` per runtime, named `container` or `process`. A node of another make lists no such entry and is taken to run
containers. A runtime that cannot be had for the moment (its `describe` raises Temporary) is left out of the description
until it is back.
"""

import logging
from collections.abc import Collection, Mapping, Sequence

from swarm_core.api.proto.objects_pb2 import Node, Task
from swarm_core.api.proto.types_pb2 import EncryptionKey, EngineDescription, GenericResource, NodeDescription
from swarm_core.api.runtimes import runtime_of
from swarm_core.runtime.tasks import Group

from swarm_agentd.exec.controller import Controller
from swarm_agentd.exec.errors import Temporary, UnsupportedRuntime
from swarm_agentd.exec.executor import Dependencies, Executor

_log = logging.getLogger(__name__)


class Runtimes:
    """`executors` by runtime name ("container", "process"); the first is the one whose description leads.

    `generic` are resources that the operator says the node has.
    """

    def __init__(self, executors: Mapping[str, Executor], generic: Sequence[GenericResource] = ()) -> None:
        assert executors, "a node offers at least one runtime"
        self._executors = dict(executors)
        self._generic = tuple(generic)
        self._distinct = list({id(executor): executor for executor in executors.values()}.values())

    async def run(self) -> None:
        async with Group() as group:
            for executor in self._distinct:
                group.spawn(executor.run(), name=f"{type(executor).__name__} background")

    async def describe(self) -> NodeDescription:
        """All runtimes' descriptions in one: the first that answers names the machine, engines are united."""
        merged = NodeDescription()
        reason: Temporary | None = None
        for executor in self._distinct:
            try:
                merged = _merge(merged, await executor.describe())
            except Temporary as error:
                reason = error
                _log.debug("a runtime is left out for now: %s", error)
        if reason is not None and not merged.hostname:
            raise reason
        if self._generic:
            del merged.resources.generic[:]
            merged.resources.generic.extend(self._generic)
        return merged

    async def configure(self, node: Node) -> None:
        for executor in self._distinct:
            await executor.configure(node)

    def controller(self, task: Task, dependencies: Dependencies) -> Controller:
        name = runtime_of(task.spec)
        if (executor := self._executors.get(name)) is None:
            raise UnsupportedRuntime(f"this node does not run tasks of runtime {name or '(none)'}")
        return executor.controller(task, dependencies)

    async def retain(self, task_ids: Collection[str]) -> None:
        async with Group() as group:
            for executor in self._distinct:
                group.spawn(executor.retain(task_ids), name=f"{type(executor).__name__} retain")

    async def set_network_bootstrap_keys(self, keys: Sequence[EncryptionKey]) -> None:
        for executor in self._distinct:
            await executor.set_network_bootstrap_keys(keys)


def _merge(first: NodeDescription, second: NodeDescription) -> NodeDescription:
    if not first.hostname:
        return second
    merged = NodeDescription()
    merged.CopyFrom(first)
    if not merged.resources.generic:
        merged.resources.generic.extend(second.resources.generic)
    engine = EngineDescription(engine_version=first.engine.engine_version or second.engine.engine_version)
    engine.labels.update({**second.engine.labels, **first.engine.labels})
    plugins = {(plugin.type, plugin.name) for each in (first, second) for plugin in each.engine.plugins}
    for type_, name in sorted(plugins):
        engine.plugins.add(type=type_, name=name)
    merged.engine.CopyFrom(engine)
    return merged

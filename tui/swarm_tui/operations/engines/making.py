"""Making volumes and networks on engines that are named, and having them pull an image."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing
from typing import Any, Final

from swarm_core.api.json_text import json_of
from swarm_core.engines.api import EngineApi
from swarm_core.engines.changing import CHANGE_S, QUIET_S
from swarm_core.engines.errors import EngineRefused
from swarm_core.engines.records import EngineRecord

from swarm_tui.clusters.engine_hands import EngineHands
from swarm_tui.operations.describe import REVERSIBLE
from swarm_tui.operations.engines import acts, levels
from swarm_tui.operations.model import Done, Plan, Step
from swarm_tui.resources.engines.items import EngineItem, NetworkItem, VolumeItem
from swarm_tui.resources.model import ClusterView

_ITEMS: Final[Mapping[str, type[Any]]] = {"volume": VolumeItem, "network": NetworkItem}
Making = Callable[[EngineRecord], Step]


def creation(
    view: ClusterView, noun: str, keys: Sequence[str], body: Mapping[str, Any], hands: EngineHands
) -> Plan:
    """A volume or a network on each of these engines; one that has it already is as it should be."""
    name = str(body["Name"])
    having = {one.record.engine for one in view.objects(_ITEMS[noun]) if one.record.name == name}

    def making(record: EngineRecord) -> Step:
        if record.key in having:
            return acts.nothing(record.name, record.key, f"{record.name} has a {noun} {name} already")

        async def call(api: EngineApi) -> str:
            made = await api.post(f"/{noun}s/create", body=dict(body), timeout=CHANGE_S)
            return str(made.get("Id") or made.get("Name"))

        return Step(
            record.name,
            f"create {noun} {name} on {record.name}",
            acts.act(
                hands,
                record.key,
                record.key,
                call,
                level=levels.MAKE,
                way_back=REVERSIBLE,
                docker=acts.line(record, noun, "create", "--driver", str(body["Driver"]), name),
                back=f"{noun} rm --engine {record.name} {name}",
            ),
            Done(f"{noun} {name} made on {record.name}"),
            (f"{noun} {name} made",),
        )

    return _on_each(view, keys, f"Create {noun} {name}", f"create {noun} {name}", making)


def pulling(
    view: ClusterView, keys: Sequence[str], image: str, headers: Mapping[str, str], hands: EngineHands
) -> Plan:
    """An image, pulled on each of these engines. `headers`: who may fetch it."""

    def making(record: EngineRecord) -> Step:
        async def call(api: EngineApi) -> str:
            return await _pulled(api, image, headers)

        return Step(
            record.name,
            f"pull {image} on {record.name}",
            acts.act(
                hands,
                record.key,
                record.key,
                call,
                level=levels.MAKE,
                way_back=REVERSIBLE,
                docker=acts.line(record, "pull", image),
                back=f"image rm --engine {record.name} {image}",
            ),
            Done(f"{image} pulled on {record.name}"),
            (f"{image} pulled",),
        )

    return _on_each(view, keys, f"Pull {image}", f"pull {image}", making)


def _on_each(view: ClusterView, keys: Sequence[str], title: str, doing: str, making: Making) -> Plan:
    """A step for each engine; one that does not live refuses the plan."""
    steps, refusals = [], []
    for item in acts.found(view, EngineItem, keys):
        if reason := acts.away(item.record.key, view):
            refusals.append(f"Could not {doing} on {item.record.name}: {reason}.")
        else:
            steps.append(making(item.record))
    return acts.plan_of(title, steps, refusals)


async def _pulled(api: EngineApi, image: str, headers: Mapping[str, str]) -> str:
    """What the engine said last. Raises EngineError."""
    said = "it said nothing"
    lines = api.lines("POST", "/images/create", {"fromImage": image}, headers=headers, quiet_s=QUIET_S)
    async with aclosing(lines) as progress:
        async for line in progress:
            told = json_of(line)
            if error := told.get("error"):
                # The status was sent before it went wrong.
                raise EngineRefused(500, str(error))
            said = str(told.get("status") or said)
    return said

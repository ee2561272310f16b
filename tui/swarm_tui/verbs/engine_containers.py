"""Starting, stopping and the like of containers of engines, each after its plan was read; and which engines take new ones."""

from collections.abc import Callable
from functools import partial
from typing import Final

from swarm_tui.clusters.engine_hands import EngineHands
from swarm_tui.dialogs.choose import Choose
from swarm_tui.operations.engines import book, containers
from swarm_tui.operations.engines.acts import found
from swarm_tui.operations.model import Plan
from swarm_tui.resources import registry as kinds
from swarm_tui.resources.engines import containers as kind
from swarm_tui.resources.engines import engines
from swarm_tui.resources.engines.items import EngineItem
from swarm_tui.resources.model import Realm
from swarm_tui.verbs.confirming import carry_out
from swarm_tui.verbs.model import Verb, Work
from swarm_tui.verbs.ports import Ports
from swarm_tui.views.view import Context

_MAINTENANCE: Final = (
    ("maintain", "maintenance  takes no new containers; what runs there runs on"),
    ("activate", "active       takes new containers again"),
)


def hands_of(ports: Ports) -> EngineHands:
    """What changes of engines are made with."""
    hands = ports.operations.engines
    assert hands is not None, "engines are changed on their own screen"
    return hands


async def turn(ports: Ports, word: str) -> None:
    """Start, stop and so on what is selected."""
    await carry_out(ports, containers.turned(ports.operations.cluster, ports.ids, word, hands_of(ports)))


async def state(ports: Ports) -> None:
    """Ask which state, and bring what is selected there."""
    if ports.selection.kind == engines.NOUN:
        await _maintenance(ports)
        return
    width = max(map(len, containers.TURNS)) + 2
    options = [(one.word, f"{one.word.ljust(width)}{one.means}") for one in containers.TURNS.values()]
    word = await ports.desk.ask(Choose(f"State of {_named(ports, 'container')}", options))
    if word is not None:
        await turn(ports, word)


def _named(ports: Ports, noun: str) -> str:
    """The one that is selected by its name, several by their number."""
    if len(ports.ids) != 1:
        return f"{len(ports.ids)} {noun}s"
    one = kinds.by_noun(ports.selection.kind)
    item = ports.operations.cluster.get(one.message, ports.ids[0])
    return noun if item is None else one.name(item, ports.operations.cluster)


async def _maintenance(ports: Ports) -> None:
    items = found(ports.operations.cluster, EngineItem, ports.ids)
    is_in = bool(items) and items[0].record.in_maintenance
    title = f"State of {_named(ports, 'engine')}"
    word = await ports.desk.ask(Choose(title, _MAINTENANCE, "maintain" if is_in else "activate"))
    if word is not None:
        await carry_out(ports, _maintained(ports, is_on=word == "maintain"))


def _maintained(ports: Ports, *, is_on: bool) -> Plan:
    return book.maintenance(ports.operations.cluster, ports.ids, hands_of(ports), is_on=is_on)


def _verb(word: str, help_: str, run: Callable[[Ports], Work | None]) -> Verb:
    return Verb(
        f"list.{word}",
        (),
        word,
        help_,
        Context.LIST,
        run,
        is_on_objects=True,
        changes=True,
        realm=Realm.ENGINES,
    )


async def _maintain(ports: Ports, *, is_on: bool) -> None:
    await carry_out(ports, _maintained(ports, is_on=is_on))


IN_EVERY_LIST: Final = ("restart", "start", "stop", "kill")
"""Services or tasks have these too: the verbs of `rollouts`, `park` and `kill` do this for containers."""
WORDS: Final = tuple(word for word in containers.TURNS if word not in IN_EVERY_LIST)
TURNS: Final = tuple(
    _verb(
        word,
        f"containers of engines: {containers.TURNS[word].means}",
        partial(turn, word=word),
    )
    for word in WORDS
)
MAINTAIN: Final = _verb("maintain", "give engines no new containers", partial(_maintain, is_on=True))
ACTIVATE: Final = _verb("activate", "give engines new containers again", partial(_maintain, is_on=False))
assert {*WORDS, *IN_EVERY_LIST} <= {*kind.KIND.verbs}, "containers name what can be done with them"

"""Removing what engines have, pruning what nobody uses, and one engine more."""

from typing import Final

from swarm_tui.dialogs.ask_line import AskLine, Judged
from swarm_tui.dialogs.choose import Choose
from swarm_tui.operations.engines import book, containers, objects
from swarm_tui.operations.engines import prune as pruning
from swarm_tui.operations.model import Plan
from swarm_tui.resources import registry
from swarm_tui.resources.engines import containers as container_kind
from swarm_tui.resources.engines import engines
from swarm_tui.resources.model import Realm
from swarm_tui.verbs.confirming import carry_out
from swarm_tui.verbs.engine_containers import hands_of
from swarm_tui.verbs.model import Verb
from swarm_tui.verbs.ports import Ports
from swarm_tui.views.lists.pane import ObjectPane
from swarm_tui.views.view import Context

_HINT: Final = "web-1 ssh://ana@web-1"


async def remove(ports: Ports) -> None:
    """What is selected: one plan for all of it."""
    await carry_out(ports, _removal(ports))


def _removal(ports: Ports) -> Plan:
    view, hands, noun = ports.operations.cluster, hands_of(ports), ports.selection.kind
    if noun == engines.NOUN:
        return book.removal(view, ports.ids, hands)
    if noun == container_kind.NOUN:
        return containers.removal(view, ports.ids, hands)
    return objects.removal(view, noun, ports.ids, hands)


async def prune(ports: Ports) -> None:
    """What nobody uses of what is listed: on the engine that the list is cut down to, else on those of what is marked, else on all."""
    pane = ports.part(ObjectPane)
    assert pane is not None
    choices = pruning.CHOICES[pane.kind.noun]
    which = choices[0]
    if len(choices) > 1:
        options = [(str(number), one.what) for number, one in enumerate(choices)]
        taken = await ports.desk.ask(Choose(f"Prune {pane.kind.title.lower()}", options))
        if taken is None:
            return
        which = choices[int(taken)]
    await carry_out(
        ports, pruning.prune(ports.operations.cluster, which, _engines(ports, pane), hands_of(ports))
    )


def _engines(ports: Ports, pane: ObjectPane) -> list[str]:
    here = ports.navigator.here
    if here.kind == engines.NOUN:
        return [here.id]
    if not pane.table.marks:
        return []
    kind, view = registry.by_noun(pane.kind.noun), ports.operations.cluster
    held = (view.get(kind.message, id_) for id_ in ports.ids)
    return list(dict.fromkeys(owner[1] for item in held if item is not None and (owner := kind.owner(item))))


def _can_prune(ports: Ports) -> bool:
    pane = ports.part(ObjectPane)
    return pane is not None and pane.kind.noun in pruning.CHOICES


async def add(ports: Ports) -> None:
    """Ask for a name and an address, and take the engine into the list."""
    hands = hands_of(ports)

    def judge(text: str) -> Judged:
        name, _, url = text.strip().partition(" ")
        if not url.strip():
            return Judged(
                "a name and an address: unix://PATH, tcp://HOST:PORT or ssh://[USER@]HOST", is_fine=False
            )
        problem = hands.book.problem(name, url.strip())
        return Judged(f"✖ it {problem}", is_fine=False) if problem else Judged(f"{name} at {url.strip()}")

    text = await ports.desk.ask(AskLine("Add an engine", "Name and address", judge, hint=_HINT))
    if text is not None:
        name, _, url = text.strip().partition(" ")
        await carry_out(ports, book.addition(name, url.strip(), hands))


PRUNE: Final = Verb(
    "list.prune",
    ("X",),
    "prune",
    "engines: remove what nobody uses of what is listed, after its plan was read",
    Context.LIST,
    prune,
    _can_prune,
    rank=21,
    changes=True,
    realm=Realm.ENGINES,
)
ADD: Final = Verb(
    "list.add_engine",
    (),
    "add engine",
    "take an engine into your list",
    Context.LIST,
    add,
    changes=True,
    realm=Realm.ENGINES,
    aliases=("add",),
)

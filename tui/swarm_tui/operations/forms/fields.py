"""What a field of a form is: a value. What is typed into it is a tuple of texts: one, or as many as a list has rows.

Rules
1. A field maps its texts to setters of `swarm_core.specs` and nothing else, so that a text means here what it means on the command line.
2. `write` of what `read` gave changes nothing; a form writes only fields whose texts are others than those that were read.
3. A verdict is one or two words, and a sentence where they do not say enough.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from swarm_core.api.proto import objects_pb2
from swarm_core.specs.draft import Draft
from swarm_core.specs.errors import SpecError

from swarm_tui.resources.model import ClusterView

Texts = tuple[str, ...]
Typed = Mapping[str, Texts]


@dataclass(frozen=True, slots=True)
class Verdict:
    """`is_bad` keeps the object from being made; `role` is how the words are coloured. `sentence` says the rest."""

    text: str
    role: str = "muted"
    sentence: str = ""

    @property
    def is_bad(self) -> bool:
        return self.role == "error"


NOTHING_SAID: Final = Verdict("")


def bad(text: str, sentence: str = "") -> Verdict:
    return Verdict(f"✖ {text}", "error", sentence)


@dataclass(frozen=True, slots=True)
class Around:
    """What a field is judged against: the cluster as last seen, and the object that is changed (none: a new one)."""

    view: ClusterView
    own_id: str = ""

    @property
    def nodes(self) -> Collection[objects_pb2.Node]:
        return self.view.objects(objects_pb2.Node)

    @property
    def others(self) -> Sequence[objects_pb2.Service]:
        """All services but the one that is changed."""
        return [one for one in self.view.objects(objects_pb2.Service) if one.id != self.own_id]


Judge = Callable[[Texts, Around], Verdict]


def _always(typed: Typed) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Field:
    """`read` and `write` change a draft; `judge` says more than that the texts can be read."""

    key: str
    label: str
    read: Callable[[Draft], Texts]
    write: Callable[[Draft, Texts], object]
    hint: str = ""
    """What stands in the empty field."""
    help: str = ""
    """What may be written, as a sentence."""
    options: Texts = ()
    """The words among which one is chosen."""
    is_list: bool = False
    judge: Judge | None = None
    applies: Callable[[Typed], bool] = _always
    """Whether it means anything beside what else is typed."""
    only_new: bool = False
    """It cannot be changed later."""
    is_hidden: bool = False
    """What is typed is shown to nobody."""
    is_replaced: bool = False
    """Who comes to it means to write something else, not to add to it."""


@dataclass(frozen=True, slots=True)
class Section:
    """Fields that fold together. One without a title stays open, first of all."""

    title: str
    fields: tuple[Field, ...]
    applies: Callable[[Typed], bool] = field(default=_always)


def rows(texts: Texts) -> list[str]:
    """The rows of a list that say something."""
    return [text.strip() for text in texts if text.strip()]


def line(texts: Texts) -> str:
    """The one text of a field that is no list."""
    return texts[0].strip() if texts else ""


def tried(one: Field, texts: Texts, draft: Draft) -> Verdict:
    """Whether the texts can be read, tried on a draft that is thrown away."""
    try:
        one.write(draft, texts)
    except SpecError as error:
        words = f"like {one.hint}" if one.hint and not one.is_list else "cannot be read"
        return bad(words, f"{error}.")
    return NOTHING_SAID

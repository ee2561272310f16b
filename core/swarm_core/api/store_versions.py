"""Which of a manager's shared numbers says what (docs/design/store.md 1.11).

A manager tells who asks it all the time at which entry of the log each kind of object was changed last: an answer about these kinds is good
until one of the numbers is another.
"""

from collections.abc import Mapping
from typing import Final

from google.protobuf.message import Message

from swarm_core.api.kinds import NOUNS

LIFE: Final = 0
"""Drawn by each manager for itself: numbers of two managers never look alike."""
LEADS: Final = 1
"""1 while the manager answers for the cluster itself, else 0."""
PLACE_OF: Final[Mapping[type[Message], int]] = {kind: place for place, kind in enumerate(NOUNS, start=2)}
"""Where the index of the last entry stands that changed an object of the kind."""
COUNT: Final = 2 + len(PLACE_OF)

Versions = tuple[int, ...]
"""Equal ones stand for the same objects."""

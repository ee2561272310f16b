"""What clients saw of one name, and whether a single register could have shown it to them.

A name holds nothing or a tag. Every operation has a time in which it took effect at one moment: from its call to its answer;
for one without an answer, from its call to any later time, or never. Answers that a leader gives from its own copy may be as
old as its lease: the caller of `explain` lets their time begin that much earlier. The search is Wing and Gong's, with the
states that were already tried remembered.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

Tag = tuple[int, int]  # which creation, which change of it
State = Tag | None


@dataclass(frozen=True, slots=True)
class Operation:
    """`verb` with what it needs: create (new), change (expected, new), remove (expected), read (seen).

    `ok` is None when nobody knows. A refused create saw a tag, a refused change saw another state, a refused remove
    saw nothing of that creation.
    """

    verb: str
    start: float
    end: float
    ok: bool | None
    expected: State = None
    new: State = None
    seen: State = None

    def step(self, state: State) -> tuple[bool, State]:
        """Whether this operation fits in `state`, and the state after it."""
        fits, after = self._effect(state)
        if self.ok is None:
            return fits, after
        if self.ok:
            return fits, after
        return not fits, state

    def _effect(self, state: State) -> tuple[bool, State]:
        if self.verb == "create":
            return state is None, self.new
        if self.verb == "change":
            return state == self.expected, self.new
        if self.verb == "remove":
            assert self.expected is not None
            return state is not None and state[0] == self.expected[0], None
        assert self.verb == "read"
        return state == self.seen, state


def explain(operations: Sequence[Operation]) -> bool:
    """Whether there is an order of `operations` that explains every answer."""
    ordered = sorted(operations, key=lambda one: (one.start, one.end))
    # What nobody knows the end of may as well never have happened.
    needed = sum(1 << at for at, one in enumerate(ordered) if one.ok is not None)
    seen: set[tuple[int, State]] = set()
    stack: list[tuple[int, State]] = [(0, None)]
    while stack:
        done, state = stack.pop()
        if done & needed == needed:
            return True
        if (done, state) in seen:
            continue
        seen.add((done, state))
        stack += _steps(ordered, done, state)
    return False


def _steps(ordered: Sequence[Operation], done: int, state: State) -> list[tuple[int, State]]:
    """What may follow. An answer that fits and changes nothing is taken at once: no other order explains more."""
    steps = []
    for at in _next(ordered, done):
        fits, after = ordered[at].step(state)
        if fits and after == state and ordered[at].ok is not None:
            return [(done | 1 << at, state)]
        if fits:
            steps.append((done | 1 << at, after))
    return steps


def _next(ordered: Sequence[Operation], done: int) -> list[int]:
    """The operations that may come next: those called before the first answer that is still missing."""
    first_end = inf
    out = []
    for at, one in enumerate(ordered):
        if one.start > first_end:
            break
        if done >> at & 1:
            continue
        out.append(at)
        if one.ok is not None:
            first_end = min(first_end, one.end)
    return [at for at in out if ordered[at].start <= first_end]

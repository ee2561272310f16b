"""How the bytes are cut into reads changes nothing (docs/design/http2.md H10)."""

import importlib.util
import random
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from swarm_core.rpc.h2.frames import frame, reset, window_update
from swarm_testkit.http2 import HEAD, OPENING, TAIL, Case, Conversation, Step, data, headers, ping, play

_HERE = Path(__file__).parent


def _cases(name: str) -> list[Case]:
    spec = importlib.util.spec_from_file_location(name, _HERE / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return list(module.CASES)


CASES = [
    case
    for name in ("test_connection_rules", "test_field_rules", "test_flow_rules", "test_bounds")
    for case in _cases(name)
]


def _cut(sent: bytes, places: list[int]) -> list[bytes]:
    return [sent[start:stop] for start, stop in pairwise([0, *sorted(places), len(sent)])]


def _events(lines: list[str]) -> tuple[list[str], list[str]]:
    """What the shell was told, and what was sent, each in its order: a cut may move one past the other."""
    return [line for line in lines if line[0] != ">"], [line for line in lines if line[0] == ">"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_cuts_of_every_case(case: Case) -> None:
    """Each case of the rules comes out the same byte by byte, and cut at places drawn from a seed."""
    rng = random.Random(case.name)
    steps: list[Step] = []
    for step in case.steps:
        if isinstance(step, bytes) and step:
            count = len(step) if len(step) < 2_000 else 20
            steps += _cut(step, sorted(rng.randrange(len(step)) for _ in range(count)))
        else:
            steps.append(step)
    told, sent = _events(play(replace(case, steps=tuple(steps))))
    expected_told, expected_sent = _events(list(case.expected))
    assert told == expected_told
    assert sent == expected_sent


_PIECES = (
    headers(1),
    headers(3, end=True),
    headers(5, [(b"bad", b"x")], end=True),
    data(1, b"abc", padding=3),
    data(1, b"d" * 300, end=True),
    headers(1, [(b"a", b"b")], end=True),
    ping(),
    window_update(0, 7),
    window_update(1, 0),
    reset(3, 8),
    frame(2, 0, 9, bytes(5)),
    frame(0x42, 0, 0, b"unknown"),
    headers(7, flags=0) + frame(9, 4, 7),
    data(0, b"fault"),
)


@given(st.lists(st.sampled_from(_PIECES), max_size=12), st.lists(st.integers(0, 3_000), max_size=40))
def test_cuts_of_any_conversation(pieces: list[bytes], places: list[int]) -> None:
    """Any frames in any order, cut anywhere, tell and send the same as in one piece."""
    sent = OPENING + b"".join(pieces)
    whole, cut = Conversation(), Conversation()
    whole.receive(sent)
    for part in _cut(sent, [place for place in places if place < len(sent)]):
        cut.receive(part)
    assert _events(cut.lines) == _events(whole.lines)
    assert cut.output == whole.output
    for conversation in (whole, cut):
        conversation.connection.answer(1, HEAD, b"x", TAIL)
        conversation.take()
    assert cut.output == whole.output

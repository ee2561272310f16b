"""Inputs that once broke a promise of the HTTP/2 core, and a few new ones; `benchmarks/fuzz_h2.py` plays many."""

from pathlib import Path

import pytest
from swarm_testkit.http2_inputs import load, make
from swarm_testkit.http2_laws import cuts_agree, play

_KEPT = sorted((Path(__file__).parents[3] / "data" / "h2").glob("*.txt"))


@pytest.mark.parametrize("path", _KEPT, ids=lambda path: path.stem)
def test_kept_input(path: Path) -> None:
    """What broke a promise once breaks none any more."""
    given = load(path.read_text())
    play(given)
    cuts_agree(given)


def test_new_inputs() -> None:
    """A few hundred drawn conversations break no promise, and most ways to fail and to go on are among them."""
    results = []
    for seed in range(400):
        given = make(seed)
        assert load(given.dump()) == given
        results.append(play(given))
        cuts_agree(given)
    assert sum(not result.failure for result in results) > 50
    assert len({result.failure for result in results}) > 20
    assert sum(result.told for result in results) > 1_000

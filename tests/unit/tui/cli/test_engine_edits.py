"""Changes of `engines.toml` (docs/design/engine-commands.md 16.1)."""

import tomllib

import pytest
from swarm_core.engines.records import EngineEntry
from swarm_tui.cli.plumbing.engine_edits import with_engine, with_maintenance, without_engine

A = EngineEntry("tcp://a:1", "a")
FULL = EngineEntry("tcp://b:1", "b", (("rack", "r 1"),), "ca", "cert", "key", verifies=False)


def test_everything_is_written_that_is_read() -> None:
    """16.1.1: an engine with all its settings."""
    told = tomllib.loads(with_engine("# mine\n", FULL))["engines"]["b"]
    assert told == {
        "url": "tcp://b:1",
        "ca": "ca",
        "certificate": "cert",
        "key": "key",
        "verify": False,
        "labels": {"rack": "r 1"},
    }
    assert with_engine("# mine\n", FULL).startswith("# mine\n")


@pytest.mark.parametrize(
    "text",
    [
        '[engines]\na = "tcp://a:1"\nz = "tcp://z:1"  # last\n',
        '[engines.a]  \nurl = "tcp://a:1"\n\n[engines.z]\nurl = "tcp://z:1"\n',
        '[engines."a"]\nlabels = { x = "y" }\nurl = "tcp://a:1"\n',
    ],
    ids=["line", "table", "quoted"],
)
def test_maintenance_is_switched_where_the_engine_stands(text: str) -> None:
    """16.1.5: on and off again, twice each, and all else stays."""
    on = with_maintenance(text, A, is_on=True)
    assert tomllib.loads(on)["engines"]["a"]["maintenance"] is True
    assert list(tomllib.loads(on)["engines"]) == list(tomllib.loads(text)["engines"])
    assert tomllib.loads(with_maintenance(on, A, is_on=True)) == tomllib.loads(on)
    off = with_maintenance(on, A, is_on=False)
    assert tomllib.loads(off) == tomllib.loads(text)
    assert with_maintenance(text, A, is_on=False).count("maintenance") == 0


def test_what_only_a_person_can_change_is_said() -> None:
    """A table on one line with more than an address."""
    with pytest.raises(ValueError, match="only a person can change"):
        with_maintenance('[engines]\na = { url = "tcp://a:1", labels = { x = "y" } }\n', A, is_on=True)


def test_an_engine_goes_and_the_others_stay() -> None:
    """Comments too."""
    text = '# mine\n[engines]\na = "tcp://a:1"\nz = "tcp://z:1"\n'
    assert without_engine(text, "a") == '# mine\n[engines]\nz = "tcp://z:1"\n'

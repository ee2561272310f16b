"""Our raft keeps its rules: each script plays one rule on a small group, and every trace was argued by hand.

`SWARM_REWRITE=1` puts the outputs of today into the scripts instead of comparing them. The difference is then read line by
line: what a line shows must follow from the rule that the script names, or raft is wrong.
"""

import random
import re
from pathlib import Path

import pytest
from swarm_testkit.directives import compare, parse
from swarm_testkit.raft_script import RaftScript
from swarm_testkit.script_nodes import first_config

_ROOT = Path(__file__).parents[3]
_SCRIPTS = _ROOT / "tests" / "data" / "raft"
_FILES = sorted(_SCRIPTS.glob("*/*.txt"))
_PAGE = _ROOT / "docs" / "design" / "raft.md"
_FEWEST = 40
_HEADER = re.compile(r"# (R\d+), thesis ([\d., ]+): \S.*")
_ROW = re.compile(r"\| (R\d+) \| ([\d., ]+|-) \| ([^|]+) \| ([^|]+) \|")


def _name(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


def _sections(text: str) -> frozenset[str]:
    return frozenset(part.strip() for part in text.split(",") if part.strip() not in ("", "-"))


def _header(path: Path) -> tuple[str, frozenset[str]]:
    """The rule and the sections that a script names in its first line."""
    first = path.read_text().splitlines()[0]
    match = _HEADER.fullmatch(first)
    assert match, (
        f"{_name(path)} must begin with `# R1, thesis 3.4: the rule in a sentence`, not with: {first}"
    )
    return match[1], _sections(match[2])


def _rows() -> dict[str, tuple[frozenset[str], str]]:
    """Of each rule on the page its sections and what proves it."""
    rows = [match for line in _PAGE.read_text().splitlines() if (match := _ROW.fullmatch(line))]
    assert len({row[1] for row in rows}) == len(rows), "a rule's number stands on the page twice"
    return {row[1]: (_sections(row[2]), row[4]) for row in rows}


@pytest.mark.parametrize("path", _FILES, ids=_name)
def test_trace_is_as_argued(path: Path) -> None:
    """Every directive of the script gives the output that stands beneath it."""
    compare(path, RaftScript().run)


def test_there_are_enough_scripts() -> None:
    """A checkout alone proves raft: the scripts are here, and none of them is empty."""
    assert len(_FILES) >= _FEWEST
    assert all(parse(path.read_text()) for path in _FILES)


def test_page_and_scripts_name_the_same_rules() -> None:
    """Each script proves a rule of docs/design/raft.md, which lists it; each script that is listed is here."""
    rows = _rows()
    listed = {(name, rule) for rule, (_, proof) in rows.items() for name in re.findall(r"`(\w+/\w+)`", proof)}
    assert listed == {(_name(path), _header(path)[0]) for path in _FILES}


def test_page_and_scripts_name_the_same_sections() -> None:
    """The sections of the thesis in the scripts of a rule are exactly those that the page gives for it."""
    found: dict[str, frozenset[str]] = {}
    for path in _FILES:
        rule, sections = _header(path)
        found[rule] = found.get(rule, frozenset()) | sections
    proven_by_script = {rule: row[0] for rule, row in _rows().items() if rule in found}
    assert found == proven_by_script


def test_every_rule_has_a_proof_that_exists() -> None:
    """A rule names a script or a test, and the test is there."""
    for rule, (_, proof) in _rows().items():
        assert re.search(r"`[^`]+`", proof), f"{rule} names no proof"
        for file, test in re.findall(r"`(\w+\.py)`[: ]+`?(test_\w+)", proof):
            assert f"def {test}(" in (_ROOT / "tests" / "unit" / "raft" / file).read_text(), f"{rule}: {test}"


def test_swarmkit_settings_are_those_of_a_manager() -> None:
    """What `swarmkit=true` gives is what a manager runs with: the values of rule R40."""
    config = first_config(swarmkit=True, rng=random.Random(0))
    assert (config.election_tick, config.heartbeat_tick) == (10, 1)
    assert (config.max_size_per_message, config.applying_limit) == (65_535, 65_535)
    assert config.max_inflight_messages == 256
    assert config.check_quorum
    assert config.disable_proposal_forwarding
    assert not config.pre_vote
    assert not config.read_only_lease
    assert not config.async_storage_writes
    assert not config.step_down_on_removal

"""Filters that have names: a file that the program writes and a person may too."""

from pathlib import Path

import pytest
from swarm_tui.preferences.file import WrongPreferences
from swarm_tui.preferences.saved_filters import SavedFilter
from swarm_tui.shell.filters import Filters

CRASHING = SavedFilter("crashing", "task", "state:failed age<1h")


@pytest.mark.parametrize("has_file", [True, False], ids=["file", "memory"])
def test_what_is_saved_is_there(tmp_path: Path, has_file: bool) -> None:
    """By name; saved again it takes the place of the one before; dropped it is gone."""
    path = tmp_path / "conf" / "filters.toml" if has_file else None
    kept = Filters(path)
    assert kept.all() == ()
    kept.save(CRASHING)
    kept.save(SavedFilter("big", "service", 'running>5 !"x"'))
    kept.save(SavedFilter("crashing", "task", "state:rejected"))
    there = kept.all() if path is None else Filters(path).all()
    assert [(one.name, one.text) for one in there] == [
        ("big", 'running>5 !"x"'),
        ("crashing", "state:rejected"),
    ]
    kept.drop("big")
    assert [one.name for one in kept.all()] == ["crashing"]


def test_what_a_person_wrote_stays(tmp_path: Path) -> None:
    """Comments and order of the file are theirs."""
    path = tmp_path / "filters.toml"
    path.write_text('# mine\n[filters.db]\nlist = "services"\nfilter = "db*" # all of them\n')
    kept = Filters(path)
    kept.save(CRASHING)
    assert path.read_text().startswith(
        '# mine\n[filters.db]\nlist = "services"\nfilter = "db*" # all of them\n'
    )
    kept.drop("crashing")
    assert [one.kind for one in kept.all()] == ["services"]


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ('[filters.a]\nlist = "taks"\nfilter = "x"\n', 2, "there is no list 'taks'; did you mean 'task'?"),
        ('[filters.a]\nlist = "task"\nfilter = "stat:x"\n', 3, "There is no field 'stat'"),
        ('[filters.a]\nlist = "task"\n', 1, "lacks 'filter'"),
        ('[filters.a]\nlist = "task"\nfilter = 5\n', 3, "takes a text in quotes"),
        ('[filter.a]\nlist = "task"\nfilter = "x"\n', 1, "'filter' is not known; did you mean 'filters'?"),
        ("[filters.a\n", 1, "this is no TOML"),
    ],
)
def test_a_mistake_has_its_line_and_nothing_is_written_over(
    tmp_path: Path, text: str, line: int, said: str
) -> None:
    """A file with a mistake is not used, and left as it is."""
    path = tmp_path / "filters.toml"
    path.write_text(text)
    kept = Filters(path)
    with pytest.raises(WrongPreferences) as refused:
        kept.all()
    assert f"line {line}: " in str(refused.value)
    assert said in str(refused.value)
    with pytest.raises(WrongPreferences):
        kept.save(CRASHING)
    assert path.read_text() == text

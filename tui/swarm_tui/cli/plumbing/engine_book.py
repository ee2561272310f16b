"""The person's list of engines as the dashboard changes it: the file and the rules are those of `engine add`, `rm` and `maintain`."""

from dataclasses import replace
from typing import Final

from swarm_core.engines.listed import engines_file, problem_of_entry, read_listed
from swarm_core.engines.records import EngineEntry

from swarm_tui.cli.plumbing import context_edits, engine_edits

_NOTHING_GIVEN: Final = EngineEntry("")


class EnginesFile:
    """Implements `engine_hands.EngineBook`. `given`: what an engine that is added has besides its name and address."""

    def __init__(self, given: EngineEntry = _NOTHING_GIVEN) -> None:
        self._given = given

    @property
    def place(self) -> str:
        """See there."""
        return str(engines_file())

    def problem(self, name: str, url: str) -> str:
        """See there."""
        if problem := problem_of_entry(replace(self._given, url=url, name=name)):
            return problem
        try:
            return "is there already" if self.has(name) else ""
        except ValueError as error:
            return f"cannot be written: {error}".rstrip(".")

    def has(self, name: str) -> bool:
        """See there. Raises ValueError."""
        return any(one.name == name for one in read_listed(engines_file()).entries)

    def add(self, name: str, url: str) -> None:
        """See there."""
        entry = replace(self._given, url=url, name=name)
        context_edits.change(engines_file(), lambda text: engine_edits.with_engine(text, entry))

    def remove(self, name: str) -> None:
        """See there."""
        read_listed(engines_file()).named(name)
        context_edits.change(engines_file(), lambda text: engine_edits.without_engine(text, name))

    def maintain(self, name: str, *, is_on: bool) -> None:
        """See there."""
        entry = read_listed(engines_file()).named(name)
        context_edits.change(
            engines_file(), lambda text: engine_edits.with_maintenance(text, entry, is_on=is_on)
        )

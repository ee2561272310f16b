"""Problems as notes: a sentence each, and one for all that have the same cause."""

from collections.abc import Sequence
from itertools import groupby
from typing import Final

from swarm_tui.resources.model import Problem
from swarm_tui.widgets.notes import Note
from swarm_tui.widgets.paint import Span

_NAMED: Final = 3


def problem_notes(problems: Sequence[Problem]) -> list[Note]:
    """Notes in the order of `problems`; those of equal cause stand together where the first of them does."""
    first: dict[tuple[object, ...], int] = {}
    for index, problem in enumerate(problems):
        first.setdefault(_sort_of(problem), index)
    ordered = sorted(problems, key=lambda one: first[_sort_of(one)])
    return [_note(list(group)) for _, group in groupby(ordered, _sort_of)]


def _sort_of(problem: Problem) -> tuple[object, ...]:
    return problem.health, problem.ref.kind, problem.cause, problem.key


def heading(problem: Problem) -> list[Span]:
    """Its sign, who has it, and its numbers."""
    look = problem.health
    return [(f"{look.glyph} ", look.role), (problem.name, "text+bold"), (f"  {problem.summary}", "muted")]


def _note(alike: Sequence[Problem]) -> Note:
    problem = alike[0]
    sentences: list[list[Span]] = [[(problem.cause.replace("\n", " "), "text")]]
    if problem.key:
        sentences.append([(problem.key, "accent+bold"), (f" {problem.verb}", "muted")])
    if len(alike) == 1:
        return Note(heading(problem), sentences, problem.ref)
    look, names = problem.health, ", ".join(one.name for one in alike[:_NAMED])
    more = f" +{len(alike) - _NAMED}" if len(alike) > _NAMED else ""
    shown: list[Span] = [
        (f"{look.glyph} ", look.role),
        (f"{len(alike)} {problem.ref.kind}s", "text+bold"),
        (f"  {names}{more}", "muted"),
    ]
    return Note(shown, sentences, problem.ref)


def line(problem: Problem) -> list[Span]:
    """The whole problem in one line."""
    return [*heading(problem), ("  ", "text"), (problem.cause.replace("\n", " "), "text")]

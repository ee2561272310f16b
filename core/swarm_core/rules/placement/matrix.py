"""What every filter says about every node, for people (docs/design/scheduling.md 3.12).

`Matrix.of` asks the checks that the scheduler places by: a node that fits here is one that the scheduler would take. It
looks at whole clusters and is made when somebody asks, never by the leader's loop.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Self

from swarm_core.api.words import nodes_words
from swarm_core.rules.placement.filters import Pipeline, Question, Verdict
from swarm_core.rules.placement.node_info import NodeInfo
from swarm_core.rules.placement.remedies import effort, remedy
from swarm_core.rules.placement.summaries import node_name, summary

_REMEDIES_MAX = 3
_NAMED_MAX = 3


@dataclass(frozen=True, slots=True)
class NodeAnswer:
    """One row: what each filter says about one node."""

    node_id: str
    name: str
    verdicts: tuple[Verdict, ...]

    @property
    def fits(self) -> bool:
        """Whether the node would take the task."""
        return all(verdict.passed for verdict in self.verdicts)

    @property
    def refusing(self) -> tuple[str, ...]:
        """The filters that refuse."""
        return tuple(verdict.filter for verdict in self.verdicts if not verdict.passed)


@dataclass(frozen=True, slots=True)
class Matrix:
    """`filters` are those that the task needs; `answers` begin with the nodes that fit, then those that lack least."""

    filters: tuple[str, ...]
    answers: tuple[NodeAnswer, ...]
    sentence: str
    """Whether there is a node, and if not, everything that stands against it, with the numbers."""
    remedies: tuple[str, ...]
    """The smallest changes that would make room for one task, a sentence each. Empty where a node fits."""

    @classmethod
    def of(
        cls,
        pipeline: Pipeline,
        nodes: Iterable[NodeInfo],
        task_name: Callable[[str], str] = str,
        *,
        is_of_others: bool = False,
    ) -> Self:
        """The answers of `nodes` to the task of `pipeline`. `is_of_others`: the cluster has nodes beside them, which are out of the question."""
        question = pipeline.question(task_name)
        rows = [
            (NodeAnswer(info.id, node_name(info), tuple(pipeline.verdicts(info, task_name))), info)
            for info in nodes
        ]
        rows.sort(key=lambda row: (*_distance(row[0], question, row[1]), row[0].name, row[0].node_id))
        answers = tuple(answer for answer, _ in rows)
        fitting = [answer.name for answer in answers if answer.fits]
        return cls(
            tuple(rule.name for rule in pipeline.filters),
            answers,
            _fits(fitting, len(answers))
            if fitting
            else _refusal(pipeline, question, rows, "other " if is_of_others else ""),
            () if fitting else _remedies(question, rows),
        )

    @property
    def fitting(self) -> tuple[NodeAnswer, ...]:
        """The nodes that would take the task."""
        return tuple(answer for answer in self.answers if answer.fits)


_Row = tuple[NodeAnswer, NodeInfo]


def _distance(answer: NodeAnswer, question: Question, info: NodeInfo) -> tuple[int, float]:
    """How far a node is from taking the task: the filters that refuse it, then how much has to change."""
    return len(answer.refusing), sum(effort(name, question, info) for name in answer.refusing)


def _fits(names: list[str], count: int) -> str:
    shown = ", ".join(names[:_NAMED_MAX])
    more = f" and {len(names) - _NAMED_MAX} more" if len(names) > _NAMED_MAX else ""
    verb = "has" if len(names) == 1 else "have"
    return f"{len(names)} of {nodes_words(count)} {verb} room for it: {shown}{more}."


def _refusal(pipeline: Pipeline, question: Question, rows: list[_Row], other: str) -> str:
    if not rows:
        return "There is no other node." if other else "The cluster has no nodes."
    clauses = []
    for rule in pipeline.filters:
        refusing = [info for answer, info in rows if rule.name in answer.refusing]
        if refusing:
            clauses.append((-len(refusing), summary(rule.name, question, refusing, len(rows))))
    clauses.sort(key=lambda clause: clause[0])
    return f"No {other}node can take it: {'; '.join(text for _, text in clauses)}."


def _remedies(question: Question, rows: list[_Row]) -> tuple[str, ...]:
    """One for each set of refusing filters, of the node that is nearest; only of the nodes that lack the fewest."""
    nearest: dict[tuple[str, ...], list[NodeInfo]] = {}
    for answer, info in rows:
        if len(answer.refusing) == len(rows[0][0].refusing):
            nearest.setdefault(answer.refusing, []).append(info)
    return tuple(
        _sentence([remedy(name, question, infos[0]) for name in refusing], len(infos) - 1)
        for refusing, infos in list(nearest.items())[:_REMEDIES_MAX]
    )


def _sentence(parts: list[str], others: int) -> str:
    text = ", and ".join(parts)
    verb = "lacks" if others == 1 else "lack"
    also = f" ({others} more {verb} the same or more of it)" if others else ""
    return f"{text[:1].upper()}{text[1:]}{also}."

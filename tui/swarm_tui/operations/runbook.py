"""A runbook: what a person changed in the dashboard, as `swarm-tui` commands, with the waits that they watched for. Pure.

Rules (docs/design/terminal.md 11.26)
1. A step is a plan that was carried out; its commands do the same. Where no command does it the step says what to do by hand.
2. When the next step comes, or the end, the cluster is looked at: what had come true by then was waited for. A service at its goal is
   waited for by its own command, which is otherwise told not to wait; a drained node without tasks by `find --until none`.
3. A list that was narrowed down at that moment is a check: that it shows something, or nothing.
"""

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from swarm_core.api.proto import objects_pb2, specs_pb2
from swarm_core.rules.rollout import is_going
from swarm_core.specs.patterns import one_pass

from swarm_tui.clusters import filters
from swarm_tui.operations.docker.commands import Commands
from swarm_tui.operations.forecast.model import Pair
from swarm_tui.operations.model import Outcome, Plan
from swarm_tui.resources import jobs, nodes, registry, services
from swarm_tui.resources.format import moment, plural
from swarm_tui.resources.model import ClusterView

COMMAND: Final = "swarm-tui"
_BY_DOCKER: Final = "docker"
_SWARM: Final = "swarm"
_WAITS: Final = ("create", "scale", "update", "rollback")
"""Commands of services that wait for their tasks."""
_NEEDS_INPUT: Final = "It reads what is in it from standard input, which is not in this file."


@dataclass(frozen=True, slots=True)
class Watched:
    """A list that was narrowed down."""

    noun: str
    terms: str


@dataclass(slots=True)
class _Step:
    at_ns: int
    title: str
    commands: list[list[str]]
    notes: list[str]
    pairs: tuple[Pair, ...] = ()
    checks: list[list[str]] = field(default_factory=list)


class Runbook:
    """See the module's text. `title` names the cluster it is recorded on."""

    def __init__(self, title: str, began_ns: int) -> None:
        self._title = title
        self._began_ns = began_ns
        self._steps: list[_Step] = []

    def __len__(self) -> int:
        return len(self._steps)

    def did(
        self, plan: Plan, pairs: Sequence[Pair], outcomes: Sequence[Outcome], commands: Commands, at_ns: int
    ) -> None:
        """A plan was carried out; `commands` are docker's for it, as the cluster was before. What came to nothing is no step."""
        if not outcomes or all(outcome.is_error for outcome in outcomes):
            return
        notes = [f"It went wrong: {outcome.text}" for outcome in outcomes if outcome.is_error]
        words = [_own(shlex.split(line)) for line in commands.lines] or [
            shlex.split(line) for line in commands.own
        ]
        if not words:
            notes.append(f"Do it by hand: {commands.why_none}")
        if any(one[-1:] == ["-"] for one in words):
            notes.append(_NEEDS_INPUT)
        self._steps.append(_Step(at_ns, plan.title, words, notes, tuple(pairs)))

    def said(self, title: str, words: Sequence[str], at_ns: int, by_hand: str = "") -> None:
        """Something was done that is one command by itself, or none: then `by_hand` completes "Do it by hand: …"."""
        commands, notes = ([[COMMAND, *words]], []) if words else ([], [f"Do it by hand: {by_hand}."])
        self._steps.append(_Step(at_ns, title, commands, notes))

    def looked(self, view: ClusterView, watched: Watched | None, now_ns: int) -> None:
        """The person goes on: what the last step led to has come true by now, or was not waited for."""
        if not self._steps:
            return
        step = self._steps[-1]
        step.checks = [
            *_drained(step.pairs, view),
            *(_checks(watched, view, now_ns) if watched is not None else ()),
        ]
        if not all(_is_at_goal(pair, view) for pair in step.pairs):
            step.commands = [_without_waiting(words) for words in step.commands]
        step.pairs = ()

    def lines(self) -> Iterator[str]:
        """The script: a shell runs it whole, `swarm-tui runbook play` step by step."""
        yield "#!/bin/sh"
        yield f"# Recorded by swarm-tui on {_comment(self._title)}, {moment(self._began_ns)}: {plural(len(self), 'step')}."
        yield "# 'swarm-tui runbook play FILE' goes through it step by step. What was typed is in it, values of variables too."
        yield "set -eu"
        for number, step in enumerate(self._steps, 1):
            yield ""
            yield f"# {number}  {_comment(step.title)}  ({moment(step.at_ns)})"
            yield from (f"# {_comment(note)}" for note in step.notes)
            yield from (shlex.join(words) for words in (*step.commands, *step.checks))


def _own(words: list[str]) -> list[str]:
    """The same of our own command."""
    assert words[0] == _BY_DOCKER
    noun = "cluster" if words[1] == _SWARM else words[1]
    return [COMMAND, noun, *words[2:]]


def _comment(text: str) -> str:
    """A text on one line, whatever is in it."""
    return " ".join(text.split())


def _is_at_goal(pair: Pair, view: ClusterView) -> bool:
    """Whether the object, if it is a service, runs what it is meant to."""
    if not isinstance(pair.after, objects_pb2.Service):
        return True
    name = pair.after.spec.annotations.name
    found = (one for one in view.objects(objects_pb2.Service) if one.spec.annotations.name == name)
    service = next(found, None)
    if service is None or is_going(service):
        return False
    if services.mode(service).endswith("job"):
        return jobs.completed(service, view) >= jobs.total(service, view)
    return services.running(service, view) >= services.wanted(service, view)


def _without_waiting(words: list[str]) -> list[str]:
    if words[1] != "service" or words[2] not in _WAITS:
        return words
    return [*words[:3], "--detach", *words[3:]]


def _drained(pairs: Sequence[Pair], view: ClusterView) -> Iterator[list[str]]:
    """Waiting for nodes that were drained, and on which nothing runs any more."""
    drain = specs_pb2.NodeSpec.DRAIN
    for pair in pairs:
        node: Any = pair.after
        if not isinstance(node, objects_pb2.Node) or node.spec.availability != drain:
            continue
        if pair.before is not None and pair.before.spec.availability == drain:
            continue
        if not view.node_sums(node.id).running:
            terms = f"node:={nodes.name(node, view)} state:running"
            yield [COMMAND, "find", "tasks", terms, "--until", "none"]


def _checks(watched: Watched, view: ClusterView, now_ns: int) -> Iterator[list[str]]:
    """That the list shows something, or nothing, as it did. A filter that takes too long showed neither."""
    kind = registry.by_noun(watched.noun)
    wanted = filters.parse(watched.terms, kind.fields)
    try:
        with one_pass():
            is_found = any(
                wanted.matches(filters.reader(kind, item, view, now_ns))
                for item in view.objects(kind.message)
            )
    except filters.FilterError:
        return
    goal = "some" if is_found else "none"
    yield [COMMAND, "find", kind.plural, watched.terms, "--until", goal]

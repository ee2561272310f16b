"""What is wrong in the whole cluster, kept up to date object by object.

Kinds whose problems their owners tell too are left out: a task's trouble is its service's problem or its node's, told once.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from google.protobuf.message import Message

from swarm_tui.resources import registry
from swarm_tui.resources.model import ClusterView, Health, Problem, ResourceKind, Role, no_problems
from swarm_tui.resources.refs import ObjectRef


class ProblemBoard:
    """The problems of one cluster."""

    def __init__(self, view: ClusterView) -> None:
        self._view = view
        self._kinds = [
            kind
            for kind in registry.kinds(view.realm)
            if not kind.is_told_by_owners and kind.problems is not no_problems
        ]
        self._problems: dict[ObjectRef, tuple[Problem, ...]] = {}
        self._begun: dict[ObjectRef, Problem] = {}

    def rebuild(self, now_ns: int) -> None:
        """Look at everything anew: after a reset, and now and then because texts hold ages."""
        self._problems = {}
        for kind in self._kinds:
            self._look(kind, self._ids(kind), now_ns)
        self._begun.clear()

    def apply(self, touched: Mapping[type[Message], Iterable[str]], now_ns: int) -> None:
        """Look at these objects anew, and at those whose problems depend on them."""
        for kind in self._kinds:
            if any(message in touched for message in kind.depends_on):
                self._look(kind, self._ids(kind), now_ns)
            else:
                self._look(kind, touched.get(kind.message, ()), now_ns)

    def _ids(self, kind: ResourceKind[Any]) -> list[str]:
        return [item.id for item in self._view.objects(kind.message)]

    def _look(self, kind: ResourceKind[Any], ids: Iterable[str], now_ns: int) -> None:
        for id_ in ids:
            item = self._view.get(kind.message, id_)
            found = kind.problems(item, self._view, now_ns) if item is not None else ()
            ref = ObjectRef(self._view.cluster, kind.noun, id_)
            if found:
                self._note_failure(ref, found)
                self._problems[ref] = found
            else:
                self._problems.pop(ref, None)

    def _note_failure(self, ref: ObjectRef, found: tuple[Problem, ...]) -> None:
        failure = next((one for one in found if one.health.role is Role.ERROR), None)
        before = self._problems.get(ref, ())
        if failure is not None and not any(one.health.role is Role.ERROR for one in before):
            self._begun[ref] = failure

    def take_begun(self) -> list[Problem]:
        """The failures that began since this was asked last; a look at everything anew begins none."""
        begun = [one for ref, one in self._begun.items() if ref in self._problems]
        self._begun.clear()
        return begun

    def all(self) -> list[Problem]:
        """Every problem, the worst first, and of those the newest."""
        every = [problem for found in self._problems.values() for problem in found]
        return sorted(every, key=lambda one: (-one.health.severity, -one.since_ns, one.ref.kind, one.name))

    def counts(self) -> tuple[int, int]:
        """(failures, warnings), as the header shows them."""
        every = [problem for found in self._problems.values() for problem in found]
        failures = sum(problem.health.role is Role.ERROR for problem in every)
        return failures, len(every) - failures

    def worst(self) -> Health:
        """The worst health there is."""
        return max((p.health for p in self.all()), key=lambda health: health.severity, default=Health.OK)

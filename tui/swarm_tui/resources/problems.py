"""What is wrong in the whole cluster, kept up to date object by object.

Kinds whose problems their owners tell too are left out: a task's trouble is its service's problem or its node's, told once.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from google.protobuf.message import Message

from swarm_tui.resources import registry
from swarm_tui.resources.model import ClusterView, Health, Problem, ResourceKind, Role, no_problems
from swarm_tui.resources.refs import ClusterId

_Key = tuple[str, str]
"""A noun and an id."""


class ProblemBoard:
    """The problems of what `view` shows. Where that is several clusters, `home` gives the one that an object is of, and `called` what an
    object of a cluster is called among all."""

    def __init__(
        self,
        view: ClusterView,
        home: Callable[[type[Any], str], ClusterView] | None = None,
        called: Callable[[ClusterId, str], str] | None = None,
    ) -> None:
        self._view = view
        self._home = home or (lambda kind, id_: view)
        self._called = called
        self._kinds = [
            kind
            for kind in registry.kinds(view.realm)
            if not kind.is_told_by_owners and kind.problems is not no_problems
        ]
        self._problems: dict[_Key, tuple[Problem, ...]] = {}
        self._begun: dict[_Key, Problem] = {}

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
            key = kind.noun, id_
            if found := self._found(kind, item, now_ns) if item is not None else ():
                self._note_failure(key, found)
                self._problems[key] = found
            else:
                self._problems.pop(key, None)

    def _found(self, kind: ResourceKind[Any], item: Any, now_ns: int) -> tuple[Problem, ...]:
        found = kind.problems(item, self._home(kind.message, item.id), now_ns)
        called = self._called
        if called is None:
            return found
        return tuple(replace(one, name=called(one.ref.cluster, one.name)) for one in found)

    def _note_failure(self, key: _Key, found: tuple[Problem, ...]) -> None:
        failure = next((one for one in found if one.health.role is Role.ERROR), None)
        before = self._problems.get(key, ())
        if failure is not None and not any(one.health.role is Role.ERROR for one in before):
            self._begun[key] = failure

    def take_begun(self) -> list[Problem]:
        """The failures that began since this was asked last; a look at everything anew begins none."""
        begun = [one for key, one in self._begun.items() if key in self._problems]
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

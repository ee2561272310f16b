"""The command palette: verbs for what is selected, and objects by name."""

from collections.abc import Iterator
from typing import Any

from textual.command import DiscoveryHit, Hit, Hits, Provider

from swarm_tui.clusters.filters import fuzzy
from swarm_tui.resources import nodes, services, tasks
from swarm_tui.resources.model import ResourceKind
from swarm_tui.shell.verbs import VerbScreen
from swarm_tui.views.actions import ACTIONS, Action

_OBJECTS_MAX = 40
_KINDS: tuple[ResourceKind[Any], ...] = (services.KIND, nodes.KIND, tasks.KIND)


class SwarmCommands(Provider):
    """Verbs that work now, then services, nodes and tasks whose names fit."""

    async def discover(self) -> Hits:
        for action in self._verbs():
            yield DiscoveryHit(self._title(action), self._run(action), help=action.help)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for action in self._verbs():
            title = self._title(action)
            if (score := matcher.match(title)) > 0:
                yield Hit(score, matcher.highlight(title), self._run(action), help=action.help)
        for kind, object_id, title in self._objects(query):
            if (score := matcher.match(title)) > 0:
                yield Hit(
                    score * 0.9,
                    matcher.highlight(title),
                    self._open(kind, object_id),
                    help=f"open {kind.noun}",
                )

    @property
    def _stage(self) -> VerbScreen | None:
        return self.screen if isinstance(self.screen, VerbScreen) else None

    def _verbs(self) -> list[Action]:
        stage = self._stage
        hidden = ("global.palette", "form.next_field", "global.next_pane")
        return [action for action in ACTIONS if stage and action.id not in hidden and stage.applies(action)]

    def _title(self, action: Action) -> str:
        stage = self._stage
        noun, ids = stage.selection() if stage is not None and action.kinds else ("", [])
        if not ids:
            return action.label
        return (
            f"{action.label} {noun} {self._name(noun, ids[0])}"
            if len(ids) == 1
            else f"{action.label} {len(ids)} {noun}s"
        )

    def _name(self, noun: str, object_id: str) -> str:
        stage = self._stage
        kind = next((one for one in _KINDS if one.noun == noun), None)
        item = (
            stage.session.mirror.get(kind.message, object_id)
            if stage is not None and kind is not None
            else None
        )
        return (
            kind.name(item, stage.session.mirror)
            if stage is not None and kind is not None and item is not None
            else object_id
        )

    def _run(self, action: Action) -> Any:
        stage = self._stage
        assert stage is not None
        return lambda: stage.action_do(action.id)

    def _open(self, kind: ResourceKind[Any], object_id: str) -> Any:
        stage = self._stage
        assert stage is not None
        return lambda: stage.run_worker(stage.open_object(kind, object_id), group="verbs")

    def _objects(self, query: str) -> Iterator[tuple[ResourceKind[Any], str, str]]:
        """The first objects whose names hold the letters of `query`; scoring every one of thousands is too slow."""
        stage = self._stage
        if stage is None:
            return
        mirror, letters, left = stage.session.mirror, query.lower().replace(" ", ""), _OBJECTS_MAX
        for kind in _KINDS:
            for item in mirror.objects(kind.message):
                title = f"{kind.noun} {kind.name(item, mirror)}"
                if left and fuzzy(letters, title.replace(" ", "").lower()):
                    left -= 1
                    yield kind, item.id, title

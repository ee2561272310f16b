"""What is selected in the view that is shown: what verbs on objects work on."""

from swarm_tui.resources.refs import ObjectRef
from swarm_tui.shell.navigator import Navigator


class Selection:
    """Reads it of the view whenever it is asked: nothing is kept."""

    def __init__(self, navigator: Navigator) -> None:
        self._navigator = navigator

    @property
    def kind(self) -> str:
        """The noun of what is selected; empty when nothing is."""
        return self._navigator.view.selected_kind

    @property
    def refs(self) -> tuple[ObjectRef, ...]:
        """The objects: those that are marked, or else the one under the cursor."""
        return self._navigator.view.selected

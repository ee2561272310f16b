"""A place: where a link led, in which cluster, and the row that was left there. Pure."""

from dataclasses import dataclass

from swarm_tui.resources.model import Link
from swarm_tui.resources.refs import ClusterId, ObjectRef


@dataclass(frozen=True, slots=True)
class Place:
    """`link` names the view and what it is about."""

    cluster: ClusterId
    link: Link
    cursor: ObjectRef | None = None
    """The row the cursor was on when the place was left."""

    @property
    def view(self) -> str:
        """The name of the view."""
        return self.link.view

    @property
    def kind(self) -> str:
        """The kind of the object that the view is about; empty where it is about none."""
        return self.link.kind

    @property
    def id(self) -> str:
        """The object that the view is about: the owner of a list's objects, or the object of a text."""
        return self.link.id

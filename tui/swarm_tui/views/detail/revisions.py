"""The revisions of the service that is described, which no object tells: asked for beside the page (docs/design/control-api.md 4.9)."""

from swarm_core.api.proto.objects_pb2 import Service
from swarm_core.api.proto.service_history_pb2 import ServiceRevision
from swarm_core.client.errors import ClientError

from swarm_tui.clusters.session import Session
from swarm_tui.resources.model import Section, cell
from swarm_tui.resources.service_history import REVISIONS, history, page_with, section


class Revisions:
    """Of one service at a time. Of the past, and where a Docker Engine leads, there are none to ask for: the page tells the one step then."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._id = ""
        self._told: list[ServiceRevision] | None = None
        self._trouble = ""

    async def ask(self, service_id: str) -> None:
        """Ask anew."""
        if service_id != self._id:
            self._id, self._told, self._trouble = service_id, None, ""
        mirror = self._session.mirror.home(Service, service_id)
        if self._session.is_past or mirror.raft is None:
            self._told = None
            return
        try:
            told = await self._session.of(mirror.cluster).control.earlier_specs(service_id)
        except ClientError as error:
            self._trouble = str(error)
            return
        if service_id == self._id:
            self._told, self._trouble = told, ""

    def page(self, page: tuple[Section, ...], service: Service, now_ns: int) -> tuple[Section, ...]:
        """The page of the service with what is known."""
        if service.id != self._id:
            return page
        if self._trouble:
            return page_with(page, Section(REVISIONS, (("", cell(self._trouble)),)))
        if not self._told:
            return page
        return page_with(page, section(history(service, self._told), now_ns))

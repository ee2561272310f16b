"""The view in which a container of an engine is asked for; where it would land is asked when it is sent."""

from typing import Final

from swarm_tui.operations.engines import run
from swarm_tui.operations.model import Plan
from swarm_tui.resources.model import Realm
from swarm_tui.views.form.object_view import ObjectFormView
from swarm_tui.views.view import ClusterPorts, Context, ViewKind

NAME: Final = run.RunForm.view


class RunView(ObjectFormView):
    """See the module's text."""

    async def planned(self) -> Plan:
        """Placed as the engines are now."""
        hands = self._session.engines
        assert hands is not None, "containers are run on the engines' screen"
        return await run.plan(self._typed, hands)


def _make(view: type[RunView], ports: ClusterPorts) -> RunView:
    return view(ports.session, run.RunForm())


VIEW: Final = ViewKind(NAME, Context.FORM, RunView, _make, realms=frozenset((Realm.ENGINES,)))

"""All routes of the socket over many engines, and what it says of itself."""

from swarm_core.api.version import VERSION
from swarm_core.engines.face.asking import Asking
from swarm_core.engines.face.containers import Containers
from swarm_core.engines.face.images import Images
from swarm_core.engines.face.objects import Objects
from swarm_core.engines.face.system import System
from swarm_core.http.routes import Routes
from swarm_core.http.server import Face


def make_face(asking: Asking) -> tuple[Routes, Face]:
    """To be given to `http.server.serving`."""
    system = System(asking)
    routes = Routes(system.routes())
    routes.add(Containers(asking).routes())
    routes.add(Images(asking).routes())
    routes.add(Objects(asking).routes())
    return routes, Face(f"swarm-tui/{VERSION}", newest=system.newest)

"""Which level each change of what engines have needs (docs/design/engine-views.md 18.5.2): the one rule of commands and dashboard."""

from typing import Final

from swarm_tui.clusters.allowance import Level

TURN: Final = Level.OPERATE
"""Containers that are there, started, stopped and so on."""
LIST: Final = Level.CONFIGURE
"""The person's list of engines, and which of them take no new containers."""
MAKE: Final = Level.CONFIGURE
"""What was not there: containers, volumes, networks, images that are pulled."""
REMOVE: Final = Level.IMPACT
"""What goes, one by one or pruned."""
ANYTHING: Final = Level.IMPACT
"""What nobody can foretell: a command inside a container, and whoever uses a socket."""

"""What a client asks of the machine's membership, as checked values. Bodies are read in `translate.membership`."""

from dataclasses import dataclass

from swarm_core.specs.addresses import Endpoints
from swarm_core.specs.network_defaults import NONE_CHOSEN, NetworkDefaults


@dataclass(frozen=True, slots=True)
class Beginning:
    """Of a cluster, or with `force_new` the going on of one with this manager alone. `availability` is a word, empty for the flags'."""

    endpoints: Endpoints
    data_path: str = ""
    networks: NetworkDefaults = NONE_CHOSEN
    autolock: bool = False
    force_new: bool = False
    availability: str = ""


@dataclass(frozen=True, slots=True)
class Joining:
    """Of a cluster by way of one of `managers`, tried in their order."""

    endpoints: Endpoints
    managers: tuple[str, ...]
    token: str
    data_path: str = ""
    availability: str = ""

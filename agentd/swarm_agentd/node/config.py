"""What a node is told, as one checked value."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from swarm_core.metrics import address
from swarm_core.runtime.log import TEXT

if TYPE_CHECKING:
    from swarm_core.csi.sockets import PluginSocket


@dataclass(frozen=True, slots=True)
class Join:
    """Which cluster to join; `availability` is the node's when it is new."""

    address: str
    token: str
    availability: int = 0

    @classmethod
    def at(cls, address: str, token: str, availability: str) -> "Join":
        """With the word for the availability."""
        from swarm_core.api.proto.specs_pb2 import NodeSpec

        return cls(address, token, NodeSpec.Availability.Value(availability.upper()))


@dataclass(frozen=True, slots=True)
class NodeConfig:
    """Empty strings and None mean: not given."""

    state_dir: Path
    control_socket: Path
    listen_remote_api: str
    advertise_remote_api: str = ""
    join: Join | None = None
    hostname: str = ""
    unlock_key: bytes | None = None
    autolock: bool = False
    external_cas: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()  # the flags of a new cluster's network defaults
    csi_plugins: "tuple[PluginSocket, ...]" = ()
    heartbeat_tick: int = 1
    election_tick: int = 10
    tick_s: float | None = None
    force_new_cluster: bool = False
    availability: str = "active"
    log_level: str = "info"
    log_format: str = TEXT
    metrics_address: str = ""  # where the node is asked for its figures; empty: nothing is measured
    tells_versions: bool = False  # whether its manager tells of changes, as for docker's clients

    @property
    def manager_metrics(self) -> Path:
        """The socket at which the node asks its own manager for figures."""
        return self.state_dir / "manager-metrics.sock"

    @property
    def store_versions(self) -> Path:
        """The file in which the manager tells which objects have changed."""
        return self.state_dir / "store-versions"

    def manager_flags(self) -> list[str]:
        """The flags of this node's manager."""
        return [
            "--state-dir", str(self.state_dir),
            "--listen-control-api", str(self.control_socket),
            "--listen-remote-api", self.listen_remote_api,
            "--advertise-remote-api", self.advertise_remote_api,
            "--heartbeat-tick", str(self.heartbeat_tick),
            "--election-tick", str(self.election_tick),
            "--availability", self.availability,
            "--log-level", self.log_level,
            "--log-format", self.log_format,
            *(() if self.tick_s is None else ("--tick", str(self.tick_s))),
            *(word for text in self.external_cas for word in ("--external-ca", text)),
            *self.networks,
            *(word for plugin in self.csi_plugins for word in ("--csi-plugin", str(plugin))),
            *(("--metrics-addr", address.of_socket(self.manager_metrics)) if self.metrics_address else ()),
            *(("--store-versions", str(self.store_versions)) if self.tells_versions else ()),
        ]  # fmt: skip

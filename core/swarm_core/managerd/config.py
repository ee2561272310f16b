"""What the manager process is told: flags, checked, as one frozen value.

The node daemon starts this program and passes the flags that people give to it; they are swarmd's
(docs/design/node.md 6.7). The node's identity is already in `<state>/certificates` when it starts.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from swarm_core.metrics import address
from swarm_core.runtime.arguments import Parser
from swarm_core.runtime.log import FORMATS, LEVELS, TEXT
from swarm_core.specs.network_defaults import NONE_CHOSEN, POOL_FLAG, PORT_FLAG, SIZE_FLAG, NetworkDefaults

if TYPE_CHECKING:
    from swarm_core.csi.sockets import PluginSocket

AVAILABILITIES = ("active", "pause", "drain")
ROOT_KEY_FILE = "swarm-root-ca.key"
# SwarmKit's, and ours: a lost leader is replaced within two seconds.
_TICK_S, _SHORT_TICK_S = 1.0, 0.08


@dataclass(frozen=True, slots=True)
class Config:
    state_dir: Path
    control_socket: Path
    remote_address: str  # host:port; empty: no remote API
    advertise_address: str  # empty: derived from remote_address
    join_address: str  # a manager of the cluster that a new manager joins; empty: it founds one
    force_new_cluster: bool
    heartbeat_tick: int
    election_tick: int
    tick_s: float
    short_tick_s: float | None  # while all managers are ours; None: tick_s is fixed
    availability: str
    log_level: str
    log_format: str
    until_stdin_closes: bool
    orders_on_stdin: bool = False
    external_cas: tuple[str, ...] = ()
    networks: NetworkDefaults = NONE_CHOSEN
    csi_plugins: "tuple[PluginSocket, ...]" = ()
    metrics_address: str = ""  # host:port or unix:path; empty: nothing is measured
    store_versions: Path | None = None  # the file in which the daemon is told of changes

    @property
    def certificates(self) -> Path:
        return self.state_dir / "certificates"

    @property
    def raft_dir(self) -> Path:
        return self.state_dir / "raft"


def parse(arguments: Sequence[str] | None = None) -> Config:
    """The flags as a Config. Prints usage and raises SystemExit(2) when they are not usable."""
    parser = _parser()
    given = parser.parse_args(arguments)
    if not 0 < given.heartbeat_tick < given.election_tick:
        parser.error("--election-tick must be larger than --heartbeat-tick, and both larger than 0")
    if given.tick is not None and not given.tick > 0:
        parser.error("--tick must be larger than 0")
    try:
        if given.metrics_addr:
            address.check(given.metrics_addr)
    except ValueError as error:
        parser.error(f"--metrics-addr: {error}")
    try:
        csi_plugins = _csi_plugins(given.csi_plugin)
    except ValueError as error:
        parser.error(f"--csi-plugin: {error}")
    return Config(
        state_dir=given.state_dir,
        control_socket=given.listen_control_api,
        remote_address=given.listen_remote_api,
        advertise_address=given.advertise_remote_api,
        join_address=given.join_addr,
        force_new_cluster=given.force_new_cluster,
        heartbeat_tick=given.heartbeat_tick,
        election_tick=given.election_tick,
        tick_s=_TICK_S if given.tick is None else given.tick,
        short_tick_s=_SHORT_TICK_S if given.tick is None else None,
        availability=given.availability,
        log_level=given.log_level,
        log_format=given.log_format,
        until_stdin_closes=given.until_stdin_closes,
        orders_on_stdin=given.orders_on_stdin,
        external_cas=tuple(given.external_ca),
        networks=NetworkDefaults(
            tuple(given.default_addr_pool), given.default_addr_pool_mask_length, given.data_path_port
        ),
        csi_plugins=csi_plugins,
        metrics_address=given.metrics_addr,
        store_versions=given.store_versions,
    )


def _parser() -> Parser:
    parser = Parser(
        prog="swarm-managerd", description="The manager process of a node; swarm-agentd starts it."
    )
    parser.add_argument("-d", "--state-dir", type=Path, required=True, help="state directory of the node")
    parser.add_argument("--listen-control-api", type=Path, required=True, help="path of the control socket")
    parser.add_argument("--listen-remote-api", default="", help="host:port for agents and other managers")
    parser.add_argument("--advertise-remote-api", default="", help="host:port that others are told")
    parser.add_argument(
        "--join-addr", default="", help="host:port of a manager to join, while this one is new"
    )
    parser.add_argument(
        "--force-new-cluster", action="store_true", help="go on without the other managers, which are lost"
    )
    parser.add_argument("--heartbeat-tick", type=int, default=1, help="ticks between raft heartbeats")
    parser.add_argument(
        "--election-tick", type=int, default=10, help="ticks without a leader before an election"
    )
    parser.add_argument(
        "--tick",
        type=float,
        help="fixed length of a raft tick in seconds; otherwise 1, and 0.08 while all managers are ours",
    )
    parser.add_argument(
        "--availability", choices=AVAILABILITIES, default="active", help="of this node, when it is new"
    )
    parser.add_argument(
        "-l", "--log-level", choices=sorted(LEVELS), default="info", help="least level to log"
    )
    parser.add_argument("--log-format", choices=FORMATS, default=TEXT, help="how a line of the log looks")
    parser.add_argument(
        "--until-stdin-closes",
        action="store_true",
        help="end when standard input does, with the parent process; it is told on standard output of new unlock keys, and when "
        "the control socket serves",
    )
    parser.add_argument(
        "--orders-on-stdin",
        action="store_true",
        help="wait for the first line of standard input: the unlock key, and the manager to join",
    )
    parser.add_argument(
        "--external-ca", action="append", default=[], help="protocol=cfssl,url=… for a new cluster"
    )
    parser.add_argument(
        POOL_FLAG, action="append", default=[], help="subnet that a new cluster's networks are cut from"
    )
    parser.add_argument(SIZE_FLAG, type=int, default=0, help="prefix length of each of them")
    parser.add_argument(PORT_FLAG, type=int, default=0, help="UDP port of overlay traffic in a new cluster")
    parser.add_argument(
        "--csi-plugin", action="append", default=[], help="NAME=SOCKET of a storage plugin on this machine"
    )
    parser.add_argument(
        "--metrics-addr",
        default="",
        metavar="ADDR",
        help="where Prometheus and health checks ask: HOST:PORT or unix:PATH; off unless given",
    )
    parser.add_argument(
        "--store-versions", type=Path, help="file in which the daemon is told which objects have changed"
    )
    return parser


def _csi_plugins(texts: Sequence[str]) -> "tuple[PluginSocket, ...]":
    if not texts:
        return ()
    from swarm_core.csi.sockets import parse_all

    return parse_all(texts)

"""The flags of swarm-agentd: swarmd's (docs/design/node.md 6.7) and a few of our own.

Rules: what swarmd takes is taken; what this version cannot do is refused by name, never ignored. The flags are read before
anything else is loaded (see standby): what few nodes are told is understood by modules that are loaded then.
"""

import argparse
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from swarm_core.api.names import MANAGER_PORT
from swarm_core.api.version import VERSION
from swarm_core.client.sockets import SOCKET_NAME
from swarm_core.runtime.arguments import Parser
from swarm_core.runtime.log import FORMATS, LEVELS, TEXT

from swarm_agentd.config import PortsConfig
from swarm_agentd.node import docker_flags, flag_values
from swarm_agentd.node.config import Join, NodeConfig
from swarm_agentd.node.errors import NodeError

if TYPE_CHECKING:
    from swarm_core.api.proto.types_pb2 import GenericResource

    from swarm_agentd.node.api_flags import ApiConfig
    from swarm_agentd.node.config_file import ConfigFile

STATE_DIR = Path("/var/lib/swarmd")
CONTROL_SOCKET = Path("/var/run/swarmd.sock")
API_SOCKET = Path("/var/run/swarmd-docker.sock")
"""Never docker's own: an engine may want that."""
API_SOCKET_NAME = "docker.sock"
ENGINE = flag_values.ENGINE
CONFIG_FILE = Path("/etc/swarmd/daemon.json")
LISTEN = f"0.0.0.0:{MANAGER_PORT}"
TOKEN_VARIABLE = "SWARM_JOIN_TOKEN"  # noqa: S105 - the name, not a token
"""A daemon's arguments are for every user to see; its environment is not."""
_LATER = ("listen_debug",)


@dataclass(frozen=True, slots=True)
class Options:
    """Everything the command was told."""

    node: NodeConfig
    executors: tuple[str, ...]
    engine: str
    generic: tuple["GenericResource", ...]
    ports: PortsConfig = field(default_factory=PortsConfig)
    ready_fd: int | None = None
    until_stdin_closes: bool = False
    api: "ApiConfig | None" = None
    default_advertise: str = ""
    """What others are told of a node that docker's command begins without saying it."""
    labels: Mapping[str, str] = field(default_factory=dict)
    config_file: "ConfigFile | None" = None
    begins_cluster: bool = False
    """A node without a cluster begins one, or joins one, as soon as the daemon runs."""


def parse(arguments: Sequence[str] | None = None) -> Options:
    """The flags as values. Prints usage and raises SystemExit(2) when they are not usable; NodeError for what cannot be done."""
    parser = _parser()
    given = parser.parse_args(arguments)
    source = _config_file(parser, arguments, given)
    if source is not None:
        given = source.read()
    for name in _LATER:
        if getattr(given, name):
            raise NodeError(f"--{name.replace('_', '-')} is not available in this version")
    try:
        return replace(_options(given), config_file=source)
    except ValueError as error:
        parser.error(str(error))


def _config_file(
    parser: Parser, arguments: Sequence[str] | None, given: argparse.Namespace
) -> "ConfigFile | None":
    """The configuration file, where one is named, or is at its usual place."""
    path: Path | None = given.config_file
    if path is None:
        path = CONFIG_FILE if given.state_dir == STATE_DIR and CONFIG_FILE.exists() else None
    if path is None:
        return None
    from swarm_agentd.node.config_file import KEYS, ConfigFile

    # What is in a namespace before is taken for no default: what is not there afterwards was not given.
    missing = object()
    places = {place for place, _ in KEYS.values()}
    before: dict[str, Any] = {
        place: None if isinstance(parser.get_default(place), list) else missing for place in places
    }
    alone = vars(parser.parse_args(arguments, argparse.Namespace(**before)))
    flags = {place: alone[place] for place in places if alone[place] not in (missing, None)}
    return ConfigFile(path.absolute(), given, flags)


def _parser() -> Parser:
    parser = Parser(prog="swarm-agentd", description="The node daemon: agent, executors and manager.")
    add: Any = parser.add_argument
    add("-v", "--version", action="version", version=f"%(prog)s swarm-tui {VERSION}")
    add("-l", "--log-level", choices=sorted(LEVELS), default="info", help="least level to log")
    add("--log-format", choices=FORMATS, default=TEXT, help="how a line of the log looks (%(default)s)")
    add("-d", "--state-dir", type=Path, default=STATE_DIR, help="state directory (%(default)s)")
    add("--join-addr", default="", metavar="HOST:PORT", help="a manager of the cluster to join")
    add(
        "--join-token",
        default="",
        metavar="TOKEN",
        help=f"join token of that cluster; better - (read from standard input) or in ${TOKEN_VARIABLE}: nobody else sees it",
    )
    add("--engine-addr", default=ENGINE, metavar="URL", help="the container engine (%(default)s)")
    add("--hostname", default="", help="host name to report instead of this machine's")
    add(
        "--listen-remote-api",
        default=LISTEN,
        metavar="HOST:PORT",
        help="where other nodes reach the manager (%(default)s)",
    )
    add("--advertise-remote-api", default="", metavar="HOST:PORT", help="the address that others are told")
    add(
        "--listen-control-api",
        type=Path,
        metavar="PATH",
        help="the control socket (control.sock in the state directory)",
    )
    add("--generic-node-resources", default="", metavar="LIST", help="such as fpga=2,gpu=UUID1,gpu=UUID2")
    add("--heartbeat-tick", type=int, default=1, help="ticks between raft heartbeats")
    add("--election-tick", type=int, default=10, help="ticks without a leader before an election")
    add(
        "--tick",
        type=float,
        metavar="SECONDS",
        help="fixed length of a raft tick, the same on all managers; otherwise 1, and 0.08 while none is a Docker Engine",
    )
    add(
        "--unlock-key",
        default="",
        metavar="KEY",
        help="SWMKEY-1-… of a locked node; - reads it from standard input",
    )
    add(
        "--executor",
        default="docker,process",
        metavar="LIST",
        help="runtimes: docker, process, or simulated (%(default)s)",
    )
    add(
        "--availability",
        choices=("active", "pause", "drain"),
        default="active",
        help="of this node, when it is new",
    )
    add("--autolock", action="store_true", help="lock managers of a new cluster with an unlock key")
    add(
        "--force-new-cluster",
        action="store_true",
        help="go on with this manager alone: the others are lost for good",
    )
    add(
        "--ready-fd",
        type=int,
        metavar="NUMBER",
        help="open file descriptor that READY is written to when the node is ready",
    )
    add(
        "--until-stdin-closes",
        action="store_true",
        help="end when standard input does, with whoever started it",
    )
    add(
        "--ingress-address",
        default="",
        metavar="IP",
        help="where published ports answer, instead of everywhere",
    )
    add(
        "--ingress-port",
        type=int,
        default=0,
        metavar="NUMBER",
        help="where other nodes lead connections to processes of this one (a free port, always the same)",
    )
    add("--listen-debug", default="", metavar="ADDR", help="not available in this version")
    add(
        "--metrics-addr",
        "--listen-metrics",
        dest="metrics_addr",
        default="",
        metavar="ADDR",
        help="where Prometheus and health checks ask, the manager's figures too: HOST:PORT or unix:PATH; off unless given",
    )
    add(
        "--external-ca",
        action="append",
        default=[],
        metavar="SPEC",
        help="protocol=cfssl,url=https://… of a CA that signs for a new cluster",
    )
    add(
        "--default-addr-pool",
        action="append",
        default=[],
        metavar="SUBNET",
        help="what a new cluster's networks are cut from",
    )
    add("--default-addr-pool-mask-length", type=int, default=0, help="prefix length of each of them (24)")
    add("--data-path-port", type=int, default=0, help="UDP port of overlay traffic in a new cluster (4789)")
    add(
        "--csi-plugin",
        action="append",
        default=[],
        metavar="NAME=SOCKET",
        help="a storage plugin on this machine, for cluster volumes whose driver is NAME; with ,published=DIRECTORY where the "
        "plugin has files of its own",
    )
    add(
        "--label",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="of this node's engine, for constraints",
    )
    add(
        "--config-file",
        type=Path,
        metavar="FILE",
        help=f"flags as JSON, in the form of docker's daemon.json ({CONFIG_FILE} where it exists, with the default state directory)",
    )
    add(
        "--swarm-default-advertise-addr",
        default="",
        metavar="IP|INTERFACE",
        help="what others are told of a node that docker swarm init or join begins without --advertise-addr",
    )
    docker_flags.add_to(add)
    return parser


def _options(given: argparse.Namespace) -> Options:
    if not 0 < given.heartbeat_tick < given.election_tick:
        raise ValueError("--election-tick must be larger than --heartbeat-tick, and both larger than 0")
    if given.tick is not None and not given.tick > 0:
        raise ValueError("--tick must be larger than 0")
    for name in ("join_addr", "listen_remote_api", "advertise_remote_api"):
        flag_values.check_address(f"--{name.replace('_', '-')}", getattr(given, name))
    if given.join_addr:
        given.join_token = flag_values.join_token(given.join_token or os.environ.get(TOKEN_VARIABLE, ""))
    if bool(given.join_token) != bool(given.join_addr):
        raise ValueError("--join-addr and --join-token belong together")
    node = NodeConfig(
        state_dir=given.state_dir.absolute(),
        control_socket=_control_socket(given),
        listen_remote_api=given.listen_remote_api,
        advertise_remote_api=given.advertise_remote_api,
        join=Join.at(given.join_addr, given.join_token, given.availability) if given.join_addr else None,
        hostname=given.hostname,
        unlock_key=flag_values.unlock_key(given.unlock_key),
        autolock=given.autolock,
        external_cas=tuple(flag_values.external_ca(text) for text in given.external_ca),
        networks=flag_values.networks(given),
        csi_plugins=flag_values.csi_plugins(given.csi_plugin),
        heartbeat_tick=given.heartbeat_tick,
        election_tick=given.election_tick,
        tick_s=given.tick,
        force_new_cluster=given.force_new_cluster,
        availability=given.availability,
        log_level=given.log_level,
        log_format=given.log_format,
        metrics_address=flag_values.metrics(given.metrics_addr),
        tells_versions=bool(given.host),
    )
    return Options(
        node,
        flag_values.executors(given.executor),
        flag_values.engine(given.engine_addr),
        flag_values.generic(given.generic_node_resources),
        flag_values.ports(given.ingress_address, given.ingress_port),
        flag_values.descriptor(given.ready_fd),
        given.until_stdin_closes,
        api=_api(given),
        default_advertise=given.swarm_default_advertise_addr,
        labels=labels(given.label),
        begins_cluster=not given.host or given.begin_cluster or bool(given.join_addr),
    )


def _api(given: argparse.Namespace) -> "ApiConfig | None":
    others = [
        name
        for name in (
            "group",
            "tls",
            "tlsverify",
            "tlscacert",
            "tlscert",
            "tlskey",
            "authorization_plugin",
            "experimental",
        )
        if getattr(given, name)
    ]
    if not given.host:
        if others:
            raise ValueError(f"--{others[0].replace('_', '-')} is about -H, which was not given")
        return None
    from swarm_agentd.node import api_flags

    default = API_SOCKET if given.state_dir == STATE_DIR else given.state_dir.absolute() / API_SOCKET_NAME
    return api_flags.read(given, default)


def labels(texts: Sequence[str]) -> Mapping[str, str]:
    """Those of the engine. Raises ValueError."""
    if not texts:
        return {}
    from swarm_agentd.node.config_file import labels_of

    return labels_of(texts)


def _control_socket(given: argparse.Namespace) -> Path:
    path: Path = given.listen_control_api or (
        CONTROL_SOCKET if given.state_dir == STATE_DIR else given.state_dir / SOCKET_NAME
    )
    return path.absolute()

"""What a node needs of the machine it runs on. The daemon gives the machine's own; a simulated cluster gives others."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from swarm_core.api.proto.types_pb2 import Peer
from swarm_core.ca.key_file import KeyFile
from swarm_core.client.dial import Dial

from swarm_agentd.agent.storage import TaskStorage
from swarm_agentd.agent.task_ports import TaskPorts
from swarm_agentd.agent.volume_records import MemoryRecords, VolumeRecords
from swarm_agentd.exec.progress import ProgressBoard
from swarm_agentd.exec.usage import Measuring
from swarm_agentd.exec.volumes import NodePlugins, NoPlugins
from swarm_agentd.node.labels import EngineLabels
from swarm_agentd.node.launcher import Launcher


class NodeState(Protocol):
    """Port: what the node keeps across restarts. `path` and `certificates` are its places, for people."""

    @property
    def path(self) -> Path: ...

    @property
    def certificates(self) -> Path: ...

    @property
    def key_file(self) -> KeyFile:
        """Certificate, key and root."""

    @property
    def has_log(self) -> bool:
        """Whether a manager has lived here."""

    @property
    def has_root_key(self) -> bool:
        """Whether the key of a new cluster's root CA waits here for its first manager."""

    def remove_root_key(self) -> None:
        """Remove it: this node joins another cluster. Raises OSError."""

    def remove_raft(self) -> None:
        """Remove what a manager kept of the consensus. Raises OSError."""

    def read_remotes(self) -> list[Peer]:
        """The managers of an earlier run. Raises NodeError."""

    def write_remotes(self, peers: Sequence[Peer]) -> None:
        """Keep the managers for the next run. Raises OSError."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """`storage` keeps the agent's tasks, `launcher` starts managers, `dial` reaches them; `progress` is what the executor tells of
    its tasks; `ports` are those of its tasks, None where they have none; `plugins` are the storage plugins of this machine, `records` what
    is kept of the volumes that they publish; `usage` how it is measured what all that uses, None where it is not told;
    `takes_commands` whether commands may be run by hand in its tasks; `labels` come to those of the engine."""

    state: NodeState
    storage: TaskStorage
    launcher: Launcher
    dial: Dial
    progress: ProgressBoard = field(default_factory=ProgressBoard)
    ports: TaskPorts | None = None
    plugins: NodePlugins = field(default_factory=NoPlugins)
    records: VolumeRecords = field(default_factory=MemoryRecords)
    usage: Measuring | None = None
    takes_commands: bool = False
    labels: EngineLabels = field(default_factory=EngineLabels)

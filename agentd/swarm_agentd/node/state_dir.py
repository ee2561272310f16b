"""The node's state directory: whose it is, who uses it now, and which managers it knows.

    <state>/agentd.pid       locked by the running daemon (swarm_core.client.node_directory)
            managerd.pid     the manager process that it started last
            state.json       managers: [{"node_id": …, "addr": …}], sorted by node id, 0600
            certificates/    identity (swarm_core.ca.key_file)
            worker/          the agent's tasks, and what the executors keep
            raft/            the manager's, managers only
            format           which form the directory has, and which version gave it
            raft-ids         the manager's: which members this node ever was; goes only when the node leaves its cluster

Rules: the directory is this user's and closed to others, but for a way through it that executors make for processes of other users; one with an identity that others could write to is refused;
two daemons never share it.
"""

import errno
import json
import os
import shutil
import stat
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from swarm_core.api.json_text import json_of
from swarm_core.api.proto.types_pb2 import Peer
from swarm_core.api.version import VERSION
from swarm_core.ca.files import write_atomic
from swarm_core.ca.key_file import KeyFile
from swarm_core.client import node_directory

from swarm_agentd.node.errors import NodeError

_PASSABLE = 0o011
ROOT_KEY_NAME = "swarm-root-ca.key"
FORMAT = 1
"""The form of a state directory. It grows when an earlier version could no longer work on what this one writes, or would damage it."""


class StateDirectory:
    """Made and checked by `open_state`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.certificates = path / "certificates"
        self.worker = path / "worker"
        self.raft = path / "raft"
        self.manager_pid_file = path / node_directory.MANAGER_PID_FILE
        self.remotes_file = path / "state.json"

    @property
    def key_file(self) -> KeyFile:
        """Certificate, key and root."""
        return KeyFile(self.certificates)

    @property
    def has_root_key(self) -> bool:
        """Whether the key of a new cluster's root CA waits here for its first manager."""
        return (self.certificates / ROOT_KEY_NAME).exists()

    def remove_root_key(self) -> None:
        """Remove it: this node joins another cluster. Raises OSError."""
        (self.certificates / ROOT_KEY_NAME).unlink(missing_ok=True)

    def remove_raft(self) -> None:
        """Remove what a manager kept of the consensus. Raises OSError."""
        if self.raft.exists():
            shutil.rmtree(self.raft)

    @property
    def has_log(self) -> bool:
        """Whether a manager has lived here."""
        raft = self.path / "raft"
        return raft.is_dir() and any(raft.iterdir())

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Be the one daemon of this directory; others can see which process that is. Raises NodeError."""
        with ExitStack() as stack:
            try:
                with _explained(self.path):
                    stack.enter_context(node_directory.held(self.path, as_daemon=True))
            except node_directory.InUse as error:
                raise NodeError(str(error)) from None
            yield

    def note_format(self) -> None:
        """Say which form the directory has from now on; the caller holds it. Raises NodeError."""
        record = json.dumps({"format": FORMAT, "version": VERSION}).encode()
        path = self.path / node_directory.FORMAT_FILE
        with _explained(self.path):
            if not path.exists() or path.read_bytes() != record:
                write_atomic(path, record, 0o600)

    def forget(self) -> None:
        """Drop everything that ties this machine to its cluster: it left, and its manager has ended. Raises NodeError."""
        try:
            with _explained(self.path):
                node_directory.forget(self.path)
        except node_directory.InUse as error:
            raise NodeError(str(error)) from None

    def read_remotes(self) -> list[Peer]:
        """The managers of an earlier run. Raises NodeError for a file that is not ours."""
        try:
            entries = json_of(self.remotes_file.read_text())
            return [Peer(node_id=entry.get("node_id", ""), addr=entry.get("addr", "")) for entry in entries]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise NodeError(f"{self.remotes_file} cannot be read: {error.strerror}") from None
        except (ValueError, TypeError, AttributeError):
            raise NodeError(
                f"{self.remotes_file} is not a list of managers; remove it to start without one"
            ) from None

    def write_remotes(self, peers: Sequence[Peer]) -> None:
        """Keep the managers for the next run. Raises OSError."""
        entries = []
        for peer in sorted(peers, key=lambda peer: (peer.node_id, peer.addr)):
            fields = {"node_id": peer.node_id, "addr": peer.addr}
            entries.append({name: value for name, value in fields.items() if value})
        write_atomic(self.remotes_file, json.dumps(entries).encode(), 0o600)


def open_state(path: Path) -> StateDirectory:
    """The state directory at `path`, made when missing, closed to others. One that others were let pass through stays so: they cannot list it,
    and a process of theirs may have a volume below it. Raises NodeError."""
    with _explained(path):
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = path.stat()
        if found.st_uid != os.geteuid():
            raise NodeError(f"state directory {path} belongs to another user (uid {found.st_uid})")
        _check_format(path / node_directory.FORMAT_FILE)
        key = path / "certificates" / "swarm-node.key"
        if stat.S_IMODE(found.st_mode) & 0o022 and key.exists():
            mode = stat.S_IMODE(found.st_mode)
            raise NodeError(f"state directory {path} is open to other users (mode {mode:04o}); make it 0700")
        if stat.S_IMODE(found.st_mode) & 0o077 not in (0, _PASSABLE):
            path.chmod(0o700)
        _check_key(key)
    state = StateDirectory(path)
    with _explained(path):
        state.worker.mkdir(mode=0o700, exist_ok=True)
    return state


def _check_format(path: Path) -> None:
    """Raise NodeError where a later version has been at work; nothing was touched yet."""
    try:
        record = json_of(path.read_bytes())
        found, version = int(record["format"]), str(record["version"])
    except (FileNotFoundError, NotADirectoryError):
        return  # new, or of a version before there was such a file
    except OSError as error:
        raise NodeError(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, TypeError, KeyError, OverflowError):
        raise NodeError(
            f"{path} is damaged: it should hold the format of this state directory; remove it if no later version ever ran here"
        ) from None
    if found > FORMAT:
        raise NodeError(
            f"state directory {path.parent} has format {found} of swarm-tui {version}, and this version ({VERSION}) knows {FORMAT}: "
            "use that version, or restore a backup from before the upgrade; nothing was changed"
        )


def _check_key(key: Path) -> None:
    try:
        found = key.stat()
    except FileNotFoundError:
        return
    if stat.S_IMODE(found.st_mode) & 0o077:
        mode = stat.S_IMODE(found.st_mode)
        raise NodeError(f"the node key {key} is open to other users (mode {mode:04o}); make it 0600")
    if not os.access(key, os.R_OK):
        raise NodeError(f"the node key {key} cannot be read by this user")


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        where = error.filename or path
        reason = "it is not a directory" if error.errno in (errno.EEXIST, errno.ENOTDIR) else error.strerror
        raise NodeError(f"state directory {path} cannot be used: {where}: {reason}") from None

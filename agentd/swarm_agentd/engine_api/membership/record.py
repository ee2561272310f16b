"""`docker-state.json` in the state directory: where this machine's node is to others, so that it comes back there.

The form is the Docker Engine's. A directory that an engine wrote can be gone on with, and an engine can go on with ours. Tokens and
keys are never kept.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from swarm_core.api.json_text import json_of
from swarm_core.ca.files import write_atomic
from swarm_core.client.node_directory import RECORD_FILE

from swarm_agentd.node.errors import NodeError


@dataclass(frozen=True, slots=True)
class Record:
    """Addresses are host:port, but for `local` and `data_path`, which are hosts; empty and 0 where nothing was said. `is_joining`: the
    node has not been in its cluster yet."""

    listen: str
    advertise: str = ""
    remote: str = ""
    local: str = ""
    data_path: str = ""
    pools: tuple[str, ...] = ()
    subnet_size: int = 0
    data_path_port: int = 0
    is_joining: bool = False


def read(state_dir: Path) -> Record | None:
    """What was kept; None where nothing was. Raises NodeError for a file that is no such record."""
    path = state_dir / RECORD_FILE
    try:
        found = json_of(path.read_text())
        return Record(
            listen=_text(found, "ListenAddr"),
            advertise=_text(found, "AdvertiseAddr"),
            remote=_text(found, "RemoteAddr"),
            local=_text(found, "LocalAddr"),
            data_path=_text(found, "DataPathAddr"),
            pools=tuple(str(one) for one in found.get("DefaultAddressPool") or ()),
            subnet_size=int(found.get("SubnetSize") or 0),
            data_path_port=int(found.get("DataPathPort") or 0),
            is_joining=bool(found.get("JoinInProgress")),
        )
    except FileNotFoundError:
        return None
    except OSError as error:
        raise NodeError(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, TypeError, AttributeError, OverflowError):
        raise NodeError(
            f"{path} does not say where this node is; remove it to start where the flags say"
        ) from None


def write(state_dir: Path, record: Record) -> None:
    """Keep it. Raises NodeError."""
    path = state_dir / RECORD_FILE
    fields = {
        "LocalAddr": record.local,
        "RemoteAddr": record.remote,
        "ListenAddr": record.listen,
        "AdvertiseAddr": record.advertise,
        "DataPathAddr": record.data_path,
        "DefaultAddressPool": list(record.pools) or None,
        "SubnetSize": record.subnet_size,
        "DataPathPort": record.data_path_port,
        "JoinInProgress": record.is_joining,
    }
    try:
        write_atomic(path, json.dumps(fields).encode(), 0o600)
    except OSError as error:
        raise NodeError(f"{path} cannot be written: {error.strerror}") from None


def _text(found: dict[str, object], name: str) -> str:
    value = found.get(name) or ""
    if not isinstance(value, str):
        raise TypeError(name)
    return value

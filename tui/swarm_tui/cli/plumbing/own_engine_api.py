"""The daemon of this machine that answers docker's clients, asked by our own commands: it runs on while its node is locked (docs/design/engine-api.md
E12.13)."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from swarm_core.client import node_directory
from swarm_core.engines.client import EngineClient, message_of
from swarm_core.engines.errors import EngineAway, EngineRefused

from swarm_tui.cli.plumbing.session import Failure

_INFO_S: Final = 15.0
"""Its engine has a few seconds for its part of the answer."""


async def is_locked(state_dir: Path) -> bool:
    """Whether the daemon of this directory runs, and its node waits for the key. One that answers no docker clients ends when it is locked."""
    if not (state_dir / node_directory.OWN_API_SOCKET).exists():
        return False
    async with _asking(state_dir) as api:
        info, _ = await api.read_json("/info", timeout=_INFO_S)
        return bool(info["Swarm"]["LocalNodeState"] == "locked")


async def unlock(state_dir: Path, key: str) -> None:
    """Start its node with this key. Raises Failure, also with what the daemon has against the key."""
    body = json.dumps({"UnlockKey": key}).encode()
    headers = [("Content-Type", "application/json")]
    async with _asking(state_dir) as api, api.request("POST", "/swarm/unlock", headers, body) as answer:
        if answer.status != 200:
            raise Failure(_sentence(message_of(await answer.read())))


@asynccontextmanager
async def _asking(state_dir: Path) -> AsyncIterator[EngineClient]:
    """The daemon's API within the block. Raises Failure where it does not answer."""
    api = EngineClient(f"unix://{state_dir / node_directory.OWN_API_SOCKET}")
    try:
        yield api
    except (EngineAway, EngineRefused) as error:
        raise Failure(f"The daemon of {state_dir} does not answer: {error}.") from None
    finally:
        await api.close()


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:].removesuffix('.')}."

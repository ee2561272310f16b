"""Being the other end of what runs in a container of an engine: a command, or the container itself, with this program's own terminal or pipes."""

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from swarm_core.engines.attached import STDERR, Attached
from swarm_core.engines.errors import EngineError

from swarm_tui.clusters import inside

if TYPE_CHECKING:
    from swarm_core.engines.api import EngineApi


def hear(stream: int, data: bytes) -> None:
    """Output at this program's own, as it is."""
    inside.write_here(2 if stream == STDERR else 1, data)


async def run_in_container(
    api: "EngineApi", id_: str, body: Mapping[str, Any], *, is_detached: bool = False
) -> int:
    """Run a command in a container; its exit code. Raises EngineError."""
    has_terminal = bool(body["Tty"])
    made = await api.post(f"/containers/{id_}/exec", body=dict(body))
    run = str(made["Id"])
    if is_detached:
        await api.post(f"/exec/{run}/start", body={"Detach": True, "Tty": has_terminal})
        return 0
    attached = Attached(api.url, hear, has_terminal=has_terminal)
    await api.hijack(f"/exec/{run}/start", None, {"Detach": False, "Tty": has_terminal}, lambda: attached)
    await attached.begun()
    await talk(api, attached, f"/exec/{run}", reads=bool(body["AttachStdin"]), has_terminal=has_terminal)
    told = await api.get_object(f"/exec/{run}/json")
    return int(told.get("ExitCode") or 0)


async def talk(api: "EngineApi", attached: Attached, path: str, *, reads: bool, has_terminal: bool) -> None:
    """Be the other end until the engine has sent its last byte. Raises EngineError."""
    is_raw = has_terminal and reads and inside.is_terminal()
    sizes = asyncio.Event()
    if is_raw:
        sizes.set()

    async def tell_sizes() -> None:
        while True:
            await sizes.wait()
            sizes.clear()
            rows, columns = inside.terminal_size()
            try:
                await api.post(f"{path}/resize", {"h": rows, "w": columns})
            except EngineError:
                return  # what ran has ended meanwhile

    with inside.raw(is_wanted=is_raw), inside.resized(sizes.set, is_wanted=is_raw):
        others = [inside.read_here(attached.send)] if reads else []
        if is_raw:
            others.append(tell_sizes())
        try:
            await inside.with_beside(attached.ended(), *others)
        finally:
            attached.close()

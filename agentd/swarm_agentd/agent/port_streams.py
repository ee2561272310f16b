"""One connection to a port of a task, carried over a call (docs/design/exec.md 15.4).

Rules
1. Each direction ends by itself and the other goes on; when both have ended so has the connection.
2. Who does not read holds the other side back: a piece is read once the one before is passed on.
3. When nobody is there any more the connection is closed. One that breaks is told as a failure: no half answer looks like a whole one.
"""

import asyncio
import socket
from typing import Final

from swarm_core.api.proto.exec_pb2 import ExecOutput
from swarm_core.runtime.tasks import Group

from swarm_agentd.exec.commands import Typed, Write

_PIECE: Final = 32 * 1024


async def carry(connection: socket.socket, typed: Typed, write: Write) -> None:
    """Until both directions have ended, or nobody is there any more. Raises OSError where it breaks."""
    reader, writer = await asyncio.open_connection(sock=connection, limit=_PIECE)
    is_half_closed = asyncio.Event()
    try:
        async with Group() as group:
            leaving = group.spawn(_leaving(writer, typed, is_half_closed), name="to port")
            both = group.spawn(_both(reader, write, is_half_closed), name="from port")
            await asyncio.wait((leaving, both), return_when=asyncio.FIRST_COMPLETED)
            failure = leaving.result() if leaving.done() else both.result()
            group.cancel_all()
    finally:
        writer.close()
    if failure is not None:
        raise failure


async def _both(reader: asyncio.StreamReader, write: Write, is_half_closed: asyncio.Event) -> OSError | None:
    """Until the port has sent its last and is sent nothing more; what broke it, if something did."""
    try:
        while data := await reader.read(_PIECE):
            await write(ExecOutput(stdout=data))
    except OSError as error:
        return error
    await write(ExecOutput(closed=True))
    await is_half_closed.wait()
    return None


async def _leaving(
    writer: asyncio.StreamWriter, typed: Typed, is_half_closed: asyncio.Event
) -> OSError | None:
    """Until nobody is there any more; what broke it, if something did."""
    try:
        async for one in typed:
            match one.WhichOneof("what"):
                case "data":
                    writer.write(one.data)
                    await writer.drain()
                case "end" if not is_half_closed.is_set():
                    writer.write_eof()
                    is_half_closed.set()
                case _:
                    pass
    except OSError as error:
        return error
    return None

"""Servers of bytes that stand in for engines, behind whatever socket a test wants."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
PING = b"HTTP/1.1 200 OK\r\nApi-Version: 1.43\r\nOstype: linux\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nOK"


def json_answer(body: bytes, status: int = 200) -> bytes:
    """An answer of JSON."""
    return b"HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (
        status,
        len(body),
        body,
    )


def saying(answers: dict[str, bytes], heads: list[str] | None = None) -> Script:
    """Answers requests by their path, one after the other; the heads are kept. An unknown path ends the connection."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            if heads is not None:
                heads.append(head)
            raw = answers.get(head.split(" ")[1].partition("?")[0])
            if raw is None:
                return
            writer.write(raw)

    return script


@asynccontextmanager
async def listening(
    script: Script, path: Path | None = None, *, tls: ssl.SSLContext | None = None
) -> AsyncIterator[int]:
    """Have each connection answered by `script` and then closed; gives the port, 0 for a unix socket."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await script(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the other end is gone
        finally:
            writer.close()

    if path is not None:
        server: asyncio.Server = await asyncio.start_unix_server(answer, path)
    else:
        server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=tls)
    try:
        yield 0 if path is not None else server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()

"""The end of a connection, for every kind of transport of asyncio and uvloop."""

import asyncio


def close(transport: asyncio.Transport) -> None:
    """End a connection once what was written is sent; one that is closing already is left as it is.

    A second `close` makes asyncio's TLS forget the connection below: `abort` then ends nothing, and fails before Python 3.11.4.
    """
    if transport.is_closing():
        return
    try:
        transport.close()
    except RuntimeError:
        # uvloop: sending the rest found the peer gone, and its TLS is in no state that could be closed any more.
        transport.abort()

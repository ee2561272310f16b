"""From failures of handlers to statuses."""

from typing import Any, NoReturn

import pytest
from swarm_core.rpc.adapter import refuse
from swarm_core.rpc.errors import NotFound


class Aborted(Exception):
    pass


class Context:
    """Remembers how the call was ended."""

    async def abort(self, status: Any, text: str) -> NoReturn:
        self.ended = (status.name, text)
        raise Aborted


async def text_for(error: Exception) -> str:
    context: Any = Context()
    with pytest.raises(Aborted):
        await refuse(error, context, "/x/Y", ())
    assert context.ended[0] == "NOT_FOUND"
    return str(context.ended[1])


async def test_a_text_that_fits_no_header_is_cut() -> None:
    """A status with a text of any length and alphabet fits the 16 KiB that a peer takes as a header."""
    text = await text_for(NotFound("ж" * 100_000))
    assert text.endswith("…")
    assert len(text.encode()) * 3 < 16_384


async def test_a_usual_text_stays_whole() -> None:
    """An ordinary sentence arrives as it is."""
    assert await text_for(NotFound("service web not found")) == "service web not found"

"""Who decides what clients may: a face's guard is asked before a request is handled, and before its answer leaves (docs/design/engine-api.md E16)."""

from typing import Protocol

from swarm_core.http.exchange import AnswerCheck, Exchange


class Guard(Protocol):
    """Says what clients may."""

    async def check_request(self, exchange: Exchange) -> AnswerCheck:
        """Whether the request may be handled, and what is to be asked about its answer. Raises HttpError with the answer to a request that may not."""
        ...

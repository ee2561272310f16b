"""From failures of handlers to statuses."""

from swarm_core.rpc import headers
from swarm_core.rpc.adapter import status_of
from swarm_core.rpc.errors import Code, NotFound


def text_for(error: Exception) -> str:
    code, text = status_of(error, "/x/Y", ())
    assert code is Code.NOT_FOUND
    return text


def test_a_text_that_fits_no_header_is_cut() -> None:
    """A status with a text of any length and alphabet fits the 16 KiB that a peer takes as a header."""
    text = text_for(NotFound("ж" * 100_000))
    assert text.endswith("…")
    assert len(headers.failed(Code.NOT_FOUND, text)) < 16_384


def test_a_usual_text_stays_whole() -> None:
    """An ordinary sentence arrives as it is."""
    assert text_for(NotFound("service web not found")) == "service web not found"

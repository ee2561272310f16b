"""Datagrams over a connection between nodes."""

from hypothesis import given, settings
from hypothesis import strategies as st
from swarm_agentd.ports.datagrams import FramedWay
from swarm_agentd.ports.limits import BUFFER_BYTES
from swarm_agentd.ports.words import FRAME


class Transport:
    """Takes what is written; `size` is what it says that it still holds."""

    def __init__(self) -> None:
        self.written = b""
        self.size = 0

    def write(self, data: bytes) -> None:
        self.written += data

    def is_closing(self) -> bool:
        return False

    def get_write_buffer_size(self) -> int:
        return self.size

    def get_extra_info(self, name: str) -> None:
        return None


def way(transport: Transport) -> FramedWay:
    made = FramedWay()
    made.connection_made(transport)  # type: ignore[arg-type]
    return made


@settings(max_examples=100)
@given(st.lists(st.binary(max_size=400), max_size=8), st.lists(st.integers(1, 64), min_size=1))
def test_datagrams_arrive_as_they_were(datagrams: list[bytes], steps: list[int]) -> None:
    """Whatever pieces the connection's bytes come in, each datagram arrives once, whole and in order, empty ones too."""
    transport = Transport()
    sender = way(transport)
    for datagram in datagrams:
        sender.send(datagram)
    heard: list[bytes] = []
    receiver = way(Transport())
    receiver.got = heard.append
    data, turn = transport.written, 0
    while data:
        step = steps[turn % len(steps)]
        receiver.data_received(data[:step])
        data, turn = data[step:], turn + 1
    assert heard == datagrams


def test_datagrams_do_not_pile_up() -> None:
    """While the connection holds more than its bound, datagrams are dropped; later ones go again, and none is cut."""
    transport = Transport()
    sender = way(transport)
    sender.send(b"one")
    transport.size = BUFFER_BYTES + 1
    sender.send(b"lost")
    transport.size = 0
    sender.send(b"two")
    assert transport.written == FRAME.pack(3) + b"one" + FRAME.pack(3) + b"two"

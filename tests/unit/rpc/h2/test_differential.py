"""Our HTTP/2 beside that of others: `hpack` encodes and decodes, and `h2` is the client of whole conversations."""

import random

import h2.config
import h2.connection
import h2.events
import h2.exceptions
import h2.settings
import hpack
import hpack.exceptions
import hpack.huffman_constants
import hpack.huffman_table
import pytest
from hypothesis import given
from hypothesis import strategies as st
from swarm_core.rpc.h2 import huffman
from swarm_core.rpc.h2.bounds import MEMBERS, Bounds
from swarm_core.rpc.h2.connection import Connection
from swarm_core.rpc.h2.hpack import BlockError, Decoder, encode
from swarm_testkit.http2 import HEAD, REQUEST, TAIL, Recorder

_NAMES = st.text("abcdefghijklmnopqrstuvwxyz-_.0123456789", min_size=1, max_size=20).map(str.encode)
_VALUES = st.binary(max_size=60)
_FIELDS = st.lists(st.tuples(_NAMES, _VALUES), max_size=12)


@given(st.binary(max_size=200))
def test_huffman_codes_are_read_back(data: bytes) -> None:
    """What either side encodes, we decode (docs/design/http2.md H57)."""
    encoder = hpack.huffman.HuffmanEncoder(
        hpack.huffman_constants.REQUEST_CODES, hpack.huffman_constants.REQUEST_CODES_LENGTH
    )
    assert huffman.encode(data) == encoder.encode(data)
    assert huffman.decode(huffman.encode(data)) == data


@given(st.binary(max_size=40))
def test_huffman_codes_are_refused_alike(data: bytes) -> None:
    """Bytes that are no Huffman code for one are none for the other, and the same text else (H57)."""
    try:
        expected: bytes | None = hpack.huffman_table.decode_huffman(data)
    except hpack.exceptions.HPACKDecodingError:
        expected = None
    assert huffman.decode(data) == expected


@given(
    st.lists(
        st.tuples(_FIELDS, st.booleans(), st.sampled_from((None, None, 0, 100, 1_000, 4_096))), max_size=12
    )
)
def test_blocks_decode_as_they_were_meant(
    blocks: list[tuple[list[tuple[bytes, bytes]], bool, int | None]],
) -> None:
    """Whatever `hpack` encodes, through tables that grow and shrink, comes out as it went in (H51 to H58)."""
    encoder, decoder = hpack.Encoder(), Decoder(MEMBERS)
    for fields, huffman_coded, size in blocks:
        if size is not None:
            encoder.header_table_size = size
        assert list(decoder.decode(encoder.encode(fields, huffman=huffman_coded)).pairs) == fields
        assert decoder.size == encoder.header_table._current_size
        assert decoder.entries[::-1] == list(encoder.header_table.dynamic_entries)


@pytest.mark.parametrize("seed", range(20))
def test_any_bytes_are_judged_alike(seed: int) -> None:
    """Random blocks give the same fields and tables, or the same refusal, in both decoders (H51 to H58)."""
    rng = random.Random(seed)
    pieces = [
        b"\x82",
        b"\x90",
        b"\xbd",
        b"\xbe",
        b"\xbf",
        b"\x40\x01a\x01x",
        b"\x00\x01b\x82\xf2\xb2",
        b"\x7e\x01y",
        b"\x41\x00",
    ]
    agreed = 0
    for _ in range(150):
        ours, theirs = Decoder(MEMBERS), hpack.Decoder(max_header_list_size=MEMBERS.list_bytes)
        for number in range(6):
            block = (
                b"\x40\x01a\x01x" * 3
                if number == 0
                else b"".join(rng.choice(pieces) for _ in range(rng.randrange(8)))
            )
            if number and rng.random() < 0.4:
                at = rng.randrange(len(block) + 1)
                block = block[:at] + rng.randbytes(1) + block[at + rng.randrange(2) :]
            if sum(octet & 0xE0 == 0x20 for octet in block[:4]) > 2:
                continue  # a third size update, which hpack takes
            try:
                expected: list[tuple[bytes, bytes]] | None = [
                    (bytes(field[0]), bytes(field[1])) for field in theirs.decode(block, raw=True)
                ]
            except hpack.exceptions.HPACKError:
                expected = None
            try:
                found: list[tuple[bytes, bytes]] | None = list(ours.decode(block).pairs)
            except BlockError:
                found = None
            assert found == expected, block.hex()
            if found is None:
                break
            agreed += bool(found)
            assert ours.size == theirs.header_table._current_size
    assert agreed > 50


@given(_FIELDS)
def test_our_constant_blocks_are_read(fields: list[tuple[bytes, bytes]]) -> None:
    """`hpack` decodes what we encode, and its table stays empty."""
    theirs = hpack.Decoder()
    assert [tuple(field) for field in theirs.decode(encode(fields), raw=True)] == fields
    assert theirs.header_table._current_size == 0


class _Echo(Recorder):
    """Answers each request with its own data, some at once and some in pieces."""

    def __init__(self) -> None:
        super().__init__()
        self.connection: Connection | None = None
        self.pieces: dict[int, list[bytes]] = {}

    def request(self, stream: int, fields: object, ended: bool) -> None:
        super().request(stream, fields, ended)  # type: ignore[arg-type]
        if ended:
            self._answer(stream)

    def data(self, stream: int, data: bytes, ended: bool) -> None:
        super().data(stream, data, ended)
        assert self.connection is not None
        self.connection.consumed(stream, len(data))
        if ended:
            self._answer(stream)

    def _answer(self, stream: int) -> None:
        assert self.connection is not None
        body = self.received[stream]
        if stream % 4 == 1:
            self.connection.answer(stream, HEAD, body, TAIL)
            return
        self.connection.respond(stream, HEAD)
        self.pieces[stream] = [body[at : at + 10_000] for at in range(0, len(body), 10_000)]
        self.writable(stream)

    def writable(self, stream: int) -> None:
        assert self.connection is not None
        pieces = self.pieces[stream]
        while pieces:
            if not self.connection.send(stream, pieces.pop(0)):
                return
        self.connection.send(stream, b"", TAIL)


class _Pair:
    """An `h2` client and our connection, joined without a network; reads are cut at random."""

    def __init__(self, seed: int, window: int, bounds: Bounds) -> None:
        self.rng = random.Random(seed)
        self.echo = _Echo()
        self.server = self.echo.connection = Connection(self.echo, bounds, lambda: 0.0)
        self.client = h2.connection.H2Connection(
            h2.config.H2Configuration(client_side=True, header_encoding=None)
        )
        self.client.local_settings = h2.settings.Settings(
            initial_values={h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: window}
        )
        self.client.initiate_connection()
        self.events: list[h2.events.Event] = []
        self.received: dict[int, bytes] = {}
        self.ended: set[int] = set()
        self.waiting: dict[int, bytes] = {}

    def call(self, body: bytes) -> int:
        stream = self.client.get_next_available_stream_id()
        self.client.send_headers(stream, REQUEST)
        self.waiting[stream] = body
        return stream

    def run(self) -> None:
        """Until neither has anything to say."""
        is_busy = True
        while is_busy:
            is_busy = self._send_bodies()
            sent = self.client.data_to_send()
            while sent:
                size = self.rng.randrange(1, 30_000)
                self.server.receive(sent[:size])
                sent = sent[size:]
            while output := self.server.take_output():
                is_busy = True
                while output:
                    size = self.rng.randrange(1, 30_000)
                    self._hear(self.client.receive_data(output[:size]))
                    output = output[size:]

    def _send_bodies(self) -> bool:
        has_sent = False
        for stream, body in list(self.waiting.items()):
            size = min(
                self.client.local_flow_control_window(stream), self.client.max_outbound_frame_size, len(body)
            )
            if size or not body:
                self.client.send_data(stream, body[:size], end_stream=size == len(body))
                has_sent = True
                self.waiting[stream] = body[size:]
                if size == len(body):
                    del self.waiting[stream]
        return has_sent

    def _hear(self, events: list[h2.events.Event]) -> None:
        for event in events:
            self.events.append(event)
            if isinstance(event, h2.events.DataReceived):
                self.received[event.stream_id] = self.received.get(event.stream_id, b"") + event.data
                self.client.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            elif isinstance(event, h2.events.StreamEnded):
                self.ended.add(event.stream_id)


@pytest.mark.parametrize("window", [1, 500, 65_535, 1 << 20])
@pytest.mark.parametrize("seed", range(4))
def test_conversations_with_h2(seed: int, window: int) -> None:
    """Many calls at once, of all sizes, both ways, through narrow and wide windows: each gets its own data back."""
    bounds = Bounds(stream_window=70_000, connection_window=100_000, output_bytes=20_000)
    pair = _Pair(seed, window, bounds)
    most = 300 if window < 500 else 200_000
    bodies = {}
    for _ in range(4):
        for _ in range(pair.rng.randrange(1, 12)):
            body = pair.rng.randbytes(pair.rng.choice((0, 1, pair.rng.randrange(most))))
            bodies[pair.call(body)] = body
        pair.run()
    assert pair.ended == set(bodies)
    assert {stream: pair.received.get(stream, b"") for stream in bodies} == bodies
    assert not pair.server.failure
    assert pair.server.is_idle
    assert pair.server.queued == 0


def test_h2_sees_our_limits() -> None:
    """The client reads our settings as we mean them, and keeps to them."""
    pair = _Pair(
        1, 65_535, Bounds(streams=7, stream_window=70_000, connection_window=100_000, list_bytes=9_000)
    )
    pair.run()
    settings = pair.client.remote_settings
    assert settings.max_concurrent_streams == 7
    assert settings.initial_window_size == 70_000
    assert settings.max_header_list_size == 9_000
    stream = pair.call(b"")
    assert pair.client.local_flow_control_window(stream) == 70_000
    for _ in range(6):
        pair.call(b"")
    with pytest.raises(h2.exceptions.TooManyStreamsError):
        pair.call(b"")


def test_h2_cancels() -> None:
    """A stream that the client gives up is told, and its answer is dropped."""
    pair = _Pair(1, 10, MEMBERS)
    stream = pair.call(b"x" * 100)
    pair._send_bodies()
    pair.server.receive(pair.client.data_to_send())
    pair.client.reset_stream(stream, 8)
    pair.run()
    assert pair.echo.lines[-1] != f"reset {stream} CANCEL"  # it had answered: the shell hears nothing more
    assert pair.server.is_idle
    other = pair.client.get_next_available_stream_id()
    pair.client.send_headers(other, REQUEST)
    pair.client.reset_stream(other, 8)
    pair.run()
    assert pair.echo.lines[-1] == f"reset {other} CANCEL"
    assert pair.server.is_idle

"""Header compression: RFC 7541's own examples, the table, and what a decoder must refuse."""

import pytest
from swarm_core.rpc.h2.bounds import Bounds
from swarm_core.rpc.h2.hpack import Decoder, encode

REQUEST = [(b":method", b"GET"), (b":scheme", b"http"), (b":path", b"/"), (b":authority", b"www.example.com")]
SECOND = [*REQUEST, (b"cache-control", b"no-cache")]
THIRD = [
    (b":method", b"GET"),
    (b":scheme", b"https"),
    (b":path", b"/index.html"),
    (b":authority", b"www.example.com"),
    (b"custom-key", b"custom-value"),
]
MOVED = [
    (b":status", b"302"),
    (b"cache-control", b"private"),
    (b"date", b"Mon, 21 Oct 2013 20:13:21 GMT"),
    (b"location", b"https://www.example.com"),
]
MOVED_AGAIN = [(b":status", b"307"), *MOVED[1:]]
FOUND = [
    (b":status", b"200"),
    (b"cache-control", b"private"),
    (b"date", b"Mon, 21 Oct 2013 20:13:22 GMT"),
    (b"location", b"https://www.example.com"),
    (b"content-encoding", b"gzip"),
    (b"set-cookie", b"foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1"),
]
# RFC 7541, appendix C: blocks in their order, and the size of the table after each. The responses are for a table of
# 256 bytes, of which the first block tells here.
APPENDIX_C = {
    "C.2.1": [
        ("400a637573746f6d2d6b65790d637573746f6d2d686561646572", [(b"custom-key", b"custom-header")], 55)
    ],
    "C.2.2": [("040c2f73616d706c652f70617468", [(b":path", b"/sample/path")], 0)],
    "C.2.3": [("100870617373776f726406736563726574", [(b"password", b"secret")], 0)],
    "C.2.4": [("82", [(b":method", b"GET")], 0)],
    "C.3": [
        ("828684410f7777772e6578616d706c652e636f6d", REQUEST, 57),
        ("828684be58086e6f2d6361636865", SECOND, 110),
        ("828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565", THIRD, 164),
    ],
    "C.4": [
        ("828684418cf1e3c2e5f23a6ba0ab90f4ff", REQUEST, 57),
        ("828684be5886a8eb10649cbf", SECOND, 110),
        ("828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf", THIRD, 164),
    ],
    "C.5": [
        (
            "3fe1014803333032580770726976617465611d4d6f6e2c203231204f637420323031332032303a31333a323120474d54"
            "6e1768747470733a2f2f7777772e6578616d706c652e636f6d",
            MOVED,
            222,
        ),
        ("4803333037c1c0bf", MOVED_AGAIN, 222),
        (
            "88c1611d4d6f6e2c203231204f637420323031332032303a31333a323220474d54c05a04677a69707738666f6f3d4153"
            "444a4b48514b425a584f5157454f50495541585157454f49553b206d61782d6167653d333630303b2076657273696f6e3d31",
            FOUND,
            215,
        ),
    ],
    "C.6": [
        (
            "3fe101488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad171863c78f"
            "0b97c8e9ae82ae43d3",
            MOVED,
            222,
        ),
        ("4883640effc1c0bf", MOVED_AGAIN, 222),
        (
            "88c16196d07abe941054d444a8200595040b8166e084a62d1bffc05a839bd9ab77ad94e7821dd7f2e6c7b335dfdfcd5b"
            "3960d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007",
            FOUND,
            215,
        ),
    ],
}


@pytest.mark.parametrize("example", APPENDIX_C)
def test_examples_of_the_rfc(example: str) -> None:
    """Every example of appendix C gives its fields and leaves a table of its size (docs/design/http2.md H52)."""
    decoder = Decoder(Bounds())
    for block, fields, size in APPENDIX_C[example]:
        assert list(decoder.decode(bytes.fromhex(block)).pairs) == fields
        assert decoder.size == size


def test_constant_blocks_leave_the_table_alone() -> None:
    """What is encoded for answers decodes to itself, with long names and values too, and enters no table."""
    pairs = ((b":status", b"200"), (b"content-type", b"application/grpc"), (b"x-name" * 40, b"v" * 20_000))
    decoder = Decoder(Bounds())
    assert decoder.decode(encode(pairs)).pairs == pairs
    assert decoder.size == 0

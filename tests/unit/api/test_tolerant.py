"""Messages with strings that are no text are read all the same."""

import pytest
from google.protobuf.message import DecodeError
from swarm_core.api.proto.objects_pb2 import Service, Task
from swarm_core.api.tolerant import decode_tolerantly, reader
from swarm_core.api.wire import delimited

# A character cut in two, as a limit on an error text leaves it.
CUT = "größer".encode()[:3]


def test_text_is_left_alone() -> None:
    """What protobuf takes keeps its bytes."""
    encoded = Task(id="ö").SerializeToString()
    assert decode_tolerantly(Task, encoded) == (Task(id="ö"), encoded)


def test_cut_characters_are_replaced() -> None:
    """In a nested string, a map's key and value; the rest of the message, unknown fields too, stays as it was."""
    whole = Service(id="s")
    whole.spec.update.max_failure_ratio = 0.25
    whole.spec.replicated.replicas = 1 << 40
    annotations = delimited(1, CUT) + delimited(2, delimited(1, CUT) + delimited(2, b"v" + CUT))
    unknown = delimited(99, CUT)
    encoded = whole.SerializeToString() + delimited(3, delimited(1, annotations)) + unknown
    with pytest.raises(DecodeError):
        Service.FromString(encoded)
    service, mended = decode_tolerantly(Service, encoded)
    assert service.spec.annotations.name == "gr\ufffd" and dict(service.spec.annotations.labels) == {
        "gr\ufffd": "vgr\ufffd"
    }
    assert (service.id, service.spec.update.max_failure_ratio) == ("s", 0.25)
    assert service.spec.replicated.replicas == 1 << 40
    assert Service.FromString(mended) == service and mended.endswith(unknown)


@pytest.mark.parametrize("encoded", [b"\xff", b"\x0a\x05abc", delimited(3, b"\x0a\x09abc")])
def test_what_is_no_message(encoded: bytes) -> None:
    """Bytes that are no message at all are a ValueError."""
    with pytest.raises(ValueError, match=r".+"):
        decode_tolerantly(Service, encoded)


def test_reader() -> None:
    """Reads as protobuf does, less its demand for UTF-8; what is no message is protobuf's own error."""
    read = reader(Task)
    assert read(Task(id="ö").SerializeToString()) == Task(id="ö")
    assert read(delimited(1, CUT)) == Task(id="gr\ufffd")
    with pytest.raises(DecodeError):
        read(b"\xff")

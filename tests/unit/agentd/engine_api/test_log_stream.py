"""Logs as clients ask for them and get them (docs/design/engine-api-json.md 14.11)."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st
from swarm_agentd.engine_api import log_stream
from swarm_agentd.engine_api.log_stream import LogRequest, log_request
from swarm_agentd.executors.docker.logs import FrameSplitter
from swarm_core.api.proto.logbroker_pb2 import LogMessage
from swarm_core.api.timestamps import timestamp, timestamp_ns
from swarm_core.http.errors import BadRequest
from swarm_core.http.version import Version

MESSAGE = LogMessage(
    context={"service_id": "s", "node_id": "n", "task_id": "t"},
    timestamp=timestamp(1_500_000_000_000_000_050),
    stream=2,  # type: ignore[arg-type]
    data=b"line\n",
    attrs=[{"key": "env key", "value": "a=b,c"}, {"key": "com.docker.swarm.task.id", "value": "false"}],  # type: ignore[list-item]
)


def asked(query: Mapping[str, str]) -> LogRequest:
    return log_request(query, lambda name: query.get(name) == "1")


def test_what_is_asked_of_the_managers() -> None:
    """Rule 14.11.1: streams, following, the last lines, and since when."""
    options = asked({"stdout": "1", "stderr": "1", "follow": "1", "tail": "5", "since": "12.05"}).options
    assert (list(options.streams), options.follow, options.tail) == ([1, 2], True, -6)
    assert timestamp_ns(options.since) == 12_050_000_000
    for tail in ("", "all"):
        assert asked({"stderr": "1", "tail": tail}).options.tail == 0
    assert asked({"stderr": "1", "tail": "0"}).options.tail == -1
    assert not asked({"stderr": "1"}).options.HasField("since")


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ({}, "Bad parameters: you must choose at least one stream"),
        ({"stdout": "1", "tail": "x"}, 'tail value must be a positive integer or "all"'),
        ({"stdout": "1", "tail": "1e3"}, 'tail value must be a positive integer or "all"'),
        ({"stdout": "1", "tail": "-1"}, "negative tail values not supported"),
        ({"stdout": "1", "since": "2m"}, "could not parse since timestamp"),
        ({"stdout": "1", "since": "9" * 18}, "could not parse since timestamp"),
    ],
)
def test_what_is_refused(query: dict[str, str], text: str) -> None:
    """Rule 14.11.1: in Docker's words."""
    with pytest.raises(BadRequest, match=text):
        asked(query)


def test_a_frame() -> None:
    """Rule 14.11.2: one frame for a line, with its time, then where it comes from; what a driver notes cannot replace that."""
    query = {"stdout": "1", "timestamps": "1", "details": "1"}
    frame = log_stream.encoded(MESSAGE, asked(query), is_tty=False)
    line = (
        b"2017-07-14T02:40:00.000000050Z com.docker.swarm.node.id=n,com.docker.swarm.service.id=s,com.docker.swarm.task.id=t,"
        b"env+key=a%3Db%2Cc line\n"
    )
    assert frame == b"\x02\0\0\0" + len(line).to_bytes(4, "big") + line
    assert log_stream.encoded(MESSAGE, asked({"stdout": "1"}), is_tty=True) == b"line\n"


def test_a_failure_and_the_type_of_the_stream() -> None:
    """Rules 14.11.2 and 14.11.3: a frame of its own; from 1.42 on the type tells framed streams."""
    text = b"Error grabbing logs: no leader\n"
    assert log_stream.failure("no leader", is_tty=False) == b"\x03\0\0\0\0\0\0\x1f" + text
    assert log_stream.failure("no leader", is_tty=True) == text
    assert log_stream.content_type(Version(1, 42), is_tty=False).endswith("multiplexed-stream")
    for version, is_tty in ((Version(1, 41), False), (Version(1, 47), True)):
        assert log_stream.content_type(version, is_tty=is_tty).endswith("raw-stream")


@given(
    st.lists(
        st.tuples(
            st.sampled_from([1, 2]),
            st.binary(max_size=20),
            st.dictionaries(
                st.text(st.characters(codec="utf-8"), max_size=4),
                st.text(st.characters(codec="utf-8"), max_size=4),
                max_size=2,
            ),
        ),
        max_size=4,
    ),
    st.integers(1, 40),
)
def test_read_again(lines: list[tuple[int, bytes, dict[str, str]]], size: int) -> None:
    """Rule 14.11.2: what reads an engine's stream finds every line with its stream, time and details, however the bytes are cut."""
    query = asked({"stdout": "1", "timestamps": "1", "details": "1"})
    sent = b""
    for number, (stream, data, attrs) in enumerate(lines):
        message = LogMessage(timestamp=timestamp(number), stream=stream, data=data)  # type: ignore[arg-type]
        for key, value in attrs.items():
            message.attrs.add(key=key, value=value)
        sent += log_stream.encoded(message, query, is_tty=False)
    split = FrameSplitter()
    found = [record for at in range(0, len(sent), size) for record in split(sent[at : at + size])]
    assert [(each.stream, each.time_ns, each.data) for each in found] == [
        (stream, number, data) for number, (stream, data, _) in enumerate(lines)
    ]
    for record, (_, _, attrs) in zip(found, lines, strict=True):
        assert attrs.items() <= dict(record.details).items()

"""Where `-H` says that an HTTP face listens."""

from pathlib import Path

import pytest
from swarm_core.http.hosts import InvalidHost, PassedHost, TcpHost, UnixHost, parse_host, parse_hosts

DEFAULT = Path("/run/ours.sock")


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("", UnixHost(DEFAULT)),
        ("  ", UnixHost(DEFAULT)),
        ("unix://", UnixHost(DEFAULT)),
        ("unix:///run/x.sock", UnixHost(Path("/run/x.sock"))),
        ("tcp://", TcpHost("localhost", 2375)),
        ("tcp://:4000", TcpHost("localhost", 4000)),
        ("tcp://10.0.0.1", TcpHost("10.0.0.1", 2375)),
        ("tcp://10.0.0.1:99/", TcpHost("10.0.0.1", 99)),
        (":4000", TcpHost("localhost", 4000)),
        ("host", TcpHost("host", 2375)),
        ("host:1", TcpHost("host", 1)),
        ("tcp://[::1]:5", TcpHost("::1", 5)),
        ("[::1]", TcpHost("::1", 2375)),
        ("fd://", PassedHost(None)),
        ("fd://*", PassedHost(None)),
        ("fd://3", PassedHost(3)),
    ],
)
def test_a_host_has_its_default_parts(text: str, host: object) -> None:
    """Path, host and port have defaults (docs/design/engine-api.md E1.1)."""
    assert parse_host(text, DEFAULT, has_tls=False) == host


def test_with_tls_only_the_host_that_nobody_wrote_has_another_port() -> None:
    """No host at all means the port for TLS; a port that was left out is 2375 all the same (docs/design/engine-api.md E1.1)."""
    assert parse_host("", DEFAULT, has_tls=True) == TcpHost("localhost", 2376)
    assert parse_host("tcp://", DEFAULT, has_tls=True) == TcpHost("localhost", 2375)


def test_no_host_is_one_and_each_is_there_once() -> None:
    """An empty list is one empty host, and duplicates are dropped (docs/design/engine-api.md E1.1)."""
    assert parse_hosts([], DEFAULT, has_tls=False) == [UnixHost(DEFAULT)]
    texts = [":1", "unix://", "tcp://localhost:1", "unix:///run/ours.sock"]
    assert parse_hosts(texts, DEFAULT, has_tls=False) == [TcpHost("localhost", 1), UnixHost(DEFAULT)]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("npipe:////./pipe/x", 'invalid protocol format: "npipe"'),
        ("udp://1.2.3.4", r"invalid bind address \(udp://1.2.3.4\): unsupported proto 'udp'"),
        ("tcp://a:b", "invalid port 'b'"),
        ("tcp://a:65536", "invalid port '65536'"),
        ("tcp://a:1/path", "a host and a port alone"),
        ("tcp://user@a:1", "a host and a port alone"),
        ("tcp://::1:5", "needs brackets"),
        ("tcp://[::1", "a bracket is missing"),
        ("tcp://[::1]5", "a bracket is missing"),
        ("fd://x", "should be a number: x"),
        ("fd://2", "descriptors below 3 are not passed"),
        ("unix://unix:///x", "this is no path"),
    ],
)
def test_other_texts_are_refused_in_words(text: str, reason: str) -> None:
    """What names no host is refused before anything is opened (docs/design/engine-api.md E1.2)."""
    with pytest.raises(InvalidHost, match=reason):
        parse_host(text, DEFAULT, has_tls=False)


@pytest.mark.parametrize("text", ["unix:///run/x.sock", "tcp://[::1]:5", "tcp://a:1", "fd://", "fd://4"])
def test_a_host_is_shown_as_it_is_written(text: str) -> None:
    """What a host is shown as names the same host."""
    assert str(parse_host(text, DEFAULT, has_tls=False)) == text

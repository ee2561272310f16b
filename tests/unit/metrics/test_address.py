"""Where figures are asked for, as people write it."""

import pytest
from swarm_core.http.hosts import TcpHost, UnixHost
from swarm_core.metrics import address


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("127.0.0.1:9323", TcpHost("127.0.0.1", 9323)),
        (":9323", TcpHost("0.0.0.0", 9323)),
        ("[::1]:9323", TcpHost("::1", 9323)),
        ("localhost:0", TcpHost("localhost", 0)),
        ("unix:/run/m.sock", UnixHost(address.Path("/run/m.sock"))),
        ("unix:///run/m.sock", UnixHost(address.Path("/run/m.sock"))),
    ],
)
def test_what_is_an_address(text: str, host: TcpHost | UnixHost) -> None:
    """docker's form, and a socket."""
    address.check(text)
    assert address.host(text) == host


@pytest.mark.parametrize(
    "text",
    [
        "",
        "9323",
        "host",
        "host:",
        "host:70000",
        "::1:9323",
        "[host]:1",
        "[::1:1",
        "a/b:1",
        "unix:m.sock",
        "h h:1",
        "h:१",
    ],
)
def test_what_is_none(text: str) -> None:
    """Each is refused with what to write."""
    with pytest.raises(ValueError, match=r"form HOST:PORT|absolute path|no address"):
        address.check(text)

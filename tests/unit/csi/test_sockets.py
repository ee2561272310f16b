"""Which plugins there are, as flags say it (docs/design/volumes.md 12.4)."""

from pathlib import Path

import pytest
from swarm_core.csi.sockets import PluginSocket, parse, parse_all


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("csi=/run/csi.sock", PluginSocket("csi", Path("/run/csi.sock"))),
        ("nfs.csi.io=unix:///run/n.sock", PluginSocket("nfs.csi.io", Path("/run/n.sock"))),
        (
            "my/csi:latest=/run/c.sock,published=/var/lib/p",
            PluginSocket("my/csi:latest", Path("/run/c.sock"), Path("/var/lib/p")),
        ),
    ],
)
def test_good_flags(text: str, expected: PluginSocket) -> None:
    """12.4.1: a name, a socket, and where what is published appears; written again it says the same."""
    assert parse(text) == expected
    assert parse(str(expected)) == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("csi", "NAME=/path/of/socket"),
        ("=/run/csi.sock", "NAME=/path/of/socket"),
        ("csi=run/csi.sock", "NAME=/path/of/socket"),
        ("csi=tcp://host:1", "NAME=/path/of/socket"),
        ("csi=/run/csi.sock,published=here", "published=/directory"),
        ("csi=/run/csi.sock,root=/x", "published=/directory"),
        ("csi=/" + "x" * 107, "longer than the 107 bytes"),
    ],
)
def test_bad_flags(text: str, reason: str) -> None:
    """12.4.1: anything else is refused with what it should be."""
    with pytest.raises(ValueError, match=reason):
        parse(text)


def test_names_are_used_once() -> None:
    """12.4.1: two plugins of one name would be one driver."""
    assert len(parse_all(["a=/run/a", "b=/run/b"])) == 2
    with pytest.raises(ValueError, match="named twice"):
        parse_all(["a=/run/a", "a=/run/b"])

"""Address pools and the data path port of a new cluster (docs/design/allocator.md 4.9)."""

import pytest
from swarm_core.managerd.config import parse
from swarm_core.specs.errors import InvalidValue
from swarm_core.specs.network_defaults import NetworkDefaults, split


@pytest.mark.parametrize(
    ("wanted", "text"),
    [
        (NetworkDefaults(("10.20.0.0",), 40), "--default-addr-pool-mask-length: 40 is not from 1 to 29"),
        (NetworkDefaults(("x",)), "--default-addr-pool: 'x' is no IPv4 subnet"),
        (NetworkDefaults(("fd00::/48",)), "--default-addr-pool: 'fd00::/48' is no IPv4 subnet"),
        (NetworkDefaults(("10.0.0.0/8", "10.1.0.0/16")), "10.1.0.0/16 overlaps 10.0.0.0/8"),
        (NetworkDefaults(("10.1.0.0/25",)), "no subnet /24 fits into the pool 10.1.0.0/25"),
        (NetworkDefaults((), 24), "needs --default-addr-pool beside it"),
        (NetworkDefaults(port=1023), "--data-path-port: 1023 is not from 1024 to 49151"),
        (NetworkDefaults(port=49_152), "--data-path-port: 49152 is not from 1024 to 49151"),
    ],
)
def test_what_is_refused(wanted: NetworkDefaults, text: str) -> None:
    """With the flag, and what it takes."""
    with pytest.raises(InvalidValue, match=text):
        wanted.check()


def test_flags_say_it_all() -> None:
    """The manager reads from the flags what they were made of; without any, nothing is chosen."""
    wanted = NetworkDefaults(split(["10.20.0.0/16,10.30.0.0/16", "192.168.0.0/16"]), 26, 5789)
    wanted.check()
    needed = ["--state-dir", "s", "--listen-control-api", "c"]
    assert parse([*needed, *wanted.flags()]).networks == wanted
    assert parse(needed).networks == NetworkDefaults() and NetworkDefaults().flags() == []
    NetworkDefaults(("10.0.0.0/29",), 29).check()

"""Lines of the hosts file and name resolution."""

import pytest
from swarm_core.specs import hosts
from swarm_core.specs.draft import Draft
from swarm_core.specs.errors import InvalidValue


def test_lines_are_written_as_the_file_has_them() -> None:
    """HOST:IP and HOST=IP become `IP HOST`; brackets go, and a line that is there is not added twice."""
    draft = Draft.new("container")
    hosts.add(draft, ["a:1.2.3.4", "b=::1", "c:[::2]", "d:host-gateway", "a=1.2.3.4"])
    assert list(draft.container.hosts) == ["1.2.3.4 a", "::1 b", "::2 c", "host-gateway d"]


def test_names_are_taken_out_of_lines() -> None:
    """A name alone goes from every line, with an address from lines of that address; a line without names goes."""
    draft = Draft.new("container")
    draft.container.hosts[:] = ["127.0.0.2 c a b", "127.0.0.1 a d", "127.0.0.3 a", "127.0.0.1 a"]
    hosts.drop(draft, ["a:127.0.0.1"])
    assert list(draft.container.hosts) == ["127.0.0.2 c a b", "127.0.0.1 d", "127.0.0.3 a"]
    hosts.drop(draft, ["a"])
    assert list(draft.container.hosts) == ["127.0.0.2 c b", "127.0.0.1 d"]


@pytest.mark.parametrize(
    "text", ["a", "a:", "a:bad", ":1.2.3.4", "a:b=1.2.3.4", "a:fe80::1%eth0", "a:01.2.3.4"]
)
def test_what_is_no_line(text: str) -> None:
    """A line needs a name and an address."""
    with pytest.raises(InvalidValue):
        hosts.add(Draft.new("container"), [text])


def test_name_servers_and_domains() -> None:
    """Addresses stand in their usual form; a domain loses the dot at its end, and a dot alone is none."""
    assert [hosts.name_server(text) for text in ("8.8.8.8", "0:0::1", "::ffff:1.2.3.4")] == [
        "8.8.8.8",
        "::1",
        "1.2.3.4",
    ]
    assert [hosts.search_domain(text) for text in ("example.com.", " a-b.c ", ".")] == [
        "example.com",
        "a-b.c",
        ".",
    ]
    for wrong in ("bad domain", "1.2", "", "-a", "a..b", "a." * 128 + "b"):
        with pytest.raises(InvalidValue):
            hosts.search_domain(wrong)

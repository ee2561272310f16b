"""A text made of a value reads back as that value."""

import pytest
from google.protobuf.duration_pb2 import Duration
from hypothesis import given
from hypothesis import strategies as st
from swarm_core.specs import notation, parts, texts


@given(st.integers(0, notation.DURATION_S_MAX * notation.NANOS))
def test_durations(total: int) -> None:
    """Of any length, to the nanosecond."""
    value = Duration(seconds=total // notation.NANOS, nanos=total % notation.NANOS)
    assert notation.nanoseconds(texts.duration(value)) == total


@given(st.integers(0, notation.INT64_MAX))
def test_sizes(size: int) -> None:
    """Of any number of bytes."""
    assert notation.byte_count(texts.byte_count(size)) == size


@given(st.integers(0, notation.INT64_MAX))
def test_cpus(nanos: int) -> None:
    """To the billionth."""
    assert notation.nano_cpus(texts.cpus(nanos)) == nanos


@pytest.mark.parametrize(("size", "text"), [(0, "0p"), (512 << 20, "512m"), (1 << 30, "1g"), (1000, "1000b")])
def test_a_size_stands_in_the_largest_unit_that_holds_it(size: int, text: str) -> None:
    """As people write it."""
    assert texts.byte_count(size) == text


@pytest.mark.parametrize(
    "text",
    [
        "8080:80",
        "80",
        "53:53/udp",
        "published=8080,target=80,protocol=tcp,mode=host",
        "target=80,protocol=sctp,mode=host",
    ],
)
def test_ports(text: str) -> None:
    """Of both ways of publishing."""
    assert texts.port(parts.port(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "type=volume,source=data,target=/data",
        "type=volume,target=/data,volume-nocopy,volume-driver=nfs,volume-subpath=a,volume-label=a=1,volume-opt=o=x y",
        'type=volume,source=data,target=/data,"volume-opt=o=addr=1,rw"',
        "type=bind,source=/etc,target=/x,readonly,bind-propagation=rslave",
        "type=bind,source=/etc,target=/x,readonly,bind-recursive=writable",
        "type=bind,source=/etc,target=/x,bind-recursive=disabled",
        "type=tmpfs,target=/tmp,tmpfs-size=1048576,tmpfs-mode=1770",
        "type=cluster,source=group:fast,target=/v,consistency=cached",
    ],
)
def test_mounts(text: str) -> None:
    """Of each type, with the options that it has."""
    assert parts.mount(texts.mount(parts.mount(text))) == parts.mount(text)


@pytest.mark.parametrize("text", ["front", "name=front,alias=a,alias=b,ip=10.0.0.9,driver-opt=k=v"])
def test_networks(text: str) -> None:
    """With all that an attachment says."""
    found = parts.network(text)
    assert texts.network(found, found.target) == text


@pytest.mark.parametrize(
    "text", ["db", "source=db,target=/run/x,uid=5,gid=6,mode=0400", "source=db,target=x"]
)
def test_references(text: str) -> None:
    """Of secrets and configs."""
    found = parts.reference(text)
    assert texts.reference(found.source, found.file()) == text


@pytest.mark.parametrize("text", ["nofile=1024", "nofile=1024:2048", "core=-1"])
def test_ulimits(text: str) -> None:
    """Soft and hard."""
    assert texts.ulimit(parts.ulimit(text)) == text

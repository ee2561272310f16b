"""Notations of values: what is read, exactly, and what is refused in words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from swarm_core.api.proto import types_pb2
from swarm_core.specs import notation, parts
from swarm_core.specs.errors import InvalidValue

READERS = (
    notation.nanoseconds, notation.byte_count, notation.nano_cpus, notation.whole, notation.ratio, notation.pair,
    notation.fields, notation.words, notation.file_mode, notation.duration,
    parts.mount, parts.reference, parts.port, parts.ulimit, parts.spread, parts.discrete_resource,
)  # fmt: skip


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("10s", 10),
        ("1m30s", 90),
        ("500ms", 0.5),
        ("2h", 7200),
        ("1.5s", 1.5),
        ("5", 5),
        ("0", 0),
        ("7us3ns", 7.003e-6),
    ],
)
def test_durations(text: str, seconds: float) -> None:
    """Go's durations, and bare seconds."""
    assert notation.nanoseconds(text) == round(seconds * 1e9)


@pytest.mark.parametrize(
    ("text", "count"),
    [("512m", 512 << 20), ("1.5g", 3 << 29), ("4096", 4096), ("64MiB", 64 << 20), ("2kb", 2048), ("1 GiB", 1 << 30),
     ("7b", 7), ("2T", 2 << 40), ("1p", 1 << 50)],
)  # fmt: skip
def test_sizes(text: str, count: int) -> None:
    """Sizes in binary units."""
    assert notation.byte_count(text) == count


def test_numbers_are_exact() -> None:
    """No value passes through a float: the largest ones keep their last digit."""
    assert notation.byte_count("9007199254740993") == 9007199254740993
    assert notation.nanoseconds("9007199.254740993s") == 9007199254740993
    assert notation.nano_cpus("4503599.627370497") == 4503599627370497
    assert notation.duration("1.5s") == notation.duration("1s500ms")


@pytest.mark.parametrize(
    ("read", "text", "said"),
    [
        (notation.nanoseconds, "soon", "is no duration"), (notation.nanoseconds, "-1s", "is no duration"),
        (notation.nanoseconds, "", "is no duration"), (notation.nanoseconds, "1d", "is no duration"),
        (notation.byte_count, "big", "is no size"), (notation.nano_cpus, "two", "is no number of CPUs"),
        (notation.nano_cpus, "", "is no number of CPUs"), (notation.whole, "-1", "is no whole number"),
        (notation.whole, "٣", "is no whole number"), (notation.ratio, "half", "from 0 to 1"), (notation.pair, "=v", "no name before the ="),
        (notation.fields, '"', "comma-separated"), (notation.words, "sh -c 'open", "cannot be split"),
        (notation.file_mode, "rw", "no file mode"),
        (parts.mount, "type=odd,target=/x", "none of bind, volume"), (parts.mount, "type=bind,target=/x", "no source"),
        (parts.mount, "source=a", "no target"), (parts.mount, "target=/x,colour=red", "colour: a volume mount has no"),
        (parts.mount, "target=/x,readonly=maybe", "neither true nor false"),
        (parts.mount, "type=bind,source=/a,target=/x,bind-propagation=odd", "bind propagation 'odd' is none of rprivate"),
        (parts.mount, "type=tmpfs,target=/x,tmpfs-mode=rw", "write 1770"),
        (parts.reference, "", "a name is needed"), (parts.reference, "target=x", "names no source"),
        (parts.reference, "source=a,mode=rw", "write 0440"), (parts.reference, "source=a,colour=red", "no such option"),
        (parts.port, "http", "no port number"), (parts.port, "80/odd", "none of tcp, udp, sctp"),
        (parts.port, "0", "no port number"), (parts.port, "65536", "no port number"),
        (parts.port, "target=80,x=y", "no such option"), (parts.ulimit, "nofile=many", "is no limit"),
        (parts.spread, "pack=x", "is no preference"), (parts.discrete_resource, "gpu", "no whole number"),
        (notation.whole, "18446744073709551616", "is too large"), (notation.byte_count, "99999999999p", "is too large"),
        (notation.nanoseconds, "99999999999999999999s", "is too large"), (notation.nano_cpus, "9" * 12, "is too large"),
        (notation.whole, "9" * 5_000, "is too large"), (notation.byte_count, "9" * 5_000, "is too large"),
    ],
)  # fmt: skip
def test_bad_values(read: object, text: str, said: str) -> None:
    """What cannot be read, or not be sent, is refused in words."""
    with pytest.raises(InvalidValue, match=said):
        read(text)  # type: ignore[operator]


def test_mounts() -> None:
    """Bind, volume and tmpfs mounts with their own options."""
    bind = parts.mount("type=bind,src=/a,dst=/b,ro,bind-propagation=rslave")
    assert (bind.type, bind.source, bind.target, bind.readonly) == (types_pb2.Mount.BIND, "/a", "/b", True)
    assert bind.bind_options.propagation == types_pb2.Mount.BindOptions.RSLAVE
    volume = parts.mount("source=data,target=/data,volume-driver=local,volume-nocopy")
    assert volume.volume_options.driver_config.name == "local" and volume.volume_options.nocopy
    tmpfs = parts.mount("type=tmpfs,target=/t,tmpfs-size=1m,tmpfs-mode=1770")
    assert (tmpfs.tmpfs_options.size_bytes, tmpfs.tmpfs_options.mode) == (1 << 20, 0o1770)


def test_ports() -> None:
    """Short and long form say the same."""
    short = parts.port("8080:80/udp")
    assert short == parts.port("published=8080,target=80,protocol=udp,mode=ingress")
    assert parts.port("80").published_port == 0


def test_references() -> None:
    """A name alone becomes a file of that name; the long form says the rest."""
    assert parts.reference("key") == parts.Reference("key", "key")
    long = parts.reference("source=key,target=/etc/key,uid=5,gid=6,mode=0400")
    assert long == parts.Reference("key", "/etc/key", "5", "6", 0o400)
    assert long.file().mode == 0o400


def test_ulimits() -> None:
    """One number is both limits; -1 is none."""
    assert (parts.ulimit("nofile=9").soft, parts.ulimit("nofile=9").hard) == (9, 9)
    assert (parts.ulimit("core=0:-1").soft, parts.ulimit("core=0:-1").hard) == (0, -1)
    assert (parts.ulimit("core=-1").soft, parts.ulimit("core=-1").hard) == (-1, -1)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("nofile=2048:1024", "must not be larger"),
        ("nofile=-1:1024", "must not be larger"),
        ("files=1", "there is no ulimit 'files', only core, cpu"),
        ("x", "nofile=1024:2048; names: core, cpu"),
        ("nofile", "nofile=1024:2048"),
        ("nofile=1:", "is no limit"),
        ("nofile=1:2:3", "is no limit"),
    ],
)
def test_no_ulimits(text: str, reason: str) -> None:
    """What docker refuses is refused: an unknown name, and a soft limit above the hard one."""
    with pytest.raises(InvalidValue, match=reason):
        parts.ulimit(text)


def test_environment() -> None:
    """A name alone takes the value from what is inherited, and is left out when that has none."""
    assert notation.variables(["A=1", "HOME", "NONE"], {"HOME": "/h"}) == ["A=1", "HOME=/h"]
    assert notation.variables(["A=1", "HOME"], None) == ["A=1", "HOME"]
    for text in ("a b=1", "=1", ""):
        with pytest.raises(InvalidValue, match="no NAME=value"):
            notation.variables([text], {})


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    """No text makes a reader fail in another way than by refusing it in words."""
    for read in READERS:
        try:
            read(text)
        except (InvalidValue, UnicodeError) as error:
            assert str(error)


@given(st.integers(0, notation.INT64_MAX))
def test_whole_numbers_come_back(number: int) -> None:
    """What is written in digits is read as it was: as a count, as bytes, as nanoseconds."""
    assert notation.whole(str(number)) == notation.byte_count(str(number)) == number
    assert notation.nanoseconds(f"{number}ns") == number


@given(st.integers(0, notation.DURATION_S_MAX * notation.NANOS))
def test_durations_come_back(ns: int) -> None:
    """A duration on the wire has exactly the nanoseconds that were written."""
    made = notation.duration(f"{ns // notation.NANOS}s{ns % notation.NANOS}ns")
    assert made.seconds * notation.NANOS + made.nanos == ns

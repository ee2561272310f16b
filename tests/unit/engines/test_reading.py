"""From an engine's JSON to records (docs/design/engines.md N6)."""

import json
import random
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from swarm_core.engines.effects import effects_of
from swarm_core.engines.errors import EngineGarbage, EngineUnfit
from swarm_core.engines.reading import (
    container_of,
    event_of,
    image_of,
    is_as_listed,
    network_of,
    read_with,
    reservation_of,
    seconds_of,
    split_list,
    volume_of,
)
from swarm_core.engines.records import EngineKey, Port, Reservation
from swarm_core.engines.specs import skew_of, skew_words, specs_of

ONE = EngineKey("one")


def test_a_list_is_cut_into_its_own_bytes() -> None:
    """Each entry keeps the bytes that the engine wrote; null is an empty list (N6.1)."""
    body = b' [ {"a":  1} ,\n{"b": "\xc3\xa4]"}] '
    assert split_list(body) == [({"a": 1}, b'{"a":  1}'), ({"b": "ä]"}, '{"b": "ä]"}'.encode())]
    assert split_list(b"[]") == split_list(b"null\n") == []


@pytest.mark.parametrize("body", [b"", b"{}", b"[", b"[1]", b'[{"a": 1}', b'[{"a": 1} {"b": 2}]', b"[[[["])
def test_no_list(body: bytes) -> None:
    """Whatever else comes is garbage (N6.2)."""
    with pytest.raises(EngineGarbage, match="the container engine at u answered JSON of another form"):
        read_with(lambda: split_list(body), "u")


def test_a_container() -> None:
    """Names, ports, networks, volumes, health and exit code come from the entry; times are corrected (N6.3)."""
    entry = {
        "Id": "abc", "Names": ["/other/web", "/web"], "Image": "nginx", "ImageID": "sha256:1", "Command": "run",
        "Created": 100, "Ports": [{"IP": "0.0.0.0", "PrivatePort": 80, "PublicPort": 8080, "Type": "tcp"}, {"PrivatePort": 53, "Type": "udp"}],
        "Labels": {"a": "b"}, "State": "running", "Status": "Up 2 minutes (unhealthy)",
        "NetworkSettings": {"Networks": {"bridge": {}, "back": {}}},
        "Mounts": [{"Type": "volume", "Name": "data"}, {"Type": "bind", "Source": "/x"}],
    }  # fmt: skip
    found = container_of(ONE, entry, b"raw", 5.0)
    assert (found.name, found.created_s, found.health, found.exit_code, found.raw) == (
        "web",
        105.0,
        "unhealthy",
        None,
        b"raw",
    )
    assert found.ports == (Port(80, "tcp", 8080, "0.0.0.0"), Port(53, "udp"))
    assert (found.networks, found.volumes, found.labels) == (("bridge", "back"), ("data",), {"a": "b"})
    assert container_of(ONE, {"Id": "x"}, b"", 0.0).name == ""


@pytest.mark.parametrize(
    ("status", "code"),
    [
        ("Exited (137) 2 minutes ago", 137),
        ("Restarting (1) 3 seconds ago", 1),
        ("Up 2 hours", None),
        ("Exited (x)", None),
        ("", None),
    ],
)
def test_exit_codes(status: str, code: int | None) -> None:
    """The exit code stands in the status (N6.3)."""
    assert container_of(ONE, {"Id": "x", "Status": status}, b"", 0.0).exit_code == code


@pytest.mark.parametrize(
    "entry",
    [
        {},
        {"Id": 1},
        {"Id": "x", "Names": [3]},
        {"Id": "x", "Ports": [{}]},
        {"Id": "x", "Labels": ["y"]},
        {"Id": "x", "Created": "y"},
    ],
)
def test_a_container_of_another_form(entry: dict[str, object]) -> None:
    """It is garbage, and no record is made of it (N6.2)."""
    with pytest.raises(EngineGarbage):
        read_with(lambda: container_of(ONE, entry, b"", 0.0), "u")


def test_images_volumes_networks() -> None:
    """What has no name has none, and no list is an empty one (N6.3)."""
    image = image_of(
        ONE,
        {"Id": "sha256:1", "RepoTags": ["<none>:<none>"], "RepoDigests": None, "Created": 1, "Size": 7},
        b"",
        1.0,
    )
    assert (image.tags, image.digests, image.created_s, image.size_bytes) == ((), (), 2.0, 7)
    volume = volume_of(ONE, {"Name": "data", "Driver": "local", "Scope": "local", "Labels": None}, b"")
    assert (volume.id, volume.driver, volume.labels) == ("data", "local", {})
    network = network_of(ONE, {"Id": "n", "Name": "back", "Driver": "bridge", "Scope": "local"}, b"")
    assert (network.name, network.scope) == ("back", "local")


def test_what_an_inspection_reserves() -> None:
    """CPUs are nano CPUs or shares of the engine, ports those that are bound, and with the host's network those that are exposed (N6.4)."""
    bound = {
        "80/tcp": [{"HostIp": "", "HostPort": "8080"}],
        "53/udp": [{"HostIp": "10.0.0.1", "HostPort": "53"}],
        "1/tcp": None,
    }
    assert reservation_of(
        {"HostConfig": {"NanoCpus": 5, "Memory": 6, "PortBindings": bound}}, 4
    ) == Reservation(5, 6, (Port(80, "tcp", 8080), Port(53, "udp", 53, "10.0.0.1")))
    shared = {
        "HostConfig": {"CpuShares": 512, "NetworkMode": "host"},
        "Config": {"ExposedPorts": {"80/tcp": {}}},
    }
    assert reservation_of(shared, 4) == Reservation(2_000_000_000, 0, (Port(80, "tcp", 80),))
    assert reservation_of({}, 4) == Reservation()


def test_a_container_that_is_moved_keeps_its_inspection() -> None:
    """When its engine is gone, nobody else knows how it was made (N6.4)."""
    inspected = {"Config": {"Labels": {"com.docker.swarm.reschedule-policies": '["on-node-failure"]'}}}
    assert json.loads(reservation_of(inspected, 1).raw) == inspected


def test_events() -> None:
    """Their time is corrected; engines before 1.10 tell no type and no actor (N6.5)."""
    raw = b'{"Type": "container", "Action": "die", "Actor": {"ID": "a", "Attributes": {"exitCode": "1"}}, "time": 9, "timeNano": 9000000001}'
    event = event_of(ONE, raw, 2.0)
    assert (event.type, event.action, event.id, event.at_ns, event.attributes) == (
        "container",
        "die",
        "a",
        11_000_000_001,
        {"exitCode": "1"},
    )
    old = event_of(ONE, b'{"status": "start", "id": "a", "time": 9}', 0.0)
    assert (old.type, old.action, old.id, old.at_ns) == ("container", "start", "a", 9_000_000_000)
    with pytest.raises(EngineGarbage):
        read_with(lambda: event_of(ONE, b"<html>", 0.0), "u")


INFO = {
    "ID": "x",
    "Name": "m1",
    "NCPU": 2,
    "MemTotal": 4,
    "Driver": "overlay2",
    "OSType": "linux",
    "Labels": ["zone=a", "node=b", "ostype=beos", "bare"],
}


def test_specs() -> None:
    """An engine's own labels never replace the four facts, the entry's never the engine's, and `node` is no label (N4.1)."""
    specs = specs_of(INFO, {"Version": "24.0"}, {"zone": "z", "rack": "1"}, 100.0, "u")
    assert specs.labels == {
        "zone": "a", "rack": "1", "bare": "", "ostype": "linux", "storagedriver": "overlay2", "kernelversion": "", "operatingsystem": "",
    }  # fmt: skip
    assert (specs.id, specs.version, specs.cpus, specs.skew_s) == ("x", "24.0", 2, 0.0)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"ID": ""}, "unsupported version of Docker Engine"),
        ({"NCPU": 0}, "make sure it is a Docker Engine, not a Swarm manager"),
        ({"MemTotal": 0}, "make sure it is a Docker Engine, not a Swarm manager"),
    ],
)
def test_what_is_no_engine(changes: dict[str, object], words: str) -> None:
    """Without an id, processors or memory it cannot be one of ours (N4.4)."""
    with pytest.raises(EngineUnfit, match=words):
        specs_of({**INFO, **changes}, {}, {}, 0.0, "u")


@pytest.mark.parametrize(
    ("time", "skew", "words"),
    [
        ("1970-01-01T00:01:40.123456789Z", 0.0, ""),
        ("1970-01-01T00:01:41.5Z", 0.0, ""),
        ("1970-01-01T01:00:30+01:00", 70.0, "its clock is 1.17 min behind ours"),
        ("1970-01-01T00:02:10Z", -30.0, "its clock is 30 s ahead of ours"),
        ("1970-01-03T00:01:40Z", -172_800.0, "its clock is 2 d ahead of ours"),
        ("", 0.0, ""),
    ],
)
def test_clocks(time: str, skew: float, words: str) -> None:
    """Less than two seconds are none (N4.6)."""
    assert skew_of(time, 100.0) == skew
    assert skew_words(skew) == words
    assert not time or seconds_of(time) >= 0


_ODD: tuple[object, ...] = (
    None,
    3,
    -1,
    "x",
    "",
    True,
    1.5,
    [],
    {},
    [3],
    {"a": 3},
    ["x"],
    {"a": "x"},
    10**400,
)
_CONTAINER = {
    "Id": "abc", "Names": ["/web"], "Image": "nginx", "ImageID": "sha256:1", "Command": "run", "Created": 100, "Labels": {"a": "b"},
    "Ports": [{"IP": "", "PrivatePort": 80, "PublicPort": 8080, "Type": "tcp"}], "State": "running", "Status": "Exited (1) now",
    "NetworkSettings": {"Networks": {"back": {}}}, "Mounts": [{"Type": "volume", "Name": "data"}],
}  # fmt: skip
_IMAGE = {
    "Id": "sha256:1",
    "RepoTags": ["a:1"],
    "RepoDigests": ["a@sha256:2"],
    "Created": 1,
    "Size": 7,
    "Labels": {"a": "b"},
}
_EVENT = {
    "Type": "network",
    "Action": "die",
    "Actor": {"ID": "a", "Attributes": {"exitCode": "1", "container": "c"}},
    "time": 9,
    "timeNano": 9,
}
_WHOLE = {
    "HostConfig": {"NanoCpus": 5, "CpuShares": 3, "Memory": 6, "NetworkMode": "host", "PortBindings": {"80/tcp": [{"HostIp": "", "HostPort": "1"}]}},
    "Config": {"ExposedPorts": {"80/tcp": {}}, "Labels": {"com.docker.swarm.reschedule-policies": "[]"}},
}  # fmt: skip


def _changed(value: Any, rng: random.Random) -> Any:
    """The same JSON with one part replaced by something else."""
    if isinstance(value, dict) and value and rng.random() < 0.8:
        key = rng.choice(list(value))
        return {**value, key: _changed(value[key], rng)}
    if isinstance(value, list) and value and rng.random() < 0.8:
        at = rng.randrange(len(value))
        return [*value[:at], _changed(value[at], rng), *value[at + 1 :]]
    return rng.choice(_ODD)


def test_json_of_any_other_form() -> None:
    """Whatever stands in the place of a value, a record comes of it or it is garbage (N6.2)."""
    rng = random.Random(5)
    known = container_of(ONE, _CONTAINER, b"", 0.0)
    outcomes = set()

    def outcome(read: Callable[[], object]) -> str:
        try:
            read_with(read, "u")
        except (EngineGarbage, EngineUnfit) as error:
            return type(error).__name__
        return "read"

    def followed(raw: bytes) -> object:
        return effects_of(event_of(ONE, raw, 0.0), known)

    for _ in range(4000):
        outcomes |= {
            outcome(partial(container_of, ONE, _changed(_CONTAINER, rng), b"", 0.0)),
            outcome(partial(image_of, ONE, _changed(_IMAGE, rng), b"", 0.0)),
            outcome(partial(reservation_of, _changed(_WHOLE, rng), 2)),
            outcome(partial(followed, json.dumps(_changed(_EVENT, rng)).encode())),
            outcome(partial(specs_of, _changed(INFO, rng), {}, {}, 0.0, "u")),
        }
    assert outcomes == {"read", "EngineGarbage", "EngineUnfit"}


def _event(action: str, **attributes: str) -> bytes:
    actor = {"ID": "abc", "Attributes": attributes}
    return json.dumps({"Type": "container", "Action": action, "Actor": actor, "timeNano": 1}).encode()


@pytest.mark.parametrize(
    "actions",
    [
        ["die"],
        ["pause"],
        ["rename"],
        ["health_status: unhealthy"],
        ["die", "start"],
        ["pause", "unpause", "die", "start"],
    ],
)
def test_what_events_changed_since_it_was_listed_is_seen(actions: list[str]) -> None:
    """An entry that an engine writes again as it was is read anew where an event has changed its record meanwhile, though its state may be the same."""
    entry = {
        "Id": "abc", "Names": ["/web"], "Image": "nginx", "ImageID": "sha256:1", "Command": "run", "Created": 100, "State": "running",
        "Status": "Up Less than a second", "Ports": [{"PrivatePort": 80, "Type": "tcp"}], "NetworkSettings": {}, "Mounts": [],
    }  # fmt: skip
    known = listed = container_of(ONE, entry, b"raw", 0.0)
    assert is_as_listed(known, entry, 0.0)
    assert not is_as_listed(known, entry, 5.0)
    for action in actions:
        _, after = effects_of(event_of(ONE, _event(action, name="other", exitCode="0"), 0.0), known)
        assert after is not None
        known = after
    assert known != listed
    assert not is_as_listed(known, entry, 0.0)

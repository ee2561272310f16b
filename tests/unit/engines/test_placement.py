"""On which engine a container is made (docs/design/engines.md N8), after classic Swarm."""

import json
import random
from dataclasses import replace
from itertools import count
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from swarm_core.engines.placement.candidates import Candidate, Pending
from swarm_core.engines.placement.decide import (
    BINPACK,
    RANDOM,
    SPREAD,
    BadPolicy,
    Decision,
    NotPlaced,
    Policy,
    decide,
)
from swarm_core.engines.placement.expressions import BadExpression, Expression, whitelist
from swarm_core.engines.placement.places import placed_names
from swarm_core.engines.placement.platforms import Platform
from swarm_core.engines.placement.request import Request, request_of
from swarm_core.engines.records import (
    Container,
    EngineEntry,
    EngineKey,
    EngineRecord,
    EngineState,
    Image,
    Port,
    Reservation,
)

GIB, CPU = 1 << 30, 1_000_000_000
_ids = count()


def container(
    name: str = "", ports: tuple[Port, ...] = (), reserved: Reservation | None = None, **labels: str
) -> Container:
    number = next(_ids)
    return Container(
        EngineKey("x"),
        f"{number:064x}",
        name or f"c{number}",
        "i",
        "i",
        "sh",
        1.0,
        "running",
        "Up",
        ports=ports,
        labels=labels,
        reserved=reserved,
    )


def engine(
    name: str,
    *containers: Container,
    images: tuple[str, ...] = (),
    failures: int = 0,
    in_maintenance: bool = False,
    state: EngineState = EngineState.HEALTHY,
    **labels: str,
) -> Candidate:
    record = EngineRecord(
        EngineEntry(f"unix:///{name}", name=name),
        state,
        in_maintenance,
        failures=failures,
        id=f"ID-{name}",
        cpus=4,
        memory_bytes=8 * GIB,
        labels=labels,
    )
    return Candidate(
        record, containers, [Image(EngineKey(name), f"sha256:{tag}1", (tag,), (), 1.0, 1) for tag in images]
    )


def request(body: dict[str, Any] | None = None, *env: str, **host: Any) -> Request:
    return request_of(
        "new", {"Image": "i", "Env": list(env), "HostConfig": host, **(body or {})}, lambda: "swarm-id"
    )


def place(
    asked: Request, *candidates: Candidate, strategy: str = SPREAD, overcommit: float = 0.0
) -> Decision:
    return decide(asked, candidates, Policy(strategy, overcommit=overcommit), random.Random(1))


def left_out(asked: Request, *candidates: Candidate, strategy: str = SPREAD) -> dict[str, tuple[str, str]]:
    return {
        one.name: (one.filter, one.why)
        for one in place(asked, *candidates, strategy=strategy).verdicts
        if one.filter
    }


@pytest.mark.parametrize(
    ("text", "values", "holds"),
    [
        ("zone==a", ["a"], True), ("zone==a", ["ab"], False), ("zone==a*", ["abc"], True), ("zone==*c", ["abc"], True), ("zone==a.c", ["abc"], False),
        ("zone==/a.c/", ["xabcx"], True), ("zone==/^b|c$/", ["abc"], True), ("zone!=a", ["a", "b"], False), ("zone!=a", ["b"], True), ("zone!=a", [], True),
        ("zone==a", [], False), ("zone==~a", ["a"], True), ("zone == a b", ["a b"], True), ("zone!=~/b/", ["abc"], False), ("node==(x)", ["(x)"], True),
    ],
)  # fmt: skip
def test_expressions(text: str, values: list[str], holds: bool) -> None:
    """Text between slashes is a regular expression, a star is any text, and all else is itself (N8.4)."""
    one = Expression.parse(text)
    assert one.holds(values) == holds
    assert one.is_soft == ("~" in text)
    assert Expression.parse(str(one)).holds(values) == holds


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("zone", "One of operator ==, != is expected"), ("zone=a", "One of operator"), ("z==a", "Key 'z' is invalid"), ("1z==a", "Key '1z' is invalid"),
        ("zone==", "Value '' is invalid"), ("zone==a;b", "Value 'a;b' is invalid"), ("zone==/(/", "is no regular expression"),
    ],
)  # fmt: skip
def test_expressions_that_cannot_be_read(text: str, words: str) -> None:
    """What is wrong with one is said in classic Swarm's words (N8.4)."""
    with pytest.raises(BadExpression) as caught:
        Expression.parse(text)
    assert words in str(caught.value)


def test_whitelists_list_values() -> None:
    """Its value is split at vertical bars, and `!=` means what it says (N8.4)."""
    assert whitelist("node==a|b").holds(["b"])
    assert not whitelist("node==a|b").holds(["ab"])
    assert not whitelist("node!=a|b").holds(["b"])


def test_a_request_is_read_from_labels_and_environment() -> None:
    """Expressions leave the environment and stand in the labels, with a swarm id (N8.5)."""
    asked = request(
        {"Labels": {"com.docker.swarm.constraints": '["storage==ssd"]', "own": "1"}},
        "PATH=/bin", "constraint:zone==~a", "affinity:image==nginx", "reschedule:on-node-failure", "whitelist:node==a|b",
        NanoCpus=CPU, Memory=GIB,
    )  # fmt: skip
    assert [str(one) for one in asked.constraints] == ["storage==ssd", "zone==~a"]
    assert ([str(one) for one in asked.affinities], [str(one) for one in asked.whitelists]) == (
        ["image==nginx"],
        ["node==a|b"],
    )
    assert (asked.nano_cpus, asked.memory_bytes, asked.is_moved) == (CPU, GIB, True)
    assert asked.body["Env"] == ["PATH=/bin"]
    labels = asked.body["Labels"]
    assert json.loads(labels["com.docker.swarm.constraints"]) == ["storage==ssd", "zone==~a"]
    assert (labels["own"], labels["com.docker.swarm.id"]) == ("1", "swarm-id")
    again = request_of("new", asked.body, lambda: "another")
    assert (again.constraints, again.body) == (asked.constraints, asked.body)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"Env": ["reschedule:sometimes"]}, "invalid reschedule policy: sometimes"),
        ({"Env": ["reschedule:off", "reschedule:on-node-failure"]}, "too many reschedule policies"),
        ({"Labels": {"com.docker.swarm.affinities": "image==x"}}, "is no JSON list of texts"),
        ({"HostConfig": {"PortBindings": {"web/tcp": [{"HostPort": "80"}]}}}, "Invalid port: web/tcp for 80"),
    ],
)
def test_requests_that_cannot_be_read(body: dict[str, Any], words: str) -> None:
    """They are refused before any engine is asked (N8.5)."""
    with pytest.raises(BadExpression, match=words):
        request_of("new", body, str)


def test_shares_are_cpus() -> None:
    """A request's CPU shares are CPUs; the engine gets its part of 1024, rounded up (N8.5)."""
    asked = request(CpuShares=1)
    assert asked.nano_cpus == CPU
    assert asked.body_for(3)["HostConfig"]["CpuShares"] == 342
    assert asked.body["HostConfig"]["CpuShares"] == 1


def test_health() -> None:
    """What does not live, and what is in maintenance, takes no new containers (N8.1)."""
    sick = engine("sick", state=EngineState.UNHEALTHY, failures=3)
    off = engine("off", in_maintenance=True)
    assert left_out(request(), sick, off, engine("well")) == {
        "sick": ("health", "is unhealthy"),
        "off": ("health", "is in maintenance"),
    }
    with pytest.raises(NotPlaced, match="No healthy node available in the cluster"):
        _ = place(request(), sick).chosen
    with pytest.raises(NotPlaced, match="No nodes available in the cluster"):
        _ = place(request()).chosen


def test_ports() -> None:
    """A port is taken by its protocol and address; one of a stopped container and of one that is being made counts too (N8.1)."""
    asked = request(
        PortBindings={"80/tcp": [{"HostPort": "8080"}], "53/udp": [{"HostIp": "10.0.0.1", "HostPort": "53"}]}
    )
    stopped = engine("stopped", container("old", reserved=Reservation(ports=(Port(80, "tcp", 8080),))))
    making = replace(engine("making"), pending=(Pending("soon", "i", 0, 0, (Port(1, "udp", 53),), {}),))
    free = engine(
        "free",
        container("tcp", (Port(53, "tcp", 53), Port(80, "tcp", 80))),
        container("ip", (Port(1, "udp", 53, "10.0.0.2"),)),
    )
    running = engine("running", container("web", (Port(80, "tcp", 8080, "127.0.0.1"),)))
    assert left_out(asked, stopped, making, free, running) == {
        "stopped": ("port", "port 8080/tcp is taken by old"),
        "making": ("port", "port 53/udp is taken by soon"),
        "running": ("port", "port 8080/tcp is taken by web"),
    }


def test_ports_of_the_host() -> None:
    """In the host's network the exposed ports are meant (N8.1)."""
    asked = request({"ExposedPorts": {"80/tcp": {}}}, NetworkMode="host")
    assert "taken" in left_out(asked, engine("a", container("b", (Port(8080, "tcp", 80),))))["a"][1]


def test_slots() -> None:
    """A number in the label `containerslots` is a limit; anything else is none (N8.1)."""
    full = engine("full", container(), container(), containerslots="2")
    assert left_out(
        request(), full, engine("odd", container(), containerslots="x"), engine("room", containerslots="1")
    ) == {"full": ("containerslots", "has 2 of at most 2 containers")}


def test_dependencies() -> None:
    """Volumes, links and the network of another container must be where that is (N8.1)."""
    asked = request(VolumesFrom=["data:ro"], Links=["/db:alias"], NetworkMode="container:net")
    here = engine("here", container("data"), container("db"), container("net"))
    assert left_out(asked, here, engine("part", container("db"))) == {
        "part": ("dependency", "does not have data, net")
    }
    by_id = container("data")
    assert place(request(VolumesFrom=[by_id.id[:12]]), engine("a", by_id)).chosen == "a"


def test_affinities() -> None:
    """Containers by id and name, images by id, name and repository, and labels of containers (N8.1)."""
    here = engine("here", container("db", tier="data"), images=("r:5000/nginx:1",))
    for text in (
        "container==db",
        "image==r:5000/nginx",
        "image==r:5000/nginx:1",
        "tier==data",
        "container!=web",
        "image==sha256:r:5000*",
    ):
        assert place(request(None, f"affinity:{text}"), here).chosen == "here"
    assert left_out(request(None, "affinity:container!=db"), here) == {
        "here": ("affinity", "does not meet affinity container!=db")
    }


def test_constraints() -> None:
    """`node` is name or id, any other key a label of the engine; what it has instead is told (N8.1)."""
    west, east = engine("west", zone="a"), engine("east")
    assert place(request(None, "constraint:node==ID-east"), west, east).chosen == "east"
    assert left_out(request(None, "constraint:zone==b"), west, east) == {
        "west": ("constraint", "does not meet constraint zone==b (it has a)"),
        "east": ("constraint", "does not meet constraint zone==b (it has none)"),
    }
    assert left_out(request(None, "whitelist:node==east|north"), west, east) == {
        "west": ("whitelist", "is not on the whitelist node==east|north")
    }


def test_conditions_are_listed_up_to_the_one_that_failed() -> None:
    """Whoever finds no engine is told what was asked (N8.3)."""
    asked = request(
        None, "affinity:container==db", "constraint:zone==b", PortBindings={"80/tcp": [{"HostPort": "80"}]}
    )
    failure = place(asked, engine("a")).failure
    assert failure.splitlines() == [
        "Unable to find a node that satisfies the following conditions",
        "port 80/tcp (Bridge mode)",
        "available container slots",
        "affinity container==db",
    ]


def test_soft_expressions_give_way() -> None:
    """They count while an engine meets them all; else none of them counts, and that is told (N8.4)."""
    west, east = engine("west", container(), zone="a"), engine("east")
    asked = request(None, "constraint:zone==~a", "affinity:container==~db")
    met = place(request(None, "constraint:zone==~a"), west, east)
    assert (met.chosen, met.ignored) == ("west", ())
    given_way = place(asked, west, east)
    assert (given_way.chosen, given_way.ignored) == ("east", ("container==~db", "zone==~a"))


def test_spread_and_binpack() -> None:
    """Without reservations the number of containers decides, then the name (N8.2)."""
    engines = (
        engine("b", container()),
        engine("a", container()),
        engine("c", container(), container()),
        engine("d"),
    )
    assert place(request(), *engines).ranked == ("d", "a", "b", "c")
    assert place(request(), *engines, strategy=BINPACK).ranked == ("c", "a", "b", "d")
    assert sorted(place(request(), *engines, strategy=RANDOM).ranked) == ["a", "b", "c", "d"]


def test_resources_decide() -> None:
    """Reservations of all containers count, those that are being made too; an engine with too little is left out (N8.2)."""
    half = engine("half", container(reserved=Reservation(2 * CPU, 4 * GIB)), container())
    full = replace(engine("full"), pending=(Pending("soon", "i", 4 * CPU, 0, (), {}),))
    idle = engine("idle", container(), container(), container())
    asked = request(NanoCpus=CPU, Memory=GIB)
    assert place(asked, half, full, idle).ranked == ("idle", "half")
    assert place(asked, half, full, idle, strategy=BINPACK).ranked == ("half", "idle")
    assert left_out(asked, half, full, idle) == {"full": ("resources", "has 0 of 4 CPUs left, 1 are asked")}
    assert place(asked, full).failure == "no resources available to schedule container"
    assert place(asked, full, strategy=RANDOM).chosen == "full"
    assert left_out(request(Memory=9 * GIB), idle) == {
        "idle": ("resources", "has 8192 of 8192 MiB of memory left, 9216 are asked")
    }


def test_overcommit() -> None:
    """A cluster may give a part more than an engine has, or less (N8.2)."""
    asked = request(NanoCpus=CPU)
    full = engine("full", container(reserved=Reservation(4 * CPU, 0)))
    assert not place(asked, full).ranked
    assert place(asked, full, overcommit=0.25).chosen == "full"
    assert not place(request(NanoCpus=3 * CPU), engine("empty"), overcommit=-0.5).ranked


def test_failures_weigh() -> None:
    """An engine that failed lately is worse than one with more containers, for either strategy (N8.2)."""
    shaky, steady = engine("shaky", failures=1), engine("steady", container(), container())
    assert place(request(), shaky, steady).chosen == "steady"
    assert (
        place(
            request(),
            engine("shaky", container(), container(), failures=1),
            engine("steady"),
            strategy=BINPACK,
        ).chosen
        == "steady"
    )


def test_every_engine_has_its_sentence() -> None:
    """The decision says of each engine why not, or how good it would be (N8.3)."""
    decision = place(request(), engine("b", container()), engine("a"), engine("off", in_maintenance=True))
    assert decision.lines() == [
        "b would do: 1 containers, weight -800",
        "a is chosen: 0 containers, weight -800",
        "off is in maintenance",
    ]


def test_policies_that_are_none() -> None:
    """Unknown strategies and filters are refused by name; a filter that is not named does not count (N8.6)."""
    with pytest.raises(
        BadPolicy, match="strategy not supported: binpacking; there are spread, binpack, random"
    ):
        Policy("binpacking")
    with pytest.raises(BadPolicy, match="filter not supported: luck"):
        Policy(filters=("health", "luck"))
    with pytest.raises(BadPolicy, match="overcommit must be more than -1"):
        Policy(overcommit=-1.0)
    asked = request(None, "constraint:zone==b")
    assert decide(asked, [engine("a")], Policy(filters=("health",)), random.Random(1)).chosen == "a"


@given(
    st.lists(st.tuples(st.integers(0, 5), st.booleans(), st.integers(0, 3)), min_size=1, max_size=8),
    st.sampled_from([SPREAD, BINPACK, RANDOM]),
)
def test_every_engine_is_ranked_or_left_out(drawn: list[tuple[int, bool, int]], strategy: str) -> None:
    """Each engine has one verdict; who is ranked was left out by nothing, and the rank follows the weight (N8.3)."""
    engines = [
        engine(
            f"e{number}",
            *(container(reserved=Reservation(CPU, 0)) for _ in range(many)),
            failures=failures,
            in_maintenance=off,
        )
        for number, (many, off, failures) in enumerate(drawn)
    ]
    decision = place(request(NanoCpus=CPU), *engines, strategy=strategy)
    assert [one.engine for one in decision.verdicts] == [one.record.key for one in engines]
    assert {one.engine for one in decision.verdicts if not one.filter} >= set(decision.ranked)
    weights = {one.engine: one.weight for one in decision.verdicts}
    ranked = [weights[key] for key in decision.ranked]
    assert strategy == RANDOM or ranked == sorted(ranked, reverse=strategy == BINPACK)
    assert bool(decision.failure) == (not decision.ranked)


def test_ranges_of_ports() -> None:
    """An engine is left out when no port of a range is free; each one of the range would do (N8.1)."""
    asked = request(PortBindings={"80/tcp": [{"HostPort": "8000-8001", "HostIp": ""}]})
    first = container("a", (Port(80, "tcp", 8000),))
    second = container("b", (Port(80, "tcp", 8001),))
    found = place(asked, engine("one", first), engine("both", first, second))
    assert found.lines() == [
        "one is chosen: 1 containers, weight -800",
        "both no port of 8000-8001/tcp is free",
    ]
    alone = place(asked, engine("both", first, second))
    assert alone.failure.endswith("port 8000-8001/tcp (Bridge mode)")


@pytest.mark.parametrize("text", ["9-8", "a-b", "1-"])
def test_ranges_of_ports_that_are_none(text: str) -> None:
    """They are refused before anything is asked."""
    with pytest.raises(BadExpression, match="Invalid range of ports"):
        request_of("x", {"HostConfig": {"PortBindings": {"80/tcp": [{"HostPort": text}]}}}, lambda: "id")


@pytest.mark.parametrize(
    ("text", "platform"),
    [
        ("linux", Platform("linux")),
        ("arm64", Platform("linux", "arm64")),
        ("x86_64", Platform("linux", "amd64")),
        ("linux/aarch64", Platform("linux", "arm64")),
        ("Linux/arm/v7", Platform("linux", "arm")),
        ("windows/amd64", Platform("windows", "amd64")),
    ],
)
def test_platforms(text: str, platform: Platform) -> None:
    """As images and engines write them (N9.9)."""
    assert Platform.parse(text) == platform
    assert platform.suits(Platform(platform.os)) and platform.suits(Platform("", platform.architecture))


@pytest.mark.parametrize("text", ["", "/", "linux/", "a/b/c/d"])
def test_platforms_that_are_none(text: str) -> None:
    """With a sentence."""
    with pytest.raises(BadExpression, match="is no platform"):
        Platform.parse(text)


def test_names_of_one_engine_are_known_there_without_it() -> None:
    """Networks, volumes and containers, and not paths (16.4.6)."""
    body = {
        "HostConfig": {
            "NetworkMode": "h1/front",
            "Binds": ["h1/data:/data:ro", "/h1/x:/x", "own:/own"],
            "Mounts": [
                {"Type": "volume", "Source": "h1/more"},
                {"Type": "bind", "Source": "/h1/y"},
                {"Type": "volume"},
            ],
            "Links": ["/h1/db:db"],
            "VolumesFrom": ["h1/keeper:ro", "other"],
        },
        "NetworkingConfig": {"EndpointsConfig": {"h1/front": {"Aliases": ["a"]}}},
    }
    bare, engines = placed_names(body, {"h1", "h2"})
    assert engines == ["h1"]
    assert bare["HostConfig"] == {
        "NetworkMode": "front",
        "Binds": ["data:/data:ro", "/h1/x:/x", "own:/own"],
        "Mounts": [
            {"Type": "volume", "Source": "more"},
            {"Type": "bind", "Source": "/h1/y"},
            {"Type": "volume"},
        ],
        "Links": ["db:db"],
        "VolumesFrom": ["keeper:ro", "other"],
    }
    assert bare["NetworkingConfig"]["EndpointsConfig"] == {"front": {"Aliases": ["a"]}}
    assert placed_names({"HostConfig": {"NetworkMode": "container:h2/web"}}, {"h2"}) == (
        {"HostConfig": {"NetworkMode": "container:web"}},
        ["h2"],
    )
    assert placed_names({"HostConfig": {"NetworkMode": "x/y"}}, {"h2"})[1] == []


def test_a_regular_expression_that_takes_too_long_places_nothing() -> None:
    """Whoever asks is told so in a sentence; a value with many stars takes no longer than one with one."""
    west = engine("west", zone="a" * 200 + "b")
    decision = place(request(None, "constraint:zone==/(a+)+$/"), west)
    assert not decision.ranked
    assert decision.failure.startswith("/(a+)+$/ takes too long: write it without")
    assert not Expression.parse(f"zone=={'*a' * 30}*c").holds(["a" * 200 + "b"])
    assert Expression.parse(f"zone=={'*a' * 30}*b").holds(["a" * 200 + "b"])


@pytest.mark.parametrize(
    ("value", "text", "holds"),
    [
        ("a*", "a", True), ("a*a", "a", False), ("a*a", "aa", True), ("*", "", True), ("**", "x", True), ("a*b*c", "abbc", True), ("a*bc*c", "abc", False),
        ("*ab*ab", "abab", True), ("*ab*ab", "aba", False), ("*b", "ab", True), ("a*b", "abc", False), ("b*", "ab", False),
    ],
)  # fmt: skip
def test_a_star_is_any_text(value: str, text: str, holds: bool) -> None:
    """Also none, and of what stands between stars each needs a place of its own (N8.4)."""
    assert Expression.parse(f"zone=={value}").holds([text]) is holds

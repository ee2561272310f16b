"""Filters of lists (docs/design/engine-api-json.md 14.10)."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from swarm_agentd.engine_api import filters
from swarm_agentd.engine_api.filters import NETWORK_KEYS, NODE_KEYS, SERVICE_KEYS, TASK_KEYS, parse
from swarm_core.api.proto import types_pb2
from swarm_core.http.errors import BadRequest
from swarm_testkit.factories import make_node, make_secret, make_service, make_task


def test_both_notations() -> None:
    """Rule 14.10.1: an object of switches and a list say the same; what is switched off is not asked for."""
    one = parse('{"name":{"web":true,"db":false},"id":{}}', SERVICE_KEYS)
    assert one == parse('{"name":["web","web"],"id":null}', SERVICE_KEYS)
    assert one.values == {"name": ("web",)}
    assert (
        parse("", SERVICE_KEYS) == parse("null", SERVICE_KEYS) == parse("{}", SERVICE_KEYS) == filters.NOTHING
    )


@pytest.mark.parametrize(
    "text", ["{", "[]", "3", '"x"', '{"name":"web"}', '{"name":[1]}', '{"name":{"a":1}}', "[" * 100_000]
)
def test_what_is_no_filter(text: str) -> None:
    """Rule 14.10.1: anything else is refused."""
    with pytest.raises(BadRequest, match=r"^invalid filter$"):
        parse(text, SERVICE_KEYS)


def test_keys_and_bounds() -> None:
    """Rule 14.10.1: a key that the list does not have is refused, even without values; so are thousands of values."""
    with pytest.raises(BadRequest, match=r"^invalid filter 'node'$"):
        parse('{"node":[]}', SERVICE_KEYS)
    with pytest.raises(BadRequest, match="more than 1000 values"):
        parse(json.dumps({"name": [str(number) for number in range(1001)]}), SERVICE_KEYS)


def test_services() -> None:
    """Rules 14.10.2 and 14.10.3: prefixes, labels and runtimes go to the manager; modes, and labels that contradict, are seen to here."""
    asked = parse('{"name":["we"],"id":["x"],"label":["a","b=1","b=2"],"mode":["global"]}', SERVICE_KEYS)
    request = filters.service_filters(asked)
    assert (list(request.name_prefixes), list(request.id_prefixes)) == (["we"], ["x"])
    assert list(request.runtimes) == ["container"]
    assert set(request.labels) == {"a", "b"}
    assert list(filters.service_filters(parse('{"runtime":["plugin"]}', SERVICE_KEYS)).runtimes) == ["plugin"]
    labels = {"a": "", "b": "1"}
    is_global = make_service(is_global=True, labels=labels)
    assert not filters.service_matches(asked, is_global)
    asked = parse('{"label":["a","b=1","b="],"mode":["global","replicated-job"]}', SERVICE_KEYS)
    assert filters.service_matches(asked, is_global)
    assert not filters.service_matches(asked, make_service(labels=labels))
    assert not filters.service_matches(parse('{"mode":["nonsense"]}', SERVICE_KEYS), is_global)


def test_nodes() -> None:
    """Rule 14.10.4: roles and memberships are words in any case; two sorts of labels."""
    asked = parse(
        '{"role":["Manager",""],"membership":["accepted"],"label":["e=1"],"node.label":["n"]}', NODE_KEYS
    )
    request = filters.node_filters(asked)
    assert (list(request.roles), list(request.memberships)) == ([types_pb2.MANAGER], [1])
    assert (dict(request.labels), dict(request.node_labels)) == ({"e": "1"}, {"n": ""})
    assert filters.node_matches(asked, make_node(labels={"n": "x"}, engine_labels={"e": "1"}))
    assert not filters.node_matches(asked, make_node(labels={"n": "x"}))
    for key in ("role", "membership"):
        with pytest.raises(BadRequest, match=f"^Invalid {key} filter: 'x'$"):
            filters.node_filters(parse(json.dumps({key: ["x"]}), NODE_KEYS))


def test_tasks() -> None:
    """Rule 14.10.5: ids that were looked up, states, and tasks of containers and of no runtime unless another is asked for."""
    asked = parse('{"desired-state":["RUNNING"],"_up-to-date":["false"],"label":["a=1"]}', TASK_KEYS)
    request = filters.task_filters(asked, services=["s"], nodes=["n"])
    assert (list(request.service_ids), list(request.node_ids)) == (["s"], ["n"])
    assert list(request.desired_states) == [types_pb2.RUNNING]
    assert request.up_to_date
    assert list(request.runtimes) == ["container", ""]
    assert not filters.task_filters(filters.NOTHING).up_to_date
    assert filters.task_matches(asked, make_task(service=make_service(labels={"a": "1"})))
    assert not filters.task_matches(asked, make_task(service=make_service()))
    with pytest.raises(BadRequest, match=r"^Invalid desired-state filter: 'no'$"):
        filters.task_filters(parse('{"desired-state":["no"]}', TASK_KEYS))


def test_secrets_and_configs() -> None:
    """Rule 14.10.2: secrets are also found by whole names."""
    asked = parse('{"names":["a"],"name":["b"],"label":["l"]}', filters.SECRET_KEYS)
    request = filters.secret_filters(asked)
    assert (list(request.names), list(request.name_prefixes), dict(request.labels)) == (
        ["a"],
        ["b"],
        {"l": ""},
    )
    assert dict(filters.config_filters(parse('{"label":["l=1"]}', filters.CONFIG_KEYS)).labels) == {"l": "1"}
    assert not filters.labels_match(asked, make_secret())


NETWORKS: list[dict[str, Any]] = [
    {"Name": "bridge", "Id": "abc1", "Driver": "bridge", "Scope": "local", "Labels": None},
    {"Name": "web-net", "Id": "def2", "Driver": "overlay", "Scope": "swarm", "Labels": {"a": "1"}},
    {"Name": "used", "Id": "ghi3", "Driver": "overlay", "Scope": "swarm", "Containers": {"x": {}}},
]


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        ({}, ["bridge", "web-net", "used"]),
        ({"name": ["web"]}, ["web-net"]),
        ({"name": ["^web$"]}, []),
        ({"name": ["^us", "bri[a-z]+"]}, ["bridge", "used"]),
        ({"name": ["("]}, []),
        ({"id": ["d"]}, ["web-net"]),
        ({"driver": ["overlay"], "scope": ["swarm", "local"]}, ["web-net", "used"]),
        ({"label": ["a"]}, ["web-net"]),
        ({"label": ["a=2"]}, []),
        ({"type": ["builtin"]}, ["bridge"]),
        ({"type": ["custom"]}, ["web-net", "used"]),
        ({"type": ["custom", "builtin"]}, ["bridge", "web-net", "used"]),
        ({"dangling": ["true"]}, ["web-net"]),
        ({"dangling": ["0"]}, ["bridge", "used"]),
    ],
)
def test_networks(asked: dict[str, Any], names: list[str]) -> None:
    """Rules 14.10.6 and 14.10.7: names and ids as a whole or as a pattern, driver, scope, type and use."""
    wanted = filters.network_filters(parse(json.dumps(asked), NETWORK_KEYS))
    assert [each["Name"] for each in NETWORKS if wanted.match(each)] == names


@pytest.mark.parametrize(
    ("asked", "text"),
    [
        ({"type": ["x"]}, "invalid filter: 'type'='x'"),
        ({"dangling": ["1", "0"]}, 'got more than one value for filter key "dangling"'),
        (
            {"dangling": ["x"]},
            'invalid value for filter \'dangling\', must be "true" (or "1"), or "false" (or "0")',
        ),
    ],
)
def test_what_is_refused_of_networks(asked: dict[str, Any], text: str) -> None:
    """Rule 14.10.7: in Docker's words."""
    with pytest.raises(BadRequest) as refused:
        filters.network_filters(parse(json.dumps(asked), NETWORK_KEYS))
    assert refused.value.message == text


def test_volumes() -> None:
    """Rule 14.10.8: cluster volumes are filtered too."""
    volume = {"Name": "data", "Driver": "csi", "Labels": {"a": ""}, "ClusterVolume": {"PublishStatus": [{}]}}
    for asked, is_found in (
        ({}, True),
        ({"name": ["dat"], "driver": ["csi"], "label": ["a"]}, True),
        ({"name": ["x"]}, False),
        ({"dangling": ["1"]}, False),
        ({"dangling": ["false"]}, True),
    ):
        read = parse(json.dumps(asked), filters.VOLUME_KEYS)
        assert filters.volume_filters(read).match(volume) is is_found, asked


@given(
    st.text(max_size=20)
    | st.recursive(
        st.none() | st.booleans() | st.text(max_size=3),
        lambda inner: (
            st.lists(inner, max_size=2)
            | st.dictionaries(st.sampled_from(sorted(NODE_KEYS)), inner, max_size=2)
        ),
    ).map(json.dumps)
)
def test_whatever_is_sent(text: str) -> None:
    """Rule 14.10.1: filters are read or refused."""
    try:
        filters.node_filters(parse(text, NODE_KEYS))
    except BadRequest as refused:
        assert refused.message

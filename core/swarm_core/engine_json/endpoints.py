"""Ports, endpoints and the networks that tasks join (docs/design/engine-api-json.md 14.4.9)."""

from typing import Any, Final

from swarm_core.api.proto.specs_pb2 import EndpointSpec
from swarm_core.api.proto.types_pb2 import PortConfig
from swarm_core.engine_json.addresses import PREFIX
from swarm_core.engine_json.given import UINT32
from swarm_core.engine_json.shape import (
    MAP,
    TEXT,
    TEXTS,
    Choice,
    Own,
    Part,
    Parts,
    Shape,
    Value,
    Words,
    integer,
)
from swarm_core.http.version import Version
from swarm_core.specs.notation import words_of

PORT: Final = Shape(
    Value("Name", "name", TEXT),
    Choice(
        "Protocol", "protocol", Words(words_of(PortConfig.Protocol), 'invalid protocol: "{}"', any_case=True)
    ),
    Value("TargetPort", "target_port", integer(UINT32)),
    Value("PublishedPort", "published_port", integer(UINT32)),
    Choice(
        "PublishMode",
        "publish_mode",
        Words(words_of(PortConfig.PublishMode), 'invalid publish mode: "{}"', any_case=True),
    ),
)
ENDPOINT_SPEC: Final = Shape(
    Choice("Mode", "mode", Words(words_of(EndpointSpec.ResolutionMode), 'invalid resolution mode: "{}"')),
    Parts("Ports", "ports", PORT),
)
_VIRTUAL_IP: Final = Shape(Value("NetworkID", "network_id", TEXT), Value("Addr", "addr", PREFIX))


def _show_spec(endpoint: Any, out: dict[str, Any], version: Version) -> None:
    """Always there; empty where the service has none."""
    out["Spec"] = ENDPOINT_SPEC.show(endpoint.spec, version) if endpoint.HasField("spec") else {}


_SPEC: Final = Part("Spec", "spec", ENDPOINT_SPEC)
ENDPOINT: Final = Shape(
    Own(_show_spec, _SPEC.read, (_SPEC,)),
    Parts("Ports", "ports", PORT),
    Parts("VirtualIPs", "virtual_ips", _VIRTUAL_IP),
)
ATTACHMENT: Final = Shape(
    Value("Target", "target", TEXT),
    Value("Aliases", "aliases", TEXTS),
    Value("DriverOpts", "driver_attachment_opts", MAP),
)

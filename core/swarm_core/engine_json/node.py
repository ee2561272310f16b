"""Nodes (docs/design/engine-api-json.md 14.3)."""

from typing import Any, Final

from swarm_core.api.proto.objects_pb2 import Node
from swarm_core.api.proto.specs_pb2 import NodeSpec
from swarm_core.api.proto.types_pb2 import NodeRole, NodeStatus, RaftMemberStatus
from swarm_core.engine_json.annotations import ANNOTATIONS_ROW, ID, META_ROW, PLATFORM, TLS_INFO
from swarm_core.engine_json.form import Form
from swarm_core.engine_json.given import Given
from swarm_core.engine_json.resources import RESOURCES
from swarm_core.engine_json.shape import (
    FLAG,
    MAP,
    TEXT,
    Choice,
    Part,
    Parts,
    Shape,
    Value,
    Words,
    integer,
)
from swarm_core.http.version import NEWEST, Version
from swarm_core.specs.notation import words_of

TOPOLOGY: Final = Shape(Value("Segments", "segments", MAP))
AVAILABILITY: Final = Words(
    words_of(NodeSpec.Availability), 'invalid Availability: "{}"', default=None, any_case=True
)
SPEC: Final = Shape(
    ANNOTATIONS_ROW,
    Choice(
        "Role", "desired_role", Words(words_of(NodeRole), 'invalid Role: "{}"', default=None, any_case=True)
    ),
    Choice("Availability", "availability", AVAILABILITY),
)
_PLUGIN: Final = Shape(Value("Type", "type", TEXT), Value("Name", "name", TEXT))
_ENGINE: Final = Shape(
    Value("EngineVersion", "engine_version", TEXT),
    Value("Labels", "labels", MAP),
    Parts("Plugins", "plugins", _PLUGIN),
)
_CSI: Final = Shape(
    Value("PluginName", "plugin_name", TEXT),
    Value("NodeID", "node_id", TEXT),
    Value("MaxVolumesPerNode", "max_volumes_per_node", integer()),
    Part("AccessibleTopology", "accessible_topology", TOPOLOGY),
)
_DESCRIPTION: Final = Shape(
    Value("Hostname", "hostname", TEXT),
    Part("Platform", "platform", PLATFORM, always=True),
    Part("Resources", "resources", RESOURCES, always=True),
    Part("Engine", "engine", _ENGINE, always=True),
    Part("TLSInfo", "tls_info", TLS_INFO, always=True),
    Parts("CSIInfo", "csi_info", _CSI),
)
_STATUS: Final = Shape(
    Choice("State", "state", Words(words_of(NodeStatus.State))),
    Value("Message", "message", TEXT),
    Value("Addr", "addr", TEXT),
)
_MANAGER: Final = Shape(
    Value("Leader", "leader", FLAG),
    Choice("Reachability", "reachability", Words(words_of(RaftMemberStatus.Reachability))),
    Value("Addr", "addr", TEXT),
)
_NODE: Final = Shape(
    ID,
    META_ROW,
    Part("Spec", "spec", SPEC, always=True),
    Part("Description", "description", _DESCRIPTION, always=True),
    Part("Status", "status", _STATUS, always=True),
    Part("ManagerStatus", "manager_status", _MANAGER),
)


def to_json(node: Node, version: Version) -> dict[str, Any]:
    """The node."""
    return _NODE.show(node, version)


def to_form(node: Node) -> Form:
    """The node as templates see it."""
    return _NODE.form(to_json(node, NEWEST))


def from_json(body: object, version: Version, stored: NodeSpec | None = None) -> NodeSpec:
    """The whole spec. Its membership is the `stored` one's, since JSON has none. Raises BadRequest."""
    spec = NodeSpec(membership=stored.membership if stored is not None else NodeSpec.PENDING)
    SPEC.read(Given(body, version), spec)
    return spec

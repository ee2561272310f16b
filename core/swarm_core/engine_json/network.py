"""Networks: as a list of networks has them, as tasks name those they are attached to, and as clients make them (docs/design/engine-api-json.md 14.6)."""

from typing import Any, Final

from swarm_core.api.proto.objects_pb2 import Network
from swarm_core.api.proto.specs_pb2 import NetworkSpec
from swarm_core.engine_json.addresses import ADDRESS, PREFIX
from swarm_core.engine_json.annotations import ANNOTATIONS_ROW, DRIVER, ID, META_ROW, shown_by
from swarm_core.engine_json.form import Form
from swarm_core.engine_json.given import Given
from swarm_core.engine_json.shape import FLAG, MAP, Part, Parts, Shape, Value
from swarm_core.engine_json.times import moment
from swarm_core.http.version import NEWEST, Version
from swarm_core.specs.network import is_ingress

_V_IPV4 = Version(1, 48)
_DEFAULT_IPAM: Final = "default"
_IPAM_CONFIG: Final = Shape(
    Value("Subnet", "subnet", PREFIX), Value("Range", "range", PREFIX), Value("Gateway", "gateway", ADDRESS)
)
_IPAM_OPTIONS: Final = Shape(
    Part("Driver", "driver", DRIVER, always=True), Parts("Configs", "configs", _IPAM_CONFIG)
)


def _show_rest(spec: Any, out: dict[str, Any], version: Version) -> None:
    if is_ingress(spec):
        out["Ingress"] = True
    if spec.HasField("ipam"):
        out["IPAMOptions"] = _IPAM_OPTIONS.show(spec.ipam, version)
    if spec.network:
        out["ConfigFrom"] = {"Network": spec.network}
    out["Scope"] = "swarm"


TASK_NETWORK: Final = Shape(
    ID,
    META_ROW,
    Part(
        "Spec",
        "spec",
        Shape(
            ANNOTATIONS_ROW,
            Part("DriverConfiguration", "driver_config", DRIVER),
            Value("IPv6Enabled", "ipv6_enabled", FLAG),
            Value("Internal", "internal", FLAG),
            Value("Attachable", "attachable", FLAG),
            shown_by(_show_rest),
        ),
        always=True,
    ),
    Part("DriverState", "driver_state", DRIVER, always=True),
    Part("IPAMOptions", "ipam", _IPAM_OPTIONS),
)
"""As tasks name a network that they are attached to."""

POOL: Final = Shape(
    Value("Subnet", "subnet", PREFIX),
    Value("IPRange", "range", PREFIX),
    Value("Gateway", "gateway", ADDRESS),
    Value("AuxiliaryAddresses", "reserved", MAP),
)


def to_json(network: Network, version: Version) -> dict[str, Any]:
    """The network as lists and inspections of networks have it."""
    spec, state = network.spec, network.driver_state
    out: dict[str, Any] = {
        "Name": spec.annotations.name,
        "Id": network.id,
        "Created": moment(network.meta.created_at),
        "Scope": "swarm",
        "Driver": state.name,
    }
    if version >= _V_IPV4:
        out["EnableIPv4"] = True
    return out | {
        "EnableIPv6": spec.ipv6_enabled,
        "IPAM": _ipam(network, version),
        "Internal": spec.internal,
        "Attachable": spec.attachable,
        "Ingress": is_ingress(spec),
        "ConfigFrom": {"Network": spec.network},
        "ConfigOnly": False,
        "Containers": None,
        "Options": MAP.show(state.options) or None,
        "Labels": MAP.show(spec.annotations.labels) or None,
    }


def to_form(network: Network) -> Form:
    """The network as templates see it; they know its id as both `ID` and `Id`."""
    told = to_json(network, NEWEST)
    configs = told["IPAM"]["Config"]
    shown = None if configs is None else [POOL.form(each) for each in configs]
    return Form(
        told | {"ID": network.id, "IPAM": Form(told["IPAM"] | {"Config": shown})},
        frozenset({"ID"}),
    )


def _ipam(network: Network, version: Version) -> dict[str, Any]:
    """Null stands for lists that nobody has filled."""
    ipam = network.ipam
    return {
        "Driver": ipam.driver.name,
        "Options": MAP.show(ipam.driver.options) or None,
        "Config": [POOL.show(each, version) for each in ipam.configs] if network.HasField("ipam") else None,
    }


def from_json(body: object, version: Version) -> NetworkSpec:
    """The spec of a network that is to be made. Raises BadRequest."""
    given = Given(body, version)
    spec = NetworkSpec()
    spec.annotations.name = given.text("Name")
    spec.annotations.labels.update(given.mapping("Labels"))
    spec.driver_config.SetInParent()
    spec.driver_config.name = given.text("Driver")
    spec.driver_config.options.update(given.mapping("Options"))
    spec.ipv6_enabled = given.flag("EnableIPv6")
    spec.internal = given.flag("Internal")
    spec.attachable = given.flag("Attachable")
    spec.ingress = given.flag("Ingress")
    if (ipam := given.part("IPAM")) is not None:
        _read_ipam(ipam, spec)
    if (source := given.part("ConfigFrom")) is not None:
        spec.network = source.text("Network")
    return spec


def _read_ipam(given: Given, spec: NetworkSpec) -> None:
    spec.ipam.driver.name = given.text("Driver") or _DEFAULT_IPAM
    spec.ipam.driver.options.update(given.mapping("Options"))
    for part in given.parts("Config"):
        POOL.read(part, spec.ipam.configs.add())

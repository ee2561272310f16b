"""Configs (docs/design/engine-api-json.md 14.7)."""

from typing import Any, Final

from swarm_core.api.proto.objects_pb2 import Config
from swarm_core.api.proto.specs_pb2 import ConfigSpec
from swarm_core.engine_json.annotations import ANNOTATIONS_ROW, DRIVER, ID, META_ROW
from swarm_core.engine_json.form import Form
from swarm_core.engine_json.given import Given
from swarm_core.engine_json.shape import BASE64, Part, Shape, Value
from swarm_core.engine_json.templating import check_templating
from swarm_core.http.version import NEWEST, Version

SPEC: Final = Shape(ANNOTATIONS_ROW, Value("Data", "data", BASE64), Part("Templating", "templating", DRIVER))
_CONFIG: Final = Shape(ID, META_ROW, Part("Spec", "spec", SPEC, always=True))


def to_json(config: Config, version: Version) -> dict[str, Any]:
    """The config with its data."""
    return _CONFIG.show(config, version)


def to_form(config: Config) -> Form:
    """The config as templates see it."""
    return _CONFIG.form(to_json(config, NEWEST))


def from_json(body: object, version: Version) -> ConfigSpec:
    """The spec. Raises BadRequest."""
    given = Given(body, version)
    check_templating("config", given)
    spec = ConfigSpec()
    SPEC.read(given, spec)
    return spec

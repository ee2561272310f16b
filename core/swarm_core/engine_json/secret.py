"""Secrets, whose data goes in and never out (docs/design/engine-api-json.md 14.7)."""

from typing import Any, Final

from swarm_core.api.proto.objects_pb2 import Secret
from swarm_core.api.proto.specs_pb2 import SecretSpec
from swarm_core.engine_json.annotations import ANNOTATIONS_ROW, DRIVER, ID, META_ROW, read_only_in
from swarm_core.engine_json.form import Form
from swarm_core.engine_json.given import Given
from swarm_core.engine_json.shape import BASE64, Part, Shape, Value
from swarm_core.engine_json.templating import check_templating
from swarm_core.http.version import NEWEST, Version

SPEC: Final = Shape(
    ANNOTATIONS_ROW,
    read_only_in(Value("Data", "data", BASE64)),
    Part("Driver", "driver", DRIVER),
    Part("Templating", "templating", DRIVER),
)
_SECRET: Final = Shape(ID, META_ROW, Part("Spec", "spec", SPEC, always=True))


def to_json(secret: Secret, version: Version) -> dict[str, Any]:
    """The secret, without its data."""
    return _SECRET.show(secret, version)


def to_form(secret: Secret) -> Form:
    """The secret as templates see it."""
    return _SECRET.form(to_json(secret, NEWEST))


def from_json(body: object, version: Version) -> SecretSpec:
    """The spec. Raises BadRequest."""
    given = Given(body, version)
    check_templating("secret", given)
    spec = SecretSpec()
    SPEC.read(given, spec)
    return spec

"""The specs of secrets and configs: a name, labels and bytes, or where the bytes come from."""

from collections.abc import Sequence
from typing import Final, TypeVar

from swarm_core.api.proto import specs_pb2
from swarm_core.specs import lists
from swarm_core.specs.checks import check_item_name
from swarm_core.specs.errors import InvalidSpec, InvalidValue

SECRET_BYTES_END: Final = 500 * 1024
CONFIG_BYTES_END: Final = 1000 * 1024
S = TypeVar("S", specs_pb2.SecretSpec, specs_pb2.ConfigSpec)


def new(spec_type: type[S], name: str, labels: Sequence[str] = (), template_driver: str = "") -> S:
    """A spec without its bytes."""
    spec = spec_type()
    spec.annotations.name = name
    lists.put_pairs(spec.annotations.labels, labels)
    if template_driver:
        spec.templating.name = template_driver
    return spec


def set_driver(spec: specs_pb2.SecretSpec | specs_pb2.ConfigSpec, name: str) -> None:
    """The bytes come from a driver. Raises InvalidValue for a config, which has none."""
    if not isinstance(spec, specs_pb2.SecretSpec):
        raise InvalidValue("is for secrets")
    spec.driver.name = name


def check(spec: specs_pb2.SecretSpec | specs_pb2.ConfigSpec) -> None:
    """A name, and as many bytes as may be, unless a driver brings them. Raises InvalidSpec."""
    check_item_name(spec.annotations)
    noun, end = "config", CONFIG_BYTES_END
    if isinstance(spec, specs_pb2.SecretSpec):
        if spec.HasField("driver"):
            return
        noun, end = "secret", SECRET_BYTES_END
    if not 1 <= len(spec.data) < end:
        # SwarmKit's words: scripts look for them.
        raise InvalidSpec(f"{noun} data must be larger than 0 and less than {end} bytes")
